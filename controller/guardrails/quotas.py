"""The guard of quotas: most nodes of an instance family in a region, over all pools that have it.

Place in the line: after what concerns one pool alone. What is held stays; the nodes that are asked for on top of
it are given up one by one, the least likely to be needed first, those of lower priority before all others.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.config import Pool, Quota
from controller.guardrails.scene import Scene, Stack, asks, by_pool, changed, clipped
from controller.plan import Change, ForecastEvidence, Plan


@dataclass(slots=True)
class _Pile:
    """What a pool would hold, taken down node by node as far as to what it holds already."""

    pool: Pool
    held: Stack
    changes: list[Change]
    floor: int = field(init=False)
    warm: int = field(init=False)

    def __post_init__(self) -> None:
        """Pile up what is held and what is asked for."""
        self.floor = max([self.held.floor, *(x.lease.floor for x in self.changes)])
        self.warm = max([self.held.warm, *(x.lease.warm for x in self.changes)])

    @property
    def nodes(self) -> int:
        """Nodes that the fold would hold."""
        return min(self.pool.max, self.floor + self.warm)

    def worth(self) -> tuple[int, float] | None:
        """Priority and P(need of it) of the node on top, the most of all changes; None if that one is held."""
        warm = self.warm > self.held.warm
        if not warm and self.floor <= self.held.floor:
            return None
        worths = []
        for change in self.changes:
            size, evidence = change.lease, change.evidence
            holds = size.warm >= self.warm if warm else size.floor >= self.floor
            if holds and isinstance(evidence, ForecastEvidence):
                top = min(size.floor, self.floor) + (self.warm if warm else 0)
                worths.append((evidence.priority, evidence.largest.above(top - 1)))
        return max(worths)

    def pop(self) -> None:
        """Give up the node on top: a warm one while there is any."""
        if self.warm > self.held.warm:
            self.warm -= 1
        else:
            self.floor -= 1


def within_quotas(plan: Plan, scene: Scene) -> Plan:
    """Pools of a family and region hold no more than its quota; the least likely nodes are given up.

    What this run would give back counts as held until it is merged.
    """
    for quota in scene.config.limits.quotas:
        plan = _within(plan, scene, quota)
    return plan


def _within(plan: Plan, scene: Scene, quota: Quota) -> Plan:
    pools = {x: pool for x, pool in scene.config.pools.items() if quota.covers(pool.family, pool.region)}
    asking = by_pool(plan, asks)
    piles, total = dict[str, _Pile](), 0
    for name, pool in pools.items():
        places = asking.get(name, [])
        pile = _Pile(pool, Stack.of(pool, scene.merged(plan, name)), [plan.changes[i] for i in places])
        total += pile.nodes
        piles |= {name: pile} if places else {}
    if total <= quota.nodes:
        return plan
    _give_up(piles, total - quota.nodes)
    name = " in ".join([quota.family or "all families", *([quota.region] if quota.region else [])])
    why = f"the quota of {name} is {quota.nodes} nodes"
    remedy = f"raise the quota of {name} to {total}"
    clips = {}
    for pool_name, pile in piles.items():
        for i in asking[pool_name]:
            lease = plan.changes[i].lease
            sizes = min(lease.floor, pile.floor), min(lease.warm, pile.warm)
            clips[i] = clipped(plan.changes[i], "within_quotas", why, remedy, *sizes)
    return changed(plan, clips)


def _give_up(piles: Mapping[str, _Pile], over: int) -> None:
    """Take ``over`` nodes off, the least worth first, as far as there are any above what is held."""
    heap = [(worth, name) for name, pile in piles.items() if (worth := pile.worth()) is not None]
    heapq.heapify(heap)
    while over > 0 and heap:
        _, name = heapq.heappop(heap)
        before = piles[name].nodes
        piles[name].pop()
        over -= before - piles[name].nodes
        if (worth := piles[name].worth()) is not None:
            heapq.heappush(heap, (worth, name))
