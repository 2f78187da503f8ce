"""Ledger + usage + profile + config + now → Plan: which leases to let go, or to make smaller.

Place in the line: the way back. A lease keeps the largest of what realised use still takes, what the newest
forecast still needs for the rest of its window, and a curve that halves the unneeded part every half-life.

>>> _curve(lease_floor=11, base=3, idle_hours=4.0, half_life_hours=2.0)
5
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import xarray as xr

from controller.capacity import Whole, hours_of, members, node_draws, quantile, used_nodes
from controller.config import Config
from controller.evidence import stake
from controller.lease import Held, Lease, Ledger, fold
from controller.plan import Change, DecayEvidence, Plan, Reason
from forecasting.profile import DemandProfile

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Use:
    """Realised need of a pool: starts of the known hours, nodes used in each, and of how many groups."""

    groups: int
    times: tuple[datetime, ...]
    nodes: Whole

    @property
    def until(self) -> datetime | None:
        return self.times[-1] + _HOUR if self.times else None

    def since(self, start: datetime) -> tuple[tuple[datetime, int], ...]:
        """Hours that reach past ``start``, and the nodes used in each."""
        pairs = zip(self.times, self.nodes, strict=True)
        return tuple((t, int(n)) for t, n in pairs if t + _HOUR > start)


def decay(
    ledger: Ledger,
    usage: xr.Dataset | None,
    profile: DemandProfile | None,
    config: Config,
    now: datetime,
) -> Plan:
    """Decide which merged leases to release or step down at ``now`` (UTC).

    ``usage`` is ``demand(group, resource, time)``; hours that are not over at ``now`` are not looked at.
    Where it says nothing of a lease's window yet, the lease is held: only an expired one goes without usage.

    Raises
    ------
    PlanError
        If the usage or the profile does not fit the pools of the configuration.
    """
    uses = _uses(usage, config, now)
    rest = _forecast_needs(ledger, profile, config, now)
    changes: list[Change] = []
    notes: list[str] = []
    for lease in sorted(ledger, key=lambda x: (x.pool, x.id)):
        if lease.pool not in config.pools:
            notes.append(f"{lease.pool}/{lease.id}: its pool is not in headroom.yaml; held until a human decides")
            continue
        outcome = _lease(lease, ledger, uses.get(lease.pool), rest.get((lease.pool, lease.id)), config, now)
        if isinstance(outcome, str):
            notes.append(f"{lease.pool}/{lease.id}: {outcome}")
        else:
            changes.append(outcome)
    return Plan(config.environment, now, tuple(changes), tuple(notes))


def _uses(usage: xr.Dataset | None, config: Config, now: datetime) -> dict[str, _Use]:
    if usage is None:
        return {}
    demand = usage["demand"]
    times = hours_of(demand)
    seen = [i for i, t in enumerate(times) if t + _HOUR <= now]  # an unfinished hour says too little
    demand, times = demand.isel(time=seen), [times[i] for i in seen]
    served = members(config, [str(x) for x in demand.coords["group"].values])
    uses = {}
    for name, pool in config.pools.items():
        nodes = used_nodes(demand, pool, served[name])
        known = np.flatnonzero(nodes >= 0)
        uses[name] = _Use(len(served[name]), tuple(times[i] for i in known), nodes[known])
    return uses


def _forecast_needs(
    ledger: Ledger, profile: DemandProfile | None, config: Config, now: datetime
) -> dict[tuple[str, str], int]:
    """Nodes that the newest forecast needs in the rest of each lease's window, at the service level."""
    if profile is None:
        return {}
    times = hours_of(profile.draws)
    served = members(config, [str(x) for x in profile.draws.coords["group"].values])
    needs = {}
    for lease in ledger:
        left = [i for i, t in enumerate(times) if max(now, lease.starts) <= t < lease.ends]
        if left and lease.pool in config.pools:
            _, nodes = node_draws(profile.draws.isel(time=left), config.pools[lease.pool], served[lease.pool])
            needs[lease.pool, lease.id] = quantile(
                nodes.max(axis=(1, 2)), config.levels(lease.pool, served[lease.pool]).service
            )
    return needs


