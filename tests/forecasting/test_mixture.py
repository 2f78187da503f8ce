from dataclasses import replace

import numpy as np
import pytest
from demand import chance_of, history, learnt, of_block, swings, waves

from forecasting.components import EMPIRICAL
from forecasting.mixture import Block, draw_component, forecast_block

AHEAD, DRAWS = 80, 200
EVERY = np.arange(DRAWS)


def block_of(demand, weights, components, number=0, factors=None):
    whole = history(demand, AHEAD)
    known = {name: learnt(name, whole.length) for name in components if name not in EMPIRICAL}
    weights = np.broadcast_to(np.asarray(weights, dtype=float), (4, len(components)))
    factors = None if factors is None else factors[..., None]
    return Block(of_block(whole, number), known, weights, factors, components)


def chance(demand):
    return chance_of(history(demand, AHEAD), AHEAD, DRAWS)


@pytest.mark.parametrize("name", ["ar", "weekly", "days", "analogue"])
def test_a_component_with_all_the_weight_is_the_forecast(name):
    demand = waves(groups=4, hours=400)
    components = ("ar", "weekly", "days", "analogue")
    block = block_of(demand, [float(name == each) for each in components], components)
    found = forecast_block(block, chance(demand))
    alone = draw_component(name, block.history, block.learnt.get(name), None, chance(demand), EVERY, AHEAD)
    bounded = np.clip(alone, block.history.lowest, block.history.highest)
    np.testing.assert_allclose(found, bounded, atol=1e-6)
    assert found.shape == (AHEAD, DRAWS, 2)
    assert found.dtype == np.float32


def test_draws_follow_one_component_each_by_the_weights_of_the_range():
    demand = waves(groups=4, hours=400)
    components = ("days", "level")
    weights = np.array([[0.3, 0.7], [0.3, 0.7], [0.9, 0.1], [0.9, 0.1]])
    found = forecast_block(block_of(demand, weights, components), chance(demand))
    days, change = (
        forecast_block(block_of(demand, one, components), chance(demand)) for one in ([1.0, 0.0], [0.0, 1.0])
    )
    from_days, from_change = (found == days).all(axis=2), (found == change).all(axis=2)
    assert (from_days | from_change).all()
    np.testing.assert_allclose(from_days[:24].mean(axis=1), 0.3, atol=0.02)
    np.testing.assert_allclose(from_days[24:48].mean(axis=1), 0.9, atol=0.02)
    # A draw stays with its component as far as the weights allow.
    assert (from_days[0] == from_days[23]).all()
    assert (from_days[24] | ~from_days[23]).all()


def own(block, *weights):
    """The block, where each series follows its own weights."""
    each = np.stack(
        [np.broadcast_to(np.asarray(one, dtype=float), block.weights.shape) for one in weights], axis=-1
    )
    return replace(block, own_weights=each)


def test_series_with_weights_of_their_own_have_their_values():
    demand = waves(groups=4, hours=400)
    components = ("days", "level")
    block = block_of(demand, [0.5, 0.5], components)
    days, level = (
        forecast_block(block_of(demand, one, components), chance(demand)) for one in ([1.0, 0.0], [0.0, 1.0])
    )
    found = forecast_block(own(block, [1.0, 0.0], [0.0, 1.0]), chance(demand))
    for series, wanted in ((0, days), (1, level)):
        np.testing.assert_allclose(np.sort(found[..., series], axis=1), np.sort(wanted[..., series], axis=1))


def test_series_that_follow_different_components_move_together_as_with_those_of_their_block():
    demand = swings(groups=4, hours=700, together=0.9)
    components = ("days", "analogue")
    block = block_of(demand, [0.5, 0.5], components)
    together, apart = (
        forecast_block(each, chance(demand))[:24] for each in (block, own(block, [1.0, 0.0], [0.0, 1.0]))
    )

    def tie(draws):
        return np.mean([np.corrcoef(hour[:, 0], hour[:, 1])[0, 1] for hour in draws])

    assert tie(together) > 0.5
    assert tie(apart) == pytest.approx(tie(together), abs=0.08)


def test_weights_of_their_own_that_are_those_of_the_block_change_nothing():
    demand = waves(groups=4, hours=400)
    block = block_of(demand, [0.3, 0.7], ("days", "level"))
    same = own(block, [0.3, 0.7], [0.3, 0.7])
    np.testing.assert_array_equal(*(forecast_block(each, chance(demand)) for each in (block, same)))


def test_blocks_share_the_component_and_the_hours_of_a_draw():
    demand = swings(groups=4, hours=400, together=1.0)
    components = ("days", "level", "analogue")
    one, other = (
        forecast_block(block_of(demand, [0.4, 0.3, 0.3], components, number), chance(demand)) for number in (0, 1)
    )
    # Both regions had the same demand, so they have the same future, draw by draw.
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert one.std(axis=1).min() > 0.05


