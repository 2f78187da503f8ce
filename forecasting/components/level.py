"""Past days again, moved by how far the level of the series is from what it was before them; the move stays.

Good where a series has found a new level and its day keeps its shape, and where it knows no day at all. The level
is an exponentially weighted mean (simple exponential smoothing: Brown 1959); how quickly it follows is chosen for
each series by how well it foretold the change from one day to the next.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from forecasting.basis import DAY, Floats
from forecasting.chance import Chance
from forecasting.components.days import by_day
from forecasting.history import History
from forecasting.sufficient import recency

GAINS = (0.03, 0.1, 0.3, 0.8)
"""Weight of the newest hour in the level."""


def paths(history: History, chance: Chance, draws: NDArray[np.intp], hours: int) -> NDArray[np.float32]:
    """Return scores ``(hour, draw, series)`` of past days, each moved from the level before it to that of now."""
    at, filled = chance.at, history.filled
    level = levels(filled[:at])

    def look(days: NDArray[np.intp], ahead: NDArray[np.intp]) -> Floats:
        move = level[-1] - level[np.maximum(at - 1 - DAY * days, 0)]
        return np.asarray(filled[at + ahead - DAY * days[:, None]] + move[:, None])

    return by_day(chance, draws, hours, look)


def levels(filled: Floats) -> Floats:
    """Return the level of each series after each hour: ``(time, series)``."""
    best, least = filled, np.full(filled.shape[1], np.inf)
    weight = recency(len(filled) - 2 * DAY + 1)
    total = np.concatenate([np.zeros((1, filled.shape[1])), np.cumsum(filled, axis=0)])
    mean = (total[DAY:] - total[:-DAY]) / DAY  # of the day from each hour on
    changed = mean[DAY:] - mean[:-DAY]  # between the day from an hour on and the day before it
    for gain in GAINS:
        level = lfilter([gain], [1, gain - 1], filled, axis=0, zi=(1 - gain) * filled[:1])[0]
        moved = level[DAY - 1 : len(filled) - DAY] - np.concatenate([filled[:1], level[: len(filled) - 2 * DAY]])
        error = weight @ np.abs(changed - moved)
        best = np.where(error < least, level, best)
        least = np.minimum(error, least)
    return np.asarray(best)
