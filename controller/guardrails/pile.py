"""What one pool's leases cost in a stretch of time, and which of its nodes is worth the least.

Place in the line: under ``money``. Leases of a pool do not add up, the largest counts, so giving up a node saves
only where no other lease holds it.

>>> pool = Pool(kind="vm", groups=("eu/*",), base=2, max=9, node_capacity={"cpu": 4}, price_per_hour=1.5)
>>> Pile(pool, [Hold(Span(_NOON, _NOON + 4 * _HOUR), 5, 0)], []).cost(Span(_NOON, _NOON + 2 * _HOUR))
9.0
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

from controller.config import Pool
from controller.plan import Clip, ForecastEvidence

_HOUR = timedelta(hours=1)
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
_Top = Literal["warm", "floor", "all"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, half-open."""

    start: datetime
    end: datetime

    def hours(self, other: "Span") -> float:
        """Hours that both share."""
        return max(0.0, (min(self.end, other.end) - max(self.start, other.start)) / _HOUR)


@dataclass(frozen=True, slots=True)
class Hold:
    """What a merged lease holds, and how long."""

    span: Span
    floor: int
    warm: int


@dataclass(slots=True)
class Ask:
    """What a change asks for, made smaller node by node, down to the least that its pool or its lease holds.

    ``gone`` says that the change must go as a whole: it would hold longer what its lease holds already.
    """

    place: int
    span: Span
    floor: int
    warm: int
    least_floor: int
    least_warm: int
    extends: bool
    evidence: ForecastEvidence
    gone: bool = False
    clip: Clip | None = None


@dataclass(frozen=True, slots=True)
class Pile:
    """One pool: what is held, and what is asked for."""

    pool: Pool
    held: Sequence[Hold]
    asks: Sequence[Ask]

    def cost(self, period: Span) -> float:
        """What leases cost within the period, beyond the base of the pool."""
        return sum(
            hours * (floor * self.pool.price_per_hour + warm * self.pool.warm_price)
            for _, hours, floor, warm in self._stretches(period, self._all())
        )

    def worth(self, ask: Ask, period: Span) -> tuple[int, float] | None:
        """Priority of a change's topmost node and P(need of it) for its money; None if that saves nothing."""
        top = self._top(ask, period)
        if top is None:
            return None
        nodes = ask.floor + (ask.warm if top == "warm" else 0)
        price = self.pool.warm_price if top == "warm" else self.pool.price_per_hour or self.pool.warm_price
        return ask.evidence.priority, ask.evidence.largest.above(nodes - 1) / (price * ask.span.hours(period))

    def give_up(self, ask: Ask, period: Span, clip: Clip) -> None:
        """Take the topmost node off a change; the first period that was over keeps the blame."""
        top = self._top(ask, period)
        ask.clip = ask.clip or clip
        if top == "warm":
            ask.warm -= 1
        elif top == "floor":
            ask.floor -= 1
        else:
            ask.gone = True

    def _top(self, ask: Ask, period: Span) -> _Top | None:
        """Which part of a change a period's money can be saved on: one that nothing else holds, and that costs."""
        if ask.gone:
            return None
        held = self._stretches(period, self.held)
        levels = {start: (floor, warm) for start, _, floor, warm in held}
        base, base_warm = self.pool.base, self.pool.base_warm
        floor_shows = warm_shows = False
        for start, _, floor, warm in self._stretches(period, self._all()):
            if not ask.span.start <= start < ask.span.end:
                continue
            held_floor, held_warm = levels[start]
            floor_shows |= ask.floor - base == floor > held_floor and self.pool.price_per_hour > 0
            warm_shows |= ask.warm - base_warm == warm > held_warm and self.pool.warm_price > 0
        if warm_shows and ask.warm > ask.least_warm:
            return "warm"
        if floor_shows and ask.floor > ask.least_floor:
            return "floor"
        return "all" if ask.extends and (floor_shows or warm_shows) else None

    def _all(self) -> list[Hold | Ask]:
        return [*self.held, *(x for x in self.asks if not x.gone)]

    def _stretches(self, period: Span, holds: Sequence[Hold | Ask]) -> Iterator[tuple[datetime, float, int, int]]:
        """(start, hours, floor, warm) above base of every stretch in which nothing changes, in order."""
        moments = {period.start, period.end}
        for span in [*(x.span for x in self.held), *(x.span for x in self.asks)]:
            moments |= {max(period.start, min(period.end, x)) for x in (span.start, span.end)}
        times = sorted(moments)
        for start, end in pairwise(times):
            live = [x for x in holds if x.span.start <= start < x.span.end]
            floor = max([self.pool.base, *(x.floor for x in live)])
            warm = max([self.pool.base_warm, *(x.warm for x in live)])
            hours = (end - start) / _HOUR
            yield start, hours, min(floor, self.pool.max) - self.pool.base, warm - self.pool.base_warm
