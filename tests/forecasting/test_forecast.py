"""The whole slow half, on small usage: what it promises, and what it does with hard data."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from demand import usage_of, waves

from forecasting.errors import ForecastingError, UsageError
from forecasting.forecast import forecast
from forecasting.score import coverage
from forecasting.simulate import START, simulate
from forecasting.usage import from_table

pytestmark = pytest.mark.slow


def test_it_follows_the_day_is_the_same_again_and_says_how_it_was_made():
    usage = usage_of(waves())
    told = []
    profile = forecast(usage, 36, seed=3, progress=lambda stage, share: told.append((stage, share)))
    assert profile.draws.dims == ("draw", "group", "resource", "time")
    assert profile.draws.sizes == {"draw": 500, "group": 2, "resource": 1, "time": 36}
    ahead = 10 + 5 * np.sin(2 * np.pi * np.arange(500, 536) / 24)
    np.testing.assert_allclose(profile.quantile(0.5).values[0, 0, 0], ahead, atol=1.0)
    assert profile.issued == datetime(2026, 1, 25, 20, tzinfo=UTC)
    attributes = profile.dataset.attrs
    assert json.loads(attributes["diagnostics"])["max_r_hat"] <= 1.05
    assert {"seed", "data_digest", "versions", "inference"} <= set(attributes)
    assert [share for _, share in told] == sorted(share for _, share in told)
    again = forecast(usage, 36, seed=3)
    np.testing.assert_array_equal(again.draws.values, profile.draws.values)


def test_a_changed_future_changes_nothing():
    demand = waves(hours=400)
    now = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=350)
    changed = demand.copy()
    changed[:, :, 350:] = 99.0
    first, second = (forecast(usage_of(x), 12, now=now) for x in (demand, changed))
    np.testing.assert_array_equal(first.draws.values, second.draws.values)
    assert str(first.draws["time"].values[0])[:13] == "2026-01-19T14"


def test_a_gap_between_the_data_and_now_is_bridged():
    usage = usage_of(waves(hours=400))
    now = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=406)
    profile = forecast(usage, 6, now=now)
    ahead = 10 + 5 * np.sin(2 * np.pi * np.arange(406, 412) / 24)
    np.testing.assert_allclose(profile.quantile(0.5).values[0, 0, 0], ahead, atol=1.2)


def _hard() -> np.ndarray:
    """Constant, never known, zero, thirty per cent unknown, ten times as much since a day ago, a billionth."""
    demand = waves(groups=6, resources=2, hours=500)
    demand[0, 0] = 4.0
    demand[1] = np.nan
    demand[2, 1] = 0.0
    demand[3][np.random.default_rng(2).random((2, 500)) < 0.3] = np.nan
    demand[4, :, 476:] *= 10
    demand[5] *= 1e-9
    return demand


def test_hard_data_gives_draws_within_what_history_justifies():
    demand = _hard()
    draws = forecast(usage_of(demand), 24).draws.values
    assert np.isfinite(draws).all()
    assert (draws >= 0).all()
    assert (draws[:, 0, 0] == 4.0).all()
    assert (draws[:, 2, 1] == 0.0).all()
    known = [0, 2, 3, 4, 5]
    highest = np.nanmax(demand[known], axis=2)
    assert (draws[:, known].max(axis=(0, 3)) <= 3.001 * highest).all()
    assert 5 < np.median(draws[:, 1, 0]) < 20  # the group that nobody knows lives on its region
    assert np.median(draws[:, 5, 0]) < 1e-7


@pytest.mark.parametrize("demand", [waves(1, 1, 48), np.full((2, 1, 100), 3.0)], ids=["two days", "all constant"])
def test_little_history_and_nothing_that_moves(demand):
    draws = forecast(usage_of(demand), 12).draws.values
    assert np.isfinite(draws).all()
    assert (draws >= 0).all()


def test_what_it_refuses():
    with pytest.raises(ForecastingError, match="at least 1"):
        forecast(usage_of(waves()), 0)
    with pytest.raises(UsageError, match="48"):
        forecast(usage_of(waves(hours=40)), 12)
    nothing = waves(resources=2)
    nothing[:, 1] = np.nan
    with pytest.raises(UsageError, match="no group has a known value of r1"):
        forecast(usage_of(nothing), 12)


def test_intervals_hold_what_they_say_for_groups_and_for_their_sum():
    table = simulate(seed=11, groups_per_region=3, extra_hours=48).table
    usage = from_table(table)
    now = START + timedelta(weeks=6)
    profile = forecast(usage, 48, now=now)
    actual = usage["demand"].isel(time=slice(1008, 1056)).values
    for level, slack in ((0.5, 0.15), (0.8, 0.12), (0.95, 0.06)):
        lower, upper = profile.interval(level).values
        assert abs(coverage(actual, lower, upper) - level) < slack
    total = profile.draws.sum("group").values
    lower, upper = np.quantile(total, [0.1, 0.9], axis=0)
    assert abs(coverage(actual.sum(axis=0), lower, upper) - 0.8) < 0.2
