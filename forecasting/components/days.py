"""The same hours of past days, recent days more often, days a whole number of weeks ago most: no model at all.

Good at what no model is: machines whose demand is a habit, with heavy tails, and far ahead.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, Floats
from forecasting.chance import Chance
from forecasting.history import History

HALF_LIFE_DAYS = 10.0
SAME_WEEKDAY = 2.0
"""How much likelier a day a whole number of weeks ago is taken."""


def paths(history: History, chance: Chance, draws: NDArray[np.intp], hours: int) -> NDArray[np.float32]:
    """Return scores ``(hour, draw, series)`` of past days."""
    return by_day(
        chance, draws, hours, lambda days, ahead: history.filled[chance.at + ahead - DAY * days[:, None]]
    )


def by_day(
    chance: Chance,
    draws: NDArray[np.intp],
    hours: int,
    look: Callable[[NDArray[np.intp], NDArray[np.intp]], Floats],
) -> NDArray[np.float32]:
    """Choose a past day for each day ahead and draw, and put together what ``look`` sees of it.

    Parameters
    ----------
    chance, draws, hours
        As of `paths`.
    look
        (days ago ``(draw,)``, hours ahead ``(hour,)``) → ``(draw, hour, series)``.
    """
    parts = []
    for day, begin in enumerate(range(0, hours, DAY)):
        ahead = np.arange(begin, min(begin + DAY, hours))
        ago = days_ago(chance.at, begin, int(ahead[-1]))
        chosen = ago[choose(day_weights(ago)[:, None], chance.days[draws, day])[:, 0]]
        parts.append(look(chosen, ahead).astype(np.float32))
    return np.ascontiguousarray(np.concatenate(parts, axis=1).transpose(1, 0, 2))


def days_ago(at: int, first_ahead: int, last_ahead: int) -> NDArray[np.intp]:
    """Return how many days ago a whole day of the past may be, for hours ahead from first to last.

    The day before each of them is kept in the past too, where the past is long enough for that.
    """
    nearest = last_ahead // DAY + 1
    furthest = max((at + first_ahead) // DAY - 1, nearest)
    ago = np.arange(nearest, furthest + 1, dtype=np.intp)
    inside = ago[at + first_ahead - DAY * ago >= 0]
    return inside if inside.size else ago[:1]


def day_weights(ago: NDArray[np.intp], half_life: float = HALF_LIFE_DAYS) -> Floats:
    """Return how likely each day is to be taken, up to a factor: ``(day,)``."""
    return np.asarray(0.5 ** (ago / half_life) * np.where(ago % 7 == 0, SAME_WEEKDAY, 1.0))


def choose(weights: Floats, uniform: Floats) -> NDArray[np.intp]:
    """Return the number of the choice that uniform numbers ``(draw,)`` make among ``weights (choice, series)``.

    The same number makes about the same choice in every series: ``(draw, series)``.
    """
    edges = np.cumsum(weights / weights.sum(axis=0), axis=0)[:-1]
    return np.asarray((uniform[:, None, None] > edges).sum(axis=1))
