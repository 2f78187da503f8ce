import numpy as np
import pytest

from forecasting.sufficient import HALF_LIFE_HOURS, Statistics, advance, frame_of, nothing, recency, rotate

HOURS, SERIES, FEATURES = 900, 4, 6
NO_EVENTS = slice(0, 0)


def world(seed=3, gaps=0.05):
    """Scores with gaps and features of very different size, some unknown at first."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(HOURS, SERIES, FEATURES)) * 10.0 ** np.arange(-2, FEATURES - 2)
    features[..., 0] = 1.0
    scores = rng.normal(size=(HOURS, SERIES)) + features[..., 1] * 20
    scores[rng.random(scores.shape) < gaps] = np.nan
    features[:30, :, 2] = np.nan
    return scores, features


def statistics(scores, features):
    return advance(nothing(scores.shape[1], features.shape[-1]), scores, features)


def test_the_latest_hour_counts_one_and_half_a_life_ago_a_half():
    weight = recency(HALF_LIFE_HOURS + 1)
    assert weight[-1] == 1
    assert weight[0] == 0.5


@pytest.mark.parametrize("cuts", [[899], [1], [100, 101, 500], [24 * day for day in range(1, 37)]])
def test_new_hours_give_the_same_statistics_as_from_scratch(cuts):
    scores, features = world()
    known = nothing(SERIES, FEATURES)
    for begin, end in zip([0, *cuts], [*cuts, HOURS], strict=True):
        known = advance(known, scores[begin:end], features[begin:end])
    whole = statistics(scores, features)
    for name in ("gram", "moment", "energy", "hours"):
        size = np.abs(getattr(whole, name)).max()
        np.testing.assert_allclose(getattr(known, name), getattr(whole, name), rtol=1e-10, atol=1e-13 * size)


def test_no_new_hours_change_nothing():
    whole = statistics(*world())
    again = advance(whole, np.empty((0, SERIES)), np.empty((0, SERIES, FEATURES)))
    np.testing.assert_array_equal(again.gram, whole.gram)
    np.testing.assert_array_equal(again.hours, whole.hours)


def test_they_are_the_weighted_sums_over_hours_that_are_known_whole():
    scores, features = world()
    found = statistics(scores, features)
    weight = recency(HOURS)
    for series in range(SERIES):
        whole = np.isfinite(scores[:, series]) & np.isfinite(features[:, series]).all(axis=1)
        x, y, w = features[whole, series], scores[whole, series], weight[whole]
        np.testing.assert_allclose(found.gram[series], (x.T * w) @ x, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.moment[series], x.T @ (w * y), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.energy[series], w @ y**2, rtol=1e-6)
        np.testing.assert_allclose(found.hours[series], w.sum(), rtol=1e-12)


def test_the_rotated_statistics_give_the_squared_error_of_any_coefficients():
    scores, features = world()
    found = statistics(scores, features)
    frame = frame_of(found, np.ones(SERIES, dtype=bool), NO_EVENTS)
    rotated = rotate(found, frame.plain)
    theta = np.random.default_rng(1).normal(size=(SERIES, FEATURES)) / 5
    value = (rotated.rotation @ theta[..., None])[..., 0]
    quick = rotated.energy + (rotated.eigenvalue * value**2 - 2 * rotated.projection * value).sum(axis=-1)
    error = scores - (features * (theta @ frame.plain.T)).sum(axis=-1)
    slow = np.nansum(recency(HOURS)[:, None] * error**2, axis=0)
    np.testing.assert_allclose(quick, slow, rtol=1e-6)
    unit = rotated.rotation @ np.swapaxes(rotated.rotation, 1, 2)
    np.testing.assert_allclose(unit, np.broadcast_to(np.eye(FEATURES), unit.shape), atol=1e-9)


def test_a_frame_whitens_what_is_pooled():
    found = statistics(*world())
    frame = frame_of(found, np.ones(SERIES, dtype=bool), NO_EVENTS)
    whiten = frame.plain / frame.stretch
    pooled = whiten.T @ found.gram.sum(axis=0) @ whiten / found.hours.sum()
    # The ridge keeps the smallest feature (a hundredth) from being blown up whole.
    np.testing.assert_allclose(pooled, np.eye(FEATURES), atol=0.15)
    assert (frame.stretch**2).mean() == pytest.approx(1)


def test_rough_estimates_are_near_least_squares():
    scores, features = world(gaps=0.0)
    found = statistics(scores, features)
    frame = frame_of(found, np.ones(SERIES, dtype=bool), NO_EVENTS)
    for series in range(SERIES):
        plain = frame.plain @ frame.own[series]
        exact = np.linalg.solve(found.gram[series], found.moment[series])
        np.testing.assert_allclose(plain[1], exact[1], rtol=0.1)


def test_series_that_do_not_move_do_not_distort_the_frame():
    scores, features = world()
    moves = np.array([True, True, True, False])
    wild = features.copy()
    wild[:, 3] *= 1e6
    one, other = (frame_of(statistics(scores, x), moves, NO_EVENTS) for x in (features, wild))
    np.testing.assert_array_equal(one.plain, other.plain)
    np.testing.assert_array_equal(one.pooled, other.pooled)


def test_events_are_left_as_they_are_and_may_never_have_happened():
    scores, features = world()
    features[..., 4] = 0.0
    frame = frame_of(statistics(scores, features), np.ones(SERIES, dtype=bool), slice(4, 5))
    column = np.zeros(FEATURES)
    column[4] = 1.0
    np.testing.assert_array_equal(frame.plain[:, 4] / frame.stretch[4], column)
    np.testing.assert_array_equal(frame.plain[4] / frame.stretch[4], column)
    for part in (frame.plain, frame.stretch, frame.pooled, frame.own):
        assert np.isfinite(part).all()
    assert frame.pooled[4] == 0
    assert frame.stretch[4] > 0


def test_nothing_known_and_nothing_that_moves_still_has_a_frame():
    for found in (nothing(2, 3), statistics(*world()).of_series(np.array([0, 1]))):
        frame = frame_of(found, np.zeros(2, dtype=bool), NO_EVENTS)
        rotated = rotate(found, frame.plain)
        assert np.isfinite(frame.plain).all()
        assert np.isfinite(frame.own).all()
        assert (rotated.eigenvalue >= 0).all()


def test_series_can_be_parted_and_joined():
    found = statistics(*world())
    again = Statistics.joined([found.of_series(np.array([0, 1])), found.of_series(np.array([2, 3]))])
    for name in ("gram", "moment", "energy", "hours"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
