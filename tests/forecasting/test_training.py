"""Training of the recurrent network, and learning with it; and that nobody misses what trains it."""

import hashlib
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from demand import chance_of, history, of_block, usage_of, waves

from forecasting.components.recurrent import paths, watch
from forecasting.errors import ForecastingError
from forecasting.forecast import forecast
from forecasting.hierarchy import Hierarchy
from forecasting.learn import learn
from forecasting.network import UNITS, inputs_of
from forecasting.settings import COMPONENTS, RECURRENT, Settings
from forecasting.teaching import LEAST_HOURS, teach
from forecasting.training import first_model, lesson_of, train, written_out

HOURS = 500
WITH = Settings(components=("days", RECURRENT))
TESTS = Path(__file__).parents[1]


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("into", "again", "head", "straight")
    )


# The network


def test_numpy_and_jax_say_the_same():
    whole = history(waves(groups=4, resources=2, hours=HOURS))
    inputs, target = lesson_of(whole, HOURS, 2)
    model = first_model(inputs, target, 2, seed=1)
    # As after training: the state is read, and the resources differ.
    big = jax.random.normal(jax.random.key(2), (2, UNITS)) / 3
    model = eqx.tree_at(lambda x: x.head.weight, model, big)
    network = written_out(model, 2, 0)
    for series in (0, 1):  # of the first group: one of each resource
        mean, log_scale = model(jnp.asarray(inputs[:, series]))
        of_it, state = network.of_resource(int(whole.resource[series])), np.zeros(UNITS, np.float32)
        for hour in range(HOURS):
            found = of_it.step(inputs[hour, series, :-2], state)
            state = found[2]
            assert found[0] == pytest.approx(float(mean[hour]), abs=1e-5)
            assert found[1] == pytest.approx(float(np.exp(log_scale[hour])), rel=1e-5)


def test_training_begins_at_the_linear_part():
    whole = history(waves(groups=4, hours=HOURS))
    inputs, target = lesson_of(whole, HOURS, 1)
    network = written_out(first_model(inputs, target, 1, seed=1), 1, 0).of_resource(0)
    mean, _, _ = network.step(inputs[..., :-1], np.zeros((*target.shape, UNITS), np.float32))
    np.testing.assert_allclose(mean, inputs[..., :-1] @ network.straight, atol=1e-5)
    assert np.nanstd(target[200:] - mean[200:]) < 0.5 * np.nanstd(target)


def missed(whole, steps, until=400):
    """Mean absolute error of scores: of the hour ahead, of a day ahead, and of a constant, after training."""
    network = train(whole, until, 1, seed=1, steps=steps).of_resource(0)
    block = of_block(whole)
    watched = watch(block, network, [until])
    drawn = paths(watched, block, network, chance_of(block, 24, 100, at=until), np.arange(100), 24)
    state, errors = watched.hidden[until], []
    inputs = lesson_of(whole, HOURS, 1)[0][:, : block.scores.shape[1], :-1]
    for hour in range(until, HOURS):
        mean, _, state = network.step(inputs[hour], state)
        errors.append(np.abs(block.scores[hour] - mean))
    ahead = np.abs(np.median(drawn, axis=1) - block.scores[until : until + 24]).mean()
    return np.mean(errors), ahead, np.abs(block.scores[until:] - np.median(block.scores[:until], axis=0)).mean()


def test_it_learns_a_day_better_than_a_constant():
    hour_ahead, day_ahead, constant = missed(history(waves(groups=6, hours=HOURS)), steps=40)
    assert hour_ahead < 0.4 * constant
    assert day_ahead < 0.4 * constant


@pytest.mark.slow
def test_it_finds_what_no_linear_part_does():
    demand = np.random.default_rng(2).uniform(0.2, 0.8, (6, 1, HOURS))
    for hour in range(1, HOURS):  # a tent: the hour before says all, and is not correlated
        demand[..., hour] = 1 - 1.8 * np.abs(demand[..., hour - 1] - 0.5)
    whole = history(10 * demand)
    (begun, _, constant), (learnt, _, _) = missed(whole, 1), missed(whole, 200)
    assert begun > 0.9 * constant
    assert learnt < 0.7 * constant


