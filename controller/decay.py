"""Ledger + usage + profile + config + now → Plan: which leases to let go, or to make smaller.

Place in the line: the way back. A lease keeps the largest of what realised use still takes, what the newest
forecast still needs of it, and a curve that halves the unneeded part every half-life. Whatever is not known holds
it, until it expires.

>>> _curve(lease_floor=11, base=3, idle_hours=4.0, half_life_hours=2.0)
5
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import xarray as xr

from controller.config import Config
from controller.decide import silence
from controller.evidence import stake
from controller.foreseen import Foreseen, foreseen
from controller.lease import Lease, Ledger, fold, stamp
from controller.outage import Outage, outages
from controller.plan import Change, DecayEvidence, Plan, Reason
from controller.realised import Use, uses
from forecasting.profile import DemandProfile

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One lease and all that is known of it: realised use, the forecast, suspected outages of its regions."""

    lease: Lease
    ledger: Ledger
    use: Use | None
    foreseen: Foreseen
    suspected: tuple[Outage, ...]
    config: Config
    now: datetime

    @property
    def base(self) -> int:
        """Nodes that the pool has without leases."""
        return self.config.pools[self.lease.pool].base

    @property
    def window(self) -> tuple[tuple[datetime, int], ...]:
        """Known hours since the window's start, with the nodes used in each."""
        return self.use.since(self.lease.starts) if self.use else ()

    @property
    def needed(self) -> tuple[datetime, ...]:
        """Hours in which use was above the base and reached the usage threshold of the lease."""
        least = self.config.decay.usage_threshold * self.lease.floor
        return tuple(t for t, n in self.window if n > self.base and n >= least)


def decay(
    ledger: Ledger,
    usage: xr.Dataset | None,
    profile: DemandProfile | None,
    config: Config,
    now: datetime,
) -> Plan:
    """Decide which merged leases to release or step down at ``now`` (UTC).

    ``usage`` is ``demand(group, resource, time)``; hours that are not over at ``now`` are not looked at. Its last
    eight days and what is in them tell an outage from demand that has passed. A lease is held where usage says
    nothing of its window yet, and, before the window ends, where no forecast newer than ``profile_age_hours``
    covers the rest of it. Only an expired lease goes without either.

    Raises
    ------
    PlanError
        If the profile does not fit the pools of the configuration.
    """
    demand = None if usage is None else usage["demand"]
    known = {} if demand is None else uses(demand, ledger, config, now)
    forecast = foreseen(ledger, profile, config, now)
    draws = None if profile is None or silence(profile, config, now) else profile.draws
    fallen = {} if demand is None or not known else outages(demand, draws, config.decay, now)
    changes: list[Change] = []
    notes: list[str] = []
    for lease in sorted(ledger, key=lambda x: (x.pool, x.id)):
        if lease.pool not in config.pools:
            notes.append(f"{lease.pool}/{lease.id}: its pool is not in headroom.yaml; held until a human decides")
            continue
        use = known.get(lease.pool)
        suspected = [x for name, x in sorted(fallen.items()) if use and name in use.regions]
        case = Case(lease, ledger, use, forecast[lease.pool, lease.id], tuple(suspected), config, now)
        outcome = _settled(case)
        if isinstance(outcome, str):
            notes.append(f"{lease.pool}/{lease.id}: held: {outcome}")
        else:
            changes.append(outcome)
    return Plan(config.environment, now, tuple(changes), tuple(notes))


def _settled(case: Case) -> Change | str:
    """Release or step down one lease, or say in words why it is held."""
    lease, settings, now = case.lease, case.config.decay, case.now
    if now >= lease.expires:  # Terraform has let it go: nothing that is missing can hold its file
        return _change(lease, case, (("nothing: it has expired", 0),))
    if why := _holds(case):
        return why
    claims = _claims(case)
    retained = max(n for _, n in claims)
    said = f"{', '.join(f'{n} nodes by {why}' for why, n in claims)}, of {lease.floor}"
    released, after = retained <= case.base, case.foreseen.after
    too_small = not released and lease.floor - retained < settings.minimum_step_nodes
    # While it costs less to keep than to ask anew, decide extends it: the two must not disagree.
    cheap = after is not None and _to_keep(case, after) <= case.config.decide.review_cost
    if too_small or cheap:
        return f"{said}{_extension(case)}"
    if now < lease.ends and case.foreseen.rest is None:
        return f"{case.foreseen.why}, and before its window ends only a forecast that agrees lets it go"
    if released:
        return _change(lease, case, claims)
    evidence = dict(lease.evidence) | {"changed": stamp(now), "decays_from": _decays_from(case)}
    warm = min(lease.warm, case.config.pools[lease.pool].base_warm)
    smaller = replace(lease, floor=retained, warm=warm, evidence=tuple(sorted(evidence.items())))
    return _change(smaller, case, claims)


