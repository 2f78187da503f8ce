import numpy as np
import pytest
from scipy.optimize import minimize

from forecasting.score import crps_from_draws
from forecasting.settings import COMPONENTS
from forecasting.stacking import (
    LEVELS,
    RANGES,
    Terms,
    crps_of,
    range_of,
    solve,
    terms_of,
    usual_weights,
    weights_of,
)

HOURS, SERIES = 80, 2


def forecasts(bias=(0.0, 1.0, 0.0), size=(1.0, 1.0, 3.0), seed=1):
    """Draws of three components ``(component, level, hour, series)`` and what came."""
    rng = np.random.default_rng(seed)
    actual = rng.normal(10, 1, (HOURS, SERIES))
    shape = (len(LEVELS), HOURS, SERIES)
    draws = [10 + b + s * np.sort(rng.normal(size=shape), axis=0) for b, s in zip(bias, size, strict=True)]
    return np.stack(draws), actual


def test_steps_ahead_have_the_range_whose_end_they_do_not_pass():
    found = range_of(200)
    assert [found[step - 1] for step in (1, 6, 7, 24, 25, 72, 73, 168, 169, 200)] == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3]


@pytest.mark.parametrize("copies", [(1, 0, 0), (1, 1, 1), (3, 1, 2)])
def test_the_quadratic_form_is_the_crps_of_the_pooled_mixture(copies):
    draws, actual = forecasts()
    actual[[3, 50], [0, 1]] = np.nan
    terms = terms_of(draws, actual)
    weight = np.array(copies) / sum(copies)
    pooled = np.concatenate([draws[i] for i, count in enumerate(copies) for _ in range(count)])
    exact = np.nan_to_num(crps_from_draws(pooled, actual)).sum(axis=1)
    for number in range(len(RANGES)):
        error, apart = terms.error[number].sum(axis=-1), terms.apart[number].sum(axis=-1)
        found = weight @ error - weight @ apart @ weight / 2
        assert found == pytest.approx(exact[range_of(HOURS) == number].sum(), rel=1e-9)


def test_terms_are_those_of_each_series_and_add_up_over_origins():
    draws, actual = forecasts()
    both, one = terms_of(draws, actual), terms_of(draws[..., [1]], actual[:, [1]])
    np.testing.assert_allclose(both.error[..., [1]], one.error)
    np.testing.assert_allclose(both.apart[..., [1]], one.apart)
    np.testing.assert_allclose((both + both).error, 2 * both.error)
    np.testing.assert_allclose((both + both).apart, 2 * both.apart)
    actual[3:5, 1] = np.nan
    known = terms_of(draws, actual)
    np.testing.assert_array_equal(known.known, [[6, 4], [18, 18], [48, 48], [8, 8]])
    np.testing.assert_array_equal((known + both).known, known.known + both.known)


def of_range(terms, number):
    """What `solve` takes, of all series together."""
    return terms.error[number].sum(axis=-1), terms.apart[number].sum(axis=-1)


def test_weight_goes_to_the_component_that_did_better():
    terms = terms_of(*forecasts())
    equal = np.full(3, 1 / 3)
    found = solve(*of_range(terms, 2), equal, 0.05)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()
    assert found[0] > 0.6
    assert found[0] > found[1]
    assert found[0] > found[2]


def test_with_no_prior_to_speak_of_no_mixture_does_better():
    terms = terms_of(*forecasts(bias=(0.8, -0.8, 0.3)))
    error, apart = of_range(terms, 2)

    def crps(weight):
        return weight @ error - weight @ apart @ weight / 2

    best = crps(solve(error, apart, np.full(3, 1 / 3), 1e-6))
    for weight in np.random.default_rng(1).dirichlet(np.ones(3), 300):
        assert best <= crps(weight) * (1 + 1e-4)


def test_a_prior_that_is_strong_holds_and_one_without_data_is_kept():
    prior = np.array([0.2, 0.5, 0.3])
    terms = terms_of(*forecasts())
    np.testing.assert_allclose(solve(*of_range(terms, 2), prior, 1e4), prior, atol=1e-3)
    np.testing.assert_array_equal(solve(np.zeros(3), np.zeros((3, 3)), prior, 0.1), prior)


def test_weights_are_the_same_in_any_unit():
    terms = terms_of(*forecasts())
    equal = np.full(3, 1 / 3)
    error, apart = of_range(terms, 1)
    small, large = (solve(error * k, apart * k, equal, 0.05) for k in (1e-6, 1e6))
    np.testing.assert_allclose(small, large, atol=1e-6)


