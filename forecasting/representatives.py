"""Which groups are learnt from: of many, a panel that is spread over the regions.

Place in the line: at the beginning of `learn`.

    panel = panel_of(past, np.random.default_rng(1))  # numbers of groups
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims

PANEL_GROUPS, PANEL_OF_REGION = 48, 12
"""Groups that are learnt from at most, and of each region: more would cost time and hardly sharpen anything."""


def panel_of(past: xr.Dataset, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the numbers of the groups to learn from, ascending; every resource is known of one of them."""
    return _with_every_resource(past, choose_panel(past[dims.REGION].values, rng))


def choose_panel(regions: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the groups to learn from, as evenly over the regions as they allow; all, where there are no more."""
    shuffled = rng.permutation(len(regions))
    turn = np.empty(len(regions), dtype=np.intp)
    names = np.unique(regions)
    for region in names:
        members = shuffled[regions[shuffled] == region]
        turn[members] = np.arange(len(members))
    most = max(PANEL_GROUPS, PANEL_OF_REGION * len(names))
    return np.sort(shuffled[np.argsort(turn[shuffled], kind="stable")][:most])


def _with_every_resource(past: xr.Dataset, panel: NDArray[np.intp]) -> NDArray[np.intp]:
    """Add a group that knows a resource to a panel of which nobody does."""
    known = past[dims.DEMAND].notnull().any(dims.TIME).values  # (group, resource)
    lacking = np.flatnonzero(~known[panel].any(axis=0))
    added = [int(np.flatnonzero(known[:, resource])[0]) for resource in lacking]
    return np.union1d(panel, np.array(added, dtype=np.intp)).astype(np.intp)
