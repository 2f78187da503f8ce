import numpy as np
import pytest

from forecasting.calibrate import LEVELS, MOST, factors_of, grounded, ratios_of, stretched, weighted_quantiles
from forecasting.stacking import RANGES

POINTS = (np.arange(200) + 0.5) / 200
EVEN = np.full(len(POINTS), 1 / len(POINTS))
SHAPE = (len(RANGES), len(LEVELS))
HOURS, SERIES, DRAWS = 30, 150, 300
ONE = np.ones((len(RANGES), 1, SERIES))


def forecasts(size, seed=1):
    """Quantiles of draws ``size`` as wide as they should be, the draws, and what came (unit normal)."""
    rng = np.random.default_rng(seed)
    middle = rng.normal(size=(HOURS, SERIES)) * 5
    drawn = middle[:, None] + size * rng.normal(size=(HOURS, DRAWS, SERIES))
    quantiles = np.quantile(drawn, POINTS, axis=1)
    return quantiles[None], drawn.astype(np.float32), middle + rng.normal(size=(HOURS, SERIES))


def coverage(draws, actual, level):
    lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return ((actual >= lower) & (actual <= upper)).mean()


@pytest.mark.parametrize("size", [0.6, 1.0, 1.6])
def test_draws_that_are_too_narrow_or_too_wide_come_to_hold_what_they_say(size):
    quantiles, _, actual = forecasts(size)
    factors = factors_of({0: [ratios_of(quantiles, EVEN, ONE, actual)]}, {0: 0}, {0: SERIES})[0]
    _, draws, later = forecasts(size, seed=2)
    after = stretched(draws, factors[..., None])
    for level in LEVELS:
        if size == 0.6:
            assert coverage(draws, later, level) < level - 0.1
        assert coverage(after, later, level) == pytest.approx(level, abs=0.06)
    if size == 1.0:
        np.testing.assert_allclose(factors, 1.0, atol=0.1)


def test_each_range_has_factors_of_its_own_and_unknown_hours_do_not_count():
    quantiles, _, actual = forecasts(1.0)
    narrow, _, _ = forecasts(1.0)
    middle = np.median(narrow, axis=1, keepdims=True)
    quantiles = quantiles.copy()
    quantiles[:, :, 6:24] = (middle + (narrow - middle) * 0.6)[:, :, 6:24]
    actual[24:] = np.nan
    factors = factors_of({0: [ratios_of(quantiles, EVEN, ONE, actual)]}, {0: 0}, {0: SERIES})[0]
    np.testing.assert_allclose(factors[0], 1.0, atol=0.15)
    np.testing.assert_allclose(factors[1], 1 / 0.6, atol=0.2)
    np.testing.assert_allclose(factors[2:, :3], 1.0, atol=0.004)  # what few series add
    np.testing.assert_allclose(factors[2:], 1.0, atol=0.005)


def factor_of(ratio, series):
    return factors_of({0: [np.full((len(LEVELS), 6, series), ratio)]}, {0: 0}, {0: series})[0][0, 0]


