"""``headroom learn`` and ``headroom forecast`` with what was learnt, as a user types them."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import CliRunner
from hierarchies import hierarchy_of

from controller.cli import main
from controller.cli.learning import _print, diagnostics, remarks
from forecasting.errors import ForecastingError
from forecasting.hierarchy import Hierarchy
from forecasting.netcdf import Kind, write
from forecasting.profile import DemandProfile
from forecasting.sources.files import read
from forecasting.state import State


def run(*arguments, code=0):
    done = CliRunner().invoke(main, [str(x) for x in arguments])
    assert done.exit_code == code, f"{done.exit_code}: {done.output}\n{done.exception!r}"
    assert "Traceback" not in done.output
    return done


@pytest.fixture
def usage(tmp_path):
    return written(tmp_path, 400)


def written(folder, length):
    hours = pd.date_range("2026-04-06", periods=length, freq="h", tz="UTC")
    noise = np.random.default_rng(1).gamma(9, 1 / 9, (3, length))
    value = 5.0 + 3 * np.sin(2 * np.pi * hours.hour / 24)
    series = [
        pd.DataFrame({"timestamp": hours, "region": region, "group": group, "resource": "cpu", "value": value * x})
        for (region, group), x in zip((("eu", "shop"), ("eu", "etl"), ("us", "etl")), noise, strict=True)
    ]
    pd.concat(series).to_parquet(folder / "usage.parquet", index=False)
    return folder / "usage.parquet"


@pytest.fixture
def hierarchy(usage, tmp_path):
    hierarchy_of(read(usage)).save(tmp_path / "h.nc")
    return tmp_path / "h.nc"


def narrow(text):
    return max(len(line) for line in text.splitlines()) <= 80


@pytest.fixture
def sales(tmp_path):
    (tmp_path / "sales.csv").write_text("region,start,end,name\n*,2026-04-10T00Z,2026-04-11T00Z,sale\n")
    return tmp_path / "sales.csv"


def test_a_network_is_told_at_once_that_it_has_too_little_to_learn_from(usage, tmp_path):
    done = run("learn", "--usage", usage, "--recurrent", "--horizon", 24, "--out", tmp_path / "h.nc", code=1)
    assert "there are 201, and 240 are needed: bring more history" in " ".join(done.stderr.split())
    assert not (tmp_path / "h.nc").exists()


@pytest.mark.slow
def test_a_network_is_one_more_component_where_it_is_asked_for(tmp_path):
    usage, out = written(tmp_path, 480), tmp_path / "h.nc"
    done = run("learn", "--usage", usage, "--recurrent", "--horizon", 24, "--out", out)
    assert "  recurrent" in done.stdout
    assert "learn: training the network" in done.stderr
    assert narrow(done.stdout)
    assert Hierarchy.load(out).components[-1] == "recurrent"
    run("forecast", "--usage", usage, "--horizon", 24, "--hierarchy", out)


@pytest.mark.slow
def test_learnt_once_and_used_again(usage, sales, tmp_path):
    how = ("--usage", usage, "--horizon", 24, "--seed", 3, "--events", sales)
    out = tmp_path / "hierarchy.nc"
    done = run("learn", *how, "--out", out)
    assert "hierarchy: " in done.stderr
    assert "weights by hours ahead" in done.stdout
    assert narrow(done.stdout)
    record = json.loads(run("learn", *how, "--out", out, "-o", "json").stdout)
    assert record["covariates"] == []
    assert {row["component"] for row in record["diagnostics"]} == {"ar", "seasonal", "weekly"}
    assert sum(record["weights"]["cpu"]["24"].values()) == pytest.approx(1.0)
    assert set(record["own_weights"]) == {"cpu"}
    run("forecast", *how, "--hierarchy", out, "--out", tmp_path / "one.nc")
    run("forecast", *how, "--out", tmp_path / "two.nc")
    one, two = (DemandProfile.load(tmp_path / f"{name}.nc").draws.values for name in ("one", "two"))
    np.testing.assert_array_equal(one, two)


EVENTS = """\
holidays: {eu: DE, mars: US}
events:
  - {name: spring, kind: sale, start: 2026-04-25, zone: Europe/Berlin, groups: [shop],
     expected: {factor: 1.7, from: 1.4, to: 2.1}}
