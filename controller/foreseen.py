"""Profile + ledger → what the newest forecast still needs of each merged lease, or why it says nothing.

Place in the line: before ``decay``. A forecast that is missing, too old or too short claims nothing and agrees to
nothing.

    foreseen(ledger, profile, config, now)["web", lease.id].rest
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from controller.capacity import Demand, held_floors, hours_of, members, quantile
from controller.config import Config
from controller.dealing import deal
from controller.decide import need_of, silence
from controller.lease import Lease, Ledger
from controller.need import Need
from forecasting.profile import DemandProfile

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the newest forecast says of a lease, in nodes at the service level.

    ``rest`` is its need in the rest of the window, None if it does not say, and then ``why``. ``after`` is its
    need after the window, until a new lease could be ready, None if nothing sure enough is missing then;
    ``after_hours`` counts the hours of that. ``issued`` is the instant of the forecast.
    """

    rest: int | None = None
    after: int | None = None
    after_hours: int = 0
    issued: datetime | None = None
    why: str = ""


def foreseen(
    ledger: Ledger, profile: DemandProfile | None, config: Config, now: datetime
) -> dict[tuple[str, str], Foreseen]:
    """Read off the newest forecast what it needs of each lease, by pool and lease id.

    Raises
    ------
    PlanError
        If the profile does not fit the pools of the configuration.
    """
    leases = [x for x in ledger if x.pool in config.pools]
    why = silence(profile, config, now)
    if profile is None or why or not leases:
        return {(x.pool, x.id): Foreseen(why=why) for x in leases}
    draws, times = profile.draws, hours_of(profile.draws)
    until = max(max(now, x.ends) + _reach(x.pool, config) for x in leases)
    ahead = [i for i, t in enumerate(times) if t + _HOUR > now and t < until]
    if config.groups:  # demand is dealt out over the whole horizon, as decide does it
        ahead = list(range(len(times)))
    if not ahead:
        return {(x.pool, x.id): Foreseen(why=_span(times)) for x in leases}
    demand, times = Demand.of(draws.isel(time=ahead)), [times[i] for i in ahead]
    served = members(config, list(demand.groups))
    dealt = deal(demand, served, config)
    found = {}
    for pool in sorted({x.pool for x in leases}):
        need = need_of(pool, demand, served[pool], dealt, config, times, ())
        for lease in leases:
            if lease.pool == pool:
                found[pool, lease.id] = _of(
                    lease, need, [x for x in leases if x is not lease], profile, config, now
                )
    return found


def _of(
    lease: Lease, need: Need, others: Sequence[Lease], profile: DemandProfile, config: Config, now: datetime
) -> Foreseen:
    """What the forecast needs of one lease: in the rest of its window, and while no other could be ready."""
    level, times = config.levels(lease.pool, need.groups).service, need.times
    begun, after = max(now, lease.starts), max(now, lease.ends)
    rest = _between(times, begun, lease.ends)
    whole = times[0] <= begun + _HOUR and times[-1] + _HOUR >= lease.ends
    kept = quantile(need.largest(rest), level) if rest.stop > rest.start and whole else None
    next_hours = _between(times, after, after + _reach(lease.pool, config))
    next_need, hours = None, 0
    if next_hours.stop > next_hours.start:
        # What others hold needs no extension; what is not certain enough to be asked for is none either.
        held = held_floors(config.pools[lease.pool], [x for x in others if x.pool == lease.pool], times)
        above = need.nodes[:, next_hours] > held[next_hours]
        if above.any(axis=1).mean() >= config.decide.confidence_threshold:
            next_need = quantile(need.largest(next_hours), level)
            hours = int(np.count_nonzero(above.mean(axis=0) >= config.decide.hour_threshold))
    return Foreseen(kept, next_need, hours, profile.issued, "" if kept is not None else _span(times))


def _reach(pool: str, config: Config) -> timedelta:
    """How soon after a window demand extends its lease: a new one would be late, or the same one to decide."""
    return max(config.lead_in(pool), timedelta(hours=config.decide.hysteresis_hours))


def _between(times: Sequence[datetime], start: datetime, end: datetime) -> slice:
    """Hours that reach into the time from ``start`` to ``end``, half-open; empty if there are none."""
    inside = [i for i, t in enumerate(times) if t + _HOUR > start and t < end]
    return slice(inside[0], inside[-1] + 1) if inside else slice(0, 0)


def _span(times: Sequence[datetime]) -> str:
    return f"the forecast reaches only from {times[0]:%Y-%m-%d %H:%M} to {times[-1] + _HOUR:%Y-%m-%d %H:%M} UTC"