@pytest.mark.slow
def test_the_seed_decides_and_later_hours_do_not():
    demand = waves(groups=4, hours=HOURS)
    whole = history(demand)
    changed = history(demand)
    changed.scores[400:] = 9.0
    changed.filled[400:] = 9.0
    one, same_one, later, other = (
        train(each, 400, 1, seed=seed, steps=5)
        for each, seed in ((whole, 1), (whole, 1), (changed, 1), (whole, 2))
    )
    assert same(one, same_one)
    assert same(one, later)
    assert not same(one, other)


def test_events_that_never_were_do_nothing():
    whole = history(waves(groups=4, hours=HOURS))
    events = np.zeros((2, HOURS, 1))
    from dataclasses import replace

    network = train(replace(whole, events=events), 400, 1, seed=1, steps=5)
    column = inputs_of(whole.time, np.ones((1, HOURS, 1)), np.zeros((HOURS, 1, 12)))[0, 0].tolist().index(1.0, 8)
    assert column == 8
    assert np.abs(network.into[:, column]).max() < 1e-3
    assert network.straight[0, column] == 0


def test_too_little_to_learn_from_is_told():
    whole = history(waves(groups=2, hours=300))
    with pytest.raises(ForecastingError, match=f"there are {LEAST_HOURS - 1}, and {LEAST_HOURS} are needed"):
        teach(whole, [LEAST_HOURS - 1, 260], seed=1)
    with pytest.raises(ForecastingError, match="there are 0"):
        teach(whole, [], seed=1)


# Learning


@pytest.mark.slow
def test_it_is_one_more_component_and_a_file_of_it_needs_no_jax(tmp_path):
    usage = usage_of(waves(groups=4, resources=2, hours=600))
    told = []
    hierarchy = learn(usage, seed=1, progress=lambda *x: told.append(x), horizon_hours=24, settings=WITH)
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert "training the network" in {stage for stage, _ in told}
    assert hierarchy.components == ("days", RECURRENT)
    assert hierarchy.weights("a", "r0")[:, 1].min() > 0.2
    hierarchy.save(tmp_path / "h.nc")
    here = forecast(usage, 12, seed=2, hierarchy=Hierarchy.load(tmp_path / "h.nc"))
    script = f"""
from forecasting.forecast import forecast
from forecasting.hierarchy import Hierarchy
usage = usage_of(waves(groups=4, resources=2, hours=600))
print_digest(forecast(usage, 12, seed=2, hierarchy=Hierarchy.load({str(tmp_path / "h.nc")!r})))
"""
    assert without_jax(script) == digest(here)


@pytest.mark.slow
def test_without_the_extra_all_else_is_the_same_and_asking_says_what_to_install():
    usage = usage_of(waves(groups=2, hours=500))
    settings = Settings(components=tuple(name for name in COMPONENTS if name not in ("ar", "seasonal")))
    here = forecast(usage, 12, seed=2, settings=settings)
    script = f"""
from forecasting.errors import ForecastingError
from forecasting.forecast import forecast
from forecasting.settings import Settings
usage = usage_of(waves(groups=2, hours=500))
try:
    forecast(usage, 12, settings=Settings(components=("days", "recurrent")))
except ForecastingError as error:
    assert "pip install '.[rnn]'" in str(error), error
else:
    raise SystemExit("no error")
print_digest(forecast(usage, 12, seed=2, settings=Settings(components={settings.components!r})))
"""
    assert without_jax(script) == digest(here)


def digest(profile):
    return hashlib.sha256(profile.draws.values.tobytes()).hexdigest()


def without_jax(script):
    """Run a script where JAX, Equinox and Optax are not to be had; return what it prints."""
    begin = f"""
import hashlib, sys, warnings
warnings.simplefilter("ignore")
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jax", "equinox", "optax"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nothing())
sys.path[:0] = {[str(TESTS), str(TESTS.parent)]!r}
from demand import usage_of, waves
def print_digest(profile):
    print(hashlib.sha256(profile.draws.values.tobytes()).hexdigest())
"""
    done = subprocess.run(
        [sys.executable, "-c", begin + script], capture_output=True, text=True, check=False, cwd=TESTS.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
