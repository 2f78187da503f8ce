"""Training of the recurrent network, on JAX with Equinox and Optax: the extra ``rnn``, needed nowhere else.

Place in the line: within `learn`, where the component is asked for. One network learns from windows of all series
at once, by the likelihood of a Student t, each hour told the hours before it (teacher forcing), with noise upon
the last two: ahead of now they are drawn and not known (cf. Bengio et al. 2015). The linear part begins at ridge
regression, so that the recurrent part has only what that misses to find; recent windows are drawn more often.
Same history and seed: same weights.

    network = train(history, until=900, resources=4, seed=1)
"""

from collections.abc import Callable
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from forecasting.basis import DAY, WEEK, Floats, memory
from forecasting.history import History
from forecasting.network import LOG_SCALES, MEMORY, UNITS, Floats32, Network, inputs_of, network_of
from forecasting.sufficient import recency

STEPS, WINDOWS = 400, 32
"""Updates, and windows that each looks at."""

WINDOW_HOURS, WARM_HOURS = WEEK + DAY, DAY
"""Length of a window; its first hours only bring the state about."""

RATE, DECAY = 3e-3, 1.0
"""Of AdamW (Loshchilov and Hutter 2019): the first rate, which ends at 0, and the decay of the recurrent part."""

DROP = 0.3
"""Share of the state that a window's outputs go without."""

NOISE = 0.3
"""Of the last hours, in units of a score; without it the component was 1 to 20 % worse 7 to 24 h ahead."""

FREEDOM = 5.0
"""Degrees of freedom of the Student t."""

_RIDGE, _OWN_RIDGE = 1.0, 30.0
_LAST = 2  # hours that noise is put upon: the first of the memory
_FIRST = WEEK + 2  # hours of which the memory is still empty
_TOLD = 20  # updates between two words of progress


class Model(eqx.Module):
    """The network as it is trained: the resource is one of its inputs, in as many columns as there are."""

    cell: eqx.nn.GRUCell
    head: eqx.nn.Linear
    straight: jax.Array

    def __call__(self, inputs: jax.Array, kept: jax.Array | float = 1.0) -> tuple[jax.Array, jax.Array]:
        """Return means and logarithms of scales ``(time,)``.

        Parameters
        ----------
        inputs
            Of one series, ``(time, input)``.
        kept
            Factors of the state where it is read, ``(unit,)``.
        """

        def read(hidden: jax.Array, given: jax.Array) -> tuple[jax.Array, jax.Array]:
            hidden = self.cell(given, hidden)
            return hidden, self.head(hidden * kept)

        _, out = jax.lax.scan(read, jnp.zeros(UNITS), inputs)
        resources = len(self.straight)
        of_each = inputs[:, :-resources] @ self.straight.T  # (time, resource)
        return out[:, 0] + (of_each * inputs[:, -resources:]).sum(axis=1), jnp.clip(out[:, 1], *LOG_SCALES)


def train(
    history: History,
    until: int,
    resources: int,
    seed: int,
    tell: Callable[[float], None] = lambda share: None,
    steps: int = STEPS,
) -> Network:
    """Train a network on the hours before ``until``.

    Parameters
    ----------
    history
        Of all series of the panel.
    until
        Rows from here on are not looked at; at least `teaching.LEAST_HOURS`.
    resources
        How many there are.
    seed
        Of the first weights and of the windows.
    tell
        Is told the share that is done, 0 to 1.
    steps
        Updates.
    """
    inputs, target = lesson_of(history, until, resources)
    model = first_model(inputs, target, resources, seed)
    optimiser = _optimiser(steps)
    state = optimiser.init(eqx.filter(model, eqx.is_array))
    rng = np.random.default_rng([seed, 11])
    hours = min(WINDOW_HOURS, until - _FIRST)
    starts = np.arange(_FIRST, until - hours + 1)
    weight = recency(until)[starts + hours - 1]
    series = np.flatnonzero(history.moves | ~history.moves.any())
    for number, key in enumerate(jax.random.split(jax.random.key(seed + 1), steps)):
        rows = rng.choice(starts, WINDOWS, p=weight / weight.sum())[:, None] + np.arange(hours)
        some = rng.choice(series, WINDOWS)[:, None]
        lesson = jnp.asarray(inputs[rows, some]), jnp.asarray(target[rows, some])
        model, state = _improve(optimiser, model, state, *lesson, key)
        if number % _TOLD == 0:
            tell(number / steps)
    return written_out(model, resources, history.events.shape[-1])


# Kept, and so is what is compiled for it: a backtest trains at every origin.
@cache
def _optimiser(steps: int) -> optax.GradientTransformation:
    """AdamW, at a rate that ends at 0; the linear part does not decay."""
    rate = optax.cosine_decay_schedule(RATE, steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=DECAY, mask=_decays))


def _decays(model: Model) -> Model:
    """Say of each weight whether it decays."""
    every: Model = jax.tree.map(lambda _: True, model)
    found: Model = eqx.tree_at(lambda x: x.straight, every, False)
    return found


