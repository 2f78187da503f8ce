"""Each policy by its name, over its own knob: what ran, and how it scored.

Place in the line: `rivals` and `leases` say what is planned, `capacity` runs it, `tally` scores it; here they are
put together. Pools are scored some at a time, so that memory does not grow with them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from controller.capacity import Whole
from controller.errors import PlanError
from controller.replay import rivals
from controller.replay.capacity import desired, running, steps_of
from controller.replay.need import Floats, Need
from controller.replay.requests import Book
from controller.replay.roads import Delays
from controller.replay.tally import Tally, tally, total

OURS = ("headroom", "headroom+reactive")
POLICIES = ("static-peak", "reactive", "schedule", "aws-style", "percentile", *OURS, "oracle")
"""Every policy, in the order of the tables."""
STATIC, ORACLE = "static-peak", "oracle"

SERVICE_LEVELS = (0.01, 0.2, 0.4, 0.6, 0.8, 0.9, 0.98)
"""Of our leases; at the lowest hardly any is made."""
_SCALES = (*(round(0.05 * x, 2) for x in range(2, 25)), 1.3, 1.4, 1.5, 1.75, 2.0, 3.0)
_ORACLE_SCALES = (0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 0.99, 1.0)
_MARGINS = (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0)
_BUFFERS = (-0.6, -0.3, -0.15, 0.0, 0.15, 0.3, 0.5, 1.0, 2.0)
# One list for all that have a reactive loop: a gap in one of them would be bridged by a line too low or too high.
_REACTIVE_MARGINS = (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
_MOST_CELLS = 40_000_000  # knobs × pools × steps at a time: some hundreds of megabytes a copy


@dataclass(frozen=True, slots=True)
class Setting:
    """One position of a policy's knobs.

    ``plan`` is by which its plan is scaled or sized, ``margin`` the reactive loop's, ``told`` whether decisions
    know of that loop.
    """

    plan: float | None
    margin: float | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A policy at all of its settings; the arrays of the tally are along them."""

    policy: str
    knob: str
    settings: tuple[Setting, ...]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Ours:
    """What our leases held, ``(knob, pool, step)``, and the books they come from, by service level.

    ``told`` says of each whether its decisions knew of the autoscaler beside them.
    """

    levels: tuple[float, ...]
    told: tuple[bool, ...]
    floors: Whole
    warm: Whole
    books: Sequence[Book]


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Names of policies, in the order of the tables.

    Raises
    ------
    PlanError
        If one is not known.
    """
    if unknown := sorted(set(names) - set(POLICIES)):
        raise PlanError(f"no policy is called {', '.join(unknown)}; there are {', '.join(POLICIES)}")
    return tuple(name for name in POLICIES if name in names)


def outcome(name: str, need: Need, delays: Delays, refit_hours: int, ours: Ours | None = None) -> Outcome:
    """Run one policy at each of its settings, and score it."""
    if name == "reactive":
        return _reactive(need, delays)
    if name == "aws-style":
        return _aws_style(need, delays)
    if name == "headroom":
        return _headroom(need, delays, _given(ours))
    if name == "headroom+reactive":
        return _headroom_reactive(need, delays, _given(ours))
    plans: dict[str, tuple[Callable[[Need], rivals.Decisions], str, Sequence[float]]] = {
        "static-peak": (rivals.static_peak, "scale", _SCALES),
        "schedule": (rivals.schedule, "margin", _MARGINS),
        "percentile": (lambda part: rivals.percentile(part, refit_hours), "margin", _MARGINS),
        "oracle": (rivals.oracle, "scale", _ORACLE_SCALES),
    }
    planning, knob, values = plans[name]
    scale = np.array(values) + (1.0 if knob == "margin" else 0.0)
    parts = []
    for pools in _parts(need, len(scale)):
        some, late = need.of(pools), delays.of(pools)
        decisions = planning(some)
        floors = rivals.planned(rivals.in_effect(decisions, some, late), scale, some)
        requests = rivals.refreshes(decisions, scale, some)
        parts.append(tally(running(floors, None, some, late), some, requests=requests))
    return Outcome(name, knob, tuple(Setting(value) for value in values), total(parts))


def _reactive(need: Need, delays: Delays) -> Outcome:
    margins = np.array(_REACTIVE_MARGINS)
    parts = []
    for pools in _parts(need, len(margins)):
        some, late = need.of(pools), delays.of(pools)
        parts.append(tally(running(None, desired(some, margins), some, late), some))
    return Outcome("reactive", "margin", tuple(Setting(None, x) for x in _REACTIVE_MARGINS), total(parts))


def _aws_style(need: Need, delays: Delays) -> Outcome:
    settings = tuple(Setting(plan, margin) for plan in _BUFFERS for margin in _REACTIVE_MARGINS)
    scale = np.array([1.0 + (x.plan or 0.0) for x in settings])
    margins = np.array([x.margin or 0.0 for x in settings])
    parts = []
    for pools in _parts(need, len(settings)):
        some, late = need.of(pools), delays.of(pools)
        decisions = rivals.aws_style(some)
        floors = rivals.planned(rivals.in_effect(decisions, some, late), scale, some)
        requests = rivals.refreshes(decisions, scale, some)
        parts.append(tally(running(floors, desired(some, margins), some, late), some, requests=requests))
    return Outcome("aws-style", "buffer", settings, total(parts))


def _headroom(need: Need, delays: Delays, ours: Ours) -> Outcome:
    scored = tally(running(ours.floors, None, need, delays), need, warm=ours.warm, **_counts(ours))
    return Outcome("headroom", "service level", tuple(Setting(x) for x in ours.levels), scored)


def _headroom_reactive(need: Need, delays: Delays, ours: Ours) -> Outcome:
    kinds = tuple(zip(ours.levels, ours.told, strict=True))
    settings = tuple(Setting(level, margin, told) for level, told in kinds for margin in _REACTIVE_MARGINS)
    margins = np.tile(_REACTIVE_MARGINS, len(ours.levels))
    each = len(_REACTIVE_MARGINS)
    parts = []
    for number, pools in enumerate(_parts(need, len(settings))):
        some, late = need.of(pools), delays.of(pools)
        floors, warm = (np.repeat(x[:, pools], each, axis=0) for x in (ours.floors, ours.warm))
        # A book is of all pools, so its requests are counted once.
        counts = {} if number else {name: np.repeat(x, each) for name, x in _counts(ours).items()}
        parts.append(tally(running(floors, desired(some, margins), some, late), some, warm=warm, **counts))
    return Outcome("headroom+reactive", "service level", settings, total(parts))


def _counts(ours: Ours) -> dict[str, Floats]:
    names = ("requests", "pushes", "notices", "notice_minutes")
    return {name: np.array([float(getattr(x.counts, name)) for x in ours.books]) for name in names}


def _parts(need: Need, knobs: int) -> Iterator[slice]:
    """Pools, some at a time."""
    step = max(1, _MOST_CELLS // (knobs * steps_of(need)))
    for start in range(0, len(need.pools), step):
        yield slice(start, start + step)


def _given(ours: Ours | None) -> Ours:
    if ours is None:
        raise PlanError("our own policies need forecasts")
    return ours
