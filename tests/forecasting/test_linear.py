"""The linear components, against plain linear algebra and against a walk that looks everything up anew."""

from dataclasses import replace

import numpy as np
import pytest
from demand import chance_of, history, learnt, of_block, swings, wave, waves

from forecasting.basis import LINEAR, WEEK, Basis, basis_of, memory
from forecasting.components.linear import (
    MOST_GAIN,
    TREND_KEPT,
    bounded,
    condition,
    features_of,
    known_everywhere,
    paths,
    statistics_of,
    trend,
)
from forecasting.conditionals import Learnt, draw
from forecasting.sufficient import advance, nothing, recency, rotate
from forecasting.trust import trust_of

HOURS, FEATURES = 60, 4


def raw(seed=2):
    """Hours of two series with correlated features; one series has a few hours only."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(HOURS, 2, FEATURES)) @ rng.normal(size=(FEATURES, FEATURES))
    scores = features @ np.array([0.5, -0.2, 0.0, 0.3]) + 0.4 * rng.normal(size=(HOURS, 2))
    scores[:-6, 1] = np.nan
    return scores, features, rng.normal(size=(FEATURES, FEATURES))


def known_of(plain, shared=1):
    base = learnt("weekly", 400)
    rng = np.random.default_rng(7)
    return replace(
        base,
        plain=plain,
        centre=rng.normal(size=(shared, FEATURES)),
        between_groups=np.full(shared, 0.7),
        noise=np.full(shared, 0.5),
        likeness=np.full(shared, 3.0),
    )


def closed_form(x, y, w, shared: Learnt):
    """Mean and covariance of the plain coefficients, and mean of σ², by the book: no statistics, no rotation."""
    z = x @ shared.plain
    prior = np.eye(FEATURES) / shared.between_groups[0] ** 2
    precision = prior + (z.T * w) @ z
    mean = np.linalg.solve(precision, prior @ shared.centre[0] + z.T @ (w * y))
    shape = shared.likeness[0] + w.sum() / 2
    scale = shared.likeness[0] * shared.noise[0] ** 2
    scale += (w @ y**2 + shared.centre[0] @ prior @ shared.centre[0] - mean @ precision @ mean) / 2
    variance = scale / (shape - 1)
    covariance = variance * shared.plain @ np.linalg.inv(precision) @ shared.plain.T
    return shared.plain @ mean, covariance, variance, variance**2 / (shape - 2)


def test_draws_are_of_the_normal_inverse_gamma_posterior_by_the_book():
    scores, features, plain = raw()
    shared = known_of(plain)
    rotated = rotate(advance(nothing(2, FEATURES), scores, features), plain)
    draws = 60_000
    coefficient, noise = draw(rotated, shared, np.arange(draws), np.random.default_rng(1))
    for series in range(2):
        some = np.isfinite(scores[:, series])
        mean, covariance, variance, of_variance = closed_form(
            features[some, series], scores[some, series], recency(HOURS)[some], shared
        )
        found = coefficient[:, series].astype(float)
        size = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose((found.mean(axis=0) - mean) / size, 0, atol=5 / np.sqrt(draws))
        np.testing.assert_allclose(
            np.cov(found.T) / np.outer(size, size), covariance / np.outer(size, size), atol=0.05
        )
        squared = noise[:, series].astype(float) ** 2
        assert abs(squared.mean() - variance) < 5 * np.sqrt(of_variance / draws)
        # Coefficients are drawn given the noise: further out where that is large.
        far = np.abs((found - mean) / size).max(axis=1)
        assert np.corrcoef(far, squared)[0, 1] > 0.02 * (6 if series else 1)


def test_each_draw_has_its_own_shared_parameters():
    shared = replace(known_of(np.eye(FEATURES), shared=2), between_groups=np.full(2, 1e-4))
    rotated = rotate(nothing(2, FEATURES), np.eye(FEATURES))
    found, _ = draw(rotated, shared, np.array([0, 1, 2, 5]), np.random.default_rng(1))
    for place, number in enumerate([0, 1, 0, 1]):
        np.testing.assert_allclose(found[place, 0], shared.centre[number], atol=1e-2)


def test_a_narrow_region_pulls_its_groups_and_a_wide_one_lets_them_go():
    scores, features, _ = raw()
    rotated = rotate(advance(nothing(2, FEATURES), scores, features), np.eye(FEATURES))
    tied, free = (
        draw(
            rotated,
            replace(known_of(np.eye(FEATURES)), between_groups=np.array([between])),
            np.arange(500),
            np.random.default_rng(1),
        )[0].mean(axis=0)
        for between in (1e-3, 1e3)
    )
    centre = known_of(np.eye(FEATURES)).centre[0]
    np.testing.assert_allclose(tied[0], centre, atol=0.01)
    w, x, y = recency(HOURS), features[:, 0], scores[:, 0]
    least_squares = np.linalg.solve((x.T * w) @ x, x.T @ (w * y))
    np.testing.assert_allclose(free[0], least_squares, atol=0.1)


@pytest.mark.parametrize("component", LINEAR)
def test_the_walk_sees_what_would_be_seen_if_every_hour_were_looked_up_anew(component):
    """With groups tied to their region and next to no noise, a path can be worked out from `memory` alone.

    The last 20 hours of the history come after the moment and are wild: they are not looked at.
    """
    hours, ahead = 400, 200
    demand = waves(groups=6, hours=hours + 20)
    whole = of_block(history(demand, ahead))
    known, wild = whole.filled[:hours], whole.filled.copy()
    wild[hours:] = 50.0
    whole = replace(
        whole,
        filled=wild,
        events=np.random.default_rng(1).normal(size=(2, hours + 20 + ahead, 1)),
        lowest=np.full(3, -1.0),  # met now and then
        highest=np.full(3, 1.2),
    )
    shared = learnt(component, hours, ("sale",), between=1e-7, noise=1e-5, likeness=1e13)
    centre = np.random.default_rng(2).uniform(0, 1, shared.centre.shape)
    first = shared.basis.calendar_size + 1
    centre[:, first:] *= 0.9 / centre[:, first:].sum()
    centre[:, :first] *= 0.2
    shared = replace(shared, centre=centre)
    conditioned = condition(whole, shared, statistics_of(whole, shared.basis, [hours]))
    found = paths(conditioned, whole, shared, chance_of(whole, ahead, draws=2, at=hours), np.arange(2), ahead)

    path = np.concatenate([known, np.zeros((ahead, 3))])
    for hour in range(hours, hours + ahead):
        until = path[: hour + 1]
        remembered = memory(until, whole.block, shared.basis)
        seen = features_of(replace(whole, time=whole.time[: hour + 1]), shared.basis, remembered)[hour]
        path[hour] = np.clip(seen @ centre[0], -1.0, 1.2)
    clipped = np.mean((path[hours:] == 1.2) | (path[hours:] == -1.0))
    assert clipped < 0.7
    np.testing.assert_allclose(found, np.repeat(path[hours:, None], 2, axis=1), atol=5e-3)


def test_some_hours_and_the_bounds_hold():
    whole = of_block(history(waves(groups=4, hours=400), 48))
    whole = replace(whole, lowest=np.full(2, -0.5), highest=np.full(2, 0.4))
    shared = learnt("ar", 400)
    conditioned = condition(whole, shared, statistics_of(whole, shared.basis, [400]))
    found = paths(conditioned, whole, shared, chance_of(whole, 48), np.arange(200), 30)
    assert found.shape == (30, 200, 2)
    assert found.dtype == np.float32
    assert found.min() == pytest.approx(-0.5)
    assert found.max() == pytest.approx(0.4)


def test_statistics_at_a_cut_are_those_of_the_hours_before_it():
    whole = of_block(history(waves(groups=4, hours=500)))
    basis = learnt("ar", 500).basis
    both = statistics_of(whole, basis, [420, 500])
    features = features_of(whole, basis, memory(whole.filled, whole.block, basis))
    trust = trust_of(whole.scores[:420], features[:420])
    empty = nothing(whole.scores.shape[1], basis.size)
    alone = advance(empty, whole.scores[:420], features[:420], trust)
    for name in ("gram", "moment", "energy", "hours"):
        np.testing.assert_allclose(getattr(both[420], name), getattr(alone, name), rtol=1e-10)
        assert not np.allclose(getattr(both[500], name), getattr(alone, name))


def test_what_came_after_a_cut_changes_nothing_of_it():
    whole = of_block(history(waves(groups=4, hours=500)))
    basis = learnt("ar", 500).basis
    wild = whole.scores.copy(), whole.filled.copy()
    for values in wild:
        values[420:] = 40.0 * np.random.default_rng(1).normal(size=(80, 2))
    other = replace(whole, scores=wild[0], filled=wild[1])
    one, two = (statistics_of(each, basis, [420, 500])[420] for each in (whole, other))
    for name in ("gram", "moment", "energy", "hours"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_many_series_have_the_statistics_that_they_have_alone():
    whole = of_block(history(waves(groups=600, hours=60)))
    basis = learnt("ar", 60).basis
    assert not basis.block_week
    found = statistics_of(whole, basis, [60])[60]
    assert len(found.hours) == 300
    remembered = memory(whole.filled, whole.block, basis)[:, [0, 255, 256, 299]]
    some = whole.of_series(np.array([0, 255, 256, 299]))
    features = features_of(some, basis, remembered)
    alone = advance(nothing(4, basis.size), some.scores, features, trust_of(some.scores, features))
    np.testing.assert_allclose(found.gram[[0, 255, 256, 299]], alone.gram, rtol=1e-10, atol=1e-12)


def one_block(demand, ahead):
    """All groups of usage as one block of 2 · n groups: both regions are made one."""
    whole = history(demand, ahead)
    zeros = np.zeros(len(whole.block), dtype=np.intp)
    return replace(whole, block=zeros, region=zeros)


@pytest.mark.parametrize("component", LINEAR)
def test_what_moved_together_moves_together_again(component):
    spread = {}
    for together in (0.0, 0.8):
        whole = one_block(swings(groups=8, hours=700, together=together), 24)
        shared = learnt(component, 700)
        conditioned = condition(whole, shared, statistics_of(whole, shared.basis, [700]))
        found = paths(conditioned, whole, shared, chance_of(whole, 24, draws=400), np.arange(400), 24)
        own = found.var(axis=1).sum(axis=-1).mean()
        spread[together] = found.sum(axis=-1).var(axis=1).mean() / own
    # Of eight groups: 1 where they are independent, 1 + 7 · 0.8 where they move together.
    assert spread[0.0] < 2.0
    assert spread[0.8] > 4.0


def test_noise_ahead_is_the_noise_of_the_past_with_gaps_or_without():
    """What is left of a score without its day is the noise, since the day is all there is to know."""
    demand = swings(groups=8, hours=720, together=0.0)
    gappy = demand.copy()
    gappy[np.random.default_rng(1).random(demand.shape) < 0.3] = np.nan
    for values in (demand, gappy):
        whole = one_block(values, 4)
        days = whole.scores.reshape(30, 24, 8)
        left = np.nanstd(days - np.nanmean(days, axis=0), axis=(0, 1))
        shared = learnt("weekly", 720, noise=float(left.mean()))
        conditioned = condition(whole, shared, statistics_of(whole, shared.basis, [720]))
        assert np.isfinite(conditioned.residuals).all()
        found = paths(conditioned, whole, shared, chance_of(whole, 4, draws=500), np.arange(500), 4)
        # Above the noise, since lags are noisy themselves, and filled gaps more so.
        assert 0.95 * left.mean() < found.std(axis=1).mean() < 1.25 * left.mean()


def test_a_series_that_nobody_saw_move_and_one_that_nobody_saw_are_finite():
    demand = waves(groups=6, hours=400)
    demand[0] = 3.0
    demand[1] = np.nan
    whole = of_block(history(demand, 24))
    shared = learnt("ar", 400)
    conditioned = condition(whole, shared, statistics_of(whole, shared.basis, [400]))
    assert (conditioned.residuals[:, 0] == 0).all()
    found = paths(conditioned, whole, shared, chance_of(whole, 24), np.arange(100), 24)
    assert np.isfinite(found).all()


# What is remembered does not run away


@pytest.mark.parametrize("component", LINEAR)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coefficients_whose_memory_adds_up_to_too_much_are_scaled_down_about_the_last_week(component, dtype):
    basis = basis_of(component, 400, ("sale",))
    first = basis.calendar_size + 1
    rng = np.random.default_rng(1)
    past = rng.normal([2, -1, 0.5], 1, (400, 3))
    coefficient = rng.uniform(0.1, 1, (5, 3, basis.size)).astype(dtype)
    total = coefficient[..., first:].sum(axis=-1, keepdims=True)
    coefficient[..., first:] *= np.array([1.2, 0.98, -1.5], dtype=dtype)[:, None] / total
    before = coefficient.copy()
    found, growth = bounded(coefficient, basis, past)
    np.testing.assert_array_equal(coefficient, before)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[:, 1:], before[:, 1:])  # a sum below the bound, and one below 0
    np.testing.assert_allclose(found[:, 0, first:], before[:, 0, first:] * MOST_GAIN / 1.2, rtol=1e-5)
    np.testing.assert_array_equal(found[:, 0, 1:first], before[:, 0, 1:first])
    seen = np.full(basis.size - first, past[-WEEK:, 0].mean())  # of each memory feature, in a week like the last
    seen[len(seen) - len(basis.block_lags) - len(basis.block_week) :] = past[-WEEK:].mean()
    # What it would have gained there it has gained when all that is remembered is a memory of that.
    ages = -memory(np.arange(-400.0, 1)[:, None], np.zeros(1, dtype=int), basis)[-1, 0]
    gained = before[:, 0, 0] + before[:, 0, first:] @ seen - seen[0]
    age = np.maximum(before[:, 0, first:] @ ages, 0)
    np.testing.assert_allclose(growth[:, 0], gained * age / (age**2 + 25), rtol=1e-3, atol=1e-6)
    # It rests at the level that has been reached since the middle of that week.
    rest = found[:, 0, 0] + found[:, 0, first:] @ seen - (1 - MOST_GAIN) * growth[:, 0] * WEEK / 2
    np.testing.assert_allclose(rest, seen[0], rtol=1e-3)
    assert growth.dtype == dtype
    assert not growth[:, 1:].any()


@pytest.mark.parametrize("lags", [(24,), (1, 24), (168,)])
def test_a_walk_with_a_trend_goes_on_growing_less_and_less_whatever_it_looks_back_at(lags):
    basis = Basis(harmonics=0, lags=lags, day=(0,) if len(lags) > 1 else ())
    time = np.arange(600)
    past = (0.01 * time)[:, None]
    weight = np.full(basis.size - 1, 1.0 / (basis.size - 1))
    ages = -memory(np.arange(-600.0, 1)[:, None], np.zeros(1, dtype=int), basis)[-1, 0]
    coefficient, growth = bounded(np.concatenate([[0.01 * weight @ ages], weight])[None], basis, past)
    np.testing.assert_allclose(growth, 0.01 * (weight @ ages) ** 2 / ((weight @ ages) ** 2 + 25))
    gained = trend(coefficient, growth, basis, 600, 96)
    known = past.copy()
    for hour in range(96):
        seen = memory(np.vstack([known, [[0.0]]]), np.zeros(1, dtype=int), basis)[-1]
        known = np.vstack([known, coefficient[:, 0] + gained[hour] + (coefficient[:, 1:] * seen).sum(axis=1)])
    lasts = -24 / np.log(TREND_KEPT)
    expected = past[-1] + 0.01 + growth * lasts * (1 - TREND_KEPT ** (np.arange(96) / 24))
    np.testing.assert_allclose(known[600:, 0], expected, atol=0.06)  # means of past days lag a little


def test_a_walk_that_would_run_away_stays_near_the_mean_of_the_last_week():
    whole = of_block(history(waves(groups=4, hours=400), 700))
    rest = whole.filled[-WEEK:, 0].mean()
    shared = learnt("ar", 400, between=1e-7, noise=1e-5, likeness=1e13, of_1_h_ago=1.2, level=-0.2 * rest)
    conditioned = condition(whole, shared, statistics_of(whole, shared.basis, [400]))
    found = paths(conditioned, whole, shared, chance_of(whole, 700, draws=2), np.arange(2), 700)[:, :, 0]
    np.testing.assert_allclose(found[-1], rest, atol=0.02)
    assert (np.abs(found) <= np.abs(whole.filled[-1, 0]) + 0.1).all()


@pytest.mark.parametrize("component", LINEAR)
def test_a_series_that_grew_for_six_weeks_goes_on_less_and_less_and_does_not_come_back(component):
    hours = 6 * WEEK
    time = np.arange(hours + WEEK)
    noise = np.random.default_rng(1).normal(1, 0.03, (4, 1, hours))
    demand = wave(time) * 4 ** (time / hours)
    whole = of_block(history(demand[:hours] * noise, WEEK))
    shared = learnt(component, hours, between=1.0)
    conditioned = condition(whole, shared, statistics_of(whole, shared.basis, [hours]))
    found = np.median(paths(conditioned, whole, shared, chance_of(whole, WEEK), np.arange(200), WEEK), axis=1)
    root = np.sqrt(demand)
    came = (root - root[:hours].mean()) / root[:hours].std()
    last_week = whole.filled[-WEEK:].mean()
    np.testing.assert_allclose(found[:24].mean(), came[hours : hours + 24].mean(), atol=0.1)
    of_day = found.mean(axis=1).reshape(7, 24).mean(axis=1)
    assert of_day[-1] > last_week + 0.4
    assert (np.diff(of_day) > -0.02).all()
    assert (of_day[1:] < came[-6 * 24 :].reshape(6, 24).mean(axis=1)).all()


def test_residuals_are_lent_in_scales_of_the_series():
    rng = np.random.default_rng(1)
    scale = np.array([0.05, 1.0, 1.0, 4.0, 1.0])
    residuals = rng.normal(size=(1000, 5)) * scale
    gaps = rng.random((1000, 4)) < 0.1
    residuals[:, :4][gaps] = np.nan
    residuals[3:, 4] = np.nan  # of which next to nothing is known
    found = known_everywhere(residuals, np.ones(5, dtype=bool), 1)
    for series in range(4):
        assert found[gaps[:, series], series].std() == pytest.approx(scale[series], rel=0.35)
    assert found[:, 4].std() == pytest.approx(1.0, rel=0.35)  # as the middle one
    known = np.isfinite(residuals)
    np.testing.assert_array_equal(found[known], residuals[known].astype(np.float32))


def test_what_is_lent_reaches_no_further_than_the_borrowers_own():
    rng = np.random.default_rng(1)
    residuals = rng.normal(size=(600, 2)) * [1e-3, 1.0]
    residuals[::10, 0] = 5.0  # bursts of a machine that idles: thousands of its scales
    residuals[::20, 1] = np.nan
    found = known_everywhere(residuals, np.ones(2, dtype=bool), 1)
    assert np.abs(found[:, 1]).max() <= np.nanmax(np.abs(residuals[:, 1])) * (1 + 1e-6)
