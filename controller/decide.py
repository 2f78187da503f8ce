"""Profile + ledger + config + now → Plan: which leases to open, or to raise.

Place in the line: the one decision to ask for capacity. For each pool the hours in which the need is not
confidently covered are covered by as few and as tight windows as pay off; a window in which the need exceeds what
is held with at least the confidence threshold becomes a lease that holds the service level of its largest need.

    plan = decide(profile, ledger, config, now)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from controller.capacity import Demand, counted, held_floors, hours_of, members, resources_of, usable
from controller.config import Config
from controller.config.fields import matches
from controller.cover import cover
from controller.dealing import Dealt, deal, served_shares
from controller.errors import PlanError
from controller.evidence import explained, forecast_evidence
from controller.lease import Lease, Ledger, digest
from controller.matching import assigned, settled
from controller.need import Need
from controller.outlook import above_max, left_alone, too_soon
from controller.plan import Action, Change, Plan, Shortfall
from controller.rises import worth_holding
from forecasting.profile import DemandProfile

_HOUR = timedelta(hours=1)


def decide(profile: DemandProfile, ledger: Ledger, config: Config, now: datetime, pending: Ledger = ()) -> Plan:
    """Decide which leases to open or raise at ``now`` (UTC).

    ``pending`` are leases proposed and not merged yet. They hold nothing, but a window that overlaps one
    keeps its name, so that a newer forecast updates the same pull request.

    Raises
    ------
    PlanError
        If the profile does not cover the time ahead, or does not fit the pools of the configuration.
    """
    times = hours_of(profile.draws)
    _check_times(times, config, now)
    if why := silence(profile, config, now):
        return Plan(
            config.environment, now, notes=(f"{why}: nothing new is asked for; forecast again, from newest usage",)
        )
    demand = Demand.of(profile.draws)
    _check_units(profile, config)
    served = members(config, list(demand.groups))
    _check_residency(served, config)
    idle = [x for x in config.groups if not any(matches(label, x) for label in demand.groups)]
    dealt = deal(demand, served, config)
    changes: list[Change] = []
    shortfalls: list[Shortfall] = []
    notes = [f"no group of the profile is {x}, which headroom.yaml has a preference for" for x in idle]
    for name in sorted(config.pools):
        leases = [x for x in ledger if x.pool == name]
        try:
            need = need_of(name, demand, served[name], dealt, config, times, leases)
        except PlanError as error:
            raise PlanError(f"pool {name}: {error}") from error
        waiting = [x for x in pending if x.pool == name]
        found = _pool(name, profile, need, leases, waiting, config, now)
        changes += found
        notes += [] if found else [left_alone(name, need, config, now)]
        shortfalls += too_soon(name, need, config, now)
        shortfalls += above_max(name, need, [x.lease for x in found], config, now)
    unserved = len(demand.groups) - sum(len(x) for x in served.values())
    if unserved:
        notes.append(f"{unserved} groups of the profile are served by no pool")
    return Plan(config.environment, now, tuple(changes), tuple(notes), tuple(shortfalls))


def silence(profile: DemandProfile | None, config: Config, now: datetime) -> str:
    """Why no forecast can agree or claim anything at ``now``, in words; empty if there is one that can.

    A fresh forecast of old usage is as old as that.
    """
    if profile is None:
        return "there is no forecast"
    limit, age, known = config.decide.profile_age_hours, now - profile.issued, now - profile.known_until
    if age > timedelta(hours=limit):
        return f"the forecast is {age / _HOUR:.0f} h old, over {limit:g} h"
    if known > timedelta(hours=limit):
        return f"the forecast knows no usage of the last {known / _HOUR:.0f} h, over {limit:g} h"
    return ""


def need_of(
    name: str,
    demand: Demand,
    groups: Sequence[str],
    dealt: Dealt,
    config: Config,
    times: Sequence[datetime],
    leases: Sequence[Lease],
) -> Need:
    """Count what a pool needs in every draw: its own groups' demand, without what leaves, with what arrives."""
    pool = config.pools[name]
    resources = resources_of(pool, demand)
    values = demand.read(groups, resources)
    moves = dealt.into.get(name, ())
    for move in dealt.away.get(name, ()):
        values[:, list(groups).index(move.group)] *= 1 - move.share[:, None, :]
    total = values[:, 0] if len(groups) == 1 else values.sum(axis=1)
    for move in moves:
        total = total + demand.read([move.group], resources)[:, 0] * move.share[:, None, :]
    by_resource = counted(total, usable(pool, resources))
    arrived = tuple((x.group, x.source, x.share.mean(axis=0)) for x in moves)
    unserved: tuple[tuple[str, np.ndarray], ...] = ()
    if (by_resource.max(axis=1) > pool.max).any():
        ranks = [config.preference(x).priority or 0 if config.groups else 0 for x in groups]
        shares = served_shares(values, usable(pool, resources) * pool.max, ranks)
        unserved = tuple(
            (x, 1 - shares[:, i].mean(axis=0)) for i, x in enumerate(groups) if shares[:, i].min() < 1
        )
    everyone = (*groups, *(x.group for x in moves if x.group not in groups))
    held = held_floors(pool, leases, times)
    return Need(everyone, tuple(resources), by_resource, tuple(times), held, arrived, unserved)


