import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.errors import ForecastingError
from forecasting.score import coverage, crps_from_draws, pinball, pit, surprise, weighted_quantile_loss

LEVELS = np.arange(1, 20) / 20
values = st.floats(0, 1e6)


def test_pinball_of_known_values():
    np.testing.assert_allclose(pinball([10, 6, np.nan], 8, 0.9), [1.8, 0.2, np.nan])


@given(arrays(float, 50, elements=values), st.floats(0.02, 0.98))
def test_pinball_is_least_at_the_quantile(sample, level):
    best = np.quantile(sample, level, method="inverted_cdf")
    least = pinball(sample, best, level).mean()
    assert least >= 0
    for other in (best - 1, best + 1, best * 0.9, best * 1.1):
        assert pinball(sample, other, level).mean() >= least - 1e-9 * max(1, best)


def test_weighted_quantile_loss_of_known_values():
    # By hand: the losses are 0.5·2 + 0.5·1 = 1.5 and 0.9·2 + 0.1·1 = 1.9; Σ|actual| is 15.
    loss = weighted_quantile_loss([10.0, 5.0], [[8.0, 6.0], [8.0, 6.0]], [0.5, 0.9])
    assert loss == pytest.approx((2 * 1.5 / 15 + 2 * 1.9 / 15) / 2)


def test_weighted_quantile_loss_skips_what_is_not_known():
    actual = np.array([[10.0, np.nan], [5.0, 0.0]])
    quantiles = np.stack([actual - 1, actual + 2])
    quantiles[:, 0, 1] = 1e9
    kept = weighted_quantile_loss(actual[[0, 1, 1], [0, 0, 1]], quantiles[:, [0, 1, 1], [0, 0, 1]], [0.1, 0.9])
    assert weighted_quantile_loss(actual, quantiles, [0.1, 0.9]) == pytest.approx(kept)


@given(arrays(float, (3, 4), elements=st.floats(1, 1e6)), st.floats(0.1, 100))
def test_weighted_quantile_loss_has_no_unit_and_is_zero_for_the_truth(actual, scale):
    quantiles = np.stack([actual * factor for factor in (0.8, 1.0, 1.3)])
    loss = weighted_quantile_loss(actual, quantiles, [0.1, 0.5, 0.9])
    assert weighted_quantile_loss(actual * scale, quantiles * scale, [0.1, 0.5, 0.9]) == pytest.approx(loss)
    assert weighted_quantile_loss(actual, np.stack([actual] * 3), [0.1, 0.5, 0.9]) == 0


def test_weighted_quantile_loss_of_nothing_is_nan():
    assert np.isnan(weighted_quantile_loss([0.0, np.nan], [[1.0, 1.0]], [0.5]))


@pytest.mark.parametrize(
    ("quantiles", "levels"), [([[1.0]], [0.5]), ([[1.0, 2.0]], [0.1, 0.9]), ([[1.0, 2.0]], [1.0])]
)
def test_weighted_quantile_loss_refuses_what_does_not_fit(quantiles, levels):
    with pytest.raises(ForecastingError):
        weighted_quantile_loss([1.0, 2.0], quantiles, levels)


def test_coverage_counts_the_ends_and_skips_what_is_not_known():
    assert coverage([1.0, 2.0, 3.0, np.nan], 1.0, 2.0) == pytest.approx(2 / 3)
    assert np.isnan(coverage([np.nan], 0.0, 1.0))
    assert coverage([1.0, 5.0], [[0.0, 0.0], [0.0, 0.0]], [[2.0, 2.0], [2.0, 9.0]]) == pytest.approx(3 / 4)


def test_crps_of_known_values():
    # For draws 0 and 2 and actual 1: mean |x − y| = 1, ½ mean |x − x′| = ½.
    np.testing.assert_allclose(crps_from_draws([[0.0], [2.0]], [1.0]), [0.5])
    np.testing.assert_allclose(crps_from_draws([[3.0, 3.0]], [1.0, np.nan]), [2.0, np.nan])


def test_crps_of_a_normal_sample_is_near_its_closed_form():
    draws = np.random.default_rng(0).normal(size=100_000)
    # Gneiting and Raftery (2007), eq. 5, at y = 0: 2φ(0) − 1/√π.
    assert crps_from_draws(draws, 0.0) == pytest.approx(2 / np.sqrt(2 * np.pi) - 1 / np.sqrt(np.pi), abs=0.005)


@given(arrays(float, (20, 3), elements=values), arrays(float, 3, elements=values))
def test_crps_is_the_pairwise_definition(draws, actual):
    pairs = np.abs(draws[:, np.newaxis] - draws[np.newaxis]).mean(axis=(0, 1))
    expected = np.abs(draws - actual).mean(axis=0) - pairs / 2
    np.testing.assert_allclose(crps_from_draws(draws, actual), expected, atol=1e-6)


def test_crps_is_twice_the_mean_pinball_over_all_levels():
    draws = np.sort(np.random.default_rng(1).gamma(2, size=400))
    levels = (np.arange(400) + 0.5) / 400
    expected = 2 * pinball(1.7, draws, levels).mean()
    assert crps_from_draws(draws, 1.7) == pytest.approx(expected, rel=1e-9)


def test_pit_of_known_values():
    draws = np.array([[1.0], [2.0], [2.0], [3.0]])
    assert pit(draws, [2.0]).tolist() == [0.5]
    assert pit(draws, [0.0]).tolist() == [0.1]
    assert pit(draws, [9.0]).tolist() == [0.9]
    assert np.isnan(pit(draws, [np.nan])).all()


@given(arrays(float, (30, 4), elements=values), arrays(float, 4, elements=values))
def test_pit_grows_with_the_actual_and_is_never_an_end(draws, actual):
    place = pit(draws, actual)
    assert ((place > 0) & (place < 1)).all()
    assert (pit(draws, actual + 1) >= place).all()


def test_pit_of_a_calibrated_forecast_is_uniform():
    sample = np.random.default_rng(2).gamma(2, size=(51, 20_000))
    place = pit(sample[:50], sample[50])
    np.testing.assert_allclose(np.quantile(place, LEVELS), LEVELS, atol=0.02)


def test_surprise_is_none_at_the_median_and_as_large_either_way():
    draws = np.arange(1.0, 1000.0)
    assert surprise(draws, 500.0) == pytest.approx(0)
    assert surprise(draws, 0.0) == pytest.approx(surprise(draws, 2000.0)) == pytest.approx(3)
    assert surprise(draws, 950.5) == pytest.approx(1, abs=0.01)
    assert np.isnan(surprise(draws, np.nan))


@pytest.mark.parametrize("score", [crps_from_draws, pit, surprise])
def test_shapes_that_do_not_fit_are_refused(score):
    for draws, actual in ([[[1.0, 2.0]], [1.0]], [np.empty((0, 1)), [1.0]], [1.0, 1.0]):
        with pytest.raises(ForecastingError, match="draws of shape"):
            score(draws, actual)
