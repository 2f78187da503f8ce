"""The records that travel: evidence, changes and the plan.

Place in the line: ``decide`` and ``decay`` make a :class:`Plan`, ``guardrails`` clip it, ``render`` and
``message`` print it. What a pull request says comes from here and nowhere else.

>>> Plan("demo", _NOON).empty
True
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from controller.lease import Lease

Action = Literal["open", "update", "release"]
Reason = Literal["demand passed", "demand has not come", "window over", "expired"]
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interval:
    """A central credible interval of the needed nodes; ``level`` is a probability, the bounds are nodes."""

    level: float
    lower: int
    upper: int


@dataclass(frozen=True, slots=True)
class Clip:
    """What a guardrail changed, in words."""

    guard: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stake:
    """What a change puts at stake beyond what is held already: node-hours and money."""

    node_hours: float
    cost: float


@dataclass(frozen=True, slots=True)
class ForecastEvidence:
    """Why a lease is asked for: the forecast of the window, in nodes.

    ``probability`` is P(largest need in the window > ``held``); ``needs`` gives, per resource, the nodes that
    it alone would take at the service level, the binding one first. ``shortfall_node_hours`` and
    ``shortfall_hours`` are what is expected to be missing if nothing is done. ``short_notice`` says that
    the usual review would end after ``merge_by``. ``planned`` is what the lease
    costs if it is merged at ``merge_by`` and given back at the end of its window, ``early`` what each hour
    that it is merged before costs on top, ``most`` what it costs if it is merged now and never given back.
    """

    issued: datetime
    forecast: str
    draws: int
    probability: float
    threshold: float
    service_level: float
    shadow_level: float
    held: int
    held_warm: int
    median: int
    intervals: tuple[Interval, ...]
    needs: tuple[tuple[str, int], ...]
    groups: tuple[str, ...]
    merge_by: datetime
    short_notice: bool
    shortfall_node_hours: float
    shortfall_hours: float
    planned: Stake
    early: Stake
    most: Stake

    @property
    def approved(self) -> bool:
        """Whether the evidence carries the lease."""
        return self.probability >= self.threshold

    @property
    def binding(self) -> str:
        """The resource that runs out first."""
        return self.needs[0][0]


@dataclass(frozen=True, slots=True)
class DecayEvidence:
    """Why a lease is let go or made smaller: what was used, in nodes.

    ``retained`` lists every claim on the lease with the nodes it would keep: realised use, the half-life
    curve, and the newest forecast where there is one. ``needed_hours`` counts the hours of the window in
    which use reached the usage threshold. ``foreseen`` is the probability that was stated at the opening.
    """

    reason: Reason
    usage_until: datetime | None
    held: int
    base: int
    used: int
    most_used: int
    needed_hours: int
    last_needed: datetime | None
    retained: tuple[tuple[str, int], ...]
    usage_threshold: float
    half_life_hours: float
    foreseen: float | None
    given_back: Stake


Evidence = ForecastEvidence | DecayEvidence


@dataclass(frozen=True, slots=True)
class Change:
    """One lease opened, updated or released; ``before`` is the lease as it is merged, if it is.

    For a release ``lease`` is the one that goes.
    """

    action: Action
    lease: Lease
    before: Lease | None
    evidence: Evidence
    clips: tuple[Clip, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Every change that is asked for at ``now``, and what was looked at and left alone."""

    environment: str
    now: datetime
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not self.changes


def merge(first: Plan, second: Plan) -> Plan:
    """Join two plans of the same environment and moment, sorted by pool and lease."""
    changes = sorted((*first.changes, *second.changes), key=lambda x: (x.lease.pool, x.lease.id, x.action))
    return Plan(first.environment, first.now, tuple(changes), (*first.notes, *second.notes))
