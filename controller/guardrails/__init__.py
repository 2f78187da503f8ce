"""Plan → Plan: what no forecast may talk the environment into.

Place in the line: after every decision, before anything is rendered. The guards run in the order of
:data:`GUARDS`, for these reasons:

1. ``at_least_base``, ``at_most_max``, ``warm_within_max``: what a pool can be at all, each change alone.
2. ``outside_freezes``, ``within_autonomy``, ``after_cool_down``: what may be proposed at this moment. What may not
   is dropped before anything is shared out, so that it takes no share from what may.
3. ``step_up``, ``step_down``: how far one run may move a pool, all of its changes together.
4. ``within_quotas``, then ``within_budget_per_day`` and ``within_budget_per_month``: what all pools share. Nodes
   come before money, since nodes that there are none of cost nothing.
5. ``within_stake``, ``open_proposals`` and ``proposals_per_hour``: how much reviewers get at a time. They go by
   what is left of each change.
6. ``asks_for_something``: what is left with nothing to ask is no change.

From 3 on a guard only ever takes: away from what is asked (down to what is held), or, ``step_down``, from what is
let go. What it changes it says in the change's clips with the risk before and after, or, where it drops a
change, in the plan's notes. What the service level needs and no longer gets becomes a shortfall of the plan.
Running all of them again changes nothing.

>>> [guard.__name__ for guard in GUARDS][3:6]
['outside_freezes', 'within_autonomy', 'after_cool_down']
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from controller.autonomy import Surprise
from controller.config import Config
from controller.evidence import restaked
from controller.guardrails.moments import after_cool_down, outside_freezes, within_autonomy
from controller.guardrails.money import within_budget_per_day, within_budget_per_month
from controller.guardrails.proposals import asks_for_something, open_proposals, proposals_per_hour, within_stake
from controller.guardrails.quotas import within_quotas
from controller.guardrails.scene import Queue, Scene
from controller.guardrails.shortfalls import shortfall
from controller.guardrails.sizes import at_least_base, at_most_max, warm_within_max
from controller.guardrails.steps import step_down, step_up
from controller.lease import Ledger
from controller.plan import Plan

__all__ = [
    "GUARDS", "Guard", "Queue", "Scene", "after_cool_down", "asks_for_something", "at_least_base", "at_most_max",
    "guard", "open_proposals", "outside_freezes", "proposals_per_hour", "shortfall", "step_down", "step_up",
    "warm_within_max", "within_autonomy", "within_budget_per_day", "within_budget_per_month", "within_quotas",
    "within_stake",
]  # fmt: skip

Guard = Callable[[Plan, Scene], Plan]
_NOTHING = Queue()

GUARDS: tuple[Guard, ...] = (
    at_least_base,
    at_most_max,
    warm_within_max,
    outside_freezes,
    within_autonomy,
    after_cool_down,
    step_up,
    step_down,
    within_quotas,
    within_budget_per_day,
    within_budget_per_month,
    within_stake,
    open_proposals,
    proposals_per_hour,
    asks_for_something,
)


def guard(
    plan: Plan,
    config: Config,
    ledger: Ledger = (),
    pending: Ledger = (),
    queue: Queue = _NOTHING,
    surprise: Mapping[str, Surprise] = MappingProxyType({}),
) -> Plan:
    """Run every guard, in order; count anew what is at stake, and name what is left short, the soonest first.

    Parameters
    ----------
    plan : what ``decide`` or ``decay`` made of the same configuration and ledger
    ledger : merged leases
    pending : leases that are proposed and not merged
    queue : when pull requests were opened, and what open ones may cost
    surprise : of each pool, as far as it is known
    """
    scene = Scene(config, ledger, pending, queue, surprise)
    for step in GUARDS:
        plan = step(plan, scene)
    changes = tuple(
        restaked(change, config, plan.now, scene.leases.get(change.lease.pool, ())) for change in plan.changes
    )
    found = [x for x in map(shortfall, changes) if x is not None]
    short = sorted(dict.fromkeys((*plan.shortfalls, *found)), key=lambda x: (x.starts, x.pool))
    return replace(plan, changes=changes, shortfalls=tuple(short))