"""
CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
SUMMARY:weekly
DTSTART:20260401T080000
DURATION:PT2H
RRULE:FREQ=WEEKLY
END:VEVENT
END:VCALENDAR
"""


def test_events_of_all_sorts_need_no_learning_anew(usage, sales, hierarchy, tmp_path):
    (tmp_path / "events.yaml").write_text(EVENTS)
    (tmp_path / "team.ics").write_text(CALENDAR.replace("\n", "\r\n"))
    last = read(usage)["time"].values[-1]
    forecast = ("forecast", "--usage", usage, "--horizon", 168, "--hierarchy", hierarchy)
    files = ("--events", sales, "--events", tmp_path / "events.yaml", "--events", tmp_path / "team.ics")
    done = run(*forecast, *files, "--zone", "eu=Europe/Berlin", "--zone", "*=UTC", "--out", tmp_path / "p.nc")
    assert "no region mars: what is said of it changes nothing" in done.stderr
    assert narrow(done.stdout)
    told = json.loads(DemandProfile.load(tmp_path / "p.nc").dataset.attrs["events"])
    assert {x["name"] for x in told} >= {"weekly"}
    assert all(np.datetime64(x["end"][:19]) > last for x in told)
    shown = done.stdout.partition("events;")[2]
    assert all(f"{x['kind']}: {x['name']}" in shown or x["kind"] == x["name"] for x in told)
    plain = json.loads(run(*forecast, *files, "-o", "json").stdout)["events"]
    assert {x["name"] for x in plain} == {x["name"] for x in told}
    assert all(x["lower"] <= x["middle"] <= x["upper"] and x["resource"] for x in plain)
    assert "events;" not in run(*forecast).stdout


def test_covariates_must_be_those_that_were_learnt(usage, tmp_path):
    hierarchy_of(read(usage), events=("rain",)).save(tmp_path / "h.nc")
    forecast = ("forecast", "--usage", usage, "--horizon", 6, "--hierarchy", tmp_path / "h.nc")
    assert "was learnt with the covariates rain" in run(*forecast, code=1).output


def test_diagnostics_say_what_is_wrong_and_what_to_do(usage, capsys):
    hierarchy = hierarchy_of(read(usage), origins=2)
    values = hierarchy.dataset["diagnostics"].values  # (linear, resource, measure)
    values[0, 0] = (0, 0.5, 60.0, np.nan, 0)
    values[1, 0] = (1, np.nan, 400.0, 1.01, 0)
    values[2, 0] = (1, np.nan, 400.0, 1.04, 12)
    found = {row["component"]: row for row in diagnostics(hierarchy)}
    assert [found[x]["verdict"] for x in ("ar", "seasonal", "weekly")] == [
        "few draws",
        "needed NUTS",
        "divergences",
    ]
    assert found["ar"]["max_r_hat"] is None
    said = " ".join(remarks(hierarchy))
    for words in ("--inference nuts", "sampled instead", "another --seed", "only 2 of 8 earlier forecasts"):
        assert words in said
    asked = Hierarchy(hierarchy.dataset.assign_attrs(inference="nuts", origins=0))
    assert "needed NUTS" not in " ".join(remarks(asked))
    assert "could be replayed, so components weigh what they usually do" in " ".join(remarks(asked))
    near = Hierarchy(hierarchy_of(read(usage)).dataset.assign_attrs(horizon_hours=24))
    assert remarks(near) == ["weights: judged up to 24 h ahead; further ahead the last of these are carried on."]
    own = near.dataset["own_weights"].copy()
    own[0, 0, :2] = np.eye(own.sizes["component"])[0]
    resource = near.dataset["resource"].values[0]
    said, _ = remarks(Hierarchy(near.dataset.assign(own_weights=own)))
    assert said.startswith(f"weights: of {resource} (1–6, 7–24 h) groups have their own, about those of their")
    _print(hierarchy, diagnostics(hierarchy))
    assert narrow(capsys.readouterr().out)
    assert remarks(hierarchy_of(read(usage))) == []


