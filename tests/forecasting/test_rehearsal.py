"""From how forecasts of earlier origins went: weights, factors, and how long errors last."""

from dataclasses import replace

import numpy as np
import pytest
from demand import of_block, usage_of, waves
from scipy.stats import norm

from forecasting.appraisal import _nearer_now, _ranks, judge
from forecasting.basis import DAY, WEEK
from forecasting.history import history_of
from forecasting.lasting import UNKNOWN, shares_of
from forecasting.own_weights import own_weights
from forecasting.rehearsal import POINTS, SHARES, Rehearsal, Task, rehearse
from forecasting.stacking import RANGES, terms_of, usual_weights

SERIES, COMPONENTS = 400, ("ar", "days")
AT = norm.ppf(np.cumsum(SHARES) - SHARES / 2)[:, None, None]


def rehearsal(spreads, known_weeks=(8, 8), past_weeks=8, lasts=0.0, seed=1):
    """Forecasts of a day that are standard normal for both components; what came has these spreads, by origin."""
    rng = np.random.default_rng(seed)
    quantiles = np.broadcast_to(AT, (len(COMPONENTS), len(POINTS), DAY, SERIES)).astype(np.float32)
    actual = [
        spread
        * (np.sqrt(lasts) * rng.normal(size=(1, SERIES)) + np.sqrt(1 - lasts) * rng.normal(size=(DAY, SERIES)))
        for spread in spreads
    ]
    terms = [terms_of(quantiles, each) for each in actual]
    known = tuple(WEEK * weeks for weeks in known_weeks)
    alike = np.zeros(SERIES)
    return Rehearsal(terms, 1e6, [quantiles] * len(actual), actual, alike, known, WEEK * past_weeks)


def factors_of(*args, **options):
    """Of the first day, by level."""
    return judge({0: rehearsal(*args, **options)}, {0: 0}, COMPONENTS)[0].factors[1]


def test_factors_are_how_much_wider_intervals_had_to_be():
    np.testing.assert_allclose(factors_of([1.0, 1.0]), 1.0, atol=0.05)
    np.testing.assert_allclose(factors_of([1.5, 1.5]), 1.5, atol=0.1)


def test_tails_that_reach_too_short_are_told_from_intervals_that_are_right():
    found = rehearsal([1.0, 1.0])
    burst = [np.where(np.abs(x) > 2.2, 1.5 * x, x) for x in found.actual]  # beyond the 95 % interval
    factors = judge({0: replace(found, actual=burst)}, {0: 0}, COMPONENTS)[0].factors[1]
    np.testing.assert_allclose(factors[:3], 1.0, atol=0.05)
    np.testing.assert_allclose(factors[3], 1.5, atol=0.1)


def test_reach_is_judged_by_weights_that_saw_nothing_of_the_origin():
    """What fits each series best in hindsight would seem to reach further than it does."""
    rng = np.random.default_rng(1)
    worlds = (
        np.arange(SERIES) % 2 == np.arange(len(COMPONENTS))[:, None]
    )  # which component is right of which series
    off = 1.5 * ~worlds[None] + 0.8 * rng.normal(size=(8, *worlds.shape))  # and what is chance, by origin
    quantiles = [np.repeat(AT[None] + each[:, None, None], DAY, axis=2).astype(np.float32) for each in off]
    actual = [rng.normal(size=(DAY, SERIES)) for _ in off]
    terms = [terms_of(*each) for each in zip(quantiles, actual, strict=True)]
    cuts = tuple(WEEK * 4 + 37 * number for number in range(8))
    one = Rehearsal(terms, 1e6, quantiles, actual, np.zeros(SERIES), cuts, WEEK * 6)
    found = judge({0: one}, {0: 0}, COMPONENTS)[0]
    own = own_weights({0: terms}, cuts, {0: 0}, {0: found.weights})[0]
    np.testing.assert_array_equal(found.own_weights, own.now)
    assert np.ptp(own.now[1], axis=1).max() > 0.1
    blind, seeing = (_ranks(one, each) for each in (own.without, np.repeat(own.now[None], 8, axis=0)))
    assert found.lasting == pytest.approx(shares_of(blind))
    assert np.mean(np.abs(blind - 0.5) > 0.4) > np.mean(np.abs(seeing - 0.5) > 0.4)