@pytest.mark.parametrize("strength", [1e-3, 0.1, 3.0])
def test_many_mixtures_at_once_are_what_a_general_solver_finds_one_by_one(strength):
    terms = [
        terms_of(*forecasts(bias=bias, seed=seed)) for seed, bias in enumerate([(0, 1, 0), (2, 0, 0), (0, 0, -1)])
    ]
    error = np.stack([each.error[2].T for each in terms])  # (mixture, series, component)
    apart = np.stack([np.moveaxis(each.apart[2], -1, 0) for each in terms])
    prior = np.random.default_rng(1).dirichlet(np.ones(3), error.shape[:2])
    prior[0, 0] = [0.0, 0.4, 0.6]
    found = solve(error, apart, prior, strength)
    for place in np.ndindex(error.shape[:2]):
        wanted = by_slsqp(error[place], apart[place], prior[place], strength)
        np.testing.assert_allclose(found[place], wanted, atol=2e-4)
    assert found[0, 0, 0] == 0.0


def by_slsqp(error, apart, prior, strength):
    size = crps_of(prior, error, apart)

    def loss(weight):
        return crps_of(weight, error, apart) / size - strength * (prior * np.log(np.maximum(weight, 1e-12))).sum()

    bounds = [(0.0, float(share > 0)) for share in prior]
    whole = {"type": "eq", "fun": lambda weight: weight.sum() - 1}
    options = {"ftol": 1e-12, "maxiter": 500}
    return minimize(loss, prior, method="SLSQP", bounds=bounds, constraints=whole, options=options).x


USUAL = np.tile([0.5, 0.3, 0.2], (len(RANGES), 1))


def weights(terms, resource_of, days=100.0):
    return weights_of(terms, resource_of, dict.fromkeys(terms, days), USUAL)


def nothing_known():
    return terms_of(forecasts()[0], np.full((HOURS, SERIES), np.nan))


def test_usual_weights_are_those_of_some_components_adding_up_to_one():
    every = usual_weights(COMPONENTS)
    assert every.shape == (len(RANGES), len(COMPONENTS))
    np.testing.assert_allclose(every.sum(axis=1), 1)
    some = usual_weights(("days", "ar"))
    np.testing.assert_allclose(some.sum(axis=1), 1)
    order = [COMPONENTS.index(name) for name in ("days", "ar")]
    np.testing.assert_allclose(some[:, 0] / some[:, 1], every[:, order[0]] / every[:, order[1]])


def test_a_block_without_data_has_the_weights_of_its_resource():
    known = terms_of(*forecasts())
    found = weights({0: known, 1: nothing_known()}, {0: 0, 1: 0})
    alone = weights({0: known}, {0: 0})
    np.testing.assert_allclose(found[1], alone[0], atol=1e-6)
    np.testing.assert_allclose(found[1].sum(axis=1), 1)


def test_beyond_what_was_rehearsed_the_last_weights_are_carried_on():
    short = terms_of(forecasts()[0][:, :, :20], forecasts()[1][:20])
    for learnt in (weights({0: short}, {0: 0}), weights({0: short, 1: short}, {0: 0, 1: 0})):
        np.testing.assert_array_equal(learnt[0][2:], learnt[0][[1, 1]])
        assert np.abs(learnt[0] - USUAL).max() > 0.1
    # A resource of which something is known further ahead has weights of its own there, in every block.
    both = weights({0: short, 1: terms_of(*forecasts())}, {0: 0, 1: 0})
    assert np.abs(both[0][2] - both[0][1]).max() > 1e-3


def test_where_nothing_was_rehearsed_weights_are_the_usual_ones():
    np.testing.assert_array_equal(weights({0: nothing_known()}, {0: 0})[0], USUAL)


def test_blocks_differ_within_a_resource_and_resources_have_nothing_in_common():
    left, right = terms_of(*forecasts(bias=(0, 2, 2))), terms_of(*forecasts(bias=(2, 0, 2)))
    shared = weights({0: left, 1: right}, {0: 0, 1: 0})
    assert (shared[0][:, 0] > shared[0][:, 1]).all()
    assert (shared[1][:, 1] > shared[1][:, 0]).all()
    apart = weights({0: left, 1: right}, {0: 0, 1: 1})
    np.testing.assert_allclose(apart[0], weights({0: left}, {0: 0})[0])


def test_the_less_was_rehearsed_the_closer_weights_stay_to_the_usual_ones():
    terms = terms_of(*forecasts(bias=(2.0, 0.0, 2.0)))
    from_usual = [np.abs(weights({0: terms}, {0: 0}, days)[0] - USUAL).max() for days in (0.5, 2.0, 12.0, 100.0)]
    assert from_usual[0] < from_usual[1] < from_usual[2]
    assert from_usual[2] == pytest.approx(from_usual[3])


def test_a_component_of_next_to_no_weight_is_left_out():
    terms = terms_of(*forecasts(bias=(0.0, 9.0, 0.0), size=(1.0, 1.0, 1.0)))
    found = weights_of({0: terms}, {0: 0}, {0: 100.0}, np.tile([0.6, 0.02, 0.38], (len(RANGES), 1)))[0]
    assert (found[:3, 1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_one_component_has_all_the_weight():
    terms = Terms(np.ones((4, 1, 2)), np.zeros((4, 1, 1, 2)), np.ones((4, 2)))
    np.testing.assert_array_equal(weights_of({0: terms}, {0: 0}, {0: 1.0}, np.ones((4, 1)))[0], 1.0)
