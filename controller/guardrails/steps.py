"""Guards of how far one run moves a pool: up, and down.

Place in the line: on all changes of a pool together, measured from what it holds at the moment, floor and warm
nodes counted. Up, warm nodes give way to the floor; down, warm nodes go first.
"""

from dataclasses import replace
from datetime import datetime

from controller.guardrails.scene import Scene, Stack, asks, by_pool, changed, clipped
from controller.lease import Lease
from controller.plan import Change, Plan


def step_up(plan: Plan, scene: Scene) -> Plan:
    """A run raises a pool by so many nodes at most, or by such a share of what it holds."""
    limits, clips = scene.config.limits, dict[int, Change]()
    if limits.step_up_nodes is None and limits.step_up_percent is None:
        return plan
    for name, places in by_pool(plan, asks).items():
        pool, merged = scene.config.pools[name], scene.merged(plan, name)
        held = Stack.of(pool, merged)
        asked = Stack.of(pool, (*merged, *(plan.changes[i].lease for i in places)))
        most = _allowed(held.nodes, limits.step_up_nodes, limits.step_up_percent)
        if asked.nodes - held.nodes <= most:
            continue
        floor = min(asked.floor, held.floor + most)
        warm = held.warm + most - (floor - held.floor)
        why = f"a run raises a pool by {most} nodes at most, and it holds {held.floor} + {held.warm} warm"
        given = [x for x in ("step_up_nodes", "step_up_percent") if getattr(limits, x) is not None]
        remedy = f"run again once this is merged, or raise limits.{' and limits.'.join(given)}"
        for i in places:
            lease = plan.changes[i].lease
            clips[i] = clipped(
                plan.changes[i], "step_up", why, remedy, min(lease.floor, floor), min(lease.warm, warm)
            )
    return changed(plan, clips)


def step_down(plan: Plan, scene: Scene) -> Plan:
    """A run takes so many nodes from a pool at most, or such a share of what it holds.

    A release is a step to what is held without the lease. Where that is too far, one of the leases that go is
    kept at what the step allows instead: the one whose window ends last, so that it need not be kept twice.
    """
    limits, clips = scene.config.limits, dict[int, Change]()
    if limits.step_down_nodes is None and limits.step_down_percent is None:
        return plan

    def gives(change: Change) -> bool:
        # What has expired holds nothing, whatever becomes of its file, so it can keep nothing either.
        return not asks(change) and change.before is not None and change.lease.live(plan.now)

    for name, places in by_pool(plan, gives).items():
        pool, merged = scene.config.pools[name], scene.merged(plan, name)
        held = Stack.of(pool, merged)
        gone = {plan.changes[i].lease.id for i in places}
        smaller = [plan.changes[i].lease for i in places if plan.changes[i].action == "update"]
        left = Stack.of(pool, (*(x for x in merged if x.id not in gone), *smaller))
        most = _allowed(held.nodes, limits.step_down_nodes, limits.step_down_percent)
        if held.nodes - left.nodes <= most:
            continue
        warm = max(left.warm, held.warm - most)
        least = Stack(held.floor - (most - (held.warm - warm)), warm)
        why = f"a run takes {most} nodes from a pool at most, and it holds {held.floor} + {held.warm} warm"
        known = {i: _at_most_before(plan.changes[i], pool.base, pool.base_warm) for i in places}
        for i, kept in _keepers(plan, places, known, left, least).items():
            update = replace(plan.changes[i], action="update", lease=known[i])
            # A lease below the base is kept at the base, beside which fewer warm nodes may have room.
            warm = min(kept.warm, pool.max - kept.floor)
            clips[i] = clipped(update, "step_down", why, floor=kept.floor, warm=warm)
    return changed(plan, clips)


def _allowed(held: int, nodes: int | None, percent: float | None) -> int:
    """Nodes of a step: the smaller of both limits, where the share is at least one node."""
    shares = [] if percent is None else [max(1, int(held * percent / 100 + 1e-9))]
    return min([*shares, *([] if nodes is None else [nodes])])


def _at_most_before(change: Change, base: int, base_warm: int) -> Lease:
    """The lease as the change would leave it: a release leaves one that holds the base and no more."""
    if change.action == "update":
        return change.lease
    return replace(change.lease, floor=base, warm=min(change.lease.warm, base_warm))


def _keepers(
    plan: Plan, places: list[int], known: dict[int, Lease], left: Stack, least: Stack
) -> dict[int, Lease]:
    """Leases that keep what the step may not take, by place of their change."""
    kept: dict[int, Lease] = {}

    def last(i: int) -> tuple[bool, datetime, str]:
        return i in kept, known[i].ends, known[i].id

    before = {i: x for i in places if (x := plan.changes[i].before) is not None and x.live(plan.now)}
    if able := [i for i, x in before.items() if left.floor < least.floor <= x.floor]:
        i = max(able, key=last)
        kept[i] = replace(known[i], floor=least.floor)
    if able := [i for i, x in before.items() if left.warm < least.warm <= x.warm]:
        i = max(able, key=last)
        kept[i] = replace(kept.get(i, known[i]), warm=least.warm)
    return kept
