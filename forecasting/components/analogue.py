"""What followed days that were like the last one: nearest neighbours in the series' own past.

The method of analogues (Lorenz 1969; for demand: Martínez et al. 2019): past days are weighted by how alike the 24
hours before them were to the last 24 hours, and by how recent they are.
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY
from forecasting.chance import Chance
from forecasting.components.days import choose, day_weights, days_ago
from forecasting.components.days import paths as any_day
from forecasting.history import History

HALF_LIFE_DAYS = 21.0
BANDWIDTH = 0.5
"""Of the mean squared difference of two days, relative to the middle one of the past."""


def paths(history: History, chance: Chance, draws: NDArray[np.intp], hours: int) -> NDArray[np.float32]:
    """Return scores ``(hour, draw, series)`` that followed like days; each series has days of its own."""
    at, filled = chance.at, history.filled
    if at < 2 * DAY:
        return any_day(history, chance, draws, hours)
    whole = np.arange(1, at // DAY, dtype=np.intp)  # days ago with a whole day before them
    before = np.stack([filled[at - DAY * (ago + 1) : at - DAY * ago] for ago in whole])
    apart = ((before - filled[at - DAY : at]) ** 2).mean(axis=1)  # (day, series)
    alike = np.exp(-apart / (np.median(apart, axis=0) + 1e-9) / BANDWIDTH)
    out = np.empty((hours, len(draws), filled.shape[1]), dtype=np.float32)
    series = np.arange(filled.shape[1])
    for begin in range(0, hours, DAY):
        ahead = np.arange(begin, min(begin + DAY, hours))
        ago = days_ago(at, begin, int(ahead[-1]))
        weight = alike[np.minimum(ago, len(whole)) - 1] * day_weights(ago, HALF_LIFE_DAYS)[:, None]
        # One number for all days of a draw: the same past is followed from day to day.
        chosen = ago[choose(weight + 1e-12, chance.days[draws, 0])]  # (draw, series)
        rows = at + ahead[:, None, None] - DAY * chosen
        out[ahead] = filled[rows, series]
    return out
