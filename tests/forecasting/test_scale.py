import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from demand import made, usage_of, waves

from forecasting.errors import ForecastingError
from forecasting.forecast import forecast
from forecasting.scale import check_scheduler, serial, shared


def test_one_job_is_a_plain_map():
    assert list(serial(abs, [-1, 2])) == [1, 2]
    with shared(1) as run:
        assert list(run(abs, [-3, 2, -1])) == [3, 2, 1]
        assert list(run(abs, [])) == []


@pytest.mark.parametrize("jobs", [0, -2])
def test_no_jobs_are_refused(jobs):
    with pytest.raises(ForecastingError, match=f"{jobs} jobs: at least 1"), shared(jobs):
        pass


def test_without_dask_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)  # as if it were not installed
    with pytest.raises(ForecastingError, match=r"pip install '\.\[dask\]'"), shared(1, "tcp://127.0.0.1:1"):
        pass


def world():
    usage = usage_of(waves(groups=6, resources=2, hours=400))
    return usage, made(usage)


def bytes_of(profile):
    return profile.draws.values.tobytes()


@pytest.mark.slow
def test_two_processes_give_the_same_bytes():
    usage, hierarchy = world()
    alone, two = (forecast(usage, 30, seed=5, hierarchy=hierarchy, jobs=jobs) for jobs in (1, 2))
    assert bytes_of(alone) == bytes_of(two)
    assert alone.dataset.attrs == two.dataset.attrs


@pytest.mark.slow
def test_processes_give_results_in_order_and_what_fails_in_one_fails_here():
    with shared(2) as run:
        assert list(run(abs, list(range(-20, 0)))) == list(range(20, 0, -1))
        with pytest.raises(TypeError):
            list(run(abs, ["text"]))


def end_abruptly(number):
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_process_that_is_killed_is_told_in_words():
    with pytest.raises(ForecastingError, match="lack of memory: ask for fewer jobs"), shared(2) as run:
        list(run(end_abruptly, [0, 1, 2]))


def test_what_fails_ends_the_work_of_the_others_at_once():
    began = time.monotonic()
    for _ in range(10):  # one that waits, one that works, one that only starts: each may be met at its end
        with pytest.raises(ValueError, match="non-negative"), shared(2) as run:
            list(run(time.sleep, [-1, *[60] * 40]))
        assert multiprocessing.active_children() == []
    assert time.monotonic() - began < 50


def note_and_sleep(path):
    path.write_text(str(os.getpid()))
    time.sleep(60)


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def within(seconds, condition):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(how, tmp_path):
    program = (
        "from pathlib import Path; from forecasting.scale import shared; from test_scale import note_and_sleep\n"
        f"with shared(2) as run: list(run(note_and_sleep, [Path({str(tmp_path)!r}, x) for x in 'ab']))"
    )
    places = os.pathsep.join(path for path in [str(Path(__file__).parent), *sys.path] if path)
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stderr=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, "PYTHONPATH": places},
    )  # fmt: skip
    assert within(60, lambda: [x.name for x in tmp_path.iterdir() if x.stat().st_size] in (["a", "b"], ["b", "a"]))
    workers = [int(x.read_text()) for x in tmp_path.iterdir()]
    assert all(map(lives, workers))
    if how == signal.SIGINT:
        os.killpg(parent.pid, how)  # as a terminal does it: all of them get it
    else:
        parent.kill()
    said = parent.communicate(timeout=5)[1]
    assert within(5, lambda: not any(map(lives, workers)))
    assert "SpawnProcess" not in said
    assert said.count("Traceback") == (how == signal.SIGINT)  # of the parent, which nothing here catches


@pytest.mark.parametrize(
    "address",
    ["", "foo", "http://x", "http://x:80", "tcp://", "tcp://x", "tcp://:8786", "x:0", "x:65536", "x:1 ", "a b:1"],
)
def test_what_is_no_address_of_a_scheduler_is_refused_before_dask_waits_for_it(address, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)  # nobody gets as far as asking for it
    with pytest.raises(ForecastingError, match=r"is no address of a Dask scheduler; write tcp://HOST:8786$"):
        shared(1, address).__enter__()


@pytest.mark.parametrize(
    "address",
    ["x:8786", "10.0.0.1:1", "tcp://[::1]:8786", "tls://a.b-c:65535", "ws://x:80", "wss://x:443", "ucx://x:1",
     "inproc://10.0.0.1/7/1"],
)  # fmt: skip
def test_addresses_of_schedulers_pass(address):
    assert check_scheduler(address) == address


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_bytes():
    distributed = pytest.importorskip("distributed")
    usage, hierarchy = world()
    alone = forecast(usage, 30, seed=5, hierarchy=hierarchy)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        over = forecast(usage, 30, seed=5, hierarchy=hierarchy, dask=cluster.scheduler_address)
    assert bytes_of(alone) == bytes_of(over)


def test_a_part_of_the_usage_is_forecast_about_alike():
    usage, hierarchy = world()
    whole = forecast(usage, 12, seed=5, hierarchy=hierarchy)
    part = usage.isel(resource=[0])
    alone = forecast(part, 12, seed=5, hierarchy=hierarchy)
    assert np.isfinite(alone.draws.values).all()
    np.testing.assert_allclose(alone.quantile(0.5).values, whole.quantile(0.5).values[:, :, [0]], rtol=0.25)
