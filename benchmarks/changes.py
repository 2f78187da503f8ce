"""What a panel of usage goes through: nothing, a level shift, an outage, newcomers; and who is struck.

>>> usage, struck = changed(panel, "shift", begin=1200, factor=2.0, rng=np.random.default_rng(1))
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims

CASES = ("nothing", "shift", "outage", "newcomer")
DOWN_HOURS, LEFT = 12, 0.02
"""How long an outage lasts, and the share of usage that is left."""

KNOWN_HOURS = 72
"""Hours of a newcomer that are known at the change."""


def changed(
    usage: xr.Dataset, case: str, begin: int, factor: float, rng: np.random.Generator
) -> tuple[xr.Dataset, NDArray[np.bool_]]:
    """Return usage with a change in it, and which groups it strikes, ``(group,)``; all of them for nothing.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)``.
    case
        One of `CASES`: a fifth of the groups at another level; one region (a fifth, where there is but one) down;
        a tenth of the groups without the past.
    begin
        Hour in which it begins.
    factor
        Height of the shift.
    rng
        Who is struck.
    """
    demand = usage[dims.DEMAND].values.copy()
    groups = len(demand)
    if case == "nothing":
        return usage, np.ones(groups, dtype=np.bool_)
    struck = np.zeros(groups, dtype=np.bool_)
    regions = np.unique(usage[dims.REGION].values)
    if case == "outage" and len(regions) > 1:
        struck = usage[dims.REGION].values == rng.choice(regions)
    else:
        share = 10 if case == "newcomer" else 5
        struck[rng.choice(groups, -(-groups // share), replace=False)] = True
    if case == "shift":
        demand[struck, :, begin:] *= factor
    elif case == "outage":
        demand[struck, :, begin : begin + DOWN_HOURS] *= LEFT
    else:
        demand[struck, :, : begin - KNOWN_HOURS] = np.nan
    return usage.assign({dims.DEMAND: (dims.USAGE_DIMS, demand)}), struck
