"""Forecasts over the past: in order, from the past alone, the same in any number of processes."""

from functools import partial

import numpy as np
import pytest
import xarray as xr

from forecasting.errors import ForecastingError
from forecasting.events import from_tables
from forecasting.eventtable import Event
from forecasting.profile import DemandProfile
from forecasting.rolling import rolling
from forecasting.settings import Settings
from forecasting.simulate import simulate
from forecasting.usage import from_table

QUICK = Settings(components=("level", "recent"), draws=20)  # nothing that is sampled
MOMENTS = (336, 342, 400)


@pytest.fixture(scope="module")
def usage():
    return from_table(simulate(seed=3, weeks=3).table).isel(group=slice(0, 3))


def made(usage, **kw):
    options = {"horizon_hours": 12, "learn_hours": 60, "settings": QUICK} | kw
    return list(rolling(usage, MOMENTS, **options))


def summed(profile, resource):
    return DemandProfile(profile.dataset.sel(resource=[resource]))


def test_each_forecast_begins_where_its_past_ends(usage):
    profiles = made(usage)
    assert [x.draws["time"].values[0] for x in profiles] == [usage["time"].values[x] for x in MOMENTS]
    assert [x.horizon_hours for x in profiles] == [12, 12, 12]
    learnt = [x.dataset.attrs["learnt_until"] for x in profiles]
    assert learnt[0] == learnt[1] < learnt[2]


def test_nothing_to_come_is_looked_at(usage):
    demand = usage["demand"].values.copy()
    demand[..., MOMENTS[1] :] *= 7
    other = usage.assign(demand=(usage["demand"].dims, demand))
    for before, after in zip(made(usage)[:2], made(other)[:2], strict=True):
        xr.testing.assert_identical(before.draws, after.draws)


def test_events_to_come_are_heeded(usage):
    start = int(usage["time"].values[MOMENTS[0] + 2].astype("datetime64[us]").astype(np.int64))
    sale = Event("*", start, start + 4 * 3_600_000_000, "sale", "sale", "", (np.log(3.0), 0.05))
    plain, told = made(usage)[0], made(usage, events=from_tables({}, written=[sale]))[0]
    ratio = (told.draws.median("draw") / plain.draws.median("draw")).median(["group", "resource"]).values
    assert ratio[3] > 2
    assert ratio[9] < 1.2


def test_history_is_bounded(usage):
    demand = usage["demand"].values.copy()
    demand[..., : MOMENTS[0] - 200] *= 7
    other = usage.assign(demand=(usage["demand"].dims, demand))
    one, two = (made(x, history_hours=200, learn_hours=1)[0] for x in (usage, other))
    xr.testing.assert_identical(one.draws, two.draws)


@pytest.mark.slow
def test_processes_change_nothing_and_reduce_where_they_forecast(usage):
    alone = made(usage, reduce=partial(summed, resource="cpu"))
    shared = made(usage, reduce=partial(summed, resource="cpu"), jobs=2)
    for one, two in zip(alone, shared, strict=True):
        assert one.draws["resource"].values.tolist() == ["cpu"]
        assert np.array_equal(one.draws, two.draws)


@pytest.mark.parametrize("moments", [(), (0, 5), (5, 10_000)])
def test_moments_outside_of_the_usage_are_refused(usage, moments):
    with pytest.raises(ForecastingError, match="moments must lie within the usage"):
        list(rolling(usage, moments, 12))
