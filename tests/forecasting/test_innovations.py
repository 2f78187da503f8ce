"""The ways to draw innovations that are measured beside whole rows."""

from dataclasses import replace

import numpy as np
import pytest
from demand import chance_of, history, learnt, of_block, waves

from benchmarks.innovations import Drawn, factors_found, in_order, own_rows, with_factors
from forecasting.chance import chance_at
from forecasting.components.linear import condition, statistics_of
from forecasting.mixture import Block, forecast_block

SERIES, HOURS, AHEAD, DRAWS = 6, 800, 12, 2000


def unit():
    """Residuals of six series: all have a factor in common, the first two move alike beyond it."""
    rng = np.random.default_rng(3)
    common, pair, own = (
        rng.standard_normal((HOURS, 1)),
        rng.standard_normal((HOURS, 1)),
        rng.standard_t(5, (HOURS, 6)),
    )
    own[:, :2] = 2 * pair + 0.3 * own[:, :2]
    return (common + own).astype(np.float32)


def drawn(factors):
    residuals = unit()
    time = np.datetime64("2026-01-05T00", "h") + np.arange(HOURS + AHEAD)
    chance = chance_at(time, HOURS, AHEAD, DRAWS, (1, HOURS))
    own = own_rows(time, chance, SERIES)
    return residuals, residuals[chance.rows], with_factors(residuals, chance.rows, own, factors), own


def tie(innovations, one, other):
    return np.corrcoef(innovations[..., one].ravel(), innovations[..., other].ravel())[0, 1]


@pytest.mark.parametrize("factors", [0, 1, 3])
def test_every_series_keeps_its_values_at_each_hour(factors):
    _, whole, found, _ = drawn(factors)
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(whole, axis=0))


def test_as_many_factors_as_series_are_whole_rows():
    _, whole, found, _ = drawn(SERIES)
    np.testing.assert_array_equal(found, whole)


def test_all_that_is_tied_stays_so_in_whole_rows_some_of_it_with_factors_and_nothing_without():
    residuals, whole, one, _ = drawn(1)
    none = drawn(0)[2]
    pairs = [(i, j) for i in range(SERIES) for j in range(i)]
    seen = np.corrcoef(residuals.T)
    np.testing.assert_allclose([tie(whole, *p) for p in pairs], [seen[p] for p in pairs], atol=0.1)
    np.testing.assert_allclose([tie(none, *p) for p in pairs], 0, atol=0.05)
    assert 0.5 < tie(one, 0, 1) < tie(whole, 0, 1) - 0.02
    assert tie(one, 2, 3) > 0.05


def test_rows_of_each_series_are_runs_of_their_own():
    own = drawn(0)[3]
    assert own.shape == (DRAWS, AHEAD, SERIES)
    assert (np.diff(own[:, :6], axis=1) == 1).all()
    assert (own[..., 0] == own[..., 1]).mean() < 0.1


def test_parallel_analysis_finds_the_factors_that_are_there():
    alone = np.random.default_rng(4).standard_normal((HOURS, SERIES)).astype(np.float32)
    assert factors_found(unit(), 1) == 2
    assert factors_found(alone, 1) == 0


def test_whole_rows_that_were_drawn_before_give_the_forecast_of_the_product():
    demand = waves(groups=4, hours=400)
    part, known = of_block(history(demand, AHEAD), 0), learnt("ar", 400)
    chance = chance_of(history(demand, AHEAD), AHEAD, 50)
    block = Block(part, {"ar": known}, np.ones((4, 1)), None, ("ar",))
    conditioned = condition(part, known, statistics_of(part, known.basis, [chance.at]))
    rows = conditioned.innovations(chance.at)[chance.rows].reshape(-1, part.scores.shape[1])
    given = Drawn(conditioned.rotated, conditioned.residuals, rows)
    found = forecast_block(block, replace(chance, rows=in_order(chance.rows)), {"ar": given})
    np.testing.assert_array_equal(found, forecast_block(block, chance))
