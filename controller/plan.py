"""The records that travel: evidence, changes and the plan.

Place in the line: ``decide`` and ``decay`` make a :class:`Plan`, ``guardrails`` clip it, ``render`` and
``message`` print it. What a pull request says comes from here and nowhere else.

>>> Plan("demo", _NOON).empty
True
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from controller.drivers import Driver
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
class Distribution:
    """How many draws need how many nodes at most: ``counts`` are pairs (nodes, draws), nodes ascending.

    >>> d = Distribution(((4, 5), (8, 3), (10, 2)))
    >>> d.above(4), d.missing(8), d.quantile(0.8)
    (0.5, 0.4, 8)
    """

    counts: tuple[tuple[int, int], ...]

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return sum(n for _, n in self.counts)

    def above(self, nodes: int) -> float:
        """P(need > ``nodes``)."""
        return sum(n for need, n in self.counts if need > nodes) / self.draws

    def missing(self, nodes: int) -> float:
        """Nodes missing in the worst hour if ``nodes`` are held: E[(need − nodes)⁺]."""
        return sum((need - nodes) * n for need, n in self.counts if need > nodes) / self.draws

    def quantile(self, level: float) -> int:
        """Fewest nodes that a share ``level`` of the draws do not exceed."""
        wanted, seen = level * self.draws * (1 - 1e-12), 0
        for need, n in self.counts:
            seen += n
            if seen >= wanted:
                return need
        return self.counts[-1][0]


@dataclass(frozen=True, slots=True)
class Clip:
    """What a guardrail changed, in words.

    ``risk`` is P(need > what is held) before and after, of a forecast; ``remedy`` says what would lift the limit.
    """

    guard: str
    reason: str
    risk: tuple[float, float] | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Demand that no admissible lease covers.

    ``needed`` nodes are the service level's, ``granted`` what is held once the plan is merged; ``probability`` is
    P(need > granted), ``missing`` the nodes expected to be missing in the worst hour if it is. ``left_short``
    names the groups that go without even at the pool's max, with the share of their demand in the window that is
    not served then, the worst first.
    """

    pool: str
    starts: datetime
    ends: datetime
    needed: int
    granted: int
    probability: float
    missing: float
    cause: str
    suggestion: str
    left_short: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Spill:
    """Demand of a group that its own pool cannot hold, taken by another: its mean share within the window."""

    group: str
    source: str
    target: str
    share: float


@dataclass(frozen=True, slots=True)
class Point:
    """Nodes needed from ``time`` to the next point, median and 80 % interval; ``held`` without the lease."""

    time: datetime
    lower: int
    median: int
    upper: int
    held: int


@dataclass(frozen=True, slots=True)
class Stake:
    """What a change puts at stake beyond what is held already: node-hours and money."""

    node_hours: float
    cost: float


@dataclass(frozen=True, slots=True)
class ForecastEvidence:
    """Why a lease is asked for: the forecast of the window, in nodes.

    ``probability`` is P(largest need in the window > ``held``), ``largest`` how that need is distributed;
    ``needs`` gives, per resource, the nodes that it alone would take at the service level, the binding one first;
    ``levels_why`` says where service and shadow level come from. ``shortfall_node_hours`` and ``shortfall_hours``
    are what is expected to be missing if nothing is done, ``late_node_hours`` what is if the lease is merged an
    hour after ``merge_by``. ``lead`` describes the lead time in words; ``short_notice`` says that the usual
    review would end after ``merge_by``. ``newcomers`` are groups that lean on what their block has in common, for
    want of two weeks of history. ``unserved`` is, per group, the share of its demand in the window that no pool
    can hold. ``priority`` is the highest of the groups', ``drivers`` are the events in the window. ``surprise``
    is how much more, and how much less, came lately than was foreseen: 0 is calm, 1 an alarm; None if that is not
    known. ``course`` is the need in and around the window. ``planned`` is what the lease costs if it is merged at
    ``merge_by`` and given back at the end of its window, ``early`` what each hour that it is merged before costs
    on top, ``most`` what it costs if it is merged now and never given back. ``goes_on`` says that another window,
    which can wait for a newer forecast, begins where this one ends.
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
    largest: Distribution
    levels_why: str = "as configured"
    late_node_hours: float = 0.0
    lead: str = ""
    newcomers: tuple[str, ...] = ()
    priority: int = 0
    spills: tuple[Spill, ...] = ()
    unserved: tuple[tuple[str, float], ...] = ()
    course: tuple[Point, ...] = ()
    surprise: tuple[float, float] | None = None
    drivers: tuple[Driver, ...] = ()
    goes_on: bool = False

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
    which use reached the usage threshold. ``foreseen`` is the probability that was stated at the opening,
    ``agrees`` the instant of the newest forecast, which needs no more than is kept; None if none was at hand.
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
    agrees: datetime | None = None


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
    """Every change that is asked for at ``now``, what was left alone, and what no lease can cover."""

    environment: str
    now: datetime
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not self.changes


def merge(first: Plan, second: Plan) -> Plan:
    """Join two plans of the same environment and moment, sorted by pool and lease."""
    changes = sorted((*first.changes, *second.changes), key=lambda x: (x.lease.pool, x.lease.id, x.action))
    notes, shortfalls = (*first.notes, *second.notes), (*first.shortfalls, *second.shortfalls)
    return Plan(first.environment, first.now, tuple(changes), notes, shortfalls)
