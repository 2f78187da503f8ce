"""The recurrent component: the network's mean and scale, hour by hour, with past residual rows as its chance.

Place in the line: like `linear`, with a network in the place of coefficients. What the network missed in an hour
of the past, relative to its scale then, is what a draw meets again: whole rows of it, the same as every other
component takes, so that what moved together moves together again. DeepAR (Salinas et al. 2020) draws each series
by itself.

    watched = watch(history, network, cuts=[900, 1008])
    paths(watched, history, network, chance, draws, hours=24)  # (hour, draw, series)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, WEEK, Floats, memory
from forecasting.chance import Chance
from forecasting.components.linear import known_everywhere
from forecasting.components.walk import Trail
from forecasting.history import History
from forecasting.network import MEMORY, UNITS, Floats32, Network, inputs_of, known_ahead

_NUMBER = 3  # after the linear components, in what is seeded
_CHUNK = 256  # series whose inputs are held at once
_CELLS = 500_000  # of (draw, series) that are walked at once: each has a state


@dataclass(frozen=True, slots=True)
class Watched:
    """What the network makes of the past of a block.

    Parameters
    ----------
    hidden
        By cut, the state after the hours before it, ``(series, unit)``.
    residuals
        ``(time, series)``, in units of the scale of their hour; known everywhere.
    """

    hidden: dict[int, Floats32]
    residuals: Floats32


def watch(history: History, network: Network, cuts: Sequence[int]) -> Watched:
    """Let the network of one resource read the past of a block; each hour from the hours before it only."""
    remembered = memory(history.filled, history.block, MEMORY)
    shape = history.scores.shape
    residuals = np.full(shape, np.nan)
    hidden = {cut: np.zeros((shape[1], UNITS), dtype=np.float32) for cut in cuts}
    for begin in range(0, shape[1], _CHUNK):
        some = slice(begin, begin + _CHUNK)
        inputs = inputs_of(
            history.time[: history.length], _events(history, some, 0, history.length), remembered[:, some]
        )
        state = np.zeros((inputs.shape[1], UNITS), dtype=np.float32)
        # In the first week hardly anything is remembered, and training never looked at that.
        for hour in range(min(WEEK, history.length), history.length):
            if hour in hidden:
                hidden[hour][some] = state
            mean, scale, state = network.step(inputs[hour], state)
            residuals[hour, some] = (history.scores[hour, some] - mean) / scale
        if history.length in hidden:
            hidden[history.length][some] = state
    return Watched(hidden, known_everywhere(residuals, history.moves, _NUMBER))


def paths(
    watched: Watched, history: History, network: Network, chance: Chance, draws: NDArray[np.intp], hours: int
) -> Floats32:
    """Return scores ``(hour, draw, series)`` of the first ``hours`` ahead, for some of the draws."""
    series = history.scores.shape[1]
    most = max(1, _CELLS // series)
    ahead = known_ahead(
        history.time[chance.at : chance.at + hours], _events(history, slice(None), chance.at, hours)
    )
    # Of the first week, which a short past may have rows of, nothing is known: the same hour of the day after it.
    rows = chance.rows + DAY * np.maximum(-(-(WEEK - chance.rows) // DAY), 0)
    rows = np.minimum(rows, chance.at - 1)
    parts = []
    for begin in range(0, len(draws), most):
        some = draws[begin : begin + most]
        shock = watched.residuals[rows[some][:, :hours]]  # (draw, hour, series)
        trail = Trail(history, MEMORY, chance.at, hours, len(some))
        state = np.repeat(watched.hidden[chance.at][None], len(some), axis=0)
        known = ahead.shape[-1]
        inputs = np.empty((len(some), series, network.straight.size), dtype=np.float32)
        for hour in range(hours):
            inputs[..., :known] = ahead[hour]
            for place, value in enumerate(trail.seen(hour)):
                inputs[..., known + place] = value
            mean, scale, state = network.step(inputs, state)
            trail.add(hour, mean + scale * shock[:, hour])
        parts.append(trail.path)
    return np.concatenate(parts, axis=1)


def _events(history: History, series: slice, first: int, hours: int) -> Floats:
    """Return features of events of some series and hours, ``(series, hour, event feature)``."""
    return history.events[history.region[series]][:, first : first + hours]
