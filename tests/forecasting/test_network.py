"""The recurrent component without what trains it: forward pass, past, draws, place in the stack, file."""

from dataclasses import replace

import numpy as np
import pytest
from demand import chance_of, history, made, of_block, swings, usage_of, waves

from forecasting.appraisal import judge
from forecasting.basis import WEEK, memory
from forecasting.components import EMPIRICAL
from forecasting.components.recurrent import paths, watch
from forecasting.components.walk import Trail
from forecasting.errors import HierarchyError
from forecasting.forecast import forecast
from forecasting.hierarchy import KIND, Hierarchy
from forecasting.netcdf import write
from forecasting.network import LARGEST, MEMORY, UNITS, input_size, network_of, shapes
from forecasting.rehearsal import Task, rehearse
from forecasting.settings import RECURRENT
from forecasting.stacking import usual_weights

HOURS, AHEAD = 500, 30


def weights_of(resources=1, events=0, size=0.05, seed=5):
    """Small random weights, with the value of a day before as the linear part."""
    rng = np.random.default_rng(seed)
    found = {
        name: rng.normal(0, size, shape).astype(np.float32) for name, shape in shapes(resources, events).items()
    }
    found["straight"][:] = 0
    found["straight"][:, 8 + events + MEMORY.lags.index(24)] = 1
    found["head_bias"][:] = (0, -1)
    return found


def network(resources=1, events=0, **how):
    return network_of(weights_of(resources, events, **how), resources, events)


# The forward pass


def test_a_state_of_nothing_leaves_the_linear_part():
    weights = {name: np.zeros_like(values) for name, values in weights_of().items()}
    weights["straight"][0, 3] = 2.0
    weights["head_bias"][:] = (0.5, np.log(0.7))
    inputs = np.random.default_rng(1).normal(size=(6, input_size(0))).astype(np.float32)
    mean, scale, hidden = network_of(weights, 1, 0).of_resource(0).step(inputs, np.zeros((6, UNITS), np.float32))
    np.testing.assert_allclose(mean, 0.5 + 2 * inputs[:, 3], rtol=1e-6)
    np.testing.assert_allclose(scale, 0.7, rtol=1e-6)
    np.testing.assert_array_equal(hidden, 0)


def test_a_gate_that_keeps_all_keeps_the_state():
    weights = weights_of()
    weights["bias"][:, UNITS : 2 * UNITS] = 900
    before = np.random.default_rng(1).normal(size=(3, UNITS)).astype(np.float32)
    inputs = np.ones((3, input_size(0)), np.float32)
    after = network_of(weights, 1, 0).of_resource(0).step(inputs, before)[2]
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_what_is_remembered_while_walking_is_what_the_past_would_remember():
    whole = of_block(history(waves(groups=4, hours=HOURS)))
    at = HOURS - AHEAD
    trail = Trail(whole, MEMORY, at, AHEAD, 2)
    wanted = memory(whole.filled, whole.block, MEMORY)
    for hour in range(AHEAD):
        for place, seen in enumerate(trail.seen(hour)):
            found = np.broadcast_to(seen, (2, whole.filled.shape[1]))
            np.testing.assert_allclose(found[1], wanted[at + hour, :, place], atol=2e-4, err_msg=f"{hour} {place}")
        trail.add(hour, np.broadcast_to(whole.filled[at + hour], (2, whole.filled.shape[1])).astype(np.float32))
    np.testing.assert_allclose(trail.path[:, 0], whole.filled[at:], atol=1e-6)


# The past


def test_an_hour_is_read_from_the_hours_before_it_only():
    demand = waves(groups=4, hours=HOURS)
    one = of_block(history(demand))
    cut = HOURS - 40
    other = replace(one, scores=one.scores.copy(), filled=one.filled.copy())
    other.scores[cut:] += 3
    other.filled[cut:] += 3
    net = network().of_resource(0)
    first, second = (watch(each, net, [cut, HOURS]) for each in (one, other))
    np.testing.assert_array_equal(first.hidden[cut], second.hidden[cut])
    np.testing.assert_array_equal(first.residuals[WEEK:cut], second.residuals[WEEK:cut])
    assert np.abs(first.hidden[HOURS] - second.hidden[HOURS]).max() > 0.01
    assert np.abs(first.hidden[cut]).max() > 0


def test_residuals_are_known_everywhere_and_those_of_known_hours_are_the_networks():
    demand = waves(groups=4, hours=HOURS)
    demand[0, 0, 300:310] = np.nan
    whole = of_block(history(demand))
    found = watch(whole, network().of_resource(0), [HOURS]).residuals
    assert np.isfinite(found).all()
    assert 0.2 < found[WEEK:].std() < 5


# Draws


def drawn(demand, net, draws=300):
    whole = of_block(history(demand, AHEAD))
    chance = chance_of(whole, AHEAD, draws)
    return paths(watch(whole, net, [chance.at]), whole, net, chance, np.arange(draws), AHEAD)


