from datetime import timedelta

import numpy as np
import pytest
from worlds import HOUR, NOW, config_of, profile_of, usage_of

from controller.outage import began, outages

DAYS = 10
PAST = DAYS * 24
NAMES = [f"eu/g{i}" for i in range(6)]
SETTINGS = config_of().decay


def days(level=10.0, night=4.0):
    """Ten days up to NOW (noon): ``level`` by day, ``night`` from 20 to 6."""
    return [night if (12 + h) % 24 < 6 or (12 + h) % 24 >= 20 else level for h in range(PAST)]


def world(fallen, since=2, share=0.1, names=NAMES):
    """Usage until NOW of which ``fallen`` groups fell ``since`` hours ago to ``share`` of what they were."""
    groups = {name: days() for name in names}
    for name in names[:fallen]:
        groups[name][PAST - since :] = [x * share for x in groups[name][PAST - since :]]
    return usage_of(groups, NOW - DAYS * 24 * HOUR)["demand"]


def found(demand, draws=None, now=NOW, **changes):
    return outages(demand, draws, SETTINGS.model_copy(update=changes), now)


def test_a_fall_of_half_the_groups_is_suspected_and_named():
    assert found(world(2)) == {}
    (outage,) = found(world(3)).values()
    assert outage.why == "usage of 3 of the 6 groups of eu fell together at 2026-11-24 10:00 UTC"
    assert (outage.region, outage.since) == ("eu", NOW - 2 * HOUR)
    assert outage.until == NOW + 4 * HOUR


def test_settings_say_what_is_a_fall_how_many_and_for_how_long():
    assert found(world(6, share=0.6)) == {}
    assert found(world(6, share=0.6), outage_fall=0.7)
    assert found(world(3), outage_share=0.6) == {}
    assert found(world(6, since=7)) == {}
    assert found(world(6, since=7), outage_hold_hours=8)
    assert found(world(6), outage_hold_hours=0) == {}


@pytest.mark.parametrize(("apart", "suspected"), [(0, True), (1, True), (3, False)])
def test_groups_fall_together_within_an_hour(apart, suspected):
    demand = world(2, since=5)
    demand[2, :, PAST - 5 + apart :] *= 0.1
    demand[3, :, PAST - 5 + apart :] *= 0.1
    assert bool(found(demand, outage_share=0.6)) is suspected


def test_one_group_alone_is_no_outage():
    assert found(world(1, names=["eu/g0"])) == {}
    assert found(world(1, names=["eu/g0", "us/g0"])) == {}


def test_a_night_is_no_fall():
    demand = usage_of({name: days(night=0.5) for name in NAMES}, NOW - DAYS * 24 * HOUR)["demand"]
    for hours in range(24):
        assert found(demand, now=NOW - hours * HOUR) == {}


def test_a_weekend_is_no_fall():
    level = [1.0 if (NOW - (PAST - h) * HOUR).weekday() >= 5 else 10.0 for h in range(PAST)]
    demand = usage_of(dict.fromkeys(NAMES, level), NOW - DAYS * 24 * HOUR)["demand"]
    for hours in range(60):  # the second weekend, back to its Saturday, whose predecessor is in the grid
        assert found(demand, now=NOW - hours * HOUR) == {}


def test_a_surge_that_ends_is_no_fall():
    surged = [x * (8 if PAST - 40 <= h < PAST - 2 else 1) for h, x in enumerate(days())]
    assert found(usage_of(dict.fromkeys(NAMES, surged), NOW - DAYS * 24 * HOUR)["demand"]) == {}


def test_usage_that_was_low_all_along_did_not_fall():
    assert found(world(6, since=60), outage_hold_hours=72)
    assert found(world(6, since=60), outage_hold_hours=48) == {}


def test_usage_that_is_back_holds_no_more():
    demand = world(6, since=4)
    demand[:, :, PAST - 1] *= 10
    assert found(demand) == {}


def test_hours_that_are_not_known_neither_begin_nor_end_a_fall():
    demand = world(6, since=4)
    demand[:, :, PAST - 3] = np.nan
    demand[:, :, PAST - 1] = np.inf
    (outage,) = found(demand).values()
    assert outage.since == NOW - 4 * HOUR
    demand[:] = np.nan
    assert found(demand) == {}
    assert found(demand.isel(time=[])) == {}
    assert found(demand.isel(group=[])) == {}


def test_under_two_days_of_history_say_nothing():
    demand = world(6)
    assert found(demand.isel(time=slice(PAST - 48, None))) == {}
    assert found(demand.isel(time=slice(PAST - 75, None)))


def test_one_resource_is_enough():
    demand = world(0)
    demand[:, 0, PAST - 2 :] *= 0.1
    assert found(demand)


def test_the_future_and_the_unfinished_hour_are_not_looked_at():
    demand = world(6)
    assert found(demand, now=NOW - 2 * HOUR) == {}
    assert found(demand, now=NOW - HOUR - timedelta(minutes=1)) == {}
    assert found(demand, now=NOW - HOUR)
    changed = demand.copy()
    changed[:, :, PAST - 1 :] = 99.0
    assert found(changed, now=NOW - HOUR) == found(demand, now=NOW - HOUR)


def forecast(level, hours=6, names=NAMES):
    """A forecast made ``hours`` ago of ``level`` by each group."""
    return profile_of({name: [level] * 24 for name in names}, start=NOW - hours * HOUR).draws


def test_a_region_below_its_forecast_that_fell_is_suspected():
    demand = world(6, share=0.6)
    (outage,) = found(demand, forecast(10.0)).values()
    assert outage.why == "usage of eu fell below the 1 % quantile of its forecast at 2026-11-24 10:00 UTC"
    assert outage.until == NOW + 4 * HOUR
    assert found(demand, forecast(6.0)) == {}


def test_demand_that_never_came_is_no_outage():
    assert found(world(0), forecast(30.0)) == {}


def test_a_forecast_of_other_groups_or_resources_says_nothing():
    demand = world(6, share=0.6)
    assert found(demand, forecast(10.0, names=["eu/x", "eu/y", "eu/g0"])) == {}
    assert found(demand, forecast(10.0).isel(resource=[0])) == {}
    turned = forecast(10.0).isel(resource=[1, 0], group=slice(None, None, -1))
    assert found(demand, turned) == found(demand, forecast(10.0))


def test_where_a_stretch_began():
    low = np.array([[1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], dtype=bool)
    known = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 1], [0, 0, 0, 0]], dtype=bool)
    assert began(low, known).tolist() == [2, 0, -1, 1, -1]
