"""Whether the numbers of a hierarchy can be: a file may come from anywhere.

Place in the line: under `hierarchy`, which asks when one is made or read.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from forecasting.basis import LINEAR
from forecasting.calibrate import LEVELS
from forecasting.lasting import PARTS
from forecasting.roughness import TERMS
from forecasting.stacking import RANGES

_LARGEST = 1e9  # coefficients and scales are of the order of 1; squares of far larger ones overflow


def check_shapes(dataset: xr.Dataset, components: Sequence[str]) -> None:
    """Hold that what was found of each block is all there; a ValueError if not."""
    blocks = (dataset.sizes["region"], dataset.sizes["resource"])
    for name, of_block in (
        ("weights", (len(RANGES), len(components))),
        ("factors", (len(RANGES), len(LEVELS))),
        ("tilt", (len(TERMS),)),
        ("lasting", (len(PARTS),)),
    ):
        if dataset[name].shape != (*blocks, *of_block):
            raise ValueError(f"'{name}' has the shape {dataset[name].shape}, wanted {(*blocks, *of_block)}")
    wanted = (dataset.sizes["group"], blocks[1], len(RANGES), len(components))
    if dataset["own_weights"].dims[0] != "group" or dataset["own_weights"].shape != wanted:
        raise ValueError(f"'own_weights' has the shape {dataset['own_weights'].shape}, wanted {wanted} by group")
    if not dataset.indexes["group"].is_unique:
        raise ValueError("a group is there twice")
    if tuple(dataset["term"].values.tolist()) != TERMS:
        raise ValueError(f"'tilt' is not of {', '.join(TERMS)}")
    if dataset["alone"].shape != blocks[1:] or not np.isin(dataset["alone"].values, (0, 1)).all():
        raise ValueError("'alone' is not 0 or 1 of each resource")


def check_values(dataset: xr.Dataset, components: Sequence[str]) -> None:
    """Hold that shares are shares, and that factors, scales and coefficients can be; a ValueError if not."""
    for name in ("weights", "own_weights"):
        weights = dataset[name].values
        if (weights < 0).any() or (np.abs(weights.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError(f"'{name}' are not shares of one whole")
    lasting = dataset["lasting"].values
    if (lasting < 0).any() or (lasting.sum(axis=-1) > 1).any():
        raise ValueError("'lasting' are not shares of at most one whole")
    scales = [f"{name}_scale" for name in components if name in LINEAR]
    for name in ("factors", *scales):
        if (dataset[name].values <= 0).any():
            raise ValueError(f"'{name}' holds values that are not above 0")
    plains = [f"{name}_{part}" for name in components if name in LINEAR for part in ("plain", "region_mean")]
    for name in ("tilt", *scales, *plains):
        if (np.abs(dataset[name].values) > _LARGEST).any():
            raise ValueError(f"'{name}' holds values beyond {_LARGEST:g}")
