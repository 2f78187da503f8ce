"""A window → its lease: the name it has already, if a merged or a proposed lease means the same; else a new one.

Place in the line: after ``cover``, within ``decide``. A newer forecast must find its own pull request again, noise
must change nothing, and demand that stays must extend its lease, where that wastes less than another review.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from controller.capacity import quantile
from controller.config import Config
from controller.lease import LONGEST, Lease, lease_id
from controller.need import Need

_HOUR = timedelta(hours=1)


def assigned(
    windows: Sequence[tuple[datetime, datetime]], proposed: Sequence[Lease], gap: timedelta
) -> list[Lease | None]:
    """Give each window the proposal that means it, and each proposal to one window.

    What overlaps most comes first; what only comes within ``gap`` is left for windows that nothing overlaps, so
    that a neighbour's proposal is not taken for one's own.
    """
    pairs = [
        (_overlap(lease, window), lease.id, place, lease)
        for place, window in enumerate(windows)
        for lease in proposed
        if _overlap(lease, window) > -gap
    ]
    found: list[Lease | None] = [None] * len(windows)
    given: set[str] = set()
    for _, identity, place, lease in sorted(pairs, key=lambda x: (x[0], x[1], -x[2]), reverse=True):
        if found[place] is None and identity not in given:
            found[place] = lease
            given.add(identity)
    return found


def settled(
    name: str,
    need: Need,
    window: slice,
    merged: Sequence[Lease],
    waiting: Lease | None,
    taken: Collection[str],
    config: Config,
    now: datetime,
) -> tuple[Lease, Lease | None]:
    """Size the window's lease, and settle it against those that are known.

    ``merged`` are the pool's leases that answer for no other window, ``waiting`` is the proposal that the window
    was assigned, ``taken`` the ids that a new lease may not have. Returns the lease, and the merged one that it
    changes.
    """
    settings, levels = config.decide, config.levels(name, need.groups)
    largest = need.largest(window)
    floor = quantile(largest, levels.service)
    warm = quantile(largest, levels.shadow) - floor
    starts, ends = need.bounds(window)
    new = Lease(config.environment, name, "", starts, ends, ends, floor, warm)
    if waiting is None:
        raised = _extensible(merged, new, config, now)
    else:  # it has a pull request of its own, which opens a lease or changes a merged one
        raised = next((x for x in merged if x.id == waiting.id), None)
    known = waiting or raised
    expires = ends + timedelta(hours=settings.expiry_margin_hours)
    if raised is not None:  # what is merged is only ever raised here; letting go is decay's
        floor, warm = max(floor, raised.floor), max(warm, raised.warm)
        starts, ends, expires = min(starts, raised.starts), max(ends, raised.ends), max(expires, raised.expires)
    elif waiting is not None and waiting.starts < starts < waiting.ends:
        starts = waiting.starts  # its window has come within reach of the boot time: it is the same window
    # A merged lease needs no hysteresis: that the need exceeds it is likely, or there would be no window.
    if waiting is not None and _close(waiting, starts, ends, floor, warm, config):
        if waiting.floor == config.pools[name].max < floor:  # the guards clip it anew, and say what stays short
            waiting = replace(waiting, floor=floor, warm=warm)
        return waiting, raised
    identity = known.id if known else _fresh(config.environment, name, starts, taken)
    return Lease(config.environment, name, identity, starts, ends, expires, floor, warm), raised


def _extensible(leases: Sequence[Lease], new: Lease, config: Config, now: datetime) -> Lease | None:
    """Merged lease that the new window is cheapest added to, if that wastes no more than a review costs."""
    gap = timedelta(hours=config.decide.hysteresis_hours)
    # One whose window is over holds until somebody gives it back: it goes on from now.
    near = [x for x in leases if _overlap(replace(x, ends=max(x.ends, now)), (new.starts, new.ends)) > -gap]
    # One that would outlive what the gate lets pass is followed by another.
    margin = timedelta(hours=config.decide.expiry_margin_hours)
    near = [x for x in near if max(x.expires, new.ends + margin) - min(x.starts, new.starts) <= LONGEST]
    wastes = {x.id: _waste(x, new, config.pools[new.pool].base, now) for x in near}
    best = min(near, key=lambda x: (wastes[x.id], x.id), default=None)
    return best if best is not None and wastes[best.id] <= config.decide.review_cost else None


def _waste(old: Lease, new: Lease, base: int, now: datetime) -> float:
    """Node-hours above what both hold by themselves, if one lease holds the larger floor over both windows."""
    floor = max(old.floor, new.floor)
    begun, over = max(old.starts, now), max(old.ends, now)
    shared = max(0.0, (min(over, new.ends) - max(begun, new.starts)) / _HOUR)
    alone, added = (over - begun) / _HOUR - shared, (new.ends - new.starts) / _HOUR
    between = max(0.0, max(new.starts - over, begun - new.ends) / _HOUR)
    return alone * (floor - old.floor) + added * (floor - new.floor) + between * (floor - base)


def _overlap(lease: Lease, window: tuple[datetime, datetime]) -> timedelta:
    """How long a lease's window overlaps another; negative: how far they are apart."""
    starts, ends = window
    return min(ends, lease.ends) - max(starts, lease.starts)


def _fresh(environment: str, pool: str, starts: datetime, taken: Collection[str]) -> str:
    """The id of a new lease; a second one that starts at the same hour gets a number."""
    name, n = lease_id(environment, pool, starts), 1
    fresh = name
    while fresh in taken:
        n += 1
        fresh = f"{name}-{n}"
    return fresh


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
