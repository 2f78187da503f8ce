"""``headroom score`` and ``surprise``, and a run that keeps a record: over real repositories, from end to end."""

import json
from datetime import timedelta

import numpy as np
import pytest
from click.testing import CliRunner
from needy import NEEDY, usage_to
from teams import environment_of, merge_all
from worlds import NOW

from controller.cli import main
from controller.lease import stamp
from forecasting.feedback.record import Record
from forecasting.learn import learn
from forecasting.settings import Settings
from forecasting.sources.files import read

SHORT = 4  # more is needed at once than anything that is merged now could bring


@pytest.fixture
def environment(origin, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return environment_of(origin, NEEDY)


def headroom(*arguments, code=0):
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.output


def table(*arguments):
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_run_keeps_a_record_and_its_leases_are_scored(environment, tmp_path):
    usage = usage_to(NOW, tmp_path / "usage.csv")
    given = ("--env", environment, "--usage", usage, "--hierarchy", usage.with_suffix(".nc"))
    record, profiles = tmp_path / "record.nc", tmp_path / "kept/profiles"
    keeping = ("--profiles", profiles)
    said = headroom("run", *given, "--record", record, *keeping, "--now", stamp(NOW), code=SHORT)
    assert "the forecasts of the last week are made" in said
    assert {str(x) for x in Record.load(record).dataset["kind"].values} == {"group", "region", "set"}
    (kept,) = profiles.iterdir()
    said = headroom("run", *given, "--record", record, *keeping, "--now", stamp(NOW), code=SHORT)
    assert "no record" not in said
    assert list(profiles.iterdir()) == [kept]  # nothing was opened or changed
    merge_all(environment, NOW + timedelta(hours=1))

    end = NOW + timedelta(hours=72)
    later = usage_to(end, tmp_path / "later.csv")
    whole = tmp_path / "whole.csv"
    whole.write_text(usage.read_text() + "\n" + later.read_text().split("\n", 1)[1])
    page = tmp_path / "score.html"
    scored = ("score", "--env", environment, "--usage", whole, "--hierarchy", usage.with_suffix(".nc"))
    text = table(*scored, "--now", stamp(end), "--page", page)
    assert "pool web" in text
    assert "eu/shop" in text
    assert "PIT" in text
    assert max(map(len, text.splitlines())) <= 80
    html = page.read_text(encoding="utf-8")
    assert "<svg" in html
    assert "<script" not in html
    told = json.loads(table(*scored, "--now", stamp(end), "-o", "json"))
    assert told["forecasts"] == 1
    assert told["leases"]
    for lease in told["leases"]:
        assert lease["outcome"] in {"hit", "short", "waste", "open"}
        assert lease["probability"] >= 0.8
    assert all(0 <= x["within 80 %"] <= 1 and 0 < x["pit"] < 1 for x in told["pools"])
    assert [x["ahead"] for x in told["each hour ahead"]] == list(range(1, 73))

    (profiles / "other.nc").write_text("no profile")
    said = headroom(*scored, *keeping, "--now", stamp(end))
    assert "forecasts: 1 kept, 0 made again" in said
    assert "other.nc" in said
    (tmp_path / "events.yaml").write_text("zones: {mars: Europe/Berlin}")
    said = headroom(*scored, "--events", tmp_path / "events.yaml", "--now", stamp(end))
    assert "no region mars" in said
    assert "forecasts: 0 kept, 1 made again" in said
    assert "there is no such folder" in headroom(*scored, "--profiles", tmp_path / "absent", code=1)


def test_without_a_lease_there_is_nothing_to_score(environment, tmp_path):
    usage = usage_to(NOW, tmp_path / "usage.csv")
    assert "no lease was ever merged" in headroom("score", "--env", environment, "--usage", usage, code=1)


def test_a_record_needs_a_hierarchy_that_is_kept(environment, tmp_path):
    said = headroom(
        "run", "--env", environment, "--usage", tmp_path / "u.csv", "--record", tmp_path / "r.nc", code=2
    )
    assert "--hierarchy" in said


def test_where_a_record_cannot_be_is_told_before_usage_is_read(environment, tmp_path):
    usage, hierarchy = tmp_path / "not-even-looked-at.parquet", tmp_path / "absent.nc"
    given = ("--usage", usage, "--hierarchy", hierarchy, "--record")
    for record, said in (
        ("r.csv", "ends in .nc"),
        ("absent/r.nc", "there is no directory"),
        ("r.nc", "absent.nc"),
    ):
        assert said in headroom("surprise", *given, tmp_path / record, code=1)
    run = ("run", "--env", environment, *given)
    assert "r.csv: name a file that ends in .nc" in headroom(*run, tmp_path / "r.csv", code=1)


def test_a_shift_is_told_and_a_broken_record_is_made_anew(environment, tmp_path):
    usage, before = (
        usage_to(NOW, tmp_path / "usage.csv"),
        usage_to(NOW - timedelta(days=14), tmp_path / "before.csv"),
    )
    rows = [*before.read_text().split("\n"), *usage.read_text().split("\n")[1:]]
    rng = np.random.default_rng(1)
    for i in range(len(rows) - 4 * 10, len(rows)):  # too short for a new level to be known
        head, value = rows[i].rsplit(",", 1)
        if ",shop," in head:
            rows[i] = f"{head},{float(value) * rng.uniform(2.8, 3.2):.2f}"
    usage.write_text("\n".join(rows))
    record = tmp_path / "record.nc"
    record.write_bytes(b"not a record")
    quick = Settings(components=("days", "level", "recent"))  # nothing that is sampled
    learn(read(before), settings=quick).save(usage.with_suffix(".nc"))
    given = ("surprise", "--usage", usage, "--hierarchy", usage.with_suffix(".nc"), "--record", record)
    said = headroom(*given, "--env", environment)
    assert "making it anew" in said
    told = json.loads(table(*given, "--env", environment, "-o", "json"))
    found = {(x["scope"], x["resource"]): x for x in told["surprise"]}
    assert found["group:eu/shop", "cpu"]["above"] > found["group:eu/mail", "cpu"]["above"]
    assert found["set:web", "cpu"]["above"] > 0
    assert found["group:eu/shop", "cpu"]["below"] == 0

    kept = usage.with_suffix(".nc").read_bytes()
    given = ("surprise", "--usage", usage, "--hierarchy", usage.with_suffix(".nc"), "--record")
    assert "this is no record, and is not written over" in headroom(*given, usage.with_suffix(".nc"), code=1)
    assert usage.with_suffix(".nc").read_bytes() == kept
    assert "ends in .nc" in headroom(*given, usage, code=1)
    assert "there is no directory" in headroom(*given, tmp_path / "absent/record.nc", code=1)

    peaks = {}
    for more in ((), ("--record", record)):
        given = ("forecast", "--usage", usage, "--hierarchy", usage.with_suffix(".nc"), "--horizon", "24", *more)
        told = json.loads(table(*given, "-o", "json"))
        peaks[more] = next(x for x in told["peaks"] if (x["group"], x["resource"]) == ("eu/shop", "cpu"))
    assert peaks["--record", record]["95%"][1] > peaks[()]["95%"][1]
