"""Demand → nodes: how many nodes of a pool a demand takes.

Place in the line: between the arrays of ``forecasting`` and the decisions. A node runs out of whichever
resource ends first, and quantiles do not add, so nodes are counted in every joint draw.

>>> counted(np.array([[[8.0]], [[20.0]]]), np.array([4.0]), 0.5).ravel()
array([ 4, 10], dtype=int32)
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from controller.config import Config, Pool
from controller.config.fields import matches
from controller.errors import PlanError
from controller.lease import Lease

Whole = NDArray[np.int32]
Floats = NDArray[np.float64]
_COUNTLESS = 1e9  # nodes; beyond it a cast could turn negative
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Demand:
    """Demand of many groups, read group by group: what is not asked for need not be in memory.

    ``variable`` has dims (draw, group, resource, time); usage, of one draw, may lack ``draw``.
    """

    variable: xr.Variable
    groups: dict[str, int]
    resources: dict[str, int]

    @classmethod
    def of(cls, demand: xr.DataArray) -> "Demand":
        """Take the labels off an array."""
        drawn = demand if "draw" in demand.dims else demand.expand_dims("draw")
        labels = ({str(x): i for i, x in enumerate(demand.coords[dim].values)} for dim in ("group", "resource"))
        # Transposing is put off, like reading: a variable of a file stays on disk.
        return cls(drawn.transpose("draw", "group", "resource", "time").variable, *labels)

    def read(self, groups: Sequence[str], resources: Sequence[str]) -> Floats:
        """Demand of some groups, array (draw, group, resource, time), in the resources' units.

        Raises
        ------
        PlanError
            If a resource or a group is not there, or a value is negative or not finite.
        """
        for what, asked, known in (("group", groups, self.groups), ("resource", resources, self.resources)):
            if missing := sorted(set(asked) - set(known)):
                raise PlanError(f"the demand has no {what} {', '.join(missing)}; it has {_some(list(known))}")
        chosen = self.variable.isel(
            group=[self.groups[x] for x in groups], resource=[self.resources[x] for x in resources]
        )
        try:
            values: Floats = chosen.to_numpy().astype(np.float64)
        except (OSError, RuntimeError) as error:  # read from a file as it is asked for
            raise PlanError(f"the demand of {_some(list(groups))} cannot be read: {error}") from error
        # One pass says both: a sum is NaN or infinite if a value is, and the least of them is not below zero.
        if not np.isfinite(values.sum()) or (values.size and values.min() < 0):
            raise PlanError("the demand has values that are negative or not finite; forecast again")
        return values


def resources_of(pool: Pool, demand: Demand) -> list[str]:
    """Resources that a node of ``pool`` has, sorted.

    Raises
    ------
    PlanError
        If one of them is not in the demand: what is not forecast cannot be provided for.
    """
    if missing := sorted(set(pool.node_capacity) - set(demand.resources)):
        raise PlanError(
            f"node_capacity names {', '.join(missing)}, which the demand does not have; "
            f"it has {_some(list(demand.resources))}"
        )
    return sorted(pool.node_capacity)


def usable(pool: Pool, resources: Sequence[str]) -> Floats:
    """What one node may be used for, array (resource,): its capacity times the target utilisation."""
    return np.array([pool.node_capacity[x] for x in resources]) * pool.target_utilisation


def counted(total: Floats, capacity: Floats, target_utilisation: float = 1.0) -> Whole:
    """Nodes that each resource alone takes.

    Parameters
    ----------
    total : array (draw, resource, time), in the resource's units
    capacity : array (resource,), one node's, in the same units
    target_utilisation : share of a node that may be used

    Returns
    -------
    array (draw, resource, time) of whole nodes
    """
    # A relative tolerance: 3 nodes' worth of demand summed in floating point must not ask for a fourth.
    share = total * ((1 - 1e-9) / (capacity * target_utilisation))[None, :, None]
    return np.ceil(np.minimum(share, _COUNTLESS, out=share), out=share).astype(np.int32)


def node_draws(draws: xr.DataArray, pool: Pool, groups: Sequence[str]) -> tuple[list[str], Whole]:
    """Nodes of ``pool`` per joint draw, resource and hour: (resources, array (draw, resource, time)).

    ``draws`` has dims (draw, group, resource, time); only ``groups`` are counted.

    Raises
    ------
    PlanError
        If a resource of ``node_capacity`` is not in the draws, or a value is not finite.
    """
    demand = Demand.of(draws)
    resources = resources_of(pool, demand)
    return resources, counted(demand.read(groups, resources).sum(axis=1), usable(pool, resources))


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
        If a pool serves none of ``groups``, or one by name that is not there, or two pools serve the same one.
    """
    known, owner = set(groups), dict[str, str]()
    served = {}
    for name, pool in config.pools.items():
        exact = {x for x in pool.groups if "*" not in x}
        stars = [x for x in pool.groups if "*" in x]
        found = exact & known
        if stars:
            found |= {label for label in groups if any(matches(label, x) for x in stars)}
        if not found:
            raise PlanError(
                f"pool {name} serves {', '.join(pool.groups)}, which matches no group; there are {_some(groups)}"
            )
        if missing := sorted(exact - known):
            raise PlanError(
                f"pool {name} serves {', '.join(missing)}, which are no groups; there are {_some(groups)}"
            )
        for label in found:
            if label in owner:
                pools = " and ".join(sorted((owner[label], name)))
                raise PlanError(f"group {label} is served by pools {pools}; name it in one of them")
            owner[label] = name
        served[name] = tuple(sorted(found))
    return served


def held_floors(pool: Pool, leases: Iterable[Lease], times: Sequence[datetime]) -> Whole:
    """Nodes that base and leases hold in each hour, array (time,).

    A lease holds from its merge on. It is counted to the end of its window only: after that ``decay`` may give it
    back at any time, so what is needed then must be asked for.
    """
    floors = np.full(len(times), pool.base, dtype=np.int32)
    for lease in leases:
        until = sum(t < lease.ends for t in times)
        floors[:until] = np.maximum(floors[:until], lease.floor)
    return np.minimum(floors, np.int32(pool.max))


def hours_of(demand: xr.DataArray) -> list[datetime]:
    """Starts of the hours along ``time``, as aware datetimes (UTC)."""
    stamps = demand.coords["time"].to_numpy().astype("datetime64[s]").astype(int)
    return [datetime.fromtimestamp(int(x), UTC) for x in stamps]


def quantile(counts: Whole, level: float) -> int:
    """Smallest count that at least ``level`` of the draws do not exceed: a whole node, not between two."""
    return int(quantiles(counts, level))


def quantiles(counts: Whole, level: float) -> Whole:
    """The same along the last axis: (…, draw) → (…)."""
    draws = counts.shape[-1]
    rank = min(draws, max(1, math.ceil(level * draws * (1 - 1e-12)))) - 1
    found: Whole = np.partition(counts, rank, axis=-1)[..., rank]
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
