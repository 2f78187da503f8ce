"""``headroom replay``, as a user types it."""

import json

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.cli.replays import print_replay

RIVALS = ("--policies", "static-peak,reactive,schedule,aws-style,percentile,oracle", "--weeks", 1)
CONFIG = """\
environment: demo
pools:
  shop: {kind: vm, groups: ["eu/*"], base: 2, max: 60, node_capacity: {cpu: 4}, price_per_hour: 0.5}
  etl: {kind: node, groups: ["us/*"], base: 1, max: 40, node_capacity: {cpu: 4}, price_per_hour: 1}
"""
HOURS = 4 * 168


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["replay", *(str(x) for x in arguments)])
    assert done.exit_code == code, f"{done.exit_code}: {done.output}\n{done.exception!r}"
    return done


@pytest.fixture
def place(tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "headroom.yaml").write_text(CONFIG)
    hours = pd.date_range("2026-02-02", periods=HOURS, freq="h", tz="UTC")
    day = 20 + 15 * np.sin(2 * np.pi * hours.hour.to_numpy() / 24)
    noise = np.random.default_rng(1).normal(1.0, 0.1, (3, HOURS))
    series = [
        pd.DataFrame({"timestamp": hours, "region": r, "group": g, "resource": "cpu", "value": day * scale})
        for (r, g), scale in zip((("eu", "a"), ("eu", "b"), ("us", "c")), noise, strict=True)
    ]
    pd.concat(series).to_parquet(tmp_path / "usage.parquet", index=False)
    return tmp_path


def arguments(place):
    return "--usage", place / "usage.parquet", "--env", place / "env"


def test_a_table_for_each_level_fits_80_columns(place):
    done = run(*arguments(place), *RIVALS)
    text = done.stdout
    assert "at 0.1% short" in text
    assert "at 1.0% short" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "1 weeks" not in done.stderr
    assert "1 week, 2 pools" in done.stderr


def test_json_has_every_setting_the_front_and_the_headline(place):
    found = json.loads(run(*arguments(place), *RIVALS, "-o", "json").stdout)
    assert list(found["policies"]) == ["static-peak", "reactive", "schedule", "aws-style", "percentile", "oracle"]
    oracle = found["policies"]["oracle"]
    assert oracle["at"]["1.0%"]["share_of_oracle_saving"] == 1.0
    assert found["policies"]["static-peak"]["at"]["1.0%"]["share_of_oracle_saving"] == 0.0
    perfect = max(oracle["settings"], key=lambda x: x["plan"])
    assert perfect["short_share"] == 0.0
    assert found["cost_unit"] == "USD"
    for policy in found["policies"].values():
        costs = [policy["settings"][place]["cost"] for place in policy["frontier"]]
        assert costs == sorted(costs, reverse=True)
        spotless = [x["cost"] for x in policy["settings"] if x["short_share"] == 0]
        assert all(cost >= perfect["cost"] for cost in spotless)


def test_the_same_seed_gives_the_same_bytes(place):
    one, two = (run(*arguments(place), *RIVALS, "-o", "json").stdout for _ in range(2))
    assert one == two


def test_a_picture_and_node_hours_without_prices(place):
    path = place / "env" / "headroom.yaml"
    path.write_text(CONFIG.replace("price_per_hour: 0.5", "base_warm: 0"))
    done = run(*arguments(place), *RIVALS, "--plot", place / "frontier.png", "-o", "json")
    assert (place / "frontier.png").stat().st_size > 10_000
    assert "cost is in node-hours" in done.stderr
    assert json.loads(done.stdout)["cost_unit"] == "node-hours"


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (("--policies", "static-peak,best"), "no policy is called best; there are static-peak, reactive"),
        (("--policies", "oracle", "--weeks", 9), "ask for --weeks 1"),
        (
            ("--policies", "oracle", "--plot", "frontier.txt"),
            "frontier.txt: name a file that ends in .png or .svg",
        ),
        (("--policies", "oracle", "--plot", "/nowhere/at/all.png"), "there is no directory /nowhere/at"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_work(place, extra, says):
    assert says in run(*arguments(place), *extra, code=1).output


def test_a_pool_without_groups_in_the_usage_is_named(place):
    (place / "env" / "headroom.yaml").write_text(CONFIG.replace("us/*", "mars/*"))
    assert "pool etl serves mars/*" in run(*arguments(place), *RIVALS, code=1).output


def test_a_resource_that_the_usage_lacks_is_named(place):
    (place / "env" / "headroom.yaml").write_text(CONFIG.replace("cpu: 4}, price_per_hour: 1}", "gpu: 1}}"))
    assert "node_capacity names gpu" in run(*arguments(place), *RIVALS, code=1).output


def test_what_would_look_like_a_mistake_is_explained(place):
    def policy(cost, saving, nearest=0):
        row = dict.fromkeys(("worst_shortfall_nodes", "steps_per_week", "pull_requests_per_week"), 1.0)
        row |= {"node_hours": 9.0, "short_share": 0.0231, "hours_short_share": 0.1}
        at = {"1.0%": {"cost": cost, "share_of_oracle_saving": saving, "nearest": nearest}}
        return {"at": at, "settings": [row]}

    found = {"static-peak": policy(20.0, 0.0), "reactive": policy(9.0, 1.1), "schedule": policy(None, None, None)}
    whole = {"levels": [0.05], "weeks": 1, "pools": ["web"], "needed_node_hours": 9.0, "cost_unit": "USD"}

    @click.command()
    def shown():
        print_replay(whole | {"policies": found | {"oracle": policy(10.0, 1.0)}})

    done = CliRunner().invoke(shown, [])
    assert done.exit_code == 0, done.exception
    assert "≥ 2.31%" in next(x for x in done.stdout.splitlines() if x.startswith("schedule"))
    for word in ("not reached: ", "cheaper than the oracle: ", "static-peak is scaled"):
        assert word in done.stderr
    assert (
        "cheaper than the oracle"
        not in run(*arguments(place), "--policies", "static-peak,oracle", "--weeks", 1).stderr
    )


@pytest.mark.slow
def test_our_own_policies_are_replayed_with_forecasts_of_the_past_alone(place):
    done = run(
        *arguments(place), "--policies", "static-peak,headroom,headroom+reactive,oracle", "--weeks", 1,
        "--refit-hours", 48, "--learn-hours", 400, "--merge", "when-due", "-o", "json",
    )  # fmt: skip
    found = json.loads(done.stdout)["policies"]
    ours = found["headroom"]["settings"]
    assert [x["plan"] for x in ours] == sorted(x["plan"] for x in ours)
    assert ours[-1]["node_hours"] > found["oracle"]["settings"][0]["node_hours"] / 2
    assert ours[-1]["pull_requests_per_week"] > 0
    assert ours[-1]["minutes_to_merge_by"] > 0
    both = found["headroom+reactive"]["settings"]
    assert min(x["short_share"] for x in both) <= min(x["short_share"] for x in ours)


def test_a_max_that_nobody_can_live_with_is_said(place):
    config = place / "env" / "headroom.yaml"
    assert "even the oracle" not in run(*arguments(place), *RIVALS).stderr
    config.write_text(CONFIG.replace("max: 60", "max: 9"))
    assert "even the oracle is" in run(*arguments(place), *RIVALS).stderr
