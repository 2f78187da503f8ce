"""Guards of what reviewers get to see: not too much at a time, and nothing that asks for nothing.

Place in the line: the last guards, once it is known what is left of every change.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from controller.evidence import restaked
from controller.guardrails.scene import Scene, asks, dropped
from controller.guardrails.shortfalls import shortfall
from controller.lease import digest
from controller.plan import Change, Clip, ForecastEvidence, Plan


def open_proposals(plan: Plan, scene: Scene) -> Plan:
    """No more proposals wait for review than ``open_proposals``, and per pool ``open_proposals_per_pool``.

    Leases that wait already count until their window is over, and a change of one is no new proposal. What asks
    for capacity comes first, by priority and probability, then what gives most back.
    """
    limits = scene.config.limits
    if limits.open_proposals is None and limits.open_proposals_per_pool is None:
        return plan
    waiting = {(x.pool, x.id) for x in scene.pending if x.ends > plan.now}
    count, per_pool = len(waiting), Counter(pool for pool, _ in waiting)
    new = [
        i
        for i, x in enumerate(plan.changes)
        if not (_waits(x, waiting) or asks_nothing(x, scene))  # what is dropped next takes no place
    ]
    drops = {}
    for i in sorted(new, key=lambda i: _rank(plan.changes[i])):
        pool = plan.changes[i].lease.pool
        for key, most, found in (
            ("open_proposals", limits.open_proposals, count),
            ("open_proposals_per_pool", limits.open_proposals_per_pool, per_pool[pool]),
        ):
            if most is not None and found >= most:
                drops[i] = Clip(
                    "open_proposals",
                    f"{most} proposals wait for review, as many as {key} lets",
                    remedy=f"review what waits and run again, or raise limits.{key}",
                )
                break
        else:
            count, per_pool[pool] = count + 1, per_pool[pool] + 1
    return dropped(plan, drops)


def proposals_per_hour(plan: Plan, scene: Scene) -> Plan:
    """No more pull requests are opened within an hour than ``proposals_per_hour``."""
    most = scene.config.limits.proposals_per_hour
    if most is None:
        return plan
    waiting = {(x.pool, x.id) for x in scene.pending}
    count = sum(plan.now - timedelta(hours=1) < x <= plan.now for x in scene.queue.opened)
    new = [i for i, x in enumerate(plan.changes) if not (_waits(x, waiting) or asks_nothing(x, scene))]
    ranked = sorted(new, key=lambda i: _rank(plan.changes[i]))
    clip = Clip(
        "proposals_per_hour",
        f"{most} pull requests were opened within an hour, as many as proposals_per_hour lets",
        remedy="run again in an hour, or raise limits.proposals_per_hour",
    )
    return dropped(plan, dict.fromkeys(ranked[max(0, most - count) :], clip))


def within_stake(plan: Plan, scene: Scene) -> Plan:
    """Open proposals cost no more than ``stake`` together, if all are merged now and none is ever given back."""
    limits, currency = scene.config.limits, scene.config.currency
    if limits.stake is None:
        return plan
    # What asks for nothing is dropped next, so that it changes what is open as little as what is dropped here.
    asked = {i: x for i, x in enumerate(plan.changes) if asks(x) and not asks_nothing(x, scene)}
    costs = {i: _most_cost(x, plan, scene) for i, x in asked.items()}
    # What is dropped leaves its pull request open as it was, so that goes on to count.
    more = {i: costs[i] - scene.queue.costs.get((x.lease.pool, x.lease.id), 0.0) for i, x in asked.items()}
    spent = sum(scene.queue.costs.values()) + sum(x for x in more.values() if x <= 0)
    drops = {}
    for i in sorted((i for i, x in more.items() if x > 0), key=lambda i: _rank(asked[i])):
        if spent + more[i] <= limits.stake:
            spent += more[i]
            continue
        drops[i] = Clip(
            "within_stake",
            f"it may cost {costs[i]:,.2f} {currency}; with {spent:,.2f} that open proposals may cost already, "
            f"that is over limits.stake, {limits.stake:,.2f}",
            remedy="review what waits and run again, or raise limits.stake",
        )
    return dropped(plan, drops)


def asks_for_something(plan: Plan, scene: Scene) -> Plan:
    """A change that holds no more than what is held already is no change."""
    kept, notes, short = [], list(plan.notes), list(plan.shortfalls)
    for change in plan.changes:
        if not asks_nothing(change, scene):
            kept.append(change)
            continue
        reasons = "; ".join(clip.reason for clip in change.clips) or "it is held already"
        notes.append(f"{change.lease.pool}: nothing is left to ask for ({reasons})")
        if isinstance(change.evidence, ForecastEvidence):
            found = shortfall(change, change.evidence.held)
            short += [found] if found else []
    return replace(plan, changes=tuple(kept), notes=tuple(notes), shortfalls=tuple(dict.fromkeys(short)))


def asks_nothing(change: Change, scene: Scene) -> bool:
    """Whether a change would leave its pool as it is."""
    lease, pool = change.lease, scene.config.pools[change.lease.pool]
    held, warm = pool.base, pool.base_warm
    if isinstance(change.evidence, ForecastEvidence):
        held, warm = change.evidence.held, change.evidence.held_warm
    if change.action == "open":
        return lease.floor <= held and lease.warm <= warm
    return change.action == "update" and change.before is not None and digest(lease) == digest(change.before)


def _most_cost(change: Change, plan: Plan, scene: Scene) -> float:
    """What an ask costs if it is merged now and never given back, as the guards before have left it."""
    restated = restaked(change, scene.config, plan.now, scene.leases.get(change.lease.pool, ()))
    return restated.evidence.most.cost if isinstance(restated.evidence, ForecastEvidence) else 0.0


def _waits(change: Change, waiting: set[tuple[str, str]]) -> bool:
    """Whether a change is one of a proposal that waits; a release has a request of its own."""
    return change.action != "release" and (change.lease.pool, change.lease.id) in waiting


def _rank(change: Change) -> tuple[bool, int, float, str, str]:
    """Order in which changes get a place: those that ask first."""
    evidence, lease = change.evidence, change.lease
    if isinstance(evidence, ForecastEvidence):
        return not asks(change), -evidence.priority, -evidence.probability, lease.pool, lease.id
    return True, 0, -evidence.given_back.cost, lease.pool, lease.id
