"""``headroom run``: once, beside another run, and as a daemon that is looked at and stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from click.testing import CliRunner
from demand import made, usage_of, waves
from hierarchies import hierarchy_of
from needy import NEEDY, usage_to
from teams import environment_of, pulls
from worlds import NOW

from controller.cli import main
from controller.cli.eventoptions import EventChoice
from controller.cli.job import Job
from controller.cli.sizing import Sizing
from controller.edge.checkout import locate
from controller.lease import stamp
from controller.service.lock import alone
from forecasting.errors import ForecastingError
from forecasting.hierarchy import Hierarchy
from forecasting.network import network_of, shapes
from forecasting.settings import COMPONENTS, EVERY, RECURRENT
from forecasting.sources.files import read

LAST = stamp(NOW)


@pytest.fixture
def environment(origin, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return environment_of(origin, NEEDY)


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["run", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def test_a_run_that_meets_another_leaves(environment):
    name = f"{locate(environment).url} demo"
    with alone(name, wait=False) as mine:
        assert mine
        done = run("--env", environment, "--usage", "not-even-looked-at.parquet")
    assert "is under way; this one leaves" in done.stderr


def test_sessions_and_footprints_ask_for_what_the_same_demand_asks_for(environment, tmp_path):
    measured = usage_to(NOW, tmp_path / "usage.csv")
    sessions, footprints = tmp_path / "sessions.csv", tmp_path / "footprints.yaml"
    rows = [x for x in measured.read_text().split("\n") if ",memory," not in x]
    sessions.write_text("\n".join(rows).replace(",cpu,", ",sessions:shop,"))
    hierarchy_of(read(sessions)).save(tmp_path / "sessions.nc")
    footprints.write_text("applications: {shop: {cpu: 1, memory: 1}}")
    asked = []
    for usage, more in ((measured, ()), (sessions, ("--footprints", footprints))):
        given = ("--env", environment, "--usage", usage, "--hierarchy", usage.with_suffix(".nc"), *more)
        done = run(*given, "--now", LAST, "--dry-run", "-o", "json", code=4)
        found = json.loads(done.stdout)
        change = found["outcomes"][0]["changes"][0]
        asked.append((change["pool"], change["starts"], change["floor"]))
        assert change["evidence"]["needs"][0][0] == "cpu"
    assert asked[0][:2] == asked[1][:2]
    assert abs(asked[0][2] - asked[1][2]) <= 0.1 * asked[0][2]
    wrong = run("--env", environment, "--usage", measured, "--footprints", footprints, "--now", LAST, code=1)
    assert "has no resource sessions:<application>" in wrong.stderr


@pytest.mark.parametrize("text", ["15", "m", "1s", "2d", "-5m", "99999999m", "²m"])
def test_an_interval_is_a_time(environment, text):
    assert (
        "Invalid value for '--every'" in run("--env", environment, "--usage", "u", "--every", text, code=2).stderr
    )


@pytest.mark.parametrize("text", ["here", "127.0.0.1:", ":99999", "127.0.0.1:²"])
def test_an_address_is_one(environment, text):
    done = run("--env", environment, "--usage", "u", "--every", "15m", "--listen", text, code=2)
    assert "Invalid value for '--listen'" in done.stderr


def test_a_daemon_goes_by_the_clock(environment):
    done = run("--env", environment, "--usage", "u", "--every", "15m", "--now", "2026-11-24T12:00Z", code=2)
    assert "leave out --now" in done.stderr


def get(port, page):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.slow
def test_once_does_what_forecast_propose_and_release_do(environment, tmp_path):
    usage = usage_to(NOW, tmp_path / "usage.csv")
    learnt = ("--hierarchy", usage.with_suffix(".nc"))
    hours = (
        "--env",
        environment,
        "--usage",
        usage,
        "--horizon",
        60,
        *learnt,
    )  # demand within minutes stays short: 4
    end = json.loads(run(*hours, "--dry-run", "-o", "json", "--now", LAST, code=4).stdout)
    assert pulls(environment) == ()
    done = json.loads(run(*hours, "-o", "json", "--now", LAST, code=4).stdout)
    assert [x["branch"] for x in done["outcomes"]] == [x["branch"] for x in end["outcomes"]]
    assert len(pulls(environment)) == len(done["outcomes"]) > 0
    again = json.loads(run(*hours, "-o", "json", "--now", LAST, code=4).stdout)
    assert {x["state"] for x in again["outcomes"]} == {"unchanged"}
    (tmp_path / "events.yaml").write_text(
        f"events: [{{name: fair, start: {LAST}, end: {stamp(NOW + timedelta(days=2))}, regions: [eu],\n"
        "  expected: {factor: 1.7, from: 1.4, to: 2.1}}]\n"
    )
    told = run(*hours, "--events", tmp_path / "events.yaml", "-o", "json", "--now", LAST, code=4)
    evidence = [y["evidence"] for x in json.loads(told.stdout)["outcomes"] for y in x["changes"]]
    assert {y["name"] for x in evidence for y in x["drivers"]} == {"fair"}


@pytest.mark.slow
def test_a_daemon_runs_tells_of_itself_and_stops_when_it_is_told(environment, tmp_path):
    usage = usage_to(datetime.now(UTC), tmp_path / "usage.csv")
    command = [
        sys.executable,
        "-m",
        "controller.cli",
        "run",
        "--env",
        environment,
        "--usage",
        usage,
        "--every",
        "10s",
    ]
    options = [
        "--listen",
        "127.0.0.1:0",
        "--log",
        "json",
        "--horizon",
        "72",
        "--hierarchy",
        usage.with_suffix(".nc"),
    ]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        lines = []
        for line in daemon.stderr:
            lines.append(json.loads(line))
            if lines[-1]["message"] == "started":
                port = int(lines[-1]["listen"].rpartition(":")[2])
                assert get(port, "/readyz")[0] == 503
                assert get(port, "/healthz")[0] == 200
                assert get(port, "/elsewhere")[0] == 404
            if lines[-1]["message"] == "run done":
                break
        status, text = get(port, "/metrics")
        assert status == get(port, "/readyz")[0] == 200
        assert 'headroom_runs_total{environment="demo",result="done"} 1.0' in text
        assert re.search(r'headroom_proposals_total\{environment="demo",state="opened"\} [1-9]', text)
        assert 'headroom_held_nodes{environment="demo",kind="floor",pool="web"} 1.0' in text
        issued = float(re.search(r"headroom_forecast_timestamp_seconds\{.*\} (\S+)", text)[1])
        assert abs(time.time() - issued) < 2 * timedelta(hours=1).total_seconds()
        daemon.send_signal(signal.SIGTERM)
        rest = daemon.stderr.read().splitlines()
        assert daemon.wait(30) == 0
    assert json.loads(rest[-1])["message"] == "stopped"
    assert len(pulls(environment)) == sum(x["message"].startswith("proposal opened") for x in lines)


@pytest.mark.slow
def test_a_daemon_outlives_a_run_that_fails(environment, tmp_path):
    command = [sys.executable, "-m", "controller.cli", "run", "--env", environment, "--every", "10s"]
    options = ["--usage", tmp_path / "missing.parquet", "--listen", "127.0.0.1:0"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        started, failed = daemon.stderr.readline(), daemon.stderr.readline()
        assert "run failed" in failed
        assert "missing.parquet" in failed
        port = int(re.search(r"listen=\S+:(\d+)", started)[1])
        assert 'result="failed"} 1.0' in get(port, "/metrics")[1]
        os.kill(daemon.pid, signal.SIGINT)
        assert daemon.wait(30) == 0


@pytest.mark.slow
def test_a_daemon_that_is_told_to_stop_in_the_middle_of_its_work_stops_then(environment, tmp_path):
    usage = usage_to(datetime.now(UTC), tmp_path / "usage.csv")
    command = [sys.executable, "-m", "controller.cli", "run", "--env", environment, "--every", "15m"]
    options = ["--usage", usage, "--hierarchy", tmp_path / "none-yet.nc", "--listen", "127.0.0.1:0"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        for line in daemon.stderr:
            if "yet: learning" in line:
                break
        daemon.send_signal(signal.SIGTERM)
        rest = daemon.stderr.read()
        assert daemon.wait(60) == 0
    assert "told to stop; the next run completes what was begun" in rest
    assert "Traceback" not in rest
    assert not (tmp_path / "none-yet.nc").exists()
    assert pulls(environment) == ()


@pytest.mark.parametrize("components", [COMPONENTS, EVERY])
def test_what_was_learnt_with_a_network_is_learnt_anew_with_one(tmp_path, monkeypatch, components):
    path, asked = tmp_path / "hierarchy.nc", []
    usage = usage_of(waves(groups=2, hours=400))
    net = network_of({name: np.zeros(shape) for name, shape in shapes(resources=1, events=0).items()}, 1, 0)
    made(usage, components, network=net if RECURRENT in components else None).save(path)

    def learn(usage, *_, settings, **__):
        asked.append(settings.components)
        raise ForecastingError("no")

    monkeypatch.setattr("forecasting.learn.learn", learn)
    said = []
    nothing = EventChoice((), (), (), None)
    job = Job(tmp_path, path, path, 1, None, None, None, 24, 0, 1, nothing, Sizing(None), False, False)
    later = Hierarchy.load(path).learnt_until + timedelta(hours=2)  # and whatever the time of the file says
    found = job._hierarchy(usage, None, 24, later, said.append, lambda title: nullcontext())
    assert asked == [components]
    assert found.components == components
    assert said == [
        f"{path} is over 1 h old: learning anew",
        "learning failed (no); the last good hierarchy is used on",
    ]


def test_a_resource_that_was_not_learnt_is_a_reason_to_learn_anew(tmp_path, monkeypatch):
    path, usage = tmp_path / "hierarchy.nc", usage_of(waves(groups=2, resources=2, hours=400))
    made(usage.isel(resource=[0])).save(path)
    monkeypatch.setattr("forecasting.learn.learn", lambda usage, *_, **__: made(usage))
    said = []
    nothing = EventChoice((), (), (), None)
    job = Job(tmp_path, path, path, 24, None, None, None, 24, 0, 1, nothing, Sizing(None), False, False)
    now = Hierarchy.load(path).learnt_until
    found = job._hierarchy(usage, None, 24, now, said.append, lambda title: nullcontext())
    assert found.unknown(["r0", "r1"]) == Hierarchy.load(path).unknown(["r0", "r1"]) == []
    assert said == [f"{path} knows nothing of r1: learning anew"]
    job._hierarchy(usage, None, 24, now, said.append, lambda title: nullcontext())
    assert len(said) == 1


def test_a_hierarchy_that_cannot_be_read_is_learnt_anew(tmp_path, monkeypatch):
    path, usage = tmp_path / "hierarchy.nc", usage_of(waves(groups=2, hours=400))
    fresh = made(usage)
    fresh.save(path)
    path.write_bytes(path.read_bytes()[:-200])
    monkeypatch.setattr("forecasting.learn.learn", lambda *_, **__: fresh)
    said = []
    nothing = EventChoice((), (), (), None)
    job = Job(tmp_path, path, path, 168, None, None, None, 24, 0, 1, nothing, Sizing(None), False, False)
    job._hierarchy(usage, None, 24, fresh.learnt_until, said.append, lambda title: nullcontext())
    assert "learning anew" in said[0]
    assert Hierarchy.load(path).learnt_until == fresh.learnt_until