def _holds(case: Case) -> str | None:
    """Why a lease is left alone whatever claims it, None if nothing is in the way."""
    lease, settings, now = case.lease, case.config.decay, case.now
    if now < lease.starts:
        return f"its window starts {_utc(lease.starts)}"
    if why := _unknown(case):
        return why
    if case.suspected:
        last = max(case.suspected, key=lambda x: x.until)
        return f"{last.why}, which looks like an outage; nothing is let go until {_utc(last.until)}"
    if now < lease.ends and lease.floor <= case.base:
        return "it keeps warm nodes only, until its window ends"
    changed = lease.changed
    if changed is not None and now < (rested := changed + timedelta(minutes=settings.cool_down_minutes)):
        return f"it changed {_utc(changed)}, and cools down until {_utc(rested)}"
    return None


def _unknown(case: Case) -> str | None:
    """What is missing from the usage to say anything of a lease, None if all is there."""
    lease, use = case.lease, case.use
    if use is not None and use.lacks:
        return f"usage has {use.lacks}"
    if use is None or use.until is None or use.until <= lease.starts:
        return "no usage of its window is known yet"
    if case.now - use.until > timedelta(hours=case.config.decay.usage_age_hours):
        return f"usage is known only until {_utc(use.until)}; missing data is not idleness"
    if use.groups < (_noted(lease, "groups") or 0):
        return f"usage has {use.groups} of the {_noted(lease, 'groups'):.0f} groups that it was sized for"
    return None


def _claims(case: Case) -> tuple[tuple[str, int], ...]:
    """Nodes that each claim on a lease would keep."""
    lease, base, settings = case.lease, case.base, case.config.decay
    use_now = case.window[-1][1]
    # What fits the base needs no lease; above it, use may fill the threshold's share of what is kept.
    claims = [("use", use_now if use_now <= base else math.ceil(use_now / settings.usage_threshold))]
    if case.now < lease.ends:
        last_needed = case.needed[-1] + _HOUR if case.needed else lease.starts
        idle = (case.now - last_needed) / _HOUR - settings.grace_hours
        claims.append(("half-life", _curve(_decays_from(case), base, idle, settings.half_life_hours)))
    if case.foreseen.rest is not None:
        claims.append(("forecast", case.foreseen.rest))
    if case.foreseen.after is not None:
        claims.append(("forecast of what follows", case.foreseen.after))
    return tuple(claims)


def _decays_from(case: Case) -> int:
    """Floor that the half-life counts from: that before the first step down, or each step would halve anew."""
    most = case.config.pools[case.lease.pool].max
    return max(case.lease.floor, min(most, int(_noted(case.lease, "decays_from") or 0)))


def _to_keep(case: Case, after: int) -> float:
    """Node-hours above the forecast that the lease would hold after its window, until a new one could be ready."""
    return max(0, case.lease.floor - after) * case.foreseen.after_hours


def _extension(case: Case) -> str:
    """Whether demand stays beyond the window, in words."""
    stays = case.now >= case.lease.ends and case.window[-1][1] > case.base
    if not stays and case.foreseen.after is None:
        return ""
    return f"; demand stays after its window, it is to be extended before it expires {_utc(case.lease.expires)}"


def _curve(lease_floor: int, base: int, idle_hours: float, half_life_hours: float) -> int:
    """Nodes that the half-life keeps: all within the grace, then half of those above base, and so on."""
    above: float = max(0, lease_floor - base) * 0.5 ** (max(0.0, idle_hours) / half_life_hours)
    return base + math.floor(above + 0.5)


def _change(lease: Lease, case: Case, claims: tuple[tuple[str, int], ...]) -> Change:
    """Let go of the case's lease, or of what ``lease`` holds less; with the evidence."""
    before, config, now = case.lease, case.config, case.now
    released = lease is before
    most_used = max((n for _, n in case.window), default=0)
    others = [x for x in case.ledger if x is not before]
    after = fold(others if released else [*others, lease], config.sizes, now)[before.pool]
    evidence = DecayEvidence(
        reason=_reason(before, most_used > case.base, now),
        usage_until=case.use.until if case.use else None,
        held=before.floor,
        base=case.base,
        used=case.window[-1][1] if case.window else 0,
        most_used=most_used,
        needed_hours=len(case.needed),
        last_needed=case.needed[-1] + _HOUR if case.needed else None,
        retained=claims,
        usage_threshold=config.decay.usage_threshold,
        half_life_hours=config.decay.half_life_hours,
        foreseen=_noted(before, "probability"),
        given_back=stake(
            config,
            before.pool,
            after,
            fold(case.ledger, config.sizes, now)[before.pool],
            (before.expires - now) / _HOUR,
        ),
        agrees=case.foreseen.issued if now < before.expires else None,
    )
    return Change("release" if released else "update", lease, before, evidence)


def _reason(lease: Lease, came: bool, now: datetime) -> Reason:
    if now >= lease.expires:
        return "expired"
    if not came:
        return "demand has not come"
    return "window over" if now >= lease.ends else "demand passed"


def _noted(lease: Lease, key: str) -> float | None:
    """A number of the lease's evidence."""
    value = dict(lease.evidence).get(key)
    return float(value) if isinstance(value, int | float) else None


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