def _pool(
    name: str,
    profile: DemandProfile,
    need: Need,
    leases: Sequence[Lease],
    waiting: Sequence[Lease],
    config: Config,
    now: datetime,
) -> list[Change]:
    """Changes of one pool, by window."""
    pool, settings, times = config.pools[name], config.decide, need.times
    # Capacity is not there before it is merged, applied and booted; far windows wait for a newer forecast.
    first, last = now + config.ready_in(name), now + config.look_ahead(name)
    level = config.levels(name, need.groups).service
    uncovered = need.exceeds.mean(axis=0) >= settings.hour_threshold
    if pool.autoscaler_minutes is not None:
        uncovered &= worth_holding(need.nodes, need.held, level, pool.autoscaler_minutes)
    # What is proposed starts by then, and no window is longer: later hours cannot change it.
    until = last + timedelta(hours=settings.longest_window_hours)
    hot = np.array([i for i in np.flatnonzero(uncovered) if first <= times[i] <= until], dtype=np.intp)
    if hot.size == 0 or times[hot[0]] > last:
        return []
    covers = cover(need.nodes, need.held, hot, level, settings.review_cost, settings.longest_window_hours)
    windows = [slice(x.start, x.stop) for x in covers if times[x.start] <= last]
    windows = [x for x in windows if need.probability(x) >= settings.confidence_threshold]
    followers = [slice(x.start, x.stop) for x in covers if times[x.start] > last]
    known = assigned([need.bounds(x) for x in windows], waiting, timedelta(hours=settings.hysteresis_hours))
    merged = [x for x in leases if x.live(now)]
    taken = {x.id for x in (*leases, *waiting)}
    changes: list[Change] = []
    for window, proposal in zip(windows, known, strict=True):
        # Each lease answers for one window, so that two windows never write the same file.
        others = [x for x in merged if not any(x.id == y.id for y in known if y is not None and y is not proposal)]
        lease, before = settled(name, need, window, others, proposal, taken, config, now)
        merged = [x for x in merged if x is not before]
        taken.add(lease.id)
        if before is not None and digest(lease) == digest(before):
            continue
        evidence = forecast_evidence(profile, need, window, lease, leases, config, now)
        if window.stop < len(times) and uncovered[window.stop] and times[window.stop] > last:
            next_hour = slice(window.stop, window.stop + 1)
            after = next((x for x in followers if x.start == window.stop), next_hour)
            goes_on = need.probability(after) >= settings.confidence_threshold
            evidence = replace(evidence, goes_on=goes_on and lease.ends < need.bounds(after)[1])
        action: Action = "update" if before else "open"
        changes.append(Change(action, explained(lease, evidence, now), before, evidence))
    return changes


def _check_times(times: Sequence[datetime], config: Config, now: datetime) -> None:
    """Hold that the profile covers the present and the lead time, within which a window could not wait."""
    until = times[-1] + _HOUR
    furthest = max(config.lead_in(name) for name in config.pools)
    if not times[0] <= now + _HOUR or times[-1] <= now or until < now + furthest - _HOUR:
        hours = int(np.ceil(furthest / _HOUR)) + 1
        ended = times[-1] <= now  # a longer horizon from usage as old would end before long, too
        remedy = "from newer usage, or pass --now" if ended else f"with --horizon {hours} or more"
        raise PlanError(
            f"the profile covers {times[0]:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC, which does not reach "
            f"from {now:%Y-%m-%d %H:%M} on for the lead time of {furthest / _HOUR:.1f} h; forecast again, {remedy}"
        )


def _check_residency(served: Mapping[str, Sequence[str]], config: Config) -> None:
    """Hold that no pool elsewhere serves a group that is pinned to a region."""
    for name, groups in served.items() if config.groups else ():
        for label in groups:
            pinned, region = config.preference(label).pinned, config.pools[name].region
            if pinned is not None and region != pinned:
                raise PlanError(
                    f"group {label} is pinned to {pinned}, but pool {name}, which serves it, lies in "
                    f"{region or 'no region that it names'}; move the group, or mend pools.{name}.region"
                )


def _check_units(profile: DemandProfile, config: Config) -> None:
    """Hold that amounts written with a unit, such as 128 GiB, meet demand in that resource's own unit."""
    found = zip(profile.draws.coords["resource"].values, profile.draws.coords["unit"].values, strict=True)
    units = {str(resource): str(unit) for resource, unit in found}
    for name, pool in config.pools.items():
        for resource, unit in pool.units.items():
            if units.get(resource, unit) != unit:
                raise PlanError(
                    f"pool {name}: node_capacity gives {resource} in {unit}, the profile has it in "
                    f"{units[resource]}; write a plain number in {units[resource]}"
                )
