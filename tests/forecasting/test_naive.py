import numpy as np
import pytest
from demand import usage_of, waves

from forecasting.naive import MOST_DRAWS, seasonal_naive


def test_it_is_last_week_and_its_own_errors():
    demand = np.tile(np.arange(168.0), 4)[None, None]
    draws = seasonal_naive(usage_of(demand), 24)
    assert draws.shape == (MOST_DRAWS, 1, 1, 24)
    assert draws.dtype == np.float32
    np.testing.assert_allclose(draws[:, 0, 0], np.tile(np.arange(24.0), (MOST_DRAWS, 1)))
    noisy = demand + np.random.default_rng(1).normal(0, 1, demand.shape) + 50
    low, high = np.quantile(seasonal_naive(usage_of(noisy), 24), [0.05, 0.95], axis=0)
    # The spread of a difference of two unit normals is √2, its 5–95 % interval 3.29 · √2 wide.
    assert (high - low).mean() == pytest.approx(3.29 * 2**0.5, rel=0.1)


def test_each_hour_has_every_past_error_once():
    demand = 50 + np.random.default_rng(2).normal(0, 1, (2, 1, 72))
    draws = seasonal_naive(usage_of(demand), 60)
    errors = demand[..., 24:] - demand[..., :-24]
    assert len(draws) == errors.shape[-1] == 48
    for hour in (0, 23, 59):
        wanted = np.sort(demand[..., 48 + hour % 24, None] + errors, axis=-1)
        np.testing.assert_allclose(np.sort(draws[..., hour], axis=0), np.moveaxis(wanted, -1, 0), rtol=1e-6)


def test_groups_move_together_as_they_did():
    one = 50 + np.random.default_rng(3).normal(0, 1, 400)
    draws = seasonal_naive(usage_of(np.stack([one, 2 * one])[:, None]), 48)
    np.testing.assert_allclose(2 * draws[:, 0], draws[:, 1], rtol=1e-5)


def test_gaps_and_absent_series_are_filled():
    demand = waves(groups=3, hours=100)
    demand[0, 0, 90:] = np.nan
    demand[1] = np.nan
    demand[2, 0, :60] = np.nan
    draws = seasonal_naive(usage_of(demand), 30)
    assert np.isfinite(draws).all()
    assert (draws >= 0).all()
    assert (draws[:, 1] == 0).all()
    assert draws[:, 0].mean() == pytest.approx(10, rel=0.2)
