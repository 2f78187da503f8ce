import numpy as np
import pandas as pd
import pytest

from forecasting import dims
from forecasting.repairs import notes
from forecasting.simulate import simulate
from forecasting.unitjumps import LEAST_HOURS, unit_jumps
from forecasting.usage import from_table

GIB = 2.0**30


def daily(hours, seed=0):
    """Memory of a group in GiB, with a day in it, a weekend that idles, and noise."""
    at = np.arange(hours)
    level = np.where(at % 168 < 120, 40 + 30 * np.sin(at * 2 * np.pi / 24), 2.0)
    return level * np.random.default_rng(seed).lognormal(0, 0.2, hours)


def usage_of(**groups):
    times = pd.date_range("2026-04-06", periods=len(next(iter(groups.values()))), freq="h", tz="UTC")
    labels = {"region": "eu-west", "resource": "memory"}
    parts = [pd.DataFrame({"timestamp": times, "group": k, "value": v, **labels}) for k, v in groups.items()]
    return from_table(pd.concat(parts, ignore_index=True))


def test_a_past_in_bytes_is_told_with_the_group_the_moment_and_what_to_do():
    changed = daily(336)
    changed[:200] *= GIB
    (said,) = notes(usage_of(web=changed, batch=daily(336, seed=1)))
    assert "memory of eu-west/web is about 10^9 times smaller from 2026-04-14 08:00 UTC on" in said
    assert "bytes in place of GiB" in said
    assert "one unit" in said
    assert "series look so" not in said


def test_of_several_the_last_to_change_is_named_and_all_are_counted():
    early, late = daily(336), daily(336, seed=1)
    early[50:] *= 1e6
    late[300:] *= 1e6
    (said,) = notes(usage_of(early=early, late=late))
    assert "memory of eu-west/late is about" in said
    assert "times larger from 2026-04-18 12:00 UTC" in said
    assert "2 series look so in all" in said


def test_an_exporter_that_was_wrong_for_some_days_is_found_through_its_gaps_and_zeros():
    values = daily(336)
    values[100:150] *= GIB
    values[::7], values[::11] = 0.0, np.nan  # hour 150 is known
    (found,) = unit_jumps(values[None, None])
    assert found.hour == 150
    assert 1e-10 < found.factor < 1e-8


@pytest.mark.parametrize("stray", [1e-9, 1e25])
def test_a_stray_value_hides_no_other_unit(stray):
    changed = daily(336)
    changed[200:] *= GIB
    changed[10] = stray
    (found,) = unit_jumps(changed[None, None])
    assert found.hour == 200


@pytest.mark.parametrize(
    "values",
    [
        daily(336) * np.where(np.arange(336) < 200, 1, 10),  # a launch
        daily(336) * np.where(np.arange(336) < 200, 1, 1000),  # a great one
        np.where(np.arange(336) % 24 < 8, 1e-6, 30.0),  # idles and works
        np.where(np.arange(336) < 200, 0.0, 30.0),  # begins
        np.where(np.arange(336) < 200, 4e-17, 30.0),  # begins, from what rounding has left of zero
        np.where(np.arange(336) < LEAST_HOURS - 1, 1e-6, 30.0),  # starts up
        np.where(np.arange(336) < 200, 5e-324, 1e15),
        np.geomspace(1e-6, 1e6, 336),  # grows, with all between
        np.full(336, np.nan),
        np.zeros(336),
    ],
)
def test_what_may_well_be_demand_is_not_told(values):
    assert unit_jumps(values[None, None]) == []


def test_simulated_usage_is_silent():
    assert unit_jumps(from_table(simulate(seed=3, weeks=3).table)[dims.DEMAND].values) == []
