"""The last hours again, whatever the hour of the day: runs of them, the newest most often.

Good for machines that keep no hours: they sit at a level, with bursts now and then, until they find another.
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.chance import Chance
from forecasting.history import History

HALF_LIFE_HOURS = 16.0
RUN_HOURS = 6


def paths(history: History, chance: Chance, draws: NDArray[np.intp], hours: int) -> NDArray[np.float32]:
    """Return scores ``(hour, draw, series)``: runs of the last hours, the same runs in every series."""
    rng = np.random.default_rng([*chance.key, 2])
    runs = -(-chance.hours // RUN_HOURS)
    ago = rng.exponential(HALF_LIFE_HOURS / np.log(2), size=(len(chance.component), runs))[draws].astype(np.intp)
    begin = np.maximum(chance.at - RUN_HOURS - ago, 0)
    rows = (begin[..., None] + np.arange(RUN_HOURS)).reshape(len(draws), -1)[:, :hours]
    return history.filled[np.minimum(rows, chance.at - 1)].transpose(1, 0, 2).astype(np.float32)
