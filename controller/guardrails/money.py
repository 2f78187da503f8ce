"""Guards of money: what all leases of an environment may cost on a day, and in a calendar month, both UTC.

Place in the line: after quotas, the last guard that makes changes smaller. What counts is what leases hold above
the base of their pool, by the fold: a merged one from now to the end of its window, or to its expiry once the
window is over; one that is asked for from ``merge_by`` to the end of its window. What was spent before now is not
known here. Nodes are given up one by one, those of lower priority first, then those that are needed with the least
probability for their money; of what is held nothing is.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from controller.config import Config
from controller.guardrails.pile import Ask, Hold, Pile, Span
from controller.guardrails.scene import Scene, asks, by_pool, changed, clipped, dropped
from controller.plan import Clip, ForecastEvidence, Plan

_Key = Literal["budget_per_day", "budget_per_month"]
_ROUNDING = 1e-6  # of a currency unit: sums in another order must not take one more node at the next run


def within_budget_per_day(plan: Plan, scene: Scene) -> Plan:
    """All leases together cost no more on a day than ``budget_per_day``; past it, nodes are given up."""
    return _within(plan, scene, "budget_per_day", scene.config.limits.budget_per_day)


def within_budget_per_month(plan: Plan, scene: Scene) -> Plan:
    """All leases together cost no more in a month than ``budget_per_month``; past it, nodes are given up."""
    return _within(plan, scene, "budget_per_month", scene.config.limits.budget_per_month)


def _within(plan: Plan, scene: Scene, key: _Key, budget: float | None) -> Plan:
    if budget is None:
        return plan
    piles = _piles(plan, scene)
    asked = [x for pile in piles for x in pile.asks]
    currency = scene.config.currency
    for period in _periods(asked, key):
        costs = [pile.cost(period) for pile in piles]
        total = sum(costs)
        if total > budget + _ROUNDING:
            day = f"{period.start:%Y-%m-%d}" if key == "budget_per_day" else f"{period.start:%Y-%m}"
            why = f"{key} is {budget:,.2f} {currency}, and {day} would take {total:,.2f}"
            remedy = f"raise limits.{key} to {total:,.2f} {currency} or more"
            _give_up(piles, period, total - budget, Clip(key, why, remedy=remedy))
    clips, drops = {}, {}
    for x in asked:
        if x.clip is None:
            continue
        if x.gone:
            drops[x.place] = replace(x.clip, guard=f"within_{key}")
        else:
            change = plan.changes[x.place]
            clips[x.place] = clipped(change, f"within_{key}", x.clip.reason, x.clip.remedy, x.floor, x.warm)
    return dropped(changed(plan, clips), drops)


def _give_up(piles: Sequence[Pile], period: Span, over: float, clip: Clip) -> None:
    """Take nodes off until ``over`` is saved within the period, or nothing is left that could be."""
    heap: list[tuple[int, float, int, int, int]] = []
    version = [0] * len(piles)

    def offer(n: int) -> None:
        version[n] += 1  # what stood in the heap of this pool is out of date
        for m, x in enumerate(piles[n].asks):
            if (worth := piles[n].worth(x, period)) is not None:
                heapq.heappush(heap, (*worth, n, m, version[n]))

    for n in range(len(piles)):
        offer(n)
    while over > _ROUNDING / 2 and heap:
        *_, n, m, seen = heapq.heappop(heap)
        if seen != version[n]:
            continue
        pile = piles[n]
        before = pile.cost(period)
        pile.give_up(pile.asks[m], period, clip)
        over -= before - pile.cost(period)
        offer(n)


def _piles(plan: Plan, scene: Scene) -> list[Pile]:
    """Every pool that holds or asks for something, with the spans in which it does."""
    asking = by_pool(plan, asks)
    return [
        Pile(scene.config.pools[name], _held(name, plan, scene), _asked(asking.get(name, []), plan, scene.config))
        for name in sorted(scene.config.pools)
        if name in asking or name in scene.leases
    ]


def _held(name: str, plan: Plan, scene: Scene) -> list[Hold]:
    now = plan.now
    return [
        Hold(Span(now, x.ends if now < x.ends else x.expires), x.floor, x.warm) for x in scene.merged(plan, name)
    ]


def _asked(places: Sequence[int], plan: Plan, config: Config) -> list[Ask]:
    found = []
    for i in places:
        change = plan.changes[i]
        lease, before, evidence = change.lease, change.before, change.evidence
        if isinstance(evidence, ForecastEvidence) and evidence.merge_by < lease.ends:
            pool = config.pools[lease.pool]
            least_floor = max(pool.base, before.floor if before else 0)
            least_warm = max(pool.base_warm, before.warm if before else 0)
            span = Span(evidence.merge_by, lease.ends)
            found.append(
                Ask(i, span, lease.floor, lease.warm, least_floor, least_warm, before is not None, evidence)
            )
    return found


def _periods(asked: Sequence[Ask], key: _Key) -> Iterator[Span]:
    """Days or months that something is asked for in, in order."""
    starts = set()
    for x in asked:
        day = x.span.start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while day < x.span.end:
            starts.add(day if key == "budget_per_day" else day.replace(day=1))
            day += timedelta(days=1)
    for start in sorted(starts):
        days = 1 if key == "budget_per_day" else 32
        end: datetime = start + timedelta(days=days)
        yield Span(start, end if days == 1 else end.replace(day=1))
