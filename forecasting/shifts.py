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

What moves one resource of a group seldom moves that one alone: where one has shifted, others of the group need to
be out by 0.3 of what they were ever, the same way, to be taken to have shifted with it.

    filled, began = rebased(filled, group, block, moves, lowest)
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, DAY_GAIN, WEEK, WEEK_GAIN, Floats, usual

FOUND_HOURS = DAY
"""Hours after its beginning from which on a shift can be found."""

BEYOND, BEYOND_USUAL_DAY = 1.25, 2.0
"""How much further out than ever before a day must be to count as a shift."""

ALONG = 0.3
"""How far out a series must be, relative to ever, to go along with another resource of its group."""

_HALF_AS_FAR = 0.5  # either half of the last day, and every day since, relative to the last day
_LAST_HOURS, _STILL_AS_FAR = 4, 0.2  # nights are nearer, but what is over is not there at all
_BLOCK_SHARE = 0.5  # of the way that the others of the block may have moved along
_OF_MANY = 4  # members of a block from which on the middle one says what moved all
_MOST = 2.0  # what a past hour may come to, relative to the highest: four times the demand, since these are roots
_CALM_HOURS = 2 * WEEK  # of usual values seen before what is looked at, to know what ever means


def rebased(
    filled: Floats, group: NDArray[np.intp], block: NDArray[np.intp], moves: NDArray[np.bool_], lowest: Floats
) -> tuple[Floats, NDArray[np.intp]]:
    """Return the past with the hours before a shift moved to the level after it, and its first hour; 0 for none.

    Parameters
    ----------
    filled
        Scores ``(time, series)`` without gaps.
    group, block
        Number of the group and of the block of each series.
    moves
        Series that change at all.
    lowest
        Scores of no demand, ``(series,)``: levels are multiplied, counted from there.
    """
    length, series = filled.shape
    began = np.zeros(series, dtype=np.intp)
    if length < WEEK + 2 * DAY:
        return filled, began
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
    alone = moves & _alone(moved, block)
    height = filled - lowest
    expected = np.maximum(height - away, 0.0)
    for column in np.flatnonzero(alone & steady & (np.abs(now) > beyond * ever)):
        begin = length - look + _begin(height[-look:, column], expected[-look:, column])
        before = np.abs(day[period + DAY : begin, column]).max()
        since = np.sign(now[column]) * day[begin + DAY - 1 :, column]  # of each day since, ending in each hour
        far = np.abs(now[column]) > beyond * before and np.abs(own[begin:, column].mean()) > beyond * before
        if far and since.min() > _HALF_AS_FAR * np.abs(now[column]):
            began[column] = begin
    began = _with_the_group(began, group, now / np.maximum(ever, 1e-12), alone)
    out = filled.copy()
    for column in np.flatnonzero(began):
        begin, past = began[column], height[: began[column], column]
        times = _times(height[-look:, column], expected[-look:, column], begin - (length - look))
        if (times - 1) * now[column] > 0 and times * past.max() < _MOST * height[:, column].max():
            out[:begin, column] = past * times + lowest[column]
        else:
            began[column] = 0
    return out, began


def _with_the_group(
    began: NDArray[np.intp], group: NDArray[np.intp], out: Floats, may: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Return first hours of shifts with those of series that go along with another one of their group.

    ``out`` is how far out each is, relative to ever, signed; it goes along with the one that is furthest out.
    """
    along = began.copy()
    for number in np.unique(group[began > 0]):
        members = np.flatnonzero(group == number)
        first = members[np.argmax(np.where(began[members] > 0, np.abs(out[members]), -1.0))]
        same = np.sign(out[first]) * out[members] > ALONG
        follows = members[same & may[members] & (began[members] == 0)]
        along[follows] = began[first]
    return along


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


def _begin(height: Floats, expected: Floats) -> int:
    """Return the hour in which a shift began, at least a day ago.

    The split that leaves the least squares: a multiple of what was expected before, another one since. A series
    seldom is just where it was expected to be when it moves on; of less than a day that is not asked.
    """
    parts = np.stack([height**2, height * expected, expected**2])
    before = np.pad(np.cumsum(parts, axis=1), ((0, 0), (1, 0)))[:, : len(height) - DAY + 1]
    since = parts.sum(axis=1, keepdims=True) - before
    asked = np.arange(before.shape[1]) >= DAY
    times = np.where(asked, before[1] / np.maximum(before[2], 1e-12), 1.0)
    left = before[0] - 2 * times * before[1] + times**2 * before[2]
    return int(np.argmin(left + since[0] - since[1] ** 2 / np.maximum(since[2], 1e-12)))


def _times(height: Floats, expected: Floats, begin: int) -> float:
    """Return how many times as high a series is since a shift, relative to what was expected, as before it."""
    now, before = (height[x].sum() / max(expected[x].sum(), 1e-12) for x in (slice(begin, None), slice(begin)))
    return float(now / max(before, 1e-12)) if begin >= DAY else float(now)


def _trailing(values: Floats, hours: int) -> Floats:
    """Return the mean of the last ``hours`` of each hour, ``(time, series)``; of fewer, at the start."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    first = np.maximum(np.arange(1, len(values) + 1) - hours, 0)
    return np.asarray((total[1:] - total[first]) / (np.arange(1, len(values) + 1) - first)[:, None])
