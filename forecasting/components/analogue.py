"""What followed days that were like the last one, before days that are to be like the next: nearest neighbours.

The method of analogues (Lorenz 1969; for demand: Martínez et al. 2019). A past day is the likelier to be followed
again, the more alike the 24 hours before it were to the last 24 hours, their end above all; the more alike the
usual week is in its hours and in those ahead, which tells working days from the others without a calendar; and
the more recent it is. Its hours are moved part of the way from the level then to the level now: all of it, where a
series grows steadily, since what it has gained it keeps.
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, WEEK, WEEK_GAIN, Floats, usual
from forecasting.chance import Chance
from forecasting.components.days import choose, day_weights, days_ago
from forecasting.components.days import paths as any_day
from forecasting.history import History

HALF_LIFE_DAYS = 28.0
BANDWIDTH = 0.3
"""Of the mean squared difference of two days, relative to the middle one of the past."""

KEPT_AN_HOUR = 0.88
"""How much less an hour counts in that difference than the hour after it."""

MOVED = 0.4
"""Share of the way from the level then to the level now that a past day is moved; of a series, what it shows."""

LEVEL_HOURS = DAY // 2

_APART = (7, 14)  # days between two that are compared: weekdays are no change of level
_NOISE = 4.0  # how far a share is drawn towards the usual one, in squares of its standard error
_LEAST_PAIRS = 2.0


def paths(history: History, chance: Chance, draws: NDArray[np.intp], hours: int) -> NDArray[np.float32]:
    """Return scores ``(hour, draw, series)`` that followed like days; each series has days of its own."""
    at, filled = chance.at, history.filled
    if at < 2 * DAY:
        return any_day(history, chance, draws, hours)
    whole = np.arange(at // DAY, dtype=np.intp)  # days ago with a whole day before them; 0 is now
    before = np.stack([filled[at - DAY * (ago + 1) : at - DAY * ago] for ago in whole])
    recent = KEPT_AN_HOUR ** np.arange(DAY)[::-1]
    apart = np.einsum("h,dhs->ds", recent / recent.sum(), (before[1:] - before[0]) ** 2)
    size = np.median(apart, axis=0) + 1e-9
    unlike = np.concatenate([apart[:1], apart]) / size / BANDWIDTH
    level = before[:, -LEVEL_HOURS:].mean(axis=1)
    share = shares_moved(filled[:at])
    week = _usual_week(filled[:at], hours)
    series = np.arange(filled.shape[1])
    out = np.empty((hours, len(draws), filled.shape[1]), dtype=np.float32)
    for begin in range(0, hours, DAY):
        ahead = np.arange(begin, min(begin + DAY, hours))
        ago = days_ago(at, begin, int(ahead[-1]))
        known = np.minimum(ago, len(whole) - 1)
        week_apart = week[at + ahead[:, None] - DAY * ago] - week[at + ahead][:, None]  # (hour, day, series)
        other = unlike[known] + (week_apart**2).mean(axis=0) / size
        weight = np.exp(other.min(axis=0) - other) * day_weights(ago, HALF_LIFE_DAYS)[:, None]
        # One number for all days of a draw: the same past is followed from day to day.
        chosen = ago[choose(weight + 1e-12, chance.days[draws, 0])]  # (draw, series)
        move = level[0] - level[np.minimum(chosen, len(whole) - 1), series]
        out[ahead] = filled[at + ahead[:, None, None] - DAY * chosen, series] + share * move
    return out


def shares_moved(past: Floats) -> Floats:
    """Return the share of the way that past days are moved, ``(series,)``, of scores ``(time, series)``.

    That is the slope, through the origin, of what the mean of a day changed by in one or two weeks on what the
    level before it did. It is drawn towards `MOVED` by as much as it may be chance (the positive part of James and
    Stein 1961).
    """
    total = np.concatenate([np.zeros((1, past.shape[1])), np.cumsum(past, axis=0)])
    begins = len(past) - DAY * np.arange(1, len(past) // DAY)  # of days that another one is before
    level = (total[begins] - total[begins - LEVEL_HOURS]) / LEVEL_HOURS
    mean = (total[begins + DAY] - total[begins]) / DAY
    some = [apart for apart in _APART if apart < len(begins)]
    if not some:
        return np.full(past.shape[1], MOVED)
    before, after = (np.concatenate([each[:-apart] - each[apart:] for apart in some]) for each in (level, mean))
    weight = 0.5 ** (np.concatenate([np.arange(len(begins) - apart) for apart in some]) / HALF_LIFE_DAYS)
    pairs = weight.sum()
    if pairs < _LEAST_PAIRS:
        return np.full(past.shape[1], MOVED)
    square = weight @ before**2 + 1e-9
    slope = weight @ (before * after) / square
    error = weight @ (after - slope * before) ** 2 / (pairs - 1) / square
    off = slope - MOVED
    surely = np.maximum(1 - _NOISE * error / np.maximum(off**2, 1e-12), 0.0)
    return np.asarray(np.clip(MOVED + surely * off, 0.0, 1.0))


def _usual_week(past: Floats, hours: int) -> Floats:
    """Return the usual value of each hour of the past and of those ahead, ``(time + hours, series)``.

    Of a past of less than a fortnight, nothing: all hours are alike.
    """
    if len(past) < 2 * WEEK:
        return np.zeros((len(past) + hours, past.shape[1]))
    known = usual(np.concatenate([past, np.full((WEEK, past.shape[1]), np.nan)]), WEEK, WEEK_GAIN)
    known[:WEEK] = past[:WEEK]
    ahead = known[len(past) + np.arange(hours) % WEEK]
    return np.concatenate([known[: len(past)], ahead])
