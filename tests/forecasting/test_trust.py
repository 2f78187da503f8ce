"""How far hours are believed: bursts little, ordinary hours as they are."""

import numpy as np
import pytest

from forecasting.sufficient import advance, nothing
from forecasting.trust import FREEDOM, t_weights, trust_of

HOURS, SERIES = 1000, 3


def burst():
    """Scores ``(time, series)``, half of a feature but for bursts where it is above 0; which; the feature."""
    rng = np.random.default_rng(3)
    feature = rng.normal(size=(HOURS, SERIES, 1))
    wild = (rng.random((HOURS, SERIES)) < 0.06) & (feature[..., 0] > 0)
    scores = 0.5 * feature[..., 0] + 0.3 * rng.normal(size=(HOURS, SERIES)) + 6.0 * wild
    return scores, wild, feature


def coefficients(scores, features, trust):
    seen = advance(nothing(SERIES, 1), scores, features, trust)
    return seen.moment[:, 0] / seen.gram[:, 0, 0]


def test_bursts_get_little_weight_and_ordinary_hours_about_one():
    scores, wild, feature = burst()
    trust = trust_of(scores, feature)
    assert trust.shape == scores.shape
    assert trust[wild].max() < 0.2
    assert trust.max() <= (FREEDOM + 1) / FREEDOM
    assert abs(trust[~wild].mean() - 1) < 0.06
    assert np.quantile(trust[~wild], 0.05) > 0.7


def test_a_regression_with_bursts_recovers_its_coefficient():
    scores, _, feature = burst()
    plain = coefficients(scores, feature, np.ones_like(scores))
    found = coefficients(scores, feature, trust_of(scores, feature))
    assert (np.abs(plain - 0.5) > 0.08).all()
    assert (np.abs(found - 0.5) < 0.5 * np.abs(plain - 0.5)).all()


@pytest.mark.parametrize("size", [1e-3, 1.0, 50.0])
def test_of_normal_residuals_the_scale_is_a_little_below_the_standard_deviation(size):
    residuals = size * np.random.default_rng(4).normal(size=(4000, 4))
    trust, scale = t_weights(residuals)
    assert ((0.88 * size < scale) & (scale < 0.99 * size)).all()
    np.testing.assert_allclose(trust.mean(axis=0), 1, atol=0.03)


def test_bursts_hardly_move_the_scale():
    residuals = np.random.default_rng(5).normal(size=(4000, 1))
    _, calm = t_weights(residuals)
    residuals[::50] += 20.0
    _, scale = t_weights(residuals)
    assert scale < 1.35 * calm
    assert residuals.std() > 2.5


def test_hours_that_are_not_known_do_not_matter():
    scores, _, feature = burst()
    scores[5::7, 1] = np.nan
    feature[3::11, 2] = np.nan
    trust = trust_of(scores, feature)
    for change in (1e6, -1e6):
        again, other = scores.copy(), feature.copy()
        again[3::11, 2] = change  # its features are not known
        other[5::7, 1] = change  # its score is not known
        np.testing.assert_array_equal(trust_of(again, other), trust)
    assert np.isfinite(trust).all()
    found = coefficients(scores, feature, trust)
    assert (np.abs(found - 0.5) < 0.1).all()


def test_nothing_known_and_nothing_left_over_are_finite():
    for residuals in (np.full((50, 2), np.nan), np.zeros((50, 2))):
        trust, scale = t_weights(residuals)
        assert np.isfinite(trust).all()
        assert (scale > 0).all()