def test_a_hierarchy_that_is_not_there_yet_is_learnt_and_kept(usage, tmp_path, monkeypatch):
    asked = []

    def learn(usage, now, seed, report, **how):
        asked.append((seed, how["horizon_hours"]))
        return hierarchy_of(usage)

    monkeypatch.setattr("forecasting.learn.learn", learn)
    new, plot = tmp_path / "new.nc", tmp_path / "fan.svg"
    how = ("forecast", "--usage", usage, "--horizon", 6, "--seed", 3, "--hierarchy", new, "--inference", "laplace")
    first = run(*how, "--plot", plot)
    assert f"there is no hierarchy at {new} yet: learning one first, and saving it there" in first.stderr
    assert "--inference is for learning" not in first.stderr
    assert plot.read_text().startswith("<?xml")
    again = run(*how)
    assert "there is no hierarchy" not in again.stderr
    assert again.stdout == first.stdout
    assert asked == [(3, 6)]


def test_a_resource_that_was_not_learnt_is_learnt_for_once(usage, tmp_path, monkeypatch):
    known, kept = read(usage), tmp_path / "h.nc"
    hierarchy_of(known.assign_coords(resource=["tape", *known["resource"].values[1:]])).save(kept)
    before, missing = kept.read_bytes(), known["resource"].values[0]
    monkeypatch.setattr("forecasting.learn.learn", lambda usage, *_, **__: hierarchy_of(usage))
    done = run("forecast", "--usage", usage, "--horizon", 6, "--hierarchy", kept)
    assert f"{kept} knows nothing of {missing}: learning anew for this once" in done.stderr
    assert str(missing) in done.stdout
    assert kept.read_bytes() == before


def test_a_hierarchy_may_lie_where_nothing_can_be_written(usage, hierarchy, tmp_path, monkeypatch):
    def room(target):
        if target.parent == hierarchy.parent:
            raise ForecastingError(f"{target}: no file can be written there: Read-only file system")

    monkeypatch.setattr("forecasting.target.check_room", room)
    other = tmp_path / "elsewhere"
    other.mkdir()
    how = ("forecast", "--usage", usage, "--horizon", 6, "--hierarchy", hierarchy, "--out")
    assert "profile: " in run(*how, other / "p.nc").stderr
    assert "Read-only file system" in run(*how, hierarchy.parent / "p.nc", code=1).output


def test_a_forecast_long_after_the_usage_says_so(usage, hierarchy):
    late = ("forecast", "--usage", usage, "--horizon", 6, "--hierarchy", hierarchy, "--now")
    assert "usage ends 32 hours before" in run(*late, "2026-04-24").stderr
    assert "usage ends" not in run(*late, "2026-04-23T16").stderr


def test_what_a_group_does_not_use_has_no_rows_and_no_panel_of_zeros(usage, tmp_path):
    table = pd.read_parquet(usage)
    gpu = table[(table["region"] == "eu") & (table["group"] == "etl")].assign(resource="gpu")
    pd.concat([table, gpu]).to_parquet(usage, index=False)
    hierarchy_of(read(usage)).save(tmp_path / "h.nc")
    chart = tmp_path / "fan.svg"
    asked = ("forecast", "--usage", usage, "--horizon", 6, "--hierarchy", tmp_path / "h.nc")
    shown = run(*asked, "--plot", chart).stdout
    assert [line.split()[0] for line in shown.splitlines()[1:]] == [
        "eu/etl", "cpu", "gpu", "eu/shop", "cpu", "us/etl", "cpu", "no",
    ]  # fmt: skip
    assert "no gpu expected of eu/shop, us/etl" in shown
    assert chart.read_text().count("none expected") == 2
    peaks = json.loads(run(*asked, "-o", "json").stdout)["peaks"]
    assert len(peaks) == 6  # for programs, all of them


