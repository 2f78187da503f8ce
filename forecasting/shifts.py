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
be out by 0.3 of what they were ever, the same way and still, to be taken to have shifted with it.

The past is multiplied by how many times as high a series is since as it was before, both relative to what was
expected. No shift is what would bring the past far above all demand there was, or down to nothing.

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
_MOST = 2.0  # what the past may come to, relative to the highest: four times the demand, since these are roots
_LEAST = 0.1  # of a level; with less than a hundredth of its demand a series is off
_NOTHING = 1e-6  # a root of demand that is none
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
    way, far = np.sign(now), np.abs(now)
    ever = np.abs(day[calm]).max(axis=0)
    halves = way * own[-DAY:].reshape(2, DAY // 2, series).mean(axis=1)
    still = (halves > _STILL_AS_FAR * far).all(axis=0) & (
        way * own[-_LAST_HOURS:].mean(axis=0) > _STILL_AS_FAR * far
    )
    steady = (halves > _HALF_AS_FAR * far).all(axis=0) & (way * moved > _HALF_AS_FAR * far)  # and not others alone
    may = moves & still & _alone(moved, block)
    height = filled - lowest
    expected = np.maximum(height - away, 0.0)
    for column in np.flatnonzero(may & steady & (far > beyond * ever)):
        begin = length - look - DAY + _begin(height[-look - DAY :, column], expected[-look - DAY :, column])
        before = np.abs(day[period + DAY : begin, column]).max()
        since = way[column] * day[begin + DAY - 1 :, column]  # of each day since, ending in each hour
        farther = min(far[column], np.abs(own[begin:, column].mean())) > beyond * before
        if farther and since.min() > _HALF_AS_FAR * far[column]:
            began[column] = begin
    times = _times(height, expected, began, way, look)
    began = _with_the_group(np.where(times == 1, 0, began), group, now / np.maximum(ever, _NOTHING), may)
    times = _times(height, expected, began, way, look)
    began[times == 1] = 0
    return np.where(np.arange(length)[:, None] < began, height * times + lowest, filled), began


def _with_the_group(
    began: NDArray[np.intp], group: NDArray[np.intp], out: Floats, may: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Return first hours of shifts with those of series that go along with another one of their group.

    ``out`` is how far out each is, relative to ever and signed, ``may`` which can; they go along with the one that
    is furthest out.
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
    """Return in which hour a shift began, a day after the first of these roots of demand ``(time,)`` or later.

    The split that leaves the least squares: a multiple of what was expected before, another one since, which is a
    day at least. A series seldom is just where it was expected to be when it moves on.
    """
    parts = np.stack([height**2, height * expected, expected**2])
    before = np.cumsum(parts, axis=1)[:, DAY - 1 : len(height) - DAY]
    since = parts.sum(axis=1, keepdims=True) - before
    left = [part[0] - part[1] ** 2 / np.maximum(part[2], _NOTHING) for part in (before, since)]
    return int(np.argmin(left[0] + left[1])) + DAY


def _times(height: Floats, expected: Floats, began: NDArray[np.intp], way: Floats, look: int) -> Floats:
    """Return what roots of demand before shifts are multiplied by, ``(series,)``; 1 where nothing is to be moved.

    The multiple of what was expected since, over that before: the middle one of the hours that are looked at and a
    day before them, since hours in which a series was off say nothing of its level. Without a usual week it is 1:
    a weekend would pass for a lower level. ``way`` is 1 for shifts up, -1 for shifts down.
    """
    times = np.ones(len(began))
    for column in np.flatnonzero(began):
        begin, past = began[column], height[: began[column], column]
        since = height[begin:, column].sum() / max(expected[begin:, column].sum(), _NOTHING)
        usually = np.maximum(expected[len(height) - look - DAY : begin, column], _NOTHING)
        before = np.median(past[-len(usually) :] / usually) if look == WEEK else 1.0
        found = float(since / max(before, _NOTHING))
        highest = found * past.max()
        if (found - 1) * way[column] > 0 and found > _LEAST and 0 < highest < _MOST * height[:, column].max():
            times[column] = found
    return times


def _trailing(values: Floats, hours: int) -> Floats:
    """Return the mean of the last ``hours`` of each hour, ``(time, series)``; of fewer, at the start."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    first = np.maximum(np.arange(1, len(values) + 1) - hours, 0)
    return np.asarray((total[1:] - total[first]) / (np.arange(1, len(values) + 1) - first)[:, None])