def test_the_sum_of_groups_that_move_together_is_far_less_certain():
    spread = {}
    for together in (0.0, 0.9):
        demand = swings(groups=8, hours=700, together=together)
        components = ("ar", "weekly", "days")
        found = forecast_block(block_of(demand, [0.4, 0.3, 0.3], components), chance(demand))
        own = found.var(axis=1).sum(axis=-1).mean()
        spread[together] = found.sum(axis=-1).var(axis=1).mean() / own
    assert spread[0.9] > 2.5  # of four groups: 1 + 3 · 0.9 at most
    assert spread[0.9] > 1.5 * spread[0.0]


def test_what_never_moved_stays_and_the_bounds_hold():
    demand = waves(groups=4, hours=400)
    demand[1] = 7.0
    block = block_of(demand, [0.5, 0.5], ("ar", "days"), factors=np.full((4, 4), 2.0))
    block = replace(block, history=replace(block.history, lowest=np.full(2, -1.0), highest=np.full(2, 1.2)))
    found = forecast_block(block, chance(demand))
    assert (found[..., 1] == 0).all()
    assert found[..., 0].min() == pytest.approx(-1.0)
    assert found[..., 0].max() == pytest.approx(1.2)


def test_factors_stretch_and_ones_do_not():
    demand = waves(groups=4, hours=400)
    plain, ones, wide = (
        forecast_block(block_of(demand, [1.0], ("days",), factors=factors), chance(demand))
        for factors in (None, np.ones((4, 4)), np.full((4, 4), 1.5))
    )
    np.testing.assert_allclose(np.sort(plain, axis=1), np.sort(ones, axis=1), atol=1e-6)
    np.testing.assert_allclose(wide.std(axis=1) / plain.std(axis=1), 1.5, atol=0.1)


def test_a_block_is_the_same_whatever_other_blocks_hold():
    demand = waves(groups=4, hours=400)
    changed = demand.copy()
    changed[2:] *= np.random.default_rng(1).uniform(1, 5, changed[2:].shape)
    components = ("ar", "days", "analogue")
    one, two = (
        forecast_block(block_of(x, [0.4, 0.3, 0.3], components), chance(demand)) for x in (demand, changed)
    )
    np.testing.assert_array_equal(one, two)


def test_a_linear_component_that_was_not_learnt_is_no_component():
    demand = waves(groups=2, hours=400)
    with pytest.raises(KeyError, match="ar"):
        draw_component("ar", of_block(history(demand, AHEAD)), None, None, chance(demand), EVERY, AHEAD)


def test_errors_last_as_long_as_the_block_says():
    demand = waves(groups=4, hours=400)
    block = block_of(demand, [1.0], ("ar",), factors=np.ones((4, 4)))

    def of_a_day(*shares):
        found = forecast_block(replace(block, shares=np.array(shares)), chance(demand))
        return found[:24].mean(axis=0).std(axis=0)

    short, usual, long = of_a_day(0, 0, 0.9), of_a_day(0, 0, 0), of_a_day(0.9, 0, 0)
    assert (short < 0.8 * usual).all()
    assert (usual < 0.9 * long).all()


def test_series_that_never_move_say_nothing_of_how_long_errors_last(monkeypatch):
    demand = waves(groups=6, hours=400)
    demand[0] = 1.0
    block = block_of(demand, [1.0], ("ar",), factors=np.ones((4, 4)))
    asked = []
    monkeypatch.setattr("forecasting.mixture.lasting", lambda draws, _, moves, __: asked.append(moves) or draws)
    forecast_block(block, chance(demand))
    np.testing.assert_array_equal(asked, [block.history.moves])
    assert 0 < block.history.moves.sum() < len(block.history.moves)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.8])
def test_idle_hours_stay_idle_when_intervals_are_moved(factor):
    """Groups that idle every third hour or so: that none is wanted stays as likely as components say."""
    wanted = np.random.default_rng(3).poisson(1.2, size=(6, 1, 400)).astype(float)
    components = ("days", "ar")
    plain = block_of(wanted, [0.5, 0.5], components)
    moved = replace(plain, factors=np.full((4, 4, 1), factor), widening=np.full((4, 2, 3), 0.9))
    zeros = []
    for block in (plain, moved):
        demand = block.history.demand_of(forecast_block(block, chance(wanted)))
        zeros.append((demand < 1e-9).mean(axis=(0, 1)))
    assert (zeros[0] > 0.2).all()
    assert (zeros[1] >= zeros[0] - 1e-9).all()
    assert (zeros[1] < zeros[0] + 0.15).all()
