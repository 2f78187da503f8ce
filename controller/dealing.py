"""Where demand goes that its own pool cannot hold: by priority, to the pools its groups may use.

Place in the line: before windows are made. In every joint draw and hour a pool serves the groups of higher
priority first, up to its max; what is left over goes, again by priority, to the first pool of the group's
preference that has room. A group's resources move together: half of its demand is half of each of them.

>>> shares = served_shares(np.array([[[[6.0]], [[6.0]]]]), np.array([9.0]), [1, 0])
>>> shares.ravel()  # the first group is served whole, the second with what remains
array([1. , 0.5])
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from controller.capacity import Demand, Floats, counted, resources_of, usable
from controller.config import Config, Preference

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Move:
    """A share of a group's demand, array (draw, time), that goes from its own pool to another."""

    group: str
    source: str
    target: str
    share: Shares


@dataclass(frozen=True, slots=True)
class Dealt:
    """Every move, by the pool it leaves and by the pool it reaches."""

    away: Mapping[str, Sequence[Move]] = field(default_factory=dict)
    into: Mapping[str, Sequence[Move]] = field(default_factory=dict)


def served_shares(values: Floats, room: Floats, priorities: Sequence[int]) -> Shares:
    """Share of each group's demand that fits into ``room``, higher priorities first.

    Groups of one priority are served alike, each with the same share of its demand.

    Parameters
    ----------
    values : array (draw, group, resource, time)
    room : array (resource,), or (draw, resource, time), in the same units
    priorities : of each group

    Returns
    -------
    array (draw, group, time), 0–1
    """
    draws, groups, resources, hours = values.shape
    left = np.broadcast_to(room[None, :, None] if room.ndim == 1 else room, (draws, resources, hours)).copy()
    shares = np.ones((draws, groups, hours))
    for rank in sorted(set(priorities), reverse=True):
        members = [i for i, x in enumerate(priorities) if x == rank]
        asked = values[:, members].sum(axis=1)
        fits = fitting(asked, left)
        shares[:, members] = fits[:, None, :]
        left -= asked * fits[:, None, :]
    return shares


def fitting(asked: Floats, room: Floats) -> Shares:
    """Share of ``asked`` that fits into ``room``, both arrays (draw, resource, time): (draw, time), 0–1."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(asked > 0, np.maximum(room, 0) / asked, np.inf)
    share: Shares = np.minimum(ratio.min(axis=1), 1.0)
    return share


def destinations(config: Config, label: str, home: str, wish: Preference | None = None) -> list[str]:
    """Pools that may take a group's overflow, the preferred first: never outside the region it is pinned to."""
    wish = wish or config.preference(label)
    if wish.pools is None and wish.regions is None:
        return []
    here = config.pools[home].region or label.partition("/")[0]
    regions = (here, *(wish.regions or ()))
    near = config.regions.get(here)

    def allowed(name: str) -> bool:
        pool = config.pools[name]
        region = pool.region or here
        distance = 0.0 if region == here else (near.latency_ms.get(region) if near else None)
        return (
            name != home
            and region in regions
            # A pool that says no region may lie anywhere.
            and (wish.pinned is None or pool.region == wish.pinned)
            and (wish.families is None or pool.family in wish.families)
            # A distance that nobody stated is not known to be within the limit.
            and (wish.latency_ms is None or (distance is not None and distance <= wish.latency_ms))
        )

    if wish.pools is not None:
        return [name for name in wish.pools if allowed(name)]
    open_to = [name for name in sorted(config.pools) if allowed(name) and config.pools[name].region is not None]
    return sorted(open_to, key=lambda name: regions.index(config.pools[name].region or here))


def deal(demand: Demand, served: Mapping[str, Sequence[str]], config: Config) -> Dealt:
    """Find what moves where, at the service level of the pools it leaves; nothing where no group may move."""
    queue: list[tuple[int, str, str, Shares, list[str]]] = []
    for name, groups in sorted(served.items()) if config.groups else ():
        wishes = {label: config.preference(label) for label in groups}
        ways = {label: destinations(config, label, name, wish) for label, wish in wishes.items()}
        if not any(ways.values()):
            continue
        pool = config.pools[name]
        resources = resources_of(pool, demand)
        values = demand.read(groups, resources)
        nodes = counted(values.sum(axis=1), usable(pool, resources)).max(axis=1)
        over = (nodes > pool.max).any(axis=1).mean()
        if over <= 1 - config.levels(name, groups).service:
            continue  # the pool's max holds what the service level asks for
        room = usable(pool, resources) * pool.max
        # Who may leave gives way to who may not, within a priority: the pinned have nowhere else.
        ranks = [2 * (wishes[x].priority or 0) + (not ways[x]) for x in groups]
        shares = served_shares(values, room, ranks)
        queue += [
            (wishes[x].priority or 0, x, name, 1 - shares[:, i], ways[x])
            for i, x in enumerate(groups)
            if ways[x] and shares[:, i].min() < 1
        ]
    return _placed(queue, demand, served, config)


def _placed(
    queue: Sequence[tuple[int, str, str, Shares, list[str]]],
    demand: Demand,
    served: Mapping[str, Sequence[str]],
    config: Config,
) -> Dealt:
    """Give every overflow to the first of its pools with room, by priority."""
    away, into = defaultdict[str, list[Move]](list), defaultdict[str, list[Move]](list)
    rooms: dict[str, Floats] = {}
    for _, label, source, share, ways in sorted(queue, key=lambda x: (-x[0], x[1])):
        left = share
        for target in ways:
            pool = config.pools[target]
            resources = resources_of(pool, demand)
            if target not in rooms:
                own = demand.read(served[target], resources).sum(axis=1)
                rooms[target] = np.maximum((usable(pool, resources) * pool.max)[None, :, None] - own, 0)
            asked = demand.read([label], resources)[:, 0] * left[:, None, :]
            fits = fitting(asked, rooms[target])
            rooms[target] -= asked * fits[:, None, :]
            moved = left * fits
            if moved.any():
                move = Move(label, source, target, moved)
                away[source].append(move)
                into[target].append(move)
            left = left - moved
            if not left.any():
                break
    return Dealt(dict(away), dict(into))
