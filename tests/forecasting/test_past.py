import json
from datetime import timedelta, timezone

import numpy as np
import pytest
from demand import moment, usage_of, waves

from forecasting.errors import ForecastingError, UsageError
from forecasting.past import HISTORY_HOURS, MOST_BRIDGED_HOURS, bridge_notes, past_of, provenance, short_notes


def test_the_moment_is_the_hour_after_the_last_one():
    past, now = past_of(usage_of(waves(hours=100)), None)
    assert now == moment(100)
    assert past.sizes["time"] == 100


def test_hours_from_the_moment_on_and_very_old_ones_are_left_out():
    usage = usage_of(waves(hours=HISTORY_HOURS + 200))
    past, _ = past_of(usage, moment(HISTORY_HOURS + 100) + timedelta(minutes=59))
    assert past.sizes["time"] == HISTORY_HOURS
    np.testing.assert_array_equal(past["time"], usage["time"][100 : HISTORY_HOURS + 100])


def test_what_comes_later_changes_neither_the_past_nor_where_it_came_from():
    demand = waves(hours=300)
    changed = demand.copy()
    changed[..., 200:] = np.nan
    one, two = (past_of(usage_of(x), moment(200)) for x in (demand, changed))
    assert one[0].identical(two[0])
    assert provenance(*one, 1) == provenance(*two, 1)
    changed[..., 199] += 1e-9
    assert provenance(*past_of(usage_of(changed), moment(200)), 1) != provenance(*one, 1)


def test_where_it_came_from_is_told_in_utc_with_versions():
    past, _ = past_of(usage_of(waves(hours=100)), None)
    found = provenance(past, moment(100).astimezone(timezone(timedelta(hours=5))), 7)
    assert found["issued"] == moment(100).isoformat()
    assert found["seed"] == 7
    assert {"headroom", "numpy", "pymc", "python"} <= set(json.loads(str(found["versions"])))


def test_usage_that_ends_long_before_is_noted_and_at_last_refused():
    usage = usage_of(waves(hours=100))
    last = usage["time"].values[-1]
    assert bridge_notes(last, moment(124)) == []
    assert "usage ends 25 hours before" in " ".join(bridge_notes(last, moment(125) + timedelta(minutes=59)))
    past_of(usage, moment(100 + MOST_BRIDGED_HOURS))
    with pytest.raises(UsageError, match="673 hours before .* bring newer usage"):
        past_of(usage, moment(101 + MOST_BRIDGED_HOURS))


def test_usage_that_is_too_short_to_know_weekdays_by_is_noted():
    assert short_notes(336) == []
    assert "usage reaches back 51 hours" in " ".join(short_notes(51))


def test_what_it_refuses():
    with pytest.raises(UsageError, match="48"):
        past_of(usage_of(waves(hours=47)), None)
    with pytest.raises(UsageError, match="48"):
        past_of(usage_of(waves(hours=100)), moment(47))
    with pytest.raises(ForecastingError, match="no timezone"):
        past_of(usage_of(waves(hours=100)), moment(90).replace(tzinfo=None))
    nothing = waves(resources=2, hours=100)
    nothing[:, 1] = np.nan
    with pytest.raises(UsageError, match="no group has a known value of r1; leave it out"):
        past_of(usage_of(nothing), None)
    late = waves(resources=2, hours=100)
    late[:, 1, :60] = np.nan
    with pytest.raises(UsageError, match="r1"):
        past_of(usage_of(late), moment(60))
