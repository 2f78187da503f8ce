"""Forecasts of groups → forecasts of pools: the same decisions from a fraction of the numbers.

Place in the line: between each forecast and the decisions of a replay. A pool needs the sum of its groups' demand,
draw by draw, so a pool whose groups are summed beforehand is decided for as before; what travels between processes
and is decided on some thousand times is as small as the pools are few.
"""

import numpy as np
import xarray as xr

from controller.capacity import members
from controller.config import Config
from forecasting.profile import DemandProfile

_REGION = "pool"


def pooled_config(config: Config) -> Config:
    """The configuration for sums: each pool serves the one group that is its sum, without preferences."""
    pools = {
        name: pool.model_copy(update={"groups": (f"{_REGION}/{name}",)}) for name, pool in config.pools.items()
    }
    return config.model_copy(update={"pools": pools, "groups": {}})


def pooled_profile(profile: DemandProfile, config: Config) -> DemandProfile:
    """Sum the draws of each pool's groups."""
    dataset = profile.dataset
    return DemandProfile(_summed(dataset, config).assign_attrs(dataset.attrs))


def pooled_usage(usage: xr.Dataset, config: Config) -> xr.Dataset:
    """Sum the usage of each pool's groups; not known where one of them is not."""
    return _summed(usage, config)


def _summed(dataset: xr.Dataset, config: Config) -> xr.Dataset:
    demand = dataset["demand"]
    served = members(config, [str(x) for x in demand.coords["group"].values])
    names = sorted(config.pools)
    axis = demand.dims.index("group")
    places = {str(label): place for place, label in enumerate(demand.coords["group"].values)}
    rows = [
        np.take(demand.to_numpy(), [places[x] for x in served[name]], axis=axis).sum(axis=axis) for name in names
    ]
    kept = {name: demand.coords[name] for name in ("resource", "unit", "time")}
    labels = {
        "group": ("group", np.array([f"{_REGION}/{name}" for name in names])),
        "region": ("group", np.array([_REGION] * len(names))),
        "name": ("group", np.array(names)),
    }
    return xr.Dataset({"demand": (demand.dims, np.stack(rows, axis=axis))}, coords={**labels, **kept})
