"""Draws dealt out anew: every hour keeps its values, and what is off stays off for the day."""

import numpy as np
import pytest
from scipy.stats import norm

from forecasting.lasting import PARTS, TOGETHER, UNKNOWN, lasting, shares_of

DRAWS = 400


def walks(hours, series=1, keeps=0.7, seed=1):
    """Draws of a first-order autoregression, ``(hour, draw, series)``."""
    rng = np.random.default_rng(seed)
    out = rng.normal(size=(hours, DRAWS, series)).astype(np.float32)
    for hour in range(1, hours):
        out[hour] = keeps * out[hour - 1] + np.sqrt(1 - keeps**2) * out[hour]
    return out


@pytest.mark.parametrize("hours", [1, 5, 24, 31, 168])
def test_every_hour_keeps_its_values(hours):
    draws = walks(hours, series=3) * np.arange(1, 4, dtype=np.float32)
    after = lasting(draws)
    np.testing.assert_array_equal(np.sort(after, axis=1), np.sort(draws, axis=1))
    assert after.dtype == np.float32


def test_means_of_a_day_vary_more_and_windows_about_them_less():
    draws = walks(48, series=8)
    after = lasting(draws)

    def parts(scores):
        windows = scores.reshape(2, 4, 6, DRAWS, -1).mean(axis=2)
        of_day = windows.mean(axis=1, keepdims=True)
        return of_day.var(axis=2).mean(), (windows - of_day).var(axis=2).mean()

    (day, window), (day_after, window_after) = parts(draws), parts(after)
    assert 1.2 < day_after / day < 1.4
    assert 0.7 < window_after / window < 0.85


def parts_of(scores):
    """Shares of the mean squares of the parts of normal scores ``(hour, draw, series)``, hours of whole days."""
    windows = scores.reshape(-1, 4, 6, *scores.shape[1:])
    of_window, of_day = windows.mean(axis=2, keepdims=True), windows.mean(axis=(1, 2), keepdims=True)
    parts = np.array([(each**2).mean() for each in (of_day, of_window - of_day, windows - of_window)])
    return parts / parts.sum()


@pytest.mark.parametrize("hours", [24, 72])
@pytest.mark.parametrize("keeps", [0.1, 0.95])
def test_draws_get_the_parts_that_came(hours, keeps):
    came = walks(240 * hours, keeps=keeps, seed=3)[:, 0].reshape(240, hours, 1)
    shares = shares_of(norm.cdf(came))
    seen = parts_of(came.transpose(1, 0, 2))
    assert shares.sum() == pytest.approx(240 / 340)
    np.testing.assert_allclose(shares / shares.sum(), seen, atol=0.02)
    draws = walks(hours, series=6)
    usual, after = parts_of(lasting(draws)), parts_of(lasting(draws, shares))
    np.testing.assert_allclose(after, shares + (1 - shares.sum()) * usual, atol=0.02)


def test_parts_of_days_that_are_not_known_whole_do_not_count():
    rng = np.random.default_rng(1)
    ranks = rng.random((8, 30, 3))
    ranks[0, 3], ranks[1, 27] = np.nan, np.nan  # the second one lies beyond the day
    assert shares_of(ranks).sum() == pytest.approx(21 / 121)
    assert (shares_of(np.full((8, 24, 3), np.nan)) == UNKNOWN).all()
    assert (shares_of(ranks[:, :23]) == UNKNOWN).all()
    assert (shares_of(np.full((8, 24, 3), 0.5)) == UNKNOWN).all()
    assert np.isfinite(shares_of(np.round(ranks))).all()  # all beyond the ends


def test_a_day_is_dealt_out_alike_however_far_the_forecast_goes():
    draws, shares = walks(49, series=4), np.array([0.6, 0.1, 0.2])
    day = lasting(draws[:24], shares)
    for hours in (25, 30, 47):
        assert parts_of(lasting(draws[:hours], shares)[:24])[0] == pytest.approx(parts_of(day)[0], abs=0.01)


