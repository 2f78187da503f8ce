"""Profile + ledger + config + now → Plan: which leases to open, or to raise.

Place in the line: the one decision to ask for capacity. For each pool the hours in which the need is not
confidently covered form windows; a window in which the need exceeds what is held with at least the confidence
threshold becomes a lease that holds the service level of the window's largest need.

>>> _join(np.array([False, True, False, False, True, True, False]), gap=2, longest=9)
[(1, 6)]
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from controller.capacity import held_floors, hours_of, members, node_draws, quantile
from controller.config import Config
from controller.errors import PlanError
from controller.evidence import Need, explained, forecast_evidence
from controller.lease import Lease, Ledger, digest, lease_id
from controller.plan import Action, Change, Plan
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
    if not times[0] <= now + _HOUR or times[-1] <= now:
        raise PlanError(
            f"the profile covers {times[0]:%Y-%m-%d %H:%M} to {times[-1] + _HOUR:%Y-%m-%d %H:%M} UTC, "
            f"which does not reach from {now:%Y-%m-%d %H:%M} on; forecast again"
        )
    served = members(config, [str(x) for x in profile.draws.coords["group"].values])
    changes: list[Change] = []
    notes: list[str] = []
    for name in sorted(config.pools):
        found = _pool(name, profile, ledger, pending, config, now, served[name])
        changes += found
        if not found:
            notes.append(f"{name}: the need is covered, or not certain enough to act on")
    unserved = profile.draws.sizes["group"] - sum(len(x) for x in served.values())
    if unserved:
        notes.append(f"{unserved} groups of the profile are served by no pool")
    return Plan(config.environment, now, tuple(changes), tuple(notes))


def _pool(
    name: str,
    profile: DemandProfile,
    ledger: Ledger,
    pending: Ledger,
    config: Config,
    now: datetime,
    groups: tuple[str, ...],
) -> list[Change]:
    """Changes of one pool, by window."""
    pool, settings = config.pools[name], config.decide
    try:
        resources, nodes = node_draws(profile.draws, pool, groups)
    except PlanError as error:
        raise PlanError(f"pool {name}: {error}") from error
    times = hours_of(profile.draws)
    leases = [x for x in ledger if x.pool == name]
    need = Need(groups, tuple(resources), nodes, tuple(times), held_floors(pool, leases, times))
    # Capacity is not there before it is merged, applied and booted; far windows wait for a newer forecast.
    first, last = now + config.ready_in(name), now + timedelta(hours=settings.propose_ahead_hours)
    uncovered = need.exceeds.mean(axis=0) >= 1 - settings.confidence_threshold
    hot = uncovered & np.array([first <= t for t in times])
    alive, waiting = [x for x in leases if x.ends > now], [x for x in pending if x.pool == name]
    changes: dict[str, Change] = {}
    for start, stop in _join(hot, settings.window_gap_hours, settings.longest_window_hours):
        window = slice(start, stop)
        if times[start] > last or need.probability(window) < settings.confidence_threshold:
            continue
        merged = _nearest(alive, need, window, settings.window_gap_hours)
        proposed = _nearest(waiting, need, window, settings.window_gap_hours)
        # Each lease answers for one window, so that two windows never write the same file.
        alive, waiting = [x for x in alive if x is not merged], [x for x in waiting if x is not proposed]
        lease = _lease(name, config, need, window, merged, proposed)
        if merged is not None and digest(lease) == digest(merged):
            continue
        warm_held = max([pool.base_warm, *(x.warm for x in leases if x.ends > times[start])])
        evidence = forecast_evidence(profile, need, window, lease, warm_held, config, now)
        action: Action = "update" if merged else "open"
        changes[lease.id] = Change(action, explained(lease, evidence), merged, evidence)
    return list(changes.values())


def _join(hot: NDArray[np.bool_], gap: int, longest: int) -> list[tuple[int, int]]:
    """Half-open index ranges of hot hours; ranges up to ``gap`` apart are one, none is over ``longest``."""
    windows: list[tuple[int, int]] = []
    for index in np.flatnonzero(hot).tolist():
        if windows and index - windows[-1][1] <= gap and index + 1 - windows[-1][0] <= longest:
            windows[-1] = (windows[-1][0], index + 1)
        else:
            windows.append((index, index + 1))
    return windows


def _nearest(leases: Sequence[Lease], need: Need, window: slice, gap_hours: int) -> Lease | None:
    """Lease whose window overlaps the given one most; else the nearest that comes as close as joined windows."""
    start, stop = need.bounds(window)

    def overlap(lease: Lease) -> timedelta:
        return min(stop, lease.ends) - max(start, lease.starts)

    near = [x for x in leases if overlap(x) > -timedelta(hours=gap_hours)]
    return max(near, key=lambda x: (overlap(x), x.id)) if near else None


def _lease(
    name: str, config: Config, need: Need, window: slice, merged: Lease | None, proposed: Lease | None
) -> Lease:
    """Size the window's lease, settled against the one that is merged or proposed already."""
    settings, largest = config.decide, need.largest(window)
    floor = quantile(largest, settings.service_level)
    warm = quantile(largest, settings.shadow_level) - floor
    starts, ends = need.bounds(window)
    expires = ends + timedelta(hours=settings.expiry_margin_hours)
    known = merged or proposed
    if merged is not None:  # what is merged is only ever raised here; letting go is decay's
        floor, warm = max(floor, merged.floor), max(warm, merged.warm)
        starts, ends, expires = min(starts, merged.starts), max(ends, merged.ends), max(expires, merged.expires)
        if proposed is not None and proposed.id == merged.id:
            known = proposed
    elif proposed is not None and proposed.starts < starts < proposed.ends:
        starts = proposed.starts  # its window has come within reach of the boot time: it is the same window
    if known is not None and _close(known, starts, ends, floor, warm, config):
        return known
    identity = known.id if known else lease_id(config.environment, name, starts)
    return Lease(config.environment, name, identity, starts, ends, expires, floor, warm)


def _close(known: Lease, starts: datetime, ends: datetime, floor: int, warm: int, config: Config) -> bool:
    """Whether a proposal, as the guards would clip it, is within the hysteresis of a known lease."""
    nodes, hours = config.decide.hysteresis_nodes, timedelta(hours=config.decide.hysteresis_hours)
    most = config.pools[known.pool].max
    floor = min(floor, most)
    warm = min(warm, most - floor)
    return (
        abs(known.floor - floor) <= nodes
        and abs(known.warm - warm) <= nodes
        and abs(known.starts - starts) <= hours
        and abs(known.ends - ends) <= hours
    )
