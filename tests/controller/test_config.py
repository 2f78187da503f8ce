import json
import re

import jsonschema
import pytest
import yaml
from worlds import CONFIG, config_of

from controller.config import schema
from controller.configtext import parse
from controller.errors import ConfigError


def test_defaults_are_filled_in():
    config = config_of()
    assert config.engine == "terraform"
    assert config.repository.base_branch == "main"
    assert config.pools["batch"].warm_runs
    assert not config.pools["web"].warm_runs
    assert config.ready_in("web").total_seconds() == 15 * 60


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("colour: red", "headroom.yaml:12: colour: unknown key; allowed here: autonomy, currency, decay"),
        ("decide: {confidence_threshold: 1.2}", "decide.confidence_threshold: Input should be less than 1"),
        ("decide: {confidence: 0.5}", "decide.confidence: unknown key; allowed here: confidence_threshold"),
        ("decide: {service_level: 0.99, shadow_level: 0.9}", "shadow_level must be at least service_level"),
        ("environment: ../prod", "'../prod' is no name"),
        ("pools: {}", "must name at least one pool"),
        ("pools: {w: {kind: vm, groups: [a], base: 9, max: 3, node_capacity: {cpu: 1}}}", "above max 3"),
        ("pools: {w: {kind: vm, groups: [], base: 1, max: 3, node_capacity: {cpu: 1}}}", "pools.w.groups"),
        ("pools: {w: {kind: vm, groups: [a], base: 1, max: 3, node_capacity: {}}}", "pools.w.node_capacity"),
        ("pools: {w: {kind: vm, groups: [a], base: 1, max: 3, node_capacity: {cpu: .nan}}}", "finite number"),
        (
            "pools: {W w: {kind: vm, groups: [a], base: 1, max: 3, node_capacity: {cpu: 1}}}",
            "'W w' is no name",
        ),
        ("repository: {base_branch: --force}", "no harmless branch name"),
        ("repository: {forge: cvs}", "repository.forge"),
        ("currency: dollars", "currency"),
    ],
)
def test_what_contradicts_itself_is_refused_with_line_and_key(line, said):
    key = line.split(":")[0]
    kept, skipping = [], False
    for row in CONFIG.splitlines():
        skipping = row.startswith(key) or (skipping and row.startswith(" "))
        if not skipping:
            kept.append(row)
    with pytest.raises(ConfigError) as refused:
        parse("\n".join([*kept, line]), "headroom.yaml")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "- a", "just text", "a: [", "a: &x [*x", "environment: !!timestamp x", "environment: !!bool x"]
)
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises(ConfigError, match=r"headroom\.yaml"):
        parse(text, "headroom.yaml")


def test_what_is_not_yaml_is_named_with_its_line():
    with pytest.raises(ConfigError, match=r"^headroom.yaml:2: not YAML: [^\n]+$"):
        parse("environment: prod\npools: ]\n", "headroom.yaml")


def test_a_repeated_key_is_refused():
    with pytest.raises(ConfigError, match="second time"):
        parse(CONFIG + "currency: EUR\ncurrency: USD\n", "headroom.yaml")


def test_the_schema_accepts_what_the_parser_accepts():
    published = schema()
    json.dumps(published)
    validator = jsonschema.Draft202012Validator(published)
    validator.check_schema(published)
    validator.validate(yaml.safe_load(CONFIG))
    assert list(validator.iter_errors(yaml.safe_load(CONFIG) | {"colour": "red"}))


POOL = """\
  {name}:
    kind: vm
    groups: [{groups}]
    region: {region}
    base: {base}
    max: {max}
    node_capacity:
      cpu: 16
      memory: {memory}
    price_per_hour: {price}
"""


def pool(**kw: object) -> str:
    usual = {"name": "web", "groups": "eu/shop", "region": "eu", "base": 1, "max": 9, "memory": 64, "price": 1}
    return POOL.format(**(usual | kw))


