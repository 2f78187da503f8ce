import json

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
        ("colour: red", "headroom.yaml:12: colour: unknown key; allowed here: currency, decay, decide"),
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


@pytest.mark.parametrize("text", ["", "- a", "just text", "a: [", "a: &x [*x"])
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises(ConfigError, match=r"headroom\.yaml"):
        parse(text, "headroom.yaml")


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
