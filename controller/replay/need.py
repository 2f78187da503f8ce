"""Usage → what each pool needed, hour by hour: the truth that every policy is held against.

Place in the line: the first step of a replay. The need is a fraction of nodes at the target utilisation, so that a
shortfall of half a node counts as half a node; policies run whole ones.

>>> span(hours=5 * 168 + WARM_UP_HOURS, weeks=3)
(336, 384)
"""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from controller.capacity import Whole, hours_of, members
from controller.config import Config
from controller.errors import PlanError

Floats = NDArray[np.float64]

WEEK = 168
LEAST_HISTORY_HOURS = 2 * WEEK
"""What a policy sees at least before its first decision: the fortnight that the aws-style one is made of."""
WARM_UP_HOURS = 48
"""Hours that are decided and not scored: the first proposals are under review in them."""


@dataclass(frozen=True, slots=True)
class Need:
    """What the pools needed over all of the usage, and which part of it is replayed.

    Parameters
    ----------
    pools
        Names, sorted.
    nodes
        ``(pool, hour)``: fractional nodes at the target utilisation; NaN where a value is not known.
    start
        Of hour 0.
    first, scored
        Hour of the first decision, and the first hour that is scored; both to the end of the usage.
    base, most
        ``(pool,)``: fewest and most nodes.
    price, warm_price
        ``(pool,)``: of a running and of a warm node, per hour.
    priced
        Whether the prices are those of the configuration; without any, a node-hour costs 1 and a warm one nothing.
    """

    pools: tuple[str, ...]
    nodes: Floats
    start: datetime
    first: int
    scored: int
    base: Whole
    most: Whole
    price: Floats
    warm_price: Floats
    priced: bool

    @property
    def weeks(self) -> float:
        """Scored weeks."""
        return float((self.nodes.shape[1] - self.scored) / WEEK)

    @property
    def known(self) -> Floats:
        """``nodes`` as a loop would see it that goes on from the last known hour; 0 before the first one."""
        hours = np.where(np.isfinite(self.nodes), np.arange(self.nodes.shape[1]), -1)
        last = np.maximum.accumulate(hours, axis=1)
        filled = np.take_along_axis(self.nodes, np.maximum(last, 0), axis=1)
        known: Floats = np.where(last >= 0, filled, 0.0)
        return known

    def of(self, pools: slice) -> "Need":
        """The same of some of the pools."""
        return replace(
            self,
            pools=self.pools[pools],
            nodes=self.nodes[pools],
            base=self.base[pools],
            most=self.most[pools],
            price=self.price[pools],
            warm_price=self.warm_price[pools],
        )


def span(hours: int, weeks: int) -> tuple[int, int]:
    """Lay the replay out at the end of so many hours of usage: hour of the first decision, first scored hour.

    Raises
    ------
    PlanError
        If too little is left before it.
    """
    scored = hours - weeks * WEEK
    first = scored - WARM_UP_HOURS
    if first < LEAST_HISTORY_HOURS:
        most = (hours - LEAST_HISTORY_HOURS - WARM_UP_HOURS) // WEEK
        needed = LEAST_HISTORY_HOURS + WARM_UP_HOURS
        way_out = f"ask for --weeks {most}" if most >= 1 else f"bring at least {needed + WEEK} hours"
        raise PlanError(
            f"usage has {hours} hours; {weeks} weeks leave {max(0, scored)} before them, and {needed} are needed: "
            f"{way_out}"
        )
    return first, scored


def need_of(usage: xr.Dataset, config: Config, weeks: int) -> Need:
    """Count what each pool needed over usage ``demand(group, resource, time)``.

    Raises
    ------
    PlanError
        If the usage is too short, or lacks a pool's groups or resources, or all of what is replayed is unknown.
    """
    demand = usage["demand"]
    first, scored = span(demand.sizes["time"], weeks)
    served = members(config, [str(x) for x in demand.coords["group"].values])
    known = [str(x) for x in demand.coords["resource"].values]
    names = tuple(sorted(config.pools))
    rows = []
    for name in names:
        pool = config.pools[name]
        if missing := sorted(set(pool.node_capacity) - set(known)):
            raise PlanError(
                f"pool {name}: node_capacity names {', '.join(missing)}, which the usage does not have; "
                f"it has {', '.join(known)}"
            )
        resources = sorted(pool.node_capacity)
        values = demand.sel(group=list(served[name]), resource=resources).to_numpy().sum(axis=0)
        capacity = np.array([pool.node_capacity[x] for x in resources]) * pool.target_utilisation
        row = (values / capacity[:, None]).max(axis=0)  # NaN in any group or resource is NaN here
        if not np.isfinite(row[:first]).any() or not np.isfinite(row[scored:]).any():
            raise PlanError(
                f"pool {name}: no hour is known of all its groups before the replay, or none within it"
            )
        rows.append(row)
    pools = [config.pools[name] for name in names]
    priced = all(pool.priced for pool in pools)
    return Need(
        pools=names,
        nodes=np.stack(rows),
        start=hours_of(demand.isel(time=slice(0, 1)))[0],
        first=first,
        scored=scored,
        base=np.array([pool.base for pool in pools]),
        most=np.array([pool.max for pool in pools]),
        price=np.array([pool.price_per_hour if priced else 1.0 for pool in pools]),
        warm_price=np.array([config.pools[name].warm_price if priced else 0.0 for name in names]),
        priced=priced,
    )


def whole(nodes: Floats) -> Whole:
    """Whole nodes that hold so much; 3 nodes' worth summed in floating point are no fourth."""
    counts: Whole = np.ceil(nodes * (1 - 1e-9)).astype(np.int32)
    return counts
