"""Demand → nodes: how many nodes of a pool a demand takes.

Place in the line: between the arrays of ``forecasting`` and the decisions. A node runs out of whichever
resource ends first, and quantiles do not add, so nodes are counted in every joint draw.

>>> per_resource(np.array([[[8.0]], [[20.0]]]).reshape(1, 1, 2, 1), np.array([4.0, 16.0]), 0.5).ravel()
array([4, 3])
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from controller.config import Config, Pool
from controller.errors import PlanError
from controller.lease import Lease

Whole = NDArray[np.int64]
_COUNTLESS = 1e9  # nodes; beyond it a cast could turn negative


def per_resource(demand: NDArray[np.float64], capacity: NDArray[np.float64], target_utilisation: float) -> Whole:
    """Nodes that each resource alone takes.

    Parameters
    ----------
    demand : array (draw, group, resource, time), in the resource's units
    capacity : array (resource,), one node's, in the same units
    target_utilisation : share of a node that may be used

    Returns
    -------
    array (draw, resource, time) of whole nodes
    """
    total = demand.sum(axis=1) / (capacity * target_utilisation)[None, :, None]
    # A relative tolerance: 3 nodes' worth of demand summed in floating point must not ask for a fourth.
    nodes: Whole = np.ceil(np.minimum(total * (1 - 1e-9), _COUNTLESS)).astype(np.int64)
    return nodes


def node_draws(draws: xr.DataArray, pool: Pool, groups: Sequence[str]) -> tuple[list[str], Whole]:
    """Nodes of ``pool`` per joint draw, resource and hour: (resources, array (draw, resource, time)).

    ``draws`` has dims (draw, group, resource, time); only ``groups`` are counted.

    Raises
    ------
    PlanError
        If a resource of ``node_capacity`` is not in the draws, or a value is not finite.
    """
    known = [str(x) for x in draws.coords["resource"].values]
    missing = sorted(set(pool.node_capacity) - set(known))
    if missing:
        raise PlanError(
            f"node_capacity names {', '.join(missing)}, which the demand does not have; it has {', '.join(known)}"
        )
    resources = sorted(pool.node_capacity)
    values = draws.sel(group=list(groups), resource=resources).transpose("draw", "group", "resource", "time")
    array = values.to_numpy().astype(np.float64)
    if not np.isfinite(array).all():
        raise PlanError("the demand has values that are not finite; forecast again")
    capacity = np.array([pool.node_capacity[x] for x in resources])
    return resources, per_resource(array, capacity, pool.target_utilisation)


def used_nodes(demand: xr.DataArray, pool: Pool, groups: Sequence[str]) -> Whole:
    """Nodes of ``pool`` that realised demand took, array (time,); −1 where the hour is not known.

    ``demand`` has dims (group, resource, time). An hour is known when every value in it is.
    """
    known = demand.sel(group=list(groups), resource=sorted(pool.node_capacity))
    whole = known.notnull().all(("group", "resource")).to_numpy()
    _, nodes = node_draws(known.fillna(0.0).expand_dims("draw"), pool, groups)
    return np.where(whole, nodes[0].max(axis=0), -1)


def members(config: Config, groups: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Groups that each pool serves, by the patterns of its configuration.

    Raises
    ------
    PlanError
        If a pool serves none of ``groups``, or two pools would serve the same one.
    """
    served = {
        name: tuple(g for g in groups if any(_matches(g, pattern) for pattern in pool.groups))
        for name, pool in config.pools.items()
    }
    for name, labels in served.items():
        if not labels:
            raise PlanError(
                f"pool {name} serves {', '.join(config.pools[name].groups)}, which matches no "
                f"group; there are {', '.join(groups[:8])}{' …' if len(groups) > 8 else ''}"
            )
    for label in groups:
        pools = [name for name, labels in served.items() if label in labels]
        if len(pools) > 1:
            raise PlanError(f"group {label} is served by pools {' and '.join(pools)}; name it in one of them")
    return served


def _matches(label: str, pattern: str) -> bool:
    """Whether a label is what a pattern says; ``*`` stands for any text, everything else for itself."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), label, flags=re.DOTALL) is not None


def held_floors(pool: Pool, leases: Iterable[Lease], times: Sequence[datetime]) -> Whole:
    """Nodes that base and leases hold in each hour, array (time,).

    A lease holds from its merge on. It is counted to the end of its window only: after that ``decay`` may give it
    back at any time, so what is needed then must be asked for.
    """
    leases = tuple(leases)
    floors = [min(pool.max, max([pool.base, *(x.floor for x in leases if t < x.ends)])) for t in times]
    return np.array(floors, dtype=np.int64)


def hours_of(demand: xr.DataArray) -> list[datetime]:
    """Starts of the hours along ``time``, as aware datetimes (UTC)."""
    stamps = demand.coords["time"].to_numpy().astype("datetime64[s]").astype(int)
    return [datetime.fromtimestamp(int(x), UTC) for x in stamps]


def quantile(counts: Whole, level: float) -> int:
    """Smallest count that at least ``level`` of the draws do not exceed: a whole node, not between two."""
    return int(np.quantile(counts, level, method="inverted_cdf"))
