"""Guards of a pool's size: never under its base, never over its max, warm nodes within it.

Place in the line: the first guards, on each change alone. They say what a pool is; all others take from it.
"""

from collections.abc import Callable
from dataclasses import replace

from controller.config import Config, Pool
from controller.guardrails.scene import Scene, clipped
from controller.plan import Change, Plan


def at_least_base(plan: Plan, scene: Scene) -> Plan:
    """No lease holds less than the base of its pool: the one guard that raises what was asked."""
    return _each(plan, scene.config, _base)


def at_most_max(plan: Plan, scene: Scene) -> Plan:
    """No lease holds more than the max of its pool; what is missing then is named."""
    return _each(plan, scene.config, _max)


def warm_within_max(plan: Plan, scene: Scene) -> Plan:
    """Floor and warm together stay within the max of the pool; warm gives way."""
    return _each(plan, scene.config, _warm)


def _each(plan: Plan, config: Config, clip: Callable[[Change, Pool], Change]) -> Plan:
    changes = tuple(
        change if change.action == "release" else clip(change, config.pools[change.lease.pool])
        for change in plan.changes
    )
    return replace(plan, changes=changes)


def _base(change: Change, pool: Pool) -> Change:
    floor = max(pool.base, change.lease.floor)
    # Warm nodes reach up to the shadow level: those that the base has already need not wait beside it.
    warm = max(0, change.lease.warm - (floor - change.lease.floor))
    return clipped(change, "at_least_base", "the pool's base", floor=floor, warm=warm)


def _max(change: Change, pool: Pool) -> Change:
    asked, most = change.lease.floor, pool.max
    why = f"the pool's max; {asked - most} short at the service level"
    remedy = f"raise max of pool {change.lease.pool} to {asked}"
    return clipped(change, "at_most_max", why, remedy, floor=min(asked, most))


def _warm(change: Change, pool: Pool) -> Change:
    room = max(0, pool.max - change.lease.floor)
    why = f"floor and warm stay within max {pool.max}"
    return clipped(change, "warm_within_max", why, warm=min(change.lease.warm, room))
