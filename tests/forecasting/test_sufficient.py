import numpy as np

from forecasting.basis import calendar, choose_basis, memory
from forecasting.sufficient import HALF_LIFE_HOURS, recency, summarise

HOURS = np.datetime64("2026-01-05T00", "ns") + np.arange(900) * np.timedelta64(1, "h")


def test_the_latest_hour_counts_one_and_half_a_life_ago_a_half():
    weight = recency(HALF_LIFE_HOURS + 1)
    assert weight[-1] == 1
    assert weight[0] == 0.5


def test_the_statistics_give_the_squared_error_of_any_coefficients():
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(900, 3, 2)).cumsum(axis=0) / 10
    scores[rng.random(scores.shape) < 0.05] = np.nan
    basis = choose_basis(900)
    statistics = summarise(scores, HOURS, basis, np.ones((3, 2), dtype=bool))
    theta = rng.normal(size=(3, 2, basis.size)) / 5
    value = (statistics.rotation @ theta[..., None])[..., 0]
    quick = statistics.energy + (statistics.eigenvalue * value**2 - 2 * statistics.projection * value).sum(axis=-1)
    plain = np.einsum("rij,grj->gri", statistics.plain, theta)
    features = np.concatenate(
        [
            np.broadcast_to(calendar(HOURS, basis)[:, None, None], (900, 3, 2, basis.calendar_size)),
            memory(scores, basis),
        ],
        axis=-1,
    )
    error = scores - (features * plain).sum(axis=-1)
    slow = np.nansum(recency(900)[:, None, None] * error**2, axis=0)
    np.testing.assert_allclose(quick, slow, rtol=1e-4)
    np.testing.assert_allclose(statistics.hours, (recency(900)[:, None, None] * np.isfinite(error)).sum(axis=0))


def test_some_groups_keep_their_own():
    scores = np.random.default_rng(1).normal(size=(600, 4, 1))
    whole = summarise(scores, HOURS[:600], choose_basis(600), np.ones((4, 1), dtype=bool))
    some = whole.of_groups(np.array([3, 1]))
    np.testing.assert_array_equal(some.projection, whole.projection[[3, 1]])
    np.testing.assert_array_equal(some.own, whole.own[[3, 1]])
    np.testing.assert_array_equal(some.plain, whole.plain)