def test_some_series_may_say_nothing_of_the_parts_of_draws():
    draws = walks(24, series=6)
    draws[:, :, 3:] = walks(24, series=3, keeps=0.0)
    moves = np.arange(6) < 3
    alone = lasting(draws[:, :, :3], np.array([0.5, 0.1, 0.1]))
    some, all_of_them = (lasting(draws, np.array([0.5, 0.1, 0.1]), who)[:, :, :3] for who in (moves, None))
    assert (some != alone).mean() < 0.01  # sums are rounded
    assert (all_of_them != alone).mean() > 0.5


def test_less_than_a_day_ahead_is_dealt_out_as_usual():
    draws = walks(12, series=2)
    came = np.array([0.0, 0.0, 0.9])
    assert len(came) == len(PARTS)
    np.testing.assert_array_equal(lasting(draws, came), lasting(draws))


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_what_moved_together_does_so_the_more(share):
    common, own = walks(24), walks(24, series=40, seed=2)
    draws = np.sqrt(share) * common + np.sqrt(1 - share) * own
    moves = np.arange(40) < 39  # one series says nothing of what the others share
    draws[:, :, 39] = walks(24, seed=3)[:, :, 0]
    after = lasting(draws, moves=moves)[:, :, :39].mean(axis=2).var(axis=1).mean()
    together = TOGETHER * share
    assert after == pytest.approx(together / (together + 1 - share), abs=0.03)
    alone = walks(24, series=1)
    with_more = lasting(np.concatenate([alone, alone], axis=2))
    np.testing.assert_array_equal(with_more[:, :, :1], lasting(alone))  # alike, they stay alike


def test_series_weigh_by_what_they_are_of_the_sum_in_demand():
    """Large series move together, and so do small ones, but each kind by itself."""
    size = np.repeat([100.0, 1.0], 20)
    kinds = [np.sqrt(0.3) * walks(24, seed=seed) + np.sqrt(0.7) * walks(24, 20, seed=seed + 9) for seed in (1, 2)]
    draws = np.concatenate(kinds, axis=2)

    def varies(scores):
        return [scores[:, :, some].mean(axis=2).var(axis=1).mean() for some in (slice(20), slice(20, 40))]

    by_demand = varies(lasting(draws, demand_of=lambda scores: size * scores))
    alone = [varies(lasting(np.concatenate([kind, kind], axis=2)))[0] for kind in kinds]
    assert by_demand[0] == pytest.approx(alone[0], rel=0.02)
    assert by_demand[1] < 0.9 * alone[1]
    idle = lasting(draws, demand_of=lambda scores: 0 * scores)[:, :, :1]
    assert (idle != lasting(draws[:, :, :1])).mean() < 0.01  # sums are rounded


@pytest.mark.parametrize("idle", [False, True])
def test_bursts_stay_with_the_draws_that_have_them(idle):
    """On a background that lasts a draw of a high day would else outrank bursts, and gather them."""
    rng = np.random.default_rng(1)
    background = 0.0 * walks(24) if idle else walks(24, keeps=0.95)
    bursts = rng.random(background.shape) < 0.04
    draws = background + bursts * rng.uniform(8, 12, background.shape).astype(np.float32)
    np.testing.assert_array_equal(lasting(draws)[bursts], draws[bursts])


def test_bursts_that_all_have_at_once_stay_common():
    rng = np.random.default_rng(1)
    bursts = rng.random((24, DRAWS, 1)) < 0.04
    one, other = (
        lasting((walks(24, series=3, keeps=keeps, seed=seed) + 10 * bursts).astype(np.float32)) > 5
        for keeps, seed in ((0.9, 1), (0.3, 2))
    )
    every = np.concatenate([one, other], axis=2)
    np.testing.assert_array_equal(every.all(axis=2), every.any(axis=2))


def test_the_order_of_draws_plays_no_role():
    draws = np.round(walks(24, series=2), 1)
    draws[draws < 0] = 0.0
    shuffled = np.random.default_rng(1).permutation(DRAWS)
    days, other = (each.sum(axis=0)[:, 0] for each in (lasting(draws)[:, shuffled], lasting(draws[:, shuffled])))
    assert np.corrcoef(days, other)[0, 1] > 0.99


def test_what_is_constant_and_a_single_draw_stay():
    draws = walks(24, series=2)
    draws[..., 1] = 2.5
    assert (lasting(draws)[..., 1] == 2.5).all()
    np.testing.assert_array_equal(lasting(draws[:, :1]), draws[:, :1])