def _lease(
    lease: Lease, ledger: Ledger, use: _Use | None, rest: int | None, config: Config, now: datetime
) -> Change | str:
    """Release or step down one lease, or say in words why it is held."""
    pool, settings = config.pools[lease.pool], config.decay
    window = use.since(lease.starts) if use else ()
    needed = [t for t, n in window if n > pool.base and n >= settings.usage_threshold * lease.floor]
    if now >= lease.expires:
        return _change(lease, lease, ledger, use, window, needed, (("nothing: it has expired", 0),), config, now)
    if why := _too_early(lease, use, config, now):
        return f"held: {why}"
    claims = _claims(lease, window, needed, rest, config, now)
    retained = max(n for _, n in claims)
    if retained <= pool.base:
        return _change(lease, lease, ledger, use, window, needed, claims, config, now)
    if lease.floor - retained >= settings.minimum_step_nodes:
        smaller = replace(lease, floor=retained, warm=min(lease.warm, pool.base_warm))
        return _change(smaller, lease, ledger, use, window, needed, claims, config, now)
    return f"held: {', '.join(f'{n} nodes by {why}' for why, n in claims)}, of {lease.floor}"


def _too_early(lease: Lease, use: _Use | None, config: Config, now: datetime) -> str | None:
    """Why nothing can be said of a lease yet, None if something can."""
    if now < lease.starts:
        return f"its window starts {lease.starts:%Y-%m-%d %H:%M} UTC"
    if use is None or use.until is None or use.until <= lease.starts:
        return "no usage of its window is known yet"
    if now - use.until > timedelta(hours=config.decay.usage_age_hours):
        return f"usage is known only until {use.until:%Y-%m-%d %H:%M} UTC; missing data is not idleness"
    if use.groups < (_noted(lease, "groups") or 0):
        return f"usage has {use.groups} of the {_noted(lease, 'groups'):.0f} groups that it was sized for"
    if now < lease.ends and lease.floor <= config.pools[lease.pool].base:
        return "it keeps warm nodes only, until its window ends"
    return None


def _claims(
    lease: Lease,
    window: Sequence[tuple[datetime, int]],
    needed: Sequence[datetime],
    rest: int | None,
    config: Config,
    now: datetime,
) -> tuple[tuple[str, int], ...]:
    """Nodes that each claim on a lease would keep."""
    settings, base, use_now = config.decay, config.pools[lease.pool].base, window[-1][1]
    # What fits the base needs no lease; above it, use may fill the threshold's share of what is kept.
    claims = [("use", use_now if use_now <= base else math.ceil(use_now / settings.usage_threshold))]
    if now < lease.ends:
        last_needed = needed[-1] + _HOUR if needed else lease.starts
        idle = (now - last_needed) / _HOUR - settings.grace_hours
        claims.append(("half-life", _curve(lease.floor, base, idle, settings.half_life_hours)))
    if rest is not None:
        claims.append(("forecast", rest))
    return tuple(claims)


def _curve(lease_floor: int, base: int, idle_hours: float, half_life_hours: float) -> int:
    """Nodes that the half-life keeps: all within the grace, then half of those above base, and so on."""
    above: float = max(0, lease_floor - base) * 0.5 ** (max(0.0, idle_hours) / half_life_hours)
    return base + math.floor(above + 0.5)


def _change(
    lease: Lease,
    before: Lease,
    ledger: Ledger,
    use: _Use | None,
    window: Sequence[tuple[datetime, int]],
    needed: Sequence[datetime],
    claims: tuple[tuple[str, int], ...],
    config: Config,
    now: datetime,
) -> Change:
    released = lease is before
    evidence = DecayEvidence(
        reason=_reason(before, max((n for _, n in window), default=0) > config.pools[before.pool].base, now),
        usage_until=use.until if use else None,
        held=before.floor,
        base=config.pools[before.pool].base,
        used=window[-1][1] if window else 0,
        most_used=max((n for _, n in window), default=0),
        needed_hours=len(needed),
        last_needed=needed[-1] + _HOUR if needed else None,
        retained=claims,
        usage_threshold=config.decay.usage_threshold,
        half_life_hours=config.decay.half_life_hours,
        foreseen=_noted(before, "probability"),
        given_back=stake(
            config,
            before.pool,
            _without(ledger, None if released else lease, before, config, now),
            fold(ledger, config.sizes, now)[before.pool],
            (before.expires - now) / _HOUR,
        ),
    )
    return Change("release" if released else "update", lease, before, evidence)


def _without(ledger: Ledger, smaller: Lease | None, before: Lease, config: Config, now: datetime) -> Held:
    """What the pool holds once the change is merged."""
    others = [x for x in ledger if x is not before]
    return fold([*others, smaller] if smaller else others, config.sizes, now)[before.pool]


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