def test_demand_that_sits_at_an_exact_value_tells_nothing():
    quantiles, _, actual = forecasts(1.0)
    quantiles, actual = quantiles.astype(np.float32), actual.copy()
    idle = 1 / 3  # which single precision rounds up
    quantiles[:, :, : HOURS // 2], actual[: HOURS // 2] = idle, idle
    ratios = ratios_of(quantiles, EVEN, ONE, actual)
    assert np.isnan(ratios[:, : HOURS // 2]).all()
    assert np.isfinite(ratios[:, HOURS // 2 :]).all()


def test_few_forecasts_say_little_and_no_factor_goes_too_far():
    found = [factor_of(50.0, series) for series in (1, 30, 10_000)]
    assert found == sorted(found)
    assert found[0] < 1.2
    assert found[2] == pytest.approx(MOST, rel=0.01)
    assert factor_of(0.0, 10_000) == pytest.approx(1 / MOST, rel=0.01)


def test_a_block_of_which_little_is_known_has_the_factors_of_its_resource():
    many, few = np.full((len(LEVELS), 6, 500), 1.5), np.full((len(LEVELS), 6, 1), 0.9)
    found = factors_of({0: [many], 1: [few], 2: [few]}, {0: 0, 1: 0, 2: 1}, {0: 500, 1: 1, 2: 500})
    assert found[0][0, 0] == pytest.approx(1.5, rel=0.03)
    assert found[1][0, 0] == pytest.approx(found[0][0, 0], rel=0.05)
    assert found[2][0, 0] == pytest.approx(1.0, abs=0.02)


def test_a_lone_block_is_drawn_once_and_two_that_are_alike_twice():
    ratios = np.full((len(LEVELS), 6, 30), 1.5)
    alone = factors_of({0: [ratios]}, {0: 0}, {0: 10**6})[0][0]
    np.testing.assert_allclose(np.log(alone) / np.log(1.5), 30 / (30 + 30), atol=1e-4)
    twice = factors_of({0: [ratios], 1: [ratios]}, {0: 0, 1: 0}, {0: 10**6, 1: 10**6})
    np.testing.assert_array_equal(twice[0], twice[1])
    assert (twice[0][0] > alone).all()


def test_an_origin_counts_as_far_as_it_is_believed():
    wide, right = np.full((len(LEVELS), 6, 4000), 1.6), np.ones((len(LEVELS), 6, 4000))
    found = [
        factors_of({0: [wide, right]}, {0: 0}, {0: 10**6}, np.array(belief))[0][0, 0]
        for belief in ([1.0, 0.0], [0.9, 1.0], [0.1, 1.0], [0.0, 1.0])
    ]
    assert found[0] == pytest.approx(1.6, rel=0.01)
    assert found == sorted(found, reverse=True)
    assert found[3] == pytest.approx(1.0)
    ratios = np.random.default_rng(1).chisquare(1, (4, len(LEVELS), 6, 10))
    alike = factors_of({0: list(ratios)}, {0: 0}, {0: 10}, np.ones(4))[0]
    np.testing.assert_array_equal(alike, factors_of({0: list(ratios)}, {0: 0}, {0: 10})[0])
    one = factors_of({0: [np.concatenate(ratios, axis=2)]}, {0: 0}, {0: 10})[0]
    np.testing.assert_allclose(alike, one)


def test_a_component_without_weight_bends_no_ratio():
    quantiles, _, actual = forecasts(1.0)
    nobody_follows = np.random.default_rng(3).normal(0, 9, quantiles.shape)
    both, weights = np.concatenate([quantiles, nobody_follows]), np.zeros((len(RANGES), 2, SERIES))
    weights[:, 0] = 1.0
    np.testing.assert_array_equal(ratios_of(both, EVEN, weights, actual), ratios_of(quantiles, EVEN, ONE, actual))


def test_the_fewer_series_the_less_a_rehearsal_is_believed():
    as_it_should_be = np.ones((len(LEVELS), 6, 8))
    alone, two, many = (factors_of({0: [as_it_should_be]}, {0: 0}, {0: series})[0] for series in (1, 2, 500))
    assert (alone > two).all()
    assert (two > many).all()
    assert (alone[:, 2] > alone[:, 0]).all()  # most in the tails
    assert (alone[3] > alone[2]).all()  # and far ahead
    assert (alone[2] > alone[1]).all()
    np.testing.assert_allclose(many[:, :3], 1.0, atol=0.001)
    np.testing.assert_allclose(many, 1.0, atol=0.002)
    shared = factors_of({0: [as_it_should_be], 1: [as_it_should_be]}, {0: 0, 1: 0}, {0: 1, 1: 499})
    np.testing.assert_allclose(shared[0][:, :3], 1.0, atol=0.001)
    np.testing.assert_allclose(shared[0], 1.0, atol=0.002)  # its resource has many, and that is who it learns from


def test_stretching_leaves_the_median_and_what_is_constant():
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(30, 501, 3)).astype(np.float32)
    draws[..., 1] = 2.5
    factors = rng.uniform(0.6, 1.9, SHAPE)
    after = stretched(draws, np.sort(factors, axis=1)[..., None])
    np.testing.assert_allclose(np.median(after, axis=1), np.median(draws, axis=1), atol=1e-6)
    assert (after[..., 1] == 2.5).all()
    assert after.dtype == np.float32
    np.testing.assert_allclose(stretched(draws, np.ones((*SHAPE, 1))), draws, atol=1e-6)


@pytest.mark.parametrize(
    "factors", [(1.0, 1.3, 1.8, 2.0), (1.8, 1.3, 1.0, 0.8), (2.0, 1.0, 0.5, 1.0), (0.5, 2.0, 0.5, 2.0)]
)
@pytest.mark.parametrize("count", [1, 2, 3, 7, 500, 501])
def test_draws_keep_their_order(factors, count):
    draws = np.random.default_rng(1).standard_t(4, size=(3, count, 2)).astype(np.float32)
    after = stretched(draws, np.tile(factors, (4, 1))[..., None])
    ordered = np.take_along_axis(after, np.argsort(draws, axis=1), axis=1)
    assert (np.diff(ordered, axis=1) >= -1e-6).all()


@pytest.mark.parametrize("factors", [(1.0, 1.3, 1.8, 2.0), (1.4, 1.2, 1.1, 1.1), (0.8, 0.8, 0.9, 1.3)])
@pytest.mark.parametrize("crowded", [False, True])
def test_each_interval_moves_by_its_own_factor(factors, crowded):
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(6, 20_000, 3)).astype(np.float32)
    if crowded:  # many draws at the same distance, just within the end of an interval
        far = np.abs(draws)
        draws = np.sign(draws) * np.where((far > 0.9) & (far < 1.4), 1 + far / 100, far)
    after = stretched(draws, np.tile(factors, (4, 1))[..., None])
    middle = np.median(draws, axis=1)
    for level, factor in zip(LEVELS, factors, strict=True):
        for end in ((1 - level) / 2, (1 + level) / 2):
            before, moved = (np.quantile(each, end, axis=1) - middle for each in (draws, after))
            np.testing.assert_allclose(moved / before, factor, rtol=0.01)


def test_bursts_beyond_intervals_without_reach_are_kept():
    draws = np.zeros((1, 500, 1), dtype=np.float32)
    draws[0, :6, 0] = np.arange(1, 7)
    np.testing.assert_array_equal(stretched(draws, np.ones((*SHAPE, 1))), draws)
    assert stretched(draws, np.full((*SHAPE, 1), 1.5)).max() == 9.0


@pytest.mark.parametrize("factors", [(1.0, 1.3, 1.8, 2.0), (0.7, 0.9, 1.2, 1.2), (1.8, 1.3, 1.0, 0.9)])
@pytest.mark.parametrize("share", [0.2, 0.45])
def test_equal_draws_stay_equal(share, factors):
    draws = np.random.default_rng(1).gamma(2.0, size=(6, 500, 2)).astype(np.float32) + 1
    draws[:, : int(share * 500)] = 0.0  # idle
    after = stretched(draws, np.tile(factors, (4, 1))[..., None])
    assert np.ptp(after[:, : int(share * 500)], axis=1).max() == 0.0


def test_an_end_that_would_land_beyond_the_next_meets_it_half_way():
    draws = np.random.default_rng(1).normal(size=(2, 2000, 1)).astype(np.float32)
    after = stretched(
        draws, np.tile([2.0, 0.5, 1.0, 1.0], (4, 1))[..., None]
    )  # 1.35 and 0.64 of the 0.67 and 1.28 that they were
    for level in (0.5, 0.8):
        assert np.quantile(after, (1 + level) / 2, axis=1) == pytest.approx(1.0, abs=0.1)


def test_ratios_are_one_at_the_ends_of_the_intervals():
    quantiles, _, actual = forecasts(1.0)
    ends = [(1 - level) / 2 for level in LEVELS] + [(1 + level) / 2 for level in LEVELS]
    found = weighted_quantiles(quantiles[0], EVEN[:, None, None], ends)
    for number in range(len(LEVELS)):
        for end in (found[number], found[len(LEVELS) + number]):
            np.testing.assert_allclose(ratios_of(quantiles, EVEN, ONE, end)[number], 1.0, rtol=1e-6)
    assert np.isnan(ratios_of(quantiles, EVEN, ONE, np.full_like(actual, np.nan))).all()


def test_what_came_at_an_exact_value_that_is_the_median_tells_nothing():
    """A series idles in six hours of ten, as forecast: neither its 0 nor the rest may narrow intervals."""
    rng = np.random.default_rng(1)
    draws, actual = (np.maximum(rng.normal(-0.25, 1, size=(HOURS, count, SERIES)), 0) for count in (2000, 1))
    quantiles, actual = np.quantile(draws, POINTS, axis=1)[None], actual[:, 0]
    ratios = ratios_of(quantiles, EVEN, ONE, actual)
    assert np.isnan(ratios[:, actual == 0]).all()
    assert np.isfinite(ratios[1:, actual > 0]).all()
    beyond = (ratios[1:, actual > 0] > 1).mean(axis=1) * (actual > 0).mean()
    np.testing.assert_allclose(beyond, [0.1, 0.025, 0.005], atol=0.01)


def test_what_lies_at_the_lowest_is_not_drawn_towards_the_median():
    before = np.random.default_rng(1).normal(size=(6, 500, 2)).astype(np.float32)
    lowest = np.array([-1.0, -0.5])
    before = np.maximum(before, lowest.astype(np.float32))
    for factor in (0.5, 2.0):
        after = stretched(before, np.full((*SHAPE, 1), factor))
        kept = grounded(before, after, lowest)
        idle = before <= lowest.astype(np.float32)
        np.testing.assert_array_equal(kept[~idle], after[~idle])
        assert (kept <= before)[idle].all()
        assert (kept == after).all() == (factor > 1)  # further out the bound cuts them


def test_quantiles_of_points_that_weigh_the_same_are_the_usual_ones():
    values = np.random.default_rng(1).normal(size=(24, 5))
    levels = [0.025, 0.1, 0.5, 0.9, 0.975]
    found = weighted_quantiles(values, np.full((24, 1), 1 / 24), levels)
    np.testing.assert_allclose(found, np.quantile(values, levels, axis=0, method="hazen"), atol=1e-9)


def test_a_component_without_weight_is_not_heard():
    quantiles, _, actual = forecasts(1.0)
    both = np.concatenate([quantiles, quantiles + 100.0])
    weights = np.zeros((len(RANGES), 2, SERIES))
    weights[:, 0] = 1.0
    np.testing.assert_allclose(
        ratios_of(both, EVEN, weights, actual), ratios_of(quantiles, EVEN, ONE, actual), rtol=1e-6
    )


def test_a_series_that_is_forecast_exactly_gives_finite_factors():
    quantiles = np.full((1, len(POINTS), 6, 3), 4.0)
    assert np.isfinite(
        factors_of({0: [ratios_of(quantiles, EVEN, ONE[..., :3], np.full((6, 3), 4.0))]}, {0: 0}, {0: 3})[0]
    ).all()
