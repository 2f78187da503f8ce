"""Outages: what was off for a while, once, shows no demand; what rests or is off for good does."""

import numpy as np
import pytest
from demand import usage_of

from forecasting.forecast import forecast
from forecasting.outages import outage_notes, without_outages

HOURS = 1008


def days(groups=4, seed=1, hours=HOURS):
    """Demand ``(group, 1, time)`` with a day, a week and 10 % noise."""
    rng = np.random.default_rng(seed)
    hour = np.arange(hours)
    shape = (1 + 0.6 * np.sin(2 * np.pi * hour / 24)) * np.where(hour % 168 < 120, 1.0, 0.7)
    return 10.0 * np.arange(1, groups + 1)[:, None, None] * shape * rng.normal(1, 0.1, (groups, 1, hours))


@pytest.mark.parametrize("part", [slice(500, 503), slice(-30, None), slice(-100, -70), slice(0, 72)])
@pytest.mark.parametrize("left", [0.0, 0.002])
def test_what_was_off_for_hours_or_days_is_not_known(part, left):
    demand = days()
    demand[1, 0, part] *= left
    usage = usage_of(demand.copy())
    demand[1, 0, part] = np.nan
    np.testing.assert_array_equal(without_outages(usage).demand.values, demand)
    hours = int(np.isnan(demand).sum())
    (note,) = outage_notes(usage)
    assert note.startswith(
        f"next to nothing was used for up to {hours} hours by {usage.group.values[1]}: taken for"
    )


def off(*parts, left=0.0):
    demand = days()
    for part in parts:
        demand[1, 0, part] *= left
    return demand


@pytest.mark.parametrize(
    "demand",
    [
        days(),
        off(slice(500, 502)),  # too short
        off(slice(500, 573)),  # too long
        off(slice(-100, None)),
        off(slice(500, 510), slice(700, 710)),  # twice
        off(slice(500, 510), slice(700, 701)),  # now and then
        off(slice(500, 530), left=0.1),  # some was used
        np.where(np.arange(HOURS) % 24 < 4, 0.0, days()),  # it rests at night
        np.zeros((1, 1, HOURS)),
        np.full((1, 1, HOURS), 3.0),
        np.full((2, 1, HOURS), np.nan),
    ],
)
def test_what_is_no_outage_counts(demand):
    usage = usage_of(demand)
    assert without_outages(usage) is usage
    assert outage_notes(usage) == []


def test_a_run_ends_with_its_series():
    demand = days(hours=400)
    demand[0, 0, -2:] = demand[1, 0, :2] = 0.0
    usage = usage_of(demand)
    assert without_outages(usage) is usage


def test_hours_that_are_not_known_are_no_part_of_it():
    demand = days()
    demand[1, 0, 490:500], demand[1, 0, 500:530] = np.nan, 0.0
    found = without_outages(usage_of(demand)).demand.values
    assert np.isnan(found[1, 0, 490:530]).all()
    assert np.isfinite(found).sum() == found.size - 40


@pytest.mark.slow
@pytest.mark.parametrize("back", [0, 6, 72])
def test_the_forecast_after_an_outage_is_as_before_it(back):
    demand = days(hours=HOURS + 24)
    came = demand[1, 0, HOURS:].copy()
    demand[1, 0, HOURS - back - 30 : HOURS - back] = 0.0
    draws = forecast(usage_of(demand[:, :, :HOURS]), 24, seed=1).draws.isel(group=1, resource=0).values
    assert np.median(draws, axis=0).mean() == pytest.approx(came.mean(), rel=0.1)
    assert draws.max() < 1.5 * demand.max(axis=2)[1, 0]
