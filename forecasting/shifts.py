"""Level shifts: a series that has left its level for a day is forecast from its new one.

Place in the line: within `history`. Lags and usual values take weeks to learn of a jump that a reviewer sees at
once. So the past before the jump is scaled to the new level, and every component goes on from there.

A shift is more than a bad day: over the last 24 hours, the mean distance of a series from its usual week is
1.25 times further out than it has ever been, it is at least half that far in both halves of the day, and the rest
of its block has not moved along (a holiday moves all). In a past of less than three weeks, the usual day stands
for the usual week, and the day must be twice as far out. What jumps and comes back within a day is left to the
components.

    filled, shifted = rebased(filled, block, moves, lowest)
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, DAY_GAIN, WEEK, WEEK_GAIN, Floats, usual

BEYOND, BEYOND_USUAL_DAY = 1.25, 2.0
"""How much further out than ever before a day must be to count as a shift."""

_HALF_AS_FAR = 0.5  # either half of the day, and the hours since the shift began, relative to the whole day
_BLOCK_SHARE = 0.5  # of the way that the block may have moved along
_CALM_HOURS = 2 * WEEK  # of usual values seen before the last day, to know what ever means


def rebased(
    filled: Floats, block: NDArray[np.intp], moves: NDArray[np.bool_], lowest: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the past with the hours before a shift moved to the level after it, and which series shifted.

    Parameters
    ----------
    filled
        Scores ``(time, series)`` without gaps.
    block
        Number of the block of each series.
    moves
        Series that change at all.
    lowest
        Scores of no demand, ``(series,)``: levels are multiplied, counted from there.
    """
    length, series = filled.shape
    shifted = np.zeros(series, dtype=np.bool_)
    if length < WEEK + 2 * DAY:
        return filled, shifted
    period, gain, beyond = WEEK, WEEK_GAIN, BEYOND
    if length < WEEK + _CALM_HOURS + DAY:
        period, gain, beyond = DAY, DAY_GAIN, BEYOND_USUAL_DAY
    away = np.zeros_like(filled)
    away[period:] = (filled - usual(filled, period, gain))[period:]
    day = _trailing(away, DAY)
    now = day[-1]
    before = np.abs(day[period + DAY : -DAY]).max(axis=0)
    halves = np.stack([away[-DAY : -DAY // 2].mean(axis=0), away[-DAY // 2 :].mean(axis=0)])
    steady = (np.sign(now) * halves > _HALF_AS_FAR * np.abs(now)).all(axis=0)
    alone = np.ones(series, dtype=np.bool_)
    for number in np.unique(block):
        members = block == number
        if members.sum() > 1:
            alone[members] = np.abs(np.median(now[members])) < _BLOCK_SHARE * np.abs(now[members])
    shifted = moves & steady & alone & (np.abs(now) > beyond * before)
    out = filled.copy()
    for column in np.flatnonzero(shifted):
        begin = _begin(away[:, column], float(now[column]))
        height = filled[:, column] - lowest[column]
        expected = (height - away[:, column])[begin:].mean()
        if expected > 0:
            out[:begin, column] = height[:begin] * (height[begin:].mean() / expected) + lowest[column]
    return out, shifted


def _begin(away: Floats, now: float) -> int:
    """Return the hour in which a shift began: from there on, six-hour means are on its side."""
    short = _trailing(away[:, None], 6)[:, 0] * np.sign(now)
    near = np.flatnonzero(short < _HALF_AS_FAR * abs(now))
    return int(min(near[-1] + 1, len(away) - DAY)) if near.size else len(away) - DAY


def _trailing(values: Floats, hours: int) -> Floats:
    """Return the mean of the last ``hours`` of each hour, ``(time, series)``; of fewer, at the start."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    first = np.maximum(np.arange(1, len(values) + 1) - hours, 0)
    return np.asarray((total[1:] - total[first]) / (np.arange(1, len(values) + 1) - first)[:, None])