def test_a_forecast_says_what_is_unusual_about_its_hierarchy(usage, tmp_path):
    known = read(usage)
    old = hierarchy_of(
        known.isel(group=known["region"] == "eu"), learnt_until="2026-03-01T00:00:00+00:00", groups="eu/shop"
    )
    old.save(tmp_path / "old.nc")
    done = run(
        "forecast", "--usage", usage, "--horizon", 6, "--hierarchy", tmp_path / "old.nc", "--no-calibrate",
        "--inference", "nuts", "--out", tmp_path / "profile.nc", "-o", "json",
    )  # fmt: skip
    for words in ("days old; learn anew", "new regions", "2 groups were not met", "--inference is for learning"):
        assert words in done.stderr
    assert len(json.loads(done.stdout)["notes"]) == 3
    assert DemandProfile.load(tmp_path / "profile.nc").dataset.attrs["calibrated"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("learn", "--usage", "{usage}"), 2, "Missing option '--out'"),
        (("learn", "--usage", "{usage}", "--out", "{tmp}/none/h.nc"), 1, "make it first"),
        (("learn", "--usage", "{usage}", "--out", "{tmp}/h2.nc", "--horizon", "169"), 2, "1<=x<=168"),
        (("learn", "--usage", "{usage}", "--out", "{tmp}/h2.nc", "--inference", "magic"), 2, "'laplace', 'nuts'"),
        (("forecast", "--usage", "{usage}", "--hierarchy", "{tmp}/none/h.nc"), 1, "make it first"),
        (("forecast", "--usage", "{usage}", "--hierarchy", "{tmp}"), 1, "name a file in it"),
        (("forecast", "--usage", "{usage}", "--out", "{tmp}/none/p.nc"), 1, "make it first"),
        (("forecast", "--usage", "{usage}", "--out", "p.json"), 1, "name a file that ends in .nc"),
        (("forecast", "--usage", "{usage}", "--plot", "{tmp}/none/p.png"), 1, "make it first"),
        (("forecast", "--usage", "{usage}", "--plot", "p.gif"), 1, "ends in .png or .svg"),
        (("forecast", "--usage", "{usage}", "--now", "2026-06-01"), 1, "bring newer usage"),
        (("forecast", "--usage", "{usage}", "--hierarchy", "{tmp}/bad.csv"), 1, "not a netCDF file, or damaged"),
        (("forecast", "--usage", "{usage}", "--hierarchy", "{usage}"), 1, "not a netCDF file, or damaged"),
        (
            ("forecast", "--usage", "{usage}", "--hierarchy", "{hierarchy}", "--out", "{hierarchy}"),
            1,
            "this is read",
        ),
        (
            ("forecast", "--usage", "{usage}", "--hierarchy", "{tmp}/new.nc", "--out", "{tmp}/new.nc"),
            1,
            "name two",
        ),
        (
            ("forecast", "--usage", "{usage}", "--hierarchy", "{hierarchy}", "--state", "{hierarchy}"),
            1,
            "this is read",
        ),
        (("forecast", "--usage", "{usage}", "--state", "{hierarchy}"), 1, "this is no state"),
        (("forecast", "--usage", "{usage}", "--out", "{hierarchy}"), 1, "this is no profile"),
        (("forecast", "--usage", "{usage}", "--hierarchy", "{tmp}/p.nc"), 1, "this is a profile, no hierarchy"),
        (("learn", "--usage", "{usage}", "--out", "{usage}"), 1, "ends in .nc"),
        (("learn", "--usage", "{usage}", "--out", ""), 1, "no name: name a file that ends in .nc"),
        (("backtest", "--usage", "{usage}", "--out", "{usage}"), 1, "this is read"),
        (("forecast", "--usage", "{usage}", "--holidays", "DE"), 2, "write REGION=TEXT, such as eu-west=DE-BY"),
        (("forecast", "--usage", "{usage}", "--holidays", "eu=Germany"), 1, "ISO 3166"),
        (("forecast", "--usage", "{usage}", "--holidays", "eu=DE", "--holidays", "eu=FR"), 1, "give one of them"),
        (("forecast", "--usage", "{usage}", "--zone", "eu=Berlin"), 1, "Europe/Berlin"),
        (("forecast", "--usage", "{usage}", "--events", "{tmp}/none.csv"), 1, "No such file"),
        (("forecast", "--usage", "{usage}", "--events", "{usage}"), 1, "column 'start' is missing"),
        (("forecast", "--usage", "{usage}", "--covariates", "{hierarchy}"), 1, "neither Parquet nor"),
        (("forecast", "--usage", "{usage}", "--events", "{tmp}/bad.csv"), 1, "bad.csv: table of events"),
        (("forecast", "--usage", "{usage}", "--events", "{tmp}/bad.yaml"), 1, "bad.yaml:1: events[0].name: is"),
        (("forecast", "--usage", "{usage}", "--events", "{tmp}/bad.ics"), 1, "bad.ics: not an iCalendar file"),
        (("forecast", "--usage", "{usage}", "--events", "{tmp}/latin.yaml"), 1, "latin.yaml: not UTF-8"),
        (("backtest", "--usage", "{usage}", "--events", "{tmp}/none.yaml"), 1, "No such file"),
        (("forecast", "--usage", "{usage}", "--dask", "tcp://127.0.0.1:1"), 1, "ask"),
        (("forecast", "--usage", "{tmp}/none", "--dask", "foo"), 2, "'foo' is no address of a Dask scheduler"),
        (("learn", "--usage", "{tmp}/none", "--out", "h2.nc", "--dask", ""), 2, "write tcp://HOST:8786"),
    ],
)
def test_bad_input_is_told_in_words(arguments, code, said, usage, hierarchy, tmp_path):
    kind = Kind("profile", 1, "", ForecastingError)
    write(xr.Dataset({"x": 1}), tmp_path / "p.nc", kind)
    (tmp_path / "bad.csv").write_text("region,start,end,name\n*,2026-04-11T00Z,2026-04-10T00Z,sale\n")
    (tmp_path / "bad.yaml").write_text("events: [{start: 2026-04-11, zone: UTC}]")
    (tmp_path / "bad.ics").write_text("hello")
    (tmp_path / "latin.yaml").write_bytes(b"events: [\xe9]")
    places = {"usage": usage, "hierarchy": hierarchy, "tmp": tmp_path}
    assert said in run(*(x.format(**places) for x in arguments), code=code).output


