"""Hours that need more than is held → as few and as tight windows as pay off: an exact dynamic programme.

Place in the line: the heart of ``decide``. A window holds one floor, the quantile of its largest need; a wider one
wastes nodes in its quieter hours, a further one costs somebody a review.

>>> nodes = np.array([[5, 5, 2, 9]])
>>> cover(nodes, np.zeros(4, int), np.array([0, 1, 3]), level=0.9, review_cost=3.0, longest=48)
[Window(start=0, stop=2, floor=5), Window(start=3, stop=4, floor=9)]
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.capacity import Whole, quantiles

_ROUNDING = 1e-6  # node-hours: covers that differ by less cost the same


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open range of hours, and the nodes held throughout."""

    start: int
    stop: int
    floor: int


def cover(
    nodes: Whole, held: Whole, hot: NDArray[np.intp], level: float, review_cost: float, longest: int
) -> list[Window]:
    """Cover the hours ``hot`` by disjoint windows at the least cost.

    A window's cost is ``review_cost``, in node-hours, and the node-hours of its floor above what each of its
    hours needs by itself at the same level, or has anyway. Windows begin and end with a hot hour. Of equally cheap
    covers the one with the fewest windows is taken, and of these the one whose first windows are longest. Every
    cover by runs of hours is weighed: O(H · L) windows for H hot hours and windows of up to L hours.

    Parameters
    ----------
    nodes : array (draw, time) of needed nodes
    held : array (time,) of nodes that are held anyway
    hot : ascending indices along time
    level : quantile that a floor holds, 0–1
    review_cost : node-hours that one more window is worth
    longest : hours, at least 1
    """
    if hot.size == 0:
        return []
    first, last = int(hot[0]), int(hot[-1])
    by_hour = np.ascontiguousarray(nodes[:, first : last + 1].T)  # draws last: quantiles read them in one sweep
    alone = np.maximum(quantiles(by_hour, level), held[first : last + 1])
    at = hot - first
    runs = _runs(by_hour, alone, at, level, longest)
    # Cheapest cover from the i-th hot hour on: its cost, how many windows, the hot hour after the first of them.
    # Of equals the longest first window is taken: after a short one another would have to be asked for at once.
    cost, count, after = np.zeros(len(at) + 1), np.zeros(len(at) + 1, dtype=int), np.zeros(len(at), dtype=int)
    for i in range(len(at) - 1, -1, -1):
        ends = slice(i + 1, i + 1 + len(runs[i].wasted))
        costs = runs[i].wasted + cost[ends]
        least = costs <= costs.min() + _ROUNDING
        fewest = np.where(least, count[ends], len(at))
        j = i + 1 + int(np.flatnonzero(fewest == fewest.min())[-1])
        cost[i], count[i], after[i] = costs[j - i - 1] + review_cost, count[j] + 1, j
    windows: list[Window] = []
    i = 0
    while i < len(at):
        j = int(after[i])
        windows.append(Window(int(hot[i]), int(hot[j - 1]) + 1, int(runs[i].floors[j - i - 1])))
        i = j
    return windows


@dataclass(frozen=True, slots=True)
class _Runs:
    """Windows from one hot hour to itself and to each later one in reach: floors, and wasted node-hours."""

    floors: Whole
    wasted: NDArray[np.int64]


def _runs(by_hour: Whole, alone: Whole, at: NDArray[np.intp], level: float, longest: int) -> list[_Runs]:
    """Floor and wasted node-hours of the window from each hot hour to itself and to each later one in reach."""
    # Row j holds the largest need of hours i … j; going back through i, one maximum updates all of them.
    largest = by_hour.copy()
    runs: list[_Runs] = []
    starts = set(at.tolist())
    for start in range(len(by_hour) - 1, -1, -1):
        reach = largest[start : start + longest]
        np.maximum(reach, by_hour[start], out=reach)
        if start not in starts:
            continue
        ends = at[(at >= start) & (at < start + longest)]
        span = slice(start, int(ends[-1]) + 1)
        floors = quantiles(largest[ends], level)
        above = np.maximum(floors[:, None] - alone[span], 0)
        wasted = np.cumsum(above, axis=1)[np.arange(len(ends)), ends - start]
        runs.append(_Runs(floors, wasted))
    return runs[::-1]
