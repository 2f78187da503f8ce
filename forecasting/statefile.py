"""What was learnt → the dataset of a hierarchy: names on every axis.

Place in the line: between `learn` and `hierarchy`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting.appraisal import Appraisal
from forecasting.basis import LINEAR, Floats, sized
from forecasting.calibrate import LEVELS as INTERVALS
from forecasting.inference import Posterior
from forecasting.lasting import PARTS
from forecasting.network import Network, as_variables
from forecasting.roughness import TERMS
from forecasting.stacking import RANGES

MEASURES = ("nuts", "pareto_k", "effective_draws", "max_r_hat", "divergences")
"""What `diagnostics` holds; ``nuts`` is 1 where NUTS sampled and 0 where Laplace did."""


class Place(NamedTuple):
    """Where a block is: the number of its region and of its resource, and those of its groups, ``(series,)``."""

    region: int
    resource: int
    groups: NDArray[np.intp]


def dataset_of(
    posteriors: Mapping[tuple[str, int], Posterior],
    plains: Mapping[tuple[str, int], Floats],
    places: Mapping[int, Place],
    appraisals: Mapping[int, Appraisal],
    groups: NDArray[np.str_],
    regions: NDArray[np.str_],
    resources: NDArray[np.str_],
    alone: NDArray[np.bool_],
    components: tuple[str, ...],
    attributes: Mapping[str, object],
    network: Network | None = None,
) -> xr.Dataset:
    """Lay out what was learnt.

    Parameters
    ----------
    posteriors, plains
        By name of the linear component and number of the resource.
    places
        By number of the block.
    appraisals
        By number of the block.
    groups, regions, resources
        Names; groups are those that are learnt from.
    alone
        Of which resources there are fewer features, see `basis.basis_of`, ``(resource,)``.
    components
        Names.
    attributes
        Of the dataset.
    network
        Of the recurrent component, if it is among the components.
    """
    linear = [name for name in components if name in LINEAR]
    shape = (len(regions), len(resources), len(RANGES))
    by_block = {
        "weights": np.full((*shape, len(components)), 1 / len(components)),
        "factors": np.ones((*shape, len(INTERVALS))),
        "tilt": np.zeros((*shape[:2], len(TERMS))),
        "lasting": np.zeros((*shape[:2], len(PARTS))),
    }
    own = np.full((len(groups), *shape[1:], len(components)), 1 / len(components))
    for block, (region, resource, members) in places.items():
        appraisal = appraisals[block]
        for name, values in by_block.items():
            values[region, resource] = getattr(appraisal, name)
        found = appraisal.weights[..., None] if appraisal.own_weights is None else appraisal.own_weights
        own[members, resource] = np.moveaxis(found, -1, 0)
    diagnostics = np.full((len(linear), len(resources), len(MEASURES)), np.nan)
    variables: dict[str, tuple[tuple[str, ...], NDArray[np.floating | np.integer]]] = {
        "weights": (("region", "resource", "range", "component"), by_block["weights"]),
        "own_weights": (("group", "resource", "range", "component"), own),
        "factors": (("region", "resource", "range", "level"), by_block["factors"]),
        "tilt": (("region", "resource", "term"), by_block["tilt"]),
        "lasting": (("region", "resource", "part"), by_block["lasting"]),
        "diagnostics": (("linear", "resource", "measure"), diagnostics),
        "alone": (("resource",), alone.astype(np.int64)),
    }
    for row, name in enumerate(linear):
        each = [posteriors[name, number] for number in range(len(resources))]
        for number, posterior in enumerate(each):
            told = posterior.diagnostics
            diagnostics[row, number] = (
                float(told.method != "laplace"),
                told.pareto_k,
                told.effective_draws,
                told.max_r_hat,
                told.divergences,
            )
        size = max(posterior.region_mean.shape[-1] for posterior in each)
        theta = f"{name}_theta"
        variables[f"{name}_plain"] = (
            ("resource", f"{name}_feature", theta),
            np.stack([sized(plains[name, number], size, axes=2) for number in range(len(resources))]),
        )
        variables[f"{name}_region_mean"] = (
            ("shared", "region", "resource", theta),
            np.stack([sized(posterior.region_mean, size) for posterior in each], axis=2),
        )
        variables[f"{name}_scale"] = (
            ("shared", "region", "resource", "scale"),
            np.stack([_scales(posterior, len(regions)) for posterior in each], axis=2),
        )
    if network is not None:
        variables |= as_variables(network)
    return xr.Dataset(
        variables,
        coords={
            "group": groups.astype(str),
            "region": regions.astype(str),
            "resource": resources.astype(str),
            "range": list(RANGES),
            "component": list(components),
            "level": list(INTERVALS),
            "term": list(TERMS),
            "part": list(PARTS),
            "linear": linear,
            "measure": list(MEASURES),
            "scale": ["noise", "likeness", "between_groups"],
        },
        attrs=dict(attributes),
    )


def _scales(posterior: Posterior, regions: int) -> Floats:
    """Return noise, likeness and between_groups of each region: ``(draw, region, scale)``."""
    scales = np.stack([posterior.noise, posterior.likeness, posterior.between_groups], axis=-1)
    return scales if scales.ndim == 3 else np.repeat(scales[:, None], regions, axis=1)
