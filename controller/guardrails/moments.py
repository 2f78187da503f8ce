"""Guards of the moment: freezes, surprise, and the rest that a pool gets after a change.

Place in the line: before anything is shared out, so that what may not be proposed now takes no share of a quota
or a budget from what may.
"""

from datetime import UTC, datetime, timedelta

from controller.autonomy import kept_back
from controller.config import Freeze
from controller.guardrails.scene import Scene, asks, dropped
from controller.plan import Change, Clip, ForecastEvidence, Plan

_MINUTE = timedelta(minutes=1)


def outside_freezes(plan: Plan, scene: Scene) -> Plan:
    """Nothing is proposed within a freeze.

    What is needed with more than its ``except_above`` passes, and so does the release of a lease that has
    expired, since it changes nothing that runs.
    """
    found = [(x, x.until(plan.now)) for x in scene.config.limits.freezes]
    active = [(x, until) for x, until in found if until is not None]
    drops = {}
    for i, change in enumerate(plan.changes):
        for freeze, until in active:
            if not (_expired(change, plan.now) or _emergency(change, freeze)):
                drops[i] = _frozen(change, freeze, until)
                break
    return dropped(plan, drops)


def within_autonomy(plan: Plan, scene: Scene) -> Plan:
    """A pool whose forecasts are much too high asks for nothing new; one whose are much too low lets nothing go.

    The release of a lease that has expired passes, since it changes nothing that runs.
    """
    drops = {}
    for i, change in enumerate(plan.changes):
        settings = scene.config.autonomy
        why = kept_back(change.lease.pool, asks(change), scene.surprise, settings)
        if why and not _expired(change, plan.now):
            remedy = "look at the forecast; it comes back with calm days, or raise autonomy.forecast_only_from"
            drops[i] = Clip("within_autonomy", why, remedy=remedy)
    return dropped(plan, drops)


def after_cool_down(plan: Plan, scene: Scene) -> Plan:
    """After a change of a pool's leases, the pool is left alone for ``cool_down_minutes``.

    The moment of a change stands in the lease; a released lease is gone, so a release starts no cool-down.
    """
    rest = timedelta(minutes=scene.config.limits.cool_down_minutes)
    if not rest:
        return plan
    drops = {}
    for i, change in enumerate(plan.changes):
        last = _last_change(scene, change.lease.pool, plan.now)
        if last is not None and plan.now < last + rest and not _expired(change, plan.now):
            drops[i] = Clip(
                "after_cool_down",
                f"the pool was changed {_moment(last)}, and cools down for {rest / _MINUTE:g} minutes",
                remedy=f"run again at {_moment(last + rest)}, or lower limits.cool_down_minutes",
            )
    return dropped(plan, drops)


def _expired(change: Change, now: datetime) -> bool:
    return change.action == "release" and not change.lease.live(now)


def _emergency(change: Change, freeze: Freeze) -> bool:
    evidence = change.evidence
    if freeze.except_above is None or not asks(change) or not isinstance(evidence, ForecastEvidence):
        return False
    return evidence.probability >= freeze.except_above


def _frozen(change: Change, freeze: Freeze, until: datetime) -> Clip:
    remedy = f"run again after {_moment(until)}"
    if isinstance(change.evidence, ForecastEvidence) and until > change.evidence.merge_by:
        remedy = f"let it pass by limits.freezes.except_above: merge by {_moment(change.evidence.merge_by)}"
    name = f"the freeze {freeze.cron} ({freeze.timezone}, {freeze.hours:g} h)"
    return Clip("outside_freezes", f"{name} holds until {_moment(until)}", remedy=remedy)


def _last_change(scene: Scene, pool: str, now: datetime) -> datetime | None:
    """When a pool's merged leases changed last; what no moment of the past says is passed over."""
    moments = (x.changed for x in scene.leases.get(pool, ()))
    return max((x for x in moments if x is not None and x <= now), default=None)


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%a %d %b %H:%M} UTC"
