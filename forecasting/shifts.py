"""Level shifts: a series that has left its level is forecast from its new one.

Place in the line: within `history`. Lags and usual values take weeks to learn of a jump that a reviewer sees at
once. So the past before the jump is scaled to the new level, and every component goes on from there.

A shift is more than a bad day, and is looked for in the last week: since it began, at least 24 hours ago, the mean
distance of a series from its usual week is 1.25 times further out than that of any day before; so is the last day,
and it is at least half that far in both of its halves and in every day since; and the others of its block have not
moved along (a holiday moves all). The distance is one beside the middle series of the block, where that has kept
the past calmer: a blizzard that struck all is no measure of what befalls one. In a past of less than four weeks
the last three days are looked at, the usual day stands for the usual week, and a shift must be twice as far out.
What jumps and comes back within a day is left to the components, and so is what is a week old: then all lags know
of it.

    filled, began = rebased(filled, block, moves, lowest)
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, DAY_GAIN, WEEK, WEEK_GAIN, Floats, usual

FOUND_HOURS = DAY
"""Hours after its beginning from which on a shift can be found."""

BEYOND, BEYOND_USUAL_DAY = 1.25, 2.0
"""How much further out than ever before a day must be to count as a shift."""

_HALF_AS_FAR = 0.5  # either half of the last day, and every day since, relative to the last day
_LAST_HOURS, _STILL_AS_FAR = 4, 0.2  # nights are nearer, but what is over is not there at all
_BLOCK_SHARE = 0.5  # of the way that the others of the block may have moved along
_OF_MANY = 4  # members of a block from which on the middle one says what moved all
_CALM_HOURS = 2 * WEEK  # of usual values seen before what is looked at, to know what ever means


def rebased(
    filled: Floats, block: NDArray[np.intp], moves: NDArray[np.bool_], lowest: Floats
) -> tuple[Floats, NDArray[np.intp]]:
    """Return the past with the hours before a shift moved to the level after it, and its first hour; 0 for none.

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
    if length < WEEK + 2 * DAY:
        return filled, np.zeros(series, dtype=np.intp)
    period, gain, beyond, look = WEEK, WEEK_GAIN, BEYOND, WEEK
    if length < WEEK + _CALM_HOURS + look:
        period, gain, beyond, look = DAY, DAY_GAIN, BEYOND_USUAL_DAY, 3 * DAY
    away = filled - _expected(filled, period, gain, length - look)
    calm = slice(period + DAY, max(length - look, period + DAY + 1))
    own = _own(away, block, calm)
    day = _trailing(own, DAY)  # the first day of it is not one
    now, moved = day[-1], away[-DAY:].mean(axis=0)
    halves = np.stack([own[-DAY : -DAY // 2].mean(axis=0), own[-DAY // 2 :].mean(axis=0)])
    steady = (np.sign(now) * halves > _HALF_AS_FAR * np.abs(now)).all(axis=0)
    steady &= np.sign(now) * own[-_LAST_HOURS:].mean(axis=0) > _STILL_AS_FAR * np.abs(now)
    steady &= np.sign(now) * moved > _HALF_AS_FAR * np.abs(now)  # and not the others alone
    ever = np.abs(day[calm]).max(axis=0)
    shifted = moves & steady & _alone(moved, block) & (np.abs(now) > beyond * ever)
    out, began = filled.copy(), np.zeros(series, dtype=np.intp)
    for column in np.flatnonzero(shifted):
        height = filled[:, column] - lowest[column]
        expected = height - away[:, column]
        begin, ratio = _begin(height[-look:], expected[-look:])
        begin += length - look
        before = np.abs(day[period + DAY : begin, column]).max()
        since = np.sign(now[column]) * day[begin + DAY - 1 :, column]  # of each day since, ending in each hour
        far = np.abs(now[column]) > beyond * before and np.abs(own[begin:, column].mean()) > beyond * before
        if ratio > 0 and far and since.min() > _HALF_AS_FAR * np.abs(now[column]):
            out[:begin, column] = height[:begin] * ratio + lowest[column]
            began[column] = begin
    return out, began


def _expected(filled: Floats, period: int, gain: float, known: int) -> Floats:
    """Return the usual values, those from ``known`` on as they were known then; at first, what was there.

    Else a shift would itself become usual while it is looked for.
    """
    expected = usual(filled, period, gain)
    expected[:period] = filled[:period]
    hours = np.arange(len(filled) - known) % period
    expected[known:] = expected[known : known + period][hours]
    return expected


def _own(away: Floats, block: NDArray[np.intp], calm: slice) -> Floats:
    """Return how far out series are beside the middle one of their block, where that kept them nearer so far."""
    own = away.copy()
    for number in np.unique(block):
        members = np.flatnonzero(block == number)
        if members.size >= _OF_MANY:
            own[:, members] -= np.median(away[:, members], axis=1, keepdims=True)
    nearer = [np.abs(_trailing(x, DAY)[calm]).max(axis=0) for x in (own, away)]
    return np.where(nearer[0] < nearer[1], own, away)


def _alone(now: Floats, block: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which series the others of their block did not go along with; all, where there are no others."""
    alone = np.ones(len(now), dtype=np.bool_)
    for number in np.unique(block):
        members = np.flatnonzero(block == number)
        for place, series in enumerate(members if members.size > 1 else ()):
            others = np.median(np.delete(now[members], place)) * np.sign(now[series])
            alone[series] = others < _BLOCK_SHARE * np.abs(now[series])
    return alone


def _begin(height: Floats, expected: Floats) -> tuple[int, float]:
    """Return the hour in which a shift began, at least a day ago, and how many times the level is since.

    The split that leaves the least squares: as expected before, a multiple of it since.
    """
    before = np.concatenate([[0.0], np.cumsum((height - expected) ** 2)])[:-1]
    square, product, size = (
        np.cumsum(x[::-1])[::-1] for x in (height**2, height * expected, np.maximum(expected, 0.0) ** 2)
    )
    since = square - product**2 / np.maximum(size, 1e-12)
    begin = int(np.argmin((before + since)[: len(height) - DAY + 1]))
    return begin, float(height[begin:].sum() / max(expected[begin:].sum(), 1e-12))


def _trailing(values: Floats, hours: int) -> Floats:
    """Return the mean of the last ``hours`` of each hour, ``(time, series)``; of fewer, at the start."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    first = np.maximum(np.arange(1, len(values) + 1) - hours, 0)
    return np.asarray((total[1:] - total[first]) / (np.arange(1, len(values) + 1) - first)[:, None])
