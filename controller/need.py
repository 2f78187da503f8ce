"""What one pool needs and holds, hour by hour; what is read off it for a window.

Place in the line: between the draws of demand and every decision on one pool.

>>> need = Need(("eu/a",), ("cpu",), np.array([[[2, 5]], [[2, 1]]]), (_NOON, _NOON + _HOUR), np.array([3, 3]))
>>> need.probability(slice(0, 2)), need.largest(slice(0, 2)).tolist(), need.missing(slice(0, 2))
(0.5, [5, 2], 1.0)
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from controller.capacity import Whole, quantiles
from controller.plan import Distribution, Point, Spill

_HOUR = timedelta(hours=1)
_AROUND, _MOST_POINTS = 6, 72  # hours before and after a window that are told too; points of a course
_NOTABLE = 0.001  # share of a group's demand below which it is not said to go short
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Need:
    """What one pool needs and holds, hour by hour, in nodes.

    ``by_resource`` is an array (draw, resource, time): the nodes that each resource alone would take.
    ``held`` is an array (time,). Windows are half-open slices along time. ``arrived`` are demands of other pools'
    groups that are counted in: group, its pool, and the share of its demand per hour (time,). ``unserved`` is, per
    group, the share of its demand per hour (time,) that is left out since no pool can hold it.
    """

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    by_resource: Whole
    times: tuple[datetime, ...]
    held: Whole
    arrived: tuple[tuple[str, str, NDArray[np.float64]], ...] = ()
    unserved: tuple[tuple[str, NDArray[np.float64]], ...] = ()
    nodes: Whole = field(init=False)
    exceeds: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        """Count the nodes, array (draw, time), by the scarcest resource, and where they exceed what is held."""
        object.__setattr__(self, "nodes", self.by_resource.max(axis=1))
        object.__setattr__(self, "exceeds", self.nodes > self.held)

    def probability(self, window: slice) -> float:
        """P(the need exceeds what is held at some hour of the window)."""
        return float(self.exceeds[:, window].any(axis=1).mean())

    def largest(self, window: slice) -> Whole:
        """Largest need within the window, array (draw,)."""
        largest: Whole = self.nodes[:, window].max(axis=1)
        return largest

    def distribution(self, window: slice) -> Distribution:
        """How the largest need within the window is distributed."""
        nodes, counts = np.unique(self.largest(window), return_counts=True)
        return Distribution(tuple(zip(nodes.tolist(), counts.tolist(), strict=True)))

    def spills(self, name: str, window: slice) -> tuple[Spill, ...]:
        """What pool ``name`` takes of other pools' groups within the window, as far as it is worth a word."""
        found = [Spill(group, source, name, float(share[window].mean())) for group, source, share in self.arrived]
        return tuple(x for x in found if x.share >= _NOTABLE)

    def left_short(self, window: slice) -> tuple[tuple[str, float], ...]:
        """Groups that no pool can hold wholly, with the share of their demand left out, the worst first."""
        shares = [(label, float(share[window].mean())) for label, share in self.unserved]
        return tuple(sorted((x for x in shares if x[1] >= _NOTABLE), key=lambda x: (-x[1], x[0])))

    def missing(self, window: slice, floor: int | None = None) -> float:
        """Node-hours expected to be missing within the window; with ``floor``, only those that it would cover."""
        short = np.maximum(self.nodes[:, window] - self.held[window], 0)
        if floor is not None:
            short = np.minimum(short, np.maximum(floor - self.held[window], 0))
        return float(short.sum(axis=1).mean())

    def course(self, window: slice) -> tuple[Point, ...]:
        """How the need goes in and around the window: a point per hour, or for the worst of several hours."""
        first, last = max(0, window.start - _AROUND), min(len(self.times), window.stop + _AROUND)
        starts = np.arange(first, last, -(-(last - first) // _MOST_POINTS))
        worst = np.sort(np.maximum.reduceat(self.nodes[:, :last], starts, axis=1).T)  # sorted once for all levels
        held = np.minimum.reduceat(self.held[:last], starts).tolist()
        levels = [quantiles(worst, x).tolist() for x in (0.1, 0.5, 0.9)]
        return tuple(Point(self.times[i], *x) for i, *x in zip(starts, *levels, held, strict=True))

    def bounds(self, window: slice) -> tuple[datetime, datetime]:
        """Start and end of the window."""
        return self.times[window.start], self.times[window.stop - 1] + _HOUR