def test_an_origin_that_knew_less_counts_less():
    early, late = factors_of([1.6, 1.0], (4, 8)), factors_of([1.0, 1.6], (4, 8))
    assert (early[:2] < 1.1).all()
    assert (late[:2] > 1.45).all()


def test_intervals_get_narrower_by_the_weeks_that_are_known_since_but_the_widest():
    now, later = factors_of([1.2, 1.2], (2, 2), 2), factors_of([1.2, 1.2], (2, 2), 4)
    np.testing.assert_allclose(later[:2] / now[:2], np.sqrt((1 + 1 / 4) / (1 + 1 / 2)), rtol=0.01)
    np.testing.assert_array_equal(later[2:], now[2:])


def test_an_hour_of_the_week_is_met_as_often_as_it_lies_in_what_is_known():
    found = _nearer_now(np.array([3 * WEEK - DAY, 3 * WEEK]), 3 * WEEK, WEEK)
    fewer = np.sqrt((1 + 1 / 3) / (1 + 1 / 2))
    np.testing.assert_allclose(found[0, :2, :DAY], fewer)  # these hours lie before what was known three weeks ago
    np.testing.assert_array_equal(found[0, :2, DAY:], 1.0)
    np.testing.assert_array_equal(found[1], 1.0)
    np.testing.assert_array_equal(found[:, 2:], 1.0)  # bursts


def test_draws_that_stand_for_fewer_others_count_for_less():
    quantiles = np.broadcast_to(AT, (1, len(POINTS), DAY, 1))
    levels = np.array([0.02, 0.1, 0.5, 0.8, 0.99])
    actual = np.tile(norm.ppf(levels), 5)[:DAY, None]
    one = Rehearsal([terms_of(quantiles, actual)], 1.0, [quantiles], [actual], np.zeros(1), (WEEK,), WEEK)
    found = _ranks(one, np.ones((1, len(RANGES), 1, 1)))[0, :, 0]
    np.testing.assert_allclose(found, np.tile(levels, 5)[:DAY], atol=0.025)


def test_mixtures_are_weighed_by_draws_that_are_evenly_spread():
    history, transform = history_of(usage_of(waves(groups=2, hours=400)), 0)
    own, of_own = of_block(history), transform.of_series(np.array([0]))
    task = Task(own, of_own, {}, {}, ("days", "level"), (300,), DAY, 1)
    found = rehearse(task)
    even = np.searchsorted(POINTS, np.arange(2, 120, 5))
    quantiles = of_own.demand_of(found.quantiles[0][:, even])
    wanted = terms_of(quantiles, of_own.demand_of(own.scores[300 : 300 + DAY]))
    np.testing.assert_allclose(found.terms[0].error, wanted.error)
    np.testing.assert_allclose(found.terms[0].apart, wanted.apart)


@pytest.mark.parametrize("lasts", [0.0, 0.6])
def test_how_long_errors_last_is_found(lasts):
    found = judge({0: rehearsal([1.0, 1.0], lasts=lasts)}, {0: 0}, COMPONENTS)[0].lasting
    rng = np.random.default_rng(2)
    errors = np.sqrt(lasts) * rng.normal(size=(2, 1, SERIES)) + np.sqrt(1 - lasts) * rng.normal(
        size=(2, DAY, SERIES)
    )
    np.testing.assert_allclose(found, shares_of(norm.cdf(errors)), atol=0.03)
    assert found.sum() == pytest.approx(2 * SERIES / (2 * SERIES + 100))


def test_where_nothing_could_be_rehearsed_the_usual_holds():
    found = judge({}, {0: 0, 3: 1}, COMPONENTS)
    assert set(found) == {0, 3}
    np.testing.assert_array_equal(found[3].weights, usual_weights(COMPONENTS))
    assert (found[3].factors == 1).all()
    assert (found[3].lasting == UNKNOWN).all()
