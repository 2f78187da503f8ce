"""Need that no proposal of this run can meet → shortfalls: what comes too soon, and what is above the max later.

Place in the line: within ``decide``, beside the windows. What may be proposed is said by the proposals themselves.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from controller.config import Config
from controller.lease import Lease
from controller.need import Need
from controller.plan import Shortfall

_HOUR = timedelta(hours=1)


def too_soon(name: str, need: Need, config: Config, now: datetime) -> list[Shortfall]:
    """Need above what is held before what is merged now could be up; an autoscaler is left to follow it."""
    first = now + config.ready_in(name)
    if config.pools[name].autoscaler_minutes is not None:
        return []
    over = need.exceeds.mean(axis=0) >= config.decide.hour_threshold
    hours = [i for i, t in enumerate(need.times) if t + _HOUR > now and t < first and over[i]]
    if not hours or need.probability(slice(hours[0], hours[-1] + 1)) < config.decide.confidence_threshold:
        return []
    window = slice(hours[0], hours[-1] + 1)
    held = int(need.held[window].min())
    minutes = config.ready_in(name) / timedelta(minutes=1)
    why = f"CI and boot take {minutes:.0f} minutes, so nothing that is merged now is up before"
    return [
        _shortfall(name, need, window, held, config, why, "scale it by hand until then, or queue what can wait")
    ]


def above_max(name: str, need: Need, asked: Sequence[Lease], config: Config, now: datetime) -> list[Shortfall]:
    """Need above the max in hours that no lease of this run, ``asked``, is about: that takes longest to mend."""
    most, last = config.pools[name].max, now + config.look_ahead(name)
    if need.nodes.max() <= most:
        return []
    far = [i for i, t in enumerate(need.times) if t > last and not any(x.starts <= t < x.ends for x in asked)]
    over = need.nodes > most
    if not far or over[:, far].any(axis=1).mean() < config.decide.confidence_threshold:
        return []
    hours = [i for i in far if over[:, i].any()]
    window = slice(hours[0], hours[-1] + 1)
    needed = need.distribution(window).quantile(config.levels(name, need.groups).service)
    way = f"raise pools.{name}.max to {needed} in time, or let its groups go elsewhere (groups.<pattern>.pools)"
    return [_shortfall(name, need, window, most, config, f"the pool's max of {most} nodes", way)]


def left_alone(name: str, need: Need, config: Config, now: datetime) -> str:
    """Why nothing is asked for, in words."""
    first, last = now + config.ready_in(name), now + config.look_ahead(name)
    over = need.exceeds.mean(axis=0) >= config.decide.hour_threshold
    hot = [t for i, t in enumerate(need.times) if over[i] and t + _HOUR > now]
    if not hot:
        return f"{name}: the need is covered"
    if all(t < first for t in hot):
        return f"{name}: what is needed comes sooner than nodes could be up"
    if later := [t for t in hot if t > last]:
        return f"{name}: what may be needed from {later[0]:%a %d %b %H:%M} UTC on can wait for a newer forecast"
    return f"{name}: the need is covered, or not certain enough to act on"


def _shortfall(
    name: str, need: Need, window: slice, granted: int, config: Config, cause: str, way: str
) -> Shortfall:
    largest = need.distribution(window)
    needed = largest.quantile(config.levels(name, need.groups).service)
    risk, missing = largest.above(granted), largest.missing(granted)
    left = need.left_short(window)
    return Shortfall(name, *need.bounds(window), needed, granted, risk, missing, cause, way, left)