@eqx.filter_jit
def _improve(
    optimiser: optax.GradientTransformation,
    model: Model,
    state: optax.OptState,
    inputs: jax.Array,
    target: jax.Array,
    key: jax.Array,
) -> tuple[Model, optax.OptState]:
    """Update a model once."""
    slope = eqx.filter_grad(_loss)(model, inputs, target, key)
    change, state = optimiser.update(slope, state, eqx.filter(model, eqx.is_array))
    return eqx.apply_updates(model, change), state


def lesson_of(history: History, until: int, resources: int) -> tuple[Floats32, Floats32]:
    """Return inputs ``(time, series, input)``, the resource's columns last, and scores ``(time, series)``."""
    filled = history.filled[:until]
    events = history.events[history.region][:, :until]
    inputs = inputs_of(history.time[:until], events, memory(filled, history.block, MEMORY))
    which = np.eye(resources, dtype=np.float32)[history.resource]
    which = np.broadcast_to(which, (until, *which.shape))
    return np.concatenate([inputs, which], axis=-1), history.scores[:until].astype(np.float32)


def first_model(inputs: Floats32, target: Floats32, resources: int, seed: int) -> Model:
    """Return the model that training begins at: its mean is that of a ridge regression, whatever its state."""
    size = inputs.shape[-1]
    cell_key, head_key = jax.random.split(jax.random.key(seed))
    cell = eqx.nn.GRUCell(size, UNITS, key=cell_key)
    # An input that was never seen to differ from 0 is not to do anything once it does.
    seen = np.abs(inputs).max(axis=(0, 1)) > 0
    cell = eqx.tree_at(lambda x: x.weight_ih, cell, cell.weight_ih * seen)
    straight, spread = _ridge(inputs[_FIRST:], target[_FIRST:], resources)
    head = eqx.nn.Linear(UNITS, 2, key=head_key)
    begin = (jnp.zeros_like(head.weight), jnp.array([0.0, np.log(spread)], dtype=jnp.float32))
    head = eqx.tree_at(lambda x: (x.weight, x.bias), head, begin)
    return Model(cell, head, jnp.asarray(straight, dtype=jnp.float32))


def written_out(model: Model, resources: int, events: int) -> Network:
    """Return the weights as the forward pass in NumPy takes them: what a resource's columns add, as its biases."""
    into = np.asarray(model.cell.weight_ih)
    own = into[:, -resources:].T  # (resource, gate)
    weights = {
        "into": into[:, :-resources],
        "again": np.asarray(model.cell.weight_hh),
        "bias": own + np.asarray(model.cell.bias),
        "bias_new": np.asarray(model.cell.bias_n),
        "head": np.asarray(model.head.weight),
        "head_bias": np.asarray(model.head.bias),
        "straight": np.asarray(model.straight),
    }
    return network_of(weights, resources, events)


def _loss(model: Model, inputs: jax.Array, target: jax.Array, key: jax.Array) -> jax.Array:
    """Minus the mean logarithm of the likelihood, but for a constant, of ``inputs (window, time, input)``."""
    upon, drops = jax.random.split(key)
    noise = NOISE * jax.random.normal(upon, (*inputs.shape[:2], _LAST))
    first = inputs.shape[-1] - len(model.straight) - MEMORY.size + MEMORY.calendar_size
    inputs = inputs.at[..., first : first + _LAST].add(noise)
    kept = jax.random.bernoulli(drops, 1 - DROP, (len(inputs), UNITS)) / (1 - DROP)
    mean, log_scale = jax.vmap(model)(inputs, kept)
    known = jnp.isfinite(target) & (jnp.arange(target.shape[1]) >= min(WARM_HOURS, target.shape[1] // 4))
    off = jnp.where(known, target, 0.0) - mean
    surprise = log_scale + (FREEDOM + 1) / 2 * jnp.log1p((off * jnp.exp(-log_scale)) ** 2 / FREEDOM)
    return jnp.where(known, surprise, 0.0).sum() / jnp.maximum(known.sum(), 1)


def _ridge(inputs: Floats32, target: Floats32, resources: int) -> tuple[Floats, float]:
    """Return coefficients ``(resource, input)``, drawn towards common ones, and the spread of what they miss."""
    known = np.isfinite(target)
    x, y = inputs[known].astype(np.float64), target[known].astype(np.float64)
    x, which = x[:, :-resources], x[:, -resources:].argmax(axis=1)
    pooled = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y)
    straight = np.tile(pooled, (resources, 1))
    for resource in range(resources):
        own = x[which == resource]
        missed = y[which == resource] - own @ pooled
        straight[resource] += np.linalg.solve(own.T @ own + _OWN_RIDGE * np.eye(x.shape[1]), own.T @ missed)
    missed = np.abs(y - (x * straight[which]).sum(axis=1))
    return straight, float(np.median(missed) + 0.01) if missed.size else 1.0
