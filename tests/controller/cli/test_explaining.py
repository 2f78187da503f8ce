"""``headroom explain``, as a user types it."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from demand import made, usage_of, waves
from hierarchies import hierarchy_of

from controller.cli import main
from forecasting.hierarchy import Hierarchy
from forecasting.sources.files import read


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["explain", *(str(x) for x in arguments)])
    assert done.exit_code == code, f"{done.exit_code}: {done.output}\n{done.exception!r}"
    assert "Traceback" not in done.output
    return done


@pytest.fixture
def files(tmp_path):
    demand = waves(groups=4)
    demand[3] = 7.0
    table = usage_of(demand)["demand"].to_dataframe("value").reset_index()
    table["group"] = table["name"]
    table = table.rename(columns={"time": "timestamp"})[["timestamp", "region", "group", "resource", "value"]]
    table.to_parquet(tmp_path / "usage.parquet", index=False)
    hierarchy_of(read(tmp_path / "usage.parquet")).save(tmp_path / "h.nc")
    return "--usage", tmp_path / "usage.parquet", "--hierarchy", tmp_path / "h.nc"


def test_it_says_where_a_forecast_comes_from(files, tmp_path):
    chart = tmp_path / "chart.png"
    done = run(*files, "--group", "a/g0", "--resource", "r0", "--plot", chart)
    for words in (
        "its average level", "the hour of the week", "from its block (the 1 other group of a)", "500 known hours",
        "of the forecast in hours 1–6 and", "one hour ahead", "weight, hours ahead", "73–168", "calibrated width",
    ):  # fmt: skip
        assert words in " ".join(done.stdout.split())
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    assert f"chart: {chart}" in done.stderr
    assert chart.stat().st_size > 10_000


def test_a_later_day_is_explained_on_asking(files):
    end = pd.read_parquet(files[1])["timestamp"].max() + pd.Timedelta(hours=1)
    asked = *files, "--group", "a/g0", "--resource", "r0", "--at"
    said = " ".join(run(*asked, (end + pd.Timedelta(hours=65)).isoformat()).stdout.split())
    assert f"24 hours from {end + pd.Timedelta(hours=65):%a %d %b %Y %H:%M} UTC, 66 to 89 hours ahead" in said
    assert "of the forecast in hours 25–72 and " in said
    assert "in hours 73–168" in said
    for wrong in (-1, 24 * 30 + 1):
        done = run(*asked, (end + pd.Timedelta(hours=wrong)).isoformat(), code=2)
        assert "is not among the 720 hours after" in " ".join(done.stderr.replace("│", " ").split())


def test_as_json_and_of_a_series_that_never_moved(files):
    record = json.loads(run(*files, "--group", "a/g0", "--resource", "r0", "-o", "json").stdout)
    parts = record["parts_by_hour"].values()
    assert len(record["time"]) == 24
    assert np.sum(list(parts), axis=0).min() > 0
    assert 0 < record["borrowed"] < 1
    assert "it never changed in its known past" in run(*files, "--group", "b/g3", "--resource", "r0").stdout


def test_a_series_of_which_nothing_is_known_is_said_to_be_unused(files):
    table = pd.read_parquet(files[1])
    table.loc[table["group"] == "g3", "resource"] = "r1"
    table.to_parquet(files[1], index=False)
    hierarchy_of(read(files[1])).save(files[3])
    said = " ".join(run(*files, "--group", "b/g3", "--resource", "r0").stdout.split())
    assert "nothing is known of it, but of the group's other resources, so it is taken as not used" in said


def alone(table, changing):
    """Usage in which a resource r1 changes of these groups only, and stands still of g3."""
    more = table[table["group"].isin(["g3", *changing])].assign(resource="r1")
    return pd.concat([table, more])


@pytest.mark.parametrize(
    ("learnt", "now", "said", "follows"),
    [
        (["g0", "g1"], ["g0", "g1"], "from its block (the 1 other group of a)", True),
        (["g0"], ["g0"], "from what is usual of any usage (no other group's r1 changes)", False),
        (["g0", "g2"], ["g0", "g2"], "from other regions (in a no other group's r1 changes)", False),
        (["g0"], ["g0", "g1"], "from what was learnt while no region had two groups whose r1 changed", False),
        (["g0", "g1"], ["g0"], "from what is usual of any usage (no other group's r1 changes)", False),
    ],
)
def test_it_says_whom_it_borrows_from_and_what_it_follows(files, learnt, now, said, follows):
    table = pd.read_parquet(files[1])
    alone(table, learnt).to_parquet(files[1], index=False)
    usage = read(files[1])
    made(usage, alone=() if learnt == ["g0", "g1"] else (1,)).save(files[3])
    alone(table, now).to_parquet(files[1], index=False)
    shown = run(*files, "--group", "a/g0", "--resource", "r1").stdout
    assert said in " ".join(shown.split())
    assert ("week, block" in shown) == follows
    assert "bounds of what is plausible" not in shown


def test_old_and_foreign_hierarchies_are_noted(files):
    done = run(*files, "--group", "a/g0", "--resource", "r0", "--now", "2026-02-20")
    assert "days old; learn anew" in done.stderr


def test_components_that_weigh_nothing_are_left_out(files):
    hierarchy = Hierarchy.load(files[3])
    weights = hierarchy.dataset["own_weights"]
    weights.loc[{"component": "days"}] = 0.0
    weights /= weights.sum("component")
    hierarchy.save(files[3])
    said = run(*files, "--group", "a/g0", "--resource", "r0").stdout
    assert "past days as they were" not in said
    assert "what followed such a day" in said
    assert "Its own in hours 1–6, 7–24, 25–72, 73–168; else those of its block." in said
    plain = json.loads(run(*files, "--group", "a/g0", "--resource", "r0", "-o", "json").stdout)
    assert plain["own_weights"] == [6, 24, 72, 168]


def test_usage_that_ends_long_before_is_noted(files):
    done = run(*files, "--group", "a/g0", "--resource", "r0", "--now", "2026-01-28")
    assert "hours before the moment of the forecast: the forecast bridges them" in done.stderr


def test_a_hierarchy_that_is_not_there_yet_is_learnt_and_kept(files, tmp_path, monkeypatch):
    monkeypatch.setattr("forecasting.learn.learn", lambda usage, *_, **__: hierarchy_of(usage))
    new = tmp_path / "new.nc"
    done = run(*files[:2], "--hierarchy", new, "--group", "a/g0", "--resource", "r0")
    assert f"there is no hierarchy at {new} yet: learning one first" in done.stderr
    assert new.is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--group", "a/g0"), 2, "Missing option '--resource'"),
        (("--group", "g0", "--resource", "r0"), 1, "did you mean a/g0"),
        (("--group", "a/zebra", "--resource", "r0"), 1, "the usage has no group 'a/zebra'; it has a/g0, a/g1"),
        (("--group", "a/g0", "--resource", "cpu"), 1, "the usage has no resource 'cpu'; it has r0"),
        (("--group", "a/g0", "--resource", "r0", "--plot", "x.gif"), 1, ".png or .svg"),
        (("--group", "a/g0", "--resource", "r0", "--plot", "none/x.png"), 1, "make it first"),
    ],
)
def test_what_cannot_be_is_refused_with_words(files, arguments, code, said):
    assert said in run(*files, *arguments, code=code).output


@pytest.mark.slow
def test_without_a_hierarchy_it_learns_first(files, tmp_path):
    pd.read_parquet(files[1]).to_csv(tmp_path / "usage.csv", index=False)
    done = run("--usage", tmp_path / "usage.csv", "--group", "b/g2", "--resource", "r0")
    assert "learn: learning what groups share" in done.stderr
    assert "borrowed" in done.stdout