def test_draws_of_series_that_moved_together_move_together():
    net = network(size=0.0).of_resource(0)
    alike, apart = (drawn(swings(4, HOURS, together), net) for together in (0.9, 0.0))
    shared = [np.corrcoef(each[3, :, 0], each[3, :, 1])[0, 1] for each in (alike, apart)]
    assert shared[0] > 0.7
    assert abs(shared[1]) < 0.35


def test_a_draw_is_the_same_whichever_draws_are_taken_with_it(monkeypatch):
    demand = waves(groups=4, hours=HOURS)
    net = network().of_resource(0)
    whole = of_block(history(demand, AHEAD))
    chance = chance_of(whole, AHEAD, 50)
    watched = watch(whole, net, [chance.at])
    every = paths(watched, whole, net, chance, np.arange(50), AHEAD)
    some = paths(watched, whole, net, chance, np.array([3, 40]), AHEAD)
    np.testing.assert_allclose(some, every[:, [3, 40]], atol=1e-5)
    monkeypatch.setattr("forecasting.components.recurrent._CELLS", 14)
    monkeypatch.setattr("forecasting.components.recurrent._CHUNK", 1)
    again = paths(watch(whole, net, [chance.at]), whole, net, chance, np.arange(50), AHEAD)
    np.testing.assert_allclose(again, every, atol=1e-4)


# In the stack


def rehearsed(net, components):
    whole = history(waves(groups=2, hours=760))
    block = of_block(whole)
    from forecasting.history import history_of

    transform = history_of(usage_of(waves(groups=2, hours=760)), 0)[1].of_series(np.array([0]))
    cuts = tuple(range(460, 760 - AHEAD, 37))
    task = Task(block, transform, {}, {}, components, cuts, AHEAD, 1, net)
    return judge({0: rehearse(task)}, {0: 0}, components)[0].weights


def test_a_bad_network_gets_no_weight_and_next_to_none_before_it_runs_away():
    weights = weights_of()
    weights["straight"][:] = 0
    weights["straight"][:, 8] = -9.0  # up and down, further and further
    bad = rehearsed(network_of(weights, 1, 0).of_resource(0), (*EMPIRICAL, RECURRENT))
    np.testing.assert_array_equal(bad[1:, -1], 0)
    assert bad[0, -1] < usual_weights((*EMPIRICAL, RECURRENT))[0, -1] / 4
    without = rehearsed(None, tuple(EMPIRICAL))
    np.testing.assert_allclose(bad[:, :-1], without, atol=0.1)


def test_a_good_network_gets_more_than_it_usually_does():
    weights = weights_of(size=0.0)
    weights["straight"][:] = 0
    weights["straight"][:, 8 + len(MEMORY.lags) + len(MEMORY.week)] = 1  # the usual day: what waves are
    weights["head_bias"][:] = (0.0, -2.0)
    good = rehearsed(network_of(weights, 1, 0).of_resource(0), ("recent", RECURRENT))
    assert good[1, 1] > 0.9


# The file


@pytest.fixture
def usage():
    return usage_of(waves(groups=4, resources=2, hours=HOURS))


def made_with_network(usage):
    return made(usage, ("days", RECURRENT), network=network(2))


def test_saved_and_loaded_it_gives_byte_identical_forecasts(usage, tmp_path):
    hierarchy = made_with_network(usage)
    hierarchy.save(tmp_path / "h.nc")
    again = Hierarchy.load(tmp_path / "h.nc")
    one, two = (forecast(usage, 12, seed=2, hierarchy=each) for each in (hierarchy, again))
    assert one.draws.values.tobytes() == two.draws.values.tobytes()
    assert np.abs(one.draws.values - forecast(usage, 12, seed=2, hierarchy=made(usage, ("days",))).draws).max() > 0


def test_a_resource_has_its_own_biases_wherever_it_stands_in_the_usage(usage):
    hierarchy = made_with_network(usage)
    net = hierarchy.network("r1")
    np.testing.assert_array_equal(net.bias, hierarchy.dataset["recurrent_bias"].sel(resource="r1"))
    alone = usage.sel(resource=["r1"])
    assert np.isfinite(forecast(alone, 12, seed=2, hierarchy=hierarchy).draws).all()
    assert made(usage, ("days",)).network("r1") is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: x.drop_vars("recurrent_head"), "no 'head' of the shape"),
        (lambda x: x.isel(recurrent_input=slice(5)), "'into' of the shape"),
        (lambda x: x.assign(recurrent_again=x["recurrent_again"] + 2 * LARGEST), "beyond 1000"),
        (lambda x: x.assign(recurrent_again=x["recurrent_again"] * np.nan), "not finite"),
    ],
)
def test_weights_that_are_not_whole_are_refused(usage, tmp_path, change, says):
    write(change(made_with_network(usage).dataset), tmp_path / "h.nc", KIND)
    with pytest.raises(HierarchyError, match=says):
        Hierarchy.load(tmp_path / "h.nc")


def test_the_largest_weights_that_pass_overflow_nothing(usage):
    largest = {name: np.full_like(values, LARGEST) for name, values in weights_of(2).items()}
    hierarchy = made(usage, ("days", RECURRENT), network=network_of(largest, 2, 0))
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(forecast(usage, 12, seed=2, hierarchy=hierarchy).draws).all()
