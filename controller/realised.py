"""Usage → nodes that each pool's groups really took, hour by hour, as far as it is known.

Place in the line: before ``decay``. What is missing from the usage is said, not raised: it holds the leases of its
own pools and of no others. Where a pool was full, demand is dealt out as ``decide`` deals it.

    uses(usage, ledger, config, now)["web"].since(lease.starts)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import xarray as xr

from controller.capacity import Demand, Whole, hours_of
from controller.config import Config
from controller.config.fields import matches
from controller.dealing import Dealt, deal, destinations
from controller.decide import need_of
from controller.lease import Ledger
from controller.outage import Flags, region_of

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Use:
    """Realised need of a pool: starts of the known hours, and nodes used in each.

    ``groups`` counts those that the usage has of it, arriving ones included; ``regions`` are theirs. ``lacks``
    says what the usage has not got, in words.
    """

    groups: int
    regions: frozenset[str]
    times: tuple[datetime, ...]
    nodes: Whole
    lacks: str = ""

    @property
    def until(self) -> datetime | None:
        """End of the last known hour."""
        return self.times[-1] + _HOUR if self.times else None

    def since(self, start: datetime) -> tuple[tuple[datetime, int], ...]:
        """Hours that reach past ``start``, and the nodes used in each."""
        pairs = zip(self.times, self.nodes, strict=True)
        return tuple((t, int(n)) for t, n in pairs if t + _HOUR > start)


def uses(demand: xr.DataArray, ledger: Ledger, config: Config, now: datetime) -> dict[str, Use]:
    """Count the nodes that each pool with leases really took, in the hours since the first window's start.

    ``demand`` has dims (group, resource, time). Hours that are not over at ``now`` are not looked at, and an hour
    is known to a pool if every value of its groups is, and of those whose overflow it takes.
    """
    wanted = {x.pool for x in ledger if x.pool in config.pools}
    if not wanted:
        return {}
    first = min(x.starts for x in ledger)
    stamps = demand.coords["time"].to_numpy().astype("datetime64[s]").astype(np.int64)
    over = (stamps + 3600 > first.timestamp()) & (stamps + 3600 <= now.timestamp())
    part = demand.isel(time=np.flatnonzero(over)).transpose("group", "resource", "time")
    times = hours_of(part)
    values = part.to_numpy().astype(np.float64)
    known = np.isfinite(values) & (values >= 0)
    counted = Demand.of(part.copy(data=np.where(known, values, 0.0)))
    labels = list(counted.groups)
    served = {
        name: tuple(sorted(x for x in labels if any(matches(x, p) for p in pool.groups)))
        for name, pool in config.pools.items()
    }
    lacks = {name: _lacks(name, found, counted, config) for name, found in served.items()}
    dealt = deal(counted, served, config) if not any(lacks.values()) else Dealt()
    arriving = _arriving(served, config)
    own = {name: _known(name, served[name], lacks[name], counted, known, config) for name in served}
    found = {}
    for name in sorted(wanted):
        guests = [x for x in arriving.get(name, ()) if x[0] not in served[name]]
        groups = {*served[name], *(x for x, _ in guests)}
        regions = frozenset(region_of(demand, counted.groups[x]) for x in groups)
        whole = np.flatnonzero(np.all([own[name], *(own[home] for _, home in guests)], axis=0))
        if whole.size == 0:
            found[name] = Use(len(groups), regions, (), np.zeros(0, dtype=np.int32), lacks[name])
            continue
        nodes = need_of(name, counted, served[name], dealt, config, times, ()).nodes[0]
        found[name] = Use(len(groups), regions, tuple(times[i] for i in whole), nodes[whole])
    return found


def _lacks(name: str, found: Sequence[str], demand: Demand, config: Config) -> str:
    """What the usage has not got of a pool, in words."""
    pool = config.pools[name]
    if not found:
        return "none of its groups"
    if missing := sorted(x for x in pool.groups if "*" not in x and x not in demand.groups):
        return f"no {missing[0]}" + (f", and {len(missing) - 1} more of its groups" if missing[1:] else "")
    if missing := sorted(set(pool.node_capacity) - set(demand.resources)):
        return f"no {', '.join(missing)}"
    return ""


def _arriving(served: Mapping[str, Sequence[str]], config: Config) -> dict[str, list[tuple[str, str]]]:
    """Groups whose overflow each pool may take, with the pools that they come from."""
    arriving: dict[str, list[tuple[str, str]]] = {}
    for home, labels in served.items() if config.groups else ():
        for label in labels:
            for target in destinations(config, label, home):
                arriving.setdefault(target, []).append((label, home))
    return arriving


def _known(name: str, groups: Sequence[str], lacks: str, demand: Demand, known: Flags, config: Config) -> Flags:
    """Whether all is known of a pool's own groups, array (time,)."""
    if lacks:
        return np.zeros(known.shape[2], dtype=bool)
    rows = [demand.groups[x] for x in groups]
    columns = [demand.resources[x] for x in config.pools[name].node_capacity]
    return np.asarray(known[np.ix_(rows, columns)].all(axis=(0, 1)))