def test_jobs_beside_dask_are_said_to_change_nothing(tmp_path):
    missing = ("forecast", "--usage", tmp_path / "none.parquet")
    said = "with --dask it changes nothing"
    assert said in run(*missing, "--dask", "tcp://x:8786", "--jobs", 2, code=1).stderr
    assert said not in run(*missing, "--dask", "tcp://x:8786", code=1).stderr
    assert said not in run(*missing, "--jobs", 2, code=1).stderr


def test_a_region_may_be_called_na(usage, hierarchy, tmp_path):
    (tmp_path / "sales.csv").write_text("region,start,end,name\nNA,2026-04-10T00Z,2026-04-11T00Z,sale\n")
    forecast = ("forecast", "--usage", usage, "--horizon", 1, "--hierarchy", hierarchy)
    assert "no region NA:" in run(*forecast, "--events", tmp_path / "sales.csv").stderr


def test_a_state_is_made_carried_on_and_made_anew_where_it_is_broken(usage, hierarchy, tmp_path):
    state = tmp_path / "state.nc"
    how = ("forecast", "--usage", usage, "--hierarchy", hierarchy, "--horizon", 24, "--state", state)
    run(*how, "--now", "2026-04-22T00:00Z")
    first = State.load(state)
    run(*how, "--now", "2026-04-22T05:00Z")
    second = State.load(state)
    assert (second.made, second.entered) == (first.made, first.entered + 5)
    state.write_bytes(b"broken")
    done = run(*how, "--now", "2026-04-22T05:00Z")
    assert "making it anew" in " ".join(done.stderr.split())
    assert State.load(state).made == first.made + 5
    state.unlink()
    run(*how, "--now", "2026-04-22T05:00Z")
    assert State.load(state).made == first.made + 5
    assert [x.name for x in tmp_path.iterdir() if x.name.startswith(".")] == []


@pytest.mark.parametrize("named", ["usage.csv", "cache/day.parquet", "token.csv"])
def test_what_sources_are_read_from_is_not_written_over(named, tmp_path):
    described = tmp_path / "sources.yaml"
    described.write_text(
        "cache: cache\nsources:\n- {kind: files, path: usage.csv}\n"
        "- {kind: prometheus, url: 'http://127.0.0.1:1', "
        "headers_file: token.csv, queries: {cpu: {query: up}}}\n"
    )
    place = tmp_path / named
    place.parent.mkdir(exist_ok=True)
    place.write_text("mine")
    done = run("fetch", "--usage", described, "--out", place, code=1)
    assert "this is read, or lies in a folder that is" in done.output
    assert place.read_text() == "mine"
