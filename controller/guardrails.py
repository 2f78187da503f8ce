"""Plan → Plan: what no forecast may talk the environment into.

Place in the line: after every decision, before anything is rendered. The guards run in the order of
:data:`GUARDS`; what one of them changes it says in the change's clips, or in the plan's notes where it
drops a change. Running them again changes nothing.

>>> [guard.__name__ for guard in GUARDS]
['at_least_base', 'at_most_max', 'warm_within_max', 'asks_for_something']
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from controller.config import Config, Pool
from controller.evidence import restaked
from controller.lease import Ledger, digest
from controller.plan import Change, Clip, ForecastEvidence, Plan


@dataclass(frozen=True, slots=True)
class Scene:
    """What a guard may look at besides the plan: settings, merged leases, and those that wait for review."""

    config: Config
    ledger: Ledger = ()
    pending: Ledger = ()


Guard = Callable[[Plan, Scene], Plan]


def guard(plan: Plan, config: Config, ledger: Ledger = (), pending: Ledger = ()) -> Plan:
    """Run every guard, in order."""
    scene = Scene(config, ledger, pending)
    for step in GUARDS:
        plan = step(plan, scene)
    return replace(plan, changes=tuple(restaked(change, config, plan.now) for change in plan.changes))


def at_least_base(plan: Plan, scene: Scene) -> Plan:
    """No lease holds less than the base of its pool."""
    return _each(plan, scene.config, _base)


def at_most_max(plan: Plan, scene: Scene) -> Plan:
    """No lease holds more than the max of its pool; what is missing then is named."""
    return _each(plan, scene.config, _max)


def warm_within_max(plan: Plan, scene: Scene) -> Plan:
    """Floor and warm together stay within the max of the pool; warm gives way."""
    return _each(plan, scene.config, _warm)


def asks_for_something(plan: Plan, scene: Scene) -> Plan:
    """A change that holds no more than what is held already is no change."""
    kept, notes = [], list(plan.notes)
    for change in plan.changes:
        lease, pool = change.lease, scene.config.pools[change.lease.pool]
        held, warm = pool.base, pool.base_warm
        if isinstance(change.evidence, ForecastEvidence):
            held, warm = change.evidence.held, change.evidence.held_warm
        nothing = (change.action == "open" and lease.floor <= held and lease.warm <= warm) or (
            change.action == "update" and change.before is not None and digest(lease) == digest(change.before)
        )
        if nothing:
            reasons = "; ".join(clip.reason for clip in change.clips) or "it is held already"
            notes.append(f"{lease.pool}: nothing is left to ask for ({reasons})")
        else:
            kept.append(change)
    return replace(plan, changes=tuple(kept), notes=tuple(notes))


GUARDS: tuple[Guard, ...] = (at_least_base, at_most_max, warm_within_max, asks_for_something)


def _each(plan: Plan, config: Config, clip: Callable[[Change, Pool], Change]) -> Plan:
    changes = tuple(
        change if change.action == "release" else clip(change, config.pools[change.lease.pool])
        for change in plan.changes
    )
    return replace(plan, changes=changes)


def _base(change: Change, pool: Pool) -> Change:
    if change.lease.floor >= pool.base:
        return change
    reason = f"floor {change.lease.floor} → {pool.base}: the pool's base"
    return _clipped(change, "at_least_base", reason, floor=pool.base)


def _max(change: Change, pool: Pool) -> Change:
    short = change.lease.floor - pool.max
    if short <= 0:
        return change
    reason = f"floor {change.lease.floor} → {pool.max}: the pool's max; {short} short at the service level"
    return _clipped(change, "at_most_max", reason, floor=pool.max)


def _warm(change: Change, pool: Pool) -> Change:
    room = max(0, pool.max - change.lease.floor)
    if change.lease.warm <= room:
        return change
    reason = f"warm {change.lease.warm} → {room}: floor and warm stay within max {pool.max}"
    return _clipped(change, "warm_within_max", reason, warm=room)


def _clipped(change: Change, name: str, reason: str, floor: int | None = None, warm: int | None = None) -> Change:
    lease = replace(
        change.lease,
        floor=change.lease.floor if floor is None else floor,
        warm=change.lease.warm if warm is None else warm,
    )
    return replace(change, lease=lease, clips=(*change.clips, Clip(name, reason)))
