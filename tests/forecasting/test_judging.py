"""A record carried on: the same however it came about, hour by hour or at once; and what it does to a forecast."""

import numpy as np
import pytest

from forecasting.forecast import forecast
from forecasting.judging import KEPT_DAYS, advance
from forecasting.learn import learn
from forecasting.settings import Settings
from forecasting.simulate import simulate
from forecasting.usage import from_table

QUICK = Settings(components=("level", "recent"), draws=50)  # nothing that is sampled


@pytest.fixture(scope="module")
def usage():
    return from_table(simulate(seed=3, weeks=4).table).isel(group=slice(0, 3), resource=[0])


@pytest.fixture(scope="module")
def hierarchy(usage):
    return learn(usage, horizon_hours=24, settings=QUICK)


@pytest.fixture(scope="module")
def record(usage, hierarchy):
    return advance(None, usage, hierarchy, sets={"web": usage["group"].values[:2]})


def until(usage, hours_before_end):
    return usage.isel(time=slice(0, usage.sizes["time"] - hours_before_end))


def test_a_record_judges_the_day_ahead_every_six_hours(record):
    steps = np.diff(record.origins) / np.timedelta64(1, "h")
    assert (steps == 6).all()
    assert len(record.origins) == 28
    known = np.isfinite(record.scores)
    assert known[:20].all()
    assert not known[-1].any()  # the forecast from now on
    assert {str(x) for x in record.dataset["kind"].values} == {"group", "region", "set"}


def test_carried_on_in_steps_it_is_what_it_is_at_once(usage, hierarchy, record):
    sets = {"web": usage["group"].values[:2]}
    stepwise = advance(None, until(usage, 31), hierarchy, sets=sets)
    for hours in (30, 17, 5, 0):
        stepwise = advance(stepwise, until(usage, hours), hierarchy, sets=sets)
    last = record.origins[-20:]
    a, b = (x.dataset["score"].sel(origin=last).values for x in (record, stepwise))
    assert np.array_equal(a, b, equal_nan=True)


def test_the_same_moment_again_changes_nothing(usage, hierarchy, record):
    again = advance(record, usage, hierarchy, sets={"web": usage["group"].values[:2]})
    assert again.dataset.identical(record.dataset)


def test_old_forecasts_are_forgotten(usage, hierarchy, record):
    moved = record.dataset.assign_coords(origin=record.origins - np.timedelta64(KEPT_DAYS - 4, "D"))
    again = advance(type(record)(moved), usage, hierarchy, sets={"web": usage["group"].values[:2]})
    assert again.origins[0] > usage["time"].values[-1] - np.timedelta64(KEPT_DAYS, "D")


def test_late_usage_is_judged_when_it_comes(usage, hierarchy, record):
    demand = usage["demand"].values.copy()
    demand[:, :, -10:-4] = np.nan
    sets = {"web": usage["group"].values[:2]}
    holes = advance(None, usage.assign(demand=(usage["demand"].dims, demand)), hierarchy, sets=sets)
    assert np.isnan(holes.scores[-3]).any()
    # Those of the forecasts that were made with the hole are what they are; what came of them is filled in.
    whole = advance(holes, usage, hierarchy, sets=sets)
    known = np.isfinite(record.scores)
    assert np.isfinite(whole.scores[known]).all()


def test_usage_at_capacity_is_judged_only_where_it_is_above(usage, hierarchy):
    flags = np.zeros(usage["demand"].shape, dtype=bool)
    flags[0, 0, -48:] = True
    marked = usage.assign(censored=(usage["demand"].dims, flags))
    plain, found = advance(None, usage, hierarchy), advance(None, marked, hierarchy)
    lost = np.isfinite(plain.scores[:, 0]) & np.isnan(found.scores[:, 0])
    assert lost.any()
    last = found.scores[-8:, 0]  # of forecasts that are about those two days alone
    assert (last[np.isfinite(last)] >= 0).all()
    assert np.isfinite(found.scores[-8:-1, 1]).any()  # of a group that is not marked


def test_a_record_widens_a_forecast_that_missed_and_tells_why(usage, hierarchy, record):
    plain = forecast(usage, 24, hierarchy=hierarchy, settings=QUICK)
    missed = record.dataset["score"].values.copy()
    missed[:, 0] = 4.0
    told = type(record)(record.dataset.assign(score=(record.dataset["score"].dims, missed)))
    wide = forecast(usage, 24, hierarchy=hierarchy, settings=QUICK, record=told)
    label = str(usage["group"].values[0])
    for profile, surprised in ((plain, False), (wide, True)):
        assert (profile.surprise(f"group:{label}") is not None) == surprised
    above, below = wide.surprise(f"group:{label}")
    assert above >= 1 > below == 0
    assert wide.surprise("set:nothing") is None
    ends = [x.quantile([0.5, 0.9]).sel(group=label).values for x in (plain, wide)]
    spread = [float((high - middle).mean()) for middle, high in ends]
    assert spread[1] > 1.5 * spread[0]
