"""Blocks as a forecast takes them: each its own past, with what a hierarchy says of it and of its groups.

Place in the line: after `hierarchy`, before `mixture` draws; `forecast` and `explain` begin here.

    for members in members_of(history):
        block = block_of(members, history, past, hierarchy)
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.basis import Floats
from forecasting.hierarchy import Hierarchy
from forecasting.history import History
from forecasting.mixture import Block
from forecasting.roughness import roughness_of, tilted


def members_of(history: History) -> list[NDArray[np.intp]]:
    """Return the numbers of the series of each block."""
    return [np.flatnonzero(history.block == number) for number in np.unique(history.block)]


def block_of(
    members: NDArray[np.intp],
    history: History,
    past: xr.Dataset,
    hierarchy: Hierarchy,
    calibrate: bool = True,
    widening: Floats | None = None,
) -> Block:
    """Return a block of a history.

    Parameters
    ----------
    members
        Numbers of its series, ``(series,)``.
    history, past
        Of all series; with the names of their groups, regions and resources.
    hierarchy
        What was learnt.
    calibrate
        Whether the last calibration is part of it.
    widening
        ``(range, side, series)`` of all series; see `feedback.recalibration`.

    Raises
    ------
    HierarchyError
        If nothing was learnt of the resource.
    """
    group, resource = np.divmod(members, past.sizes[dims.RESOURCE])
    names = str(past[dims.REGION].values[group[0]]), str(past[dims.RESOURCE].values[resource[0]])
    own, weights = history.of_series(members), hierarchy.weights(*names)
    each = hierarchy.own_weights(*names, past[dims.GROUP].values[group].tolist())
    return Block(
        own,
        hierarchy.learnt(*names),
        weights,
        tilted(hierarchy.factors(*names), hierarchy.tilt(*names), roughness_of(own)) if calibrate else None,
        hierarchy.components,
        hierarchy.network(names[1]),
        None if widening is None else widening[:, :, members],
        hierarchy.lasting(*names),
        None if (each == weights[..., None]).all() else each,
    )
