import numpy as np
import pytest

from forecasting.transform import HIGHEST, standardise


def demand(groups=3, hours=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.gamma(2.0, 3.0, (groups, 2, hours)) * np.array([1.0, 1e6])[None, :, None]


def test_scores_go_back_to_demand():
    values = demand()
    scores, transform = standardise(values, np.zeros(3, dtype=np.intp))
    np.testing.assert_allclose(transform.demand_of(scores), values.transpose(2, 0, 1), rtol=1e-9)
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scores.std(axis=0), 1, atol=1e-9)


def test_the_bounds_are_nothing_and_a_multiple_of_the_highest():
    values = demand()
    _, transform = standardise(values, np.zeros(3, dtype=np.intp))
    np.testing.assert_allclose(transform.demand_of(transform.lowest[None])[0], 0, atol=1e-6)
    np.testing.assert_allclose(
        transform.demand_of(transform.highest[None])[0], HIGHEST * values.max(axis=2), rtol=1e-9
    )


def test_a_constant_series_does_not_move():
    values = demand()
    values[1, 0] = 5.0
    values[2, 1] = 0.0
    scores, transform = standardise(values, np.zeros(3, dtype=np.intp))
    assert transform.moves.tolist() == [[True, True], [False, True], [True, False]]
    assert transform.demand_of(scores)[0, 1, 0] == pytest.approx(5.0)
    assert transform.demand_of(scores)[0, 2, 1] == 0.0


def test_an_unknown_group_is_taken_to_be_like_the_middle_of_its_region():
    values = demand(groups=5)
    values[4] = np.nan
    _, transform = standardise(values, np.array([0, 0, 1, 1, 1]))
    assert transform.moves[4].all()
    np.testing.assert_allclose(transform.mean[4], np.median(transform.mean[2:4], axis=0))


def test_unknown_hours_stay_unknown():
    values = demand()
    values[0, 0, 10:20] = np.nan
    scores, _ = standardise(values, np.zeros(3, dtype=np.intp))
    assert np.isnan(scores[10:20, 0, 0]).all()
    assert np.isfinite(scores[:, 1]).all()


def test_some_series_go_back_to_demand_on_their_own():
    values = demand()
    scores, transform = standardise(values, np.zeros(3, dtype=np.intp))
    some = np.array([5, 0])  # group 2, resource 1; group 0, resource 0
    flat = scores.reshape(len(scores), 6)[:, some]
    found = transform.of_series(some).demand_of(flat)
    np.testing.assert_allclose(found, np.stack([values[2, 1], values[0, 0]], axis=1), rtol=1e-9)
    np.testing.assert_array_equal(transform.of_series(some).highest, transform.highest.ravel()[some])


def test_a_group_without_a_region_that_is_known_is_like_the_middle_of_all():
    values = demand(groups=4)
    values[3] = np.nan
    _, transform = standardise(values, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(transform.mean[3], np.median(transform.mean[:3], axis=0))


def test_a_resource_that_a_group_never_used_is_not_used():
    values = demand()
    values[0, 1] = np.nan
    scores, transform = standardise(values, np.zeros(3, dtype=np.intp))
    assert not transform.moves[0, 1]
    assert (transform.demand_of(scores)[:, 0, 1] == 0).all()


def test_no_score_however_low_is_less_than_no_demand():
    _, transform = standardise(demand(), np.zeros(3, dtype=np.intp))
    assert (transform.demand_of(np.full((1, 3, 2), -1e6)) == 0).all()
