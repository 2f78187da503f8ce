"""A plan → the counts of each pool, before and after.

Place in the line: beside the verdict; a pull request's comment shows both.
"""

from dataclasses import dataclass

from controller import planfile
from controller.config import Config
from controller.errors import CheckError


@dataclass(frozen=True, slots=True)
class Count:
    """One count of one pool as the plan has it, in words; ``what`` is ``floor`` or ``warm``."""

    pool: str
    what: str
    before: str
    after: str


def counts(config: Config, plan: planfile.PlanJson) -> tuple[Count, ...]:
    """List the counts that headroom.yaml finds in the plan; empty for a plan that failed."""
    if plan.get("errored"):
        return ()
    found = []
    for name, pool in sorted(config.pools.items()):
        if pool.plan is None:
            continue
        floor = "floor + warm" if pool.warm_runs else "floor"
        for what, path in ((floor, pool.plan.floor), ("warm", pool.plan.warm)):
            if path is not None:
                before, after = (_value(plan, pool.plan.address, path, x) for x in ("before", "after"))
                found.append(Count(name, what, before, after))
    return tuple(found)


def _value(plan: planfile.PlanJson, address: str, path: str, side: str) -> str:
    try:
        value = planfile.value_at(plan, address, path, "before" if side == "before" else "after")
    except CheckError:
        return "?"
    return "–" if value is None else str(value)
