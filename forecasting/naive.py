"""The forecast that asks for nothing: the same hour of last week, with this rule's own past errors around it.

Place in the line: beside it; `backtest` scores every other model beside this one.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims

MOST_DRAWS = 500
"""Past errors that are drawn from; of a longer past, so many at even distances."""

_WEEK = 168
_DAY = 24
Floats = NDArray[np.float64]


def seasonal_naive(past: xr.Dataset, horizon_hours: int) -> NDArray[np.float32]:
    """Return joint draws of the seasonal-naive forecast.

    The same hour of last week (of yesterday, where there is no fortnight of history), and to it the errors that
    this rule made in the past. A draw takes the errors of all groups and resources in one unbroken run of hours,
    which goes on from the end of the past at its start. So hours, groups and resources move together as they
    did, each series' draws at an hour are the empirical distribution of its own errors, and no random number
    is needed. Unknown hours are taken from a season before.

    Parameters
    ----------
    past
        ``demand(group, resource, time)``, 25 hours or more.
    horizon_hours
        How far ahead, at least 1.

    Returns
    -------
    numpy.ndarray
        ``(draw, group, resource, time)``, ≥ 0, in the unit of the resource; a draw for each past error, at most
        `MOST_DRAWS`.
    """
    demand = past[dims.DEMAND].values
    season = _WEEK if demand.shape[2] >= 2 * _WEEK else _DAY
    whole = _fill(demand, season)
    errors = whole[..., season:] - whole[..., :-season]
    ahead = np.arange(horizon_hours)
    last = whole[..., -season:][..., ahead % season]
    count = errors.shape[-1]
    draws = np.empty((min(count, MOST_DRAWS), *last.shape), dtype=np.float32)
    for draw, start in enumerate(np.arange(len(draws)) * count // len(draws)):
        draws[draw] = np.maximum(last + errors[..., (start + ahead) % count], 0.0)
    return draws


def _fill(demand: Floats, season: int) -> Floats:
    out = demand.copy()
    for hour in range(season, out.shape[2]):
        gap = np.isnan(out[..., hour])
        out[..., hour][gap] = out[..., hour - season][gap]
    known = np.isfinite(out)
    mean = np.where(known, out, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    return np.where(known, out, mean[..., None])
