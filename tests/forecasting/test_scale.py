import sys

import numpy as np
import pytest
from demand import made, usage_of, waves

from forecasting.errors import ForecastingError
from forecasting.forecast import forecast
from forecasting.scale import serial, shared


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
    with pytest.raises(ForecastingError, match=r"pip install 'headroom\[dask\]'"), shared(1, "tcp://127.0.0.1:1"):
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