def file_of(*pools: str, above: str = "") -> str:
    return f"environment: prod\n{above}pools:\n{''.join(pools)}"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (file_of(pool(), pool(name="b", groups="x", base=12)), 13, "pools.b: base + base_warm is 12, above max 9"),
        (file_of(pool(), above="decide:\n  confidence_threshold: 1.2\n"), 3, "less than 1; it means: Probability"),
        (file_of(pool(), above="decide:\n  confidence_threshold: -0.2\n"), 3, "greater than 0"),
        (
            file_of(pool(), above="limits:\n  quotas:\n    - {region: eu, nodes: 9}\n    - {nodes: x}\n"),
            5,
            "limits.quotas[1].nodes: Input should be a valid integer",
        ),
        (file_of(pool(groups="")), 5, "pools.web.groups: Tuple should have at least 1 item"),
        (
            file_of(pool().replace("    groups: [eu/shop]\n", "")),
            3,
            "pools.web.groups: is missing; it means: Labels",
        ),
        (file_of(pool(memory="64 XB")), 11, "memory has the unknown unit 'XB'; known for memory are GiB, MiB"),
        (file_of(pool(name="W")), 3, "pools.W: 'W' is no name; allowed are"),
        (file_of(pool(), pool(name="b")), 15, "pools.b.groups: eu/shop is served by web already"),
        (
            file_of(pool(price=0), above="limits:\n  budget_per_month: 100\n"),
            3,
            "limits.budget_per_month: a budget needs prices; set price_per_hour of web",
        ),
        (
            file_of(pool(price=0), above="proposals:\n  auto_merge: {most_nodes: 2, most_cost: 9}\n"),
            3,
            "proposals.auto_merge.most_cost: a limit of cost needs prices; set price_per_hour of web, or take",
        ),
        (
            file_of(pool(), above="limits:\n  budget_per_day: 100\n").replace("    price_per_hour: 1\n", ""),
            3,
            "set price_per_hour of web",
        ),
        (
            file_of(pool(), above="groups:\n  eu/*: {pinned: eu}\n  '*/shop': {pinned: us}\nregions: {us: {}}\n"),
            4,
            "groups that eu/* names too would be pinned to eu and to us; name each in one of them",
        ),
        (
            file_of(pool(region="us"), above="groups:\n  eu/*:\n    pinned: eu\nregions: {eu: {}, us: {}}\n"),
            4,
            "pinned to eu, but pool web, which serves it, lies in us",
        ),
        (
            file_of(pool(), above="groups:\n  eu/*: {pinned: eu, regions: [us]}\nregions: {us: {}}\n"),
            3,
            "pinned to eu, so it may not go to us; drop one",
        ),
        (
            file_of(pool(), above="groups:\n  eu/*: {pools: [nowhere]}\n"),
            3,
            "there is no pool nowhere; there are web",
        ),
        (
            file_of(pool(), above="groups:\n  eu/*: {pinned: mars}\n"),
            3,
            "no pool lies in region mars; regions are eu",
        ),
        (
            file_of(pool(), above="regions: {us: {}}\n"),
            2,
            "regions.us: no pool lies in region us; regions are eu",
        ),
        (
            file_of(pool(base=4), above="limits:\n  quotas:\n    - {region: eu, nodes: 9}\n    - {nodes: 3}\n"),
            5,
            "limits.quotas[1]: 3 nodes, but its pools' bases are 4; raise it, or lower the bases",
        ),
        (
            file_of(pool(), above="limits:\n  quotas:\n    - {family: m5, nodes: 9}\n"),
            4,
            "no pool has this family and region",
        ),
        (
            file_of(pool(groups="eu/ba*"), above="groups:\n  eu/bank*: {pinned: us}\nregions: {eu: {}}\n"),
            3,
            "no pool lies in region us",
        ),
        (
            file_of(
                pool(groups="eu/ba*"),
                pool(name="us", groups="us/x", region="us"),
                above="groups:\n  eu/bank*: {pinned: us}\n",
            ),
            3,
            "pinned to us, but pool web, which serves it, lies in eu",
        ),
        (
            file_of(
                pool(groups="eu/x").replace("    region: eu\n", ""),
                pool(name="us", groups="us/x", region="us"),
                above="groups:\n  eu/*: {pinned: us}\n",
            ),
            3,
            "which serves it, says no region",
        ),
        (
            file_of(pool(), pool(name="b", groups="us/x", region="us"), above="groups:\n  eu/*: {pools: [b]}\n"),
            3,
            "none of b may take what leaves web, which lies in eu: add us to regions",
        ),
        (
            file_of(
                pool(),
                pool(name="b", groups="us/x", region="us"),
                above="groups:\n  eu/*: {regions: [us], latency_ms: 5}\nregions: {eu: {latency_ms: {us: 9}}}\n",
            ),
            3,
            "none of us is known to be within 5 ms of eu",
        ),
        (file_of(pool(), above="groups:\n  eu/*: {families: [m9]}\n"), 3, "no pool is of family m9"),
        (
            file_of(pool(), above="limits:\n  quotas:\n    - {nodes: 9,\n       nodes: 99}\n"),
            5,
            "stands here a second time",
        ),
        (
            file_of(pool(price=0), above="decide:\n  shortfall_cost_per_node_hour: 5\n"),
            3,
            "a level from costs needs prices; set price_per_hour of web",
        ),
        (
            file_of(pool(), above="decide:\n  shortfall_cost_per_node_hour: 99\n  shadow_level: 0.5\n"),
            4,
            "is below the service level of pool web, which is 0.99 by its costs",
        ),
        (
            file_of(pool(), above="decide:\n  shadow_level: 0.5\n"),
            2,
            "shadow_level must be at least service_level, 0.9",
        ),
        (
            file_of(pool(), above="decide:\n  propose_ahead_hours: 1\n"),
            3,
            "1 h is less than the lead time of web, 4.3 h",
        ),
        (
            file_of(pool(), above="limits:\n  open_proposals: 2\n  open_proposals_per_pool: 3\n"),
            4,
            "is above open_proposals, 2; lower it",
        ),
        (
            file_of(pool(), above="limits:\n  freezes:\n    - {cron: never, hours: 3}\n"),
            4,
            "'never' is no cron expression",
        ),
    ],
)
def test_what_cannot_hold_together_is_refused_with_line_and_way_out(text, line, said):
    with pytest.raises(ConfigError) as refused:
        parse(text, "headroom.yaml")
    found = [x for x in str(refused.value).splitlines() if said in x]
    assert found, str(refused.value)
    assert found[0].startswith(f"headroom.yaml:{line}: "), found[0]


def test_what_holds_together_is_read():
    text = file_of(pool(), pool(name="b", groups="us/etl", region="us"), above="groups:\n  eu/*: {pinned: eu}\n")
    assert parse(text, "headroom.yaml").preference("eu/shop").pinned == "eu"
    assert parse(text, "headroom.yaml").preference("us/etl").pinned is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("proposals: {reviewers: ada}", "must be a list, such as"),
        ("proposals: {auto_merge: true}", "must be a mapping, such as"),
        ("proposals: {groupby: lease}", "reviewers, teams; did you mean group_by?"),
        ("proposals: {auto_merge: {}}", "needs a size: set most_nodes, most_cost or both"),
        ("proposals: {reviewers: ['@everyone']}", "proposals.reviewers[0]"),
        ("repository: {forge: Github}", "'github'"),
        ("repository: {url: 'http://evil.example'}", "repository.url"),
    ],
)
def test_settings_of_proposals_are_refused_in_words(line, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse(file_of(pool(), above=f"{line}\n"), "headroom.yaml")
