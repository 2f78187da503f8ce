"""Hours at nothing of a series that never rests → hours that are not known: what was off shows no demand.

Place in the line: before `history`. An outage that counted as demand would teach every component that usage may
stop, and would leave what remembers it, such as the usual day, far from all that was seen: walks from there ran up
to the bound.

A series never rests if in nine of ten known hours it used over a hundredth of its median demand. An outage is a
run of three hours to three days below that, with no such hour elsewhere. What is off for longer is off, and what
is off more often rests: both count.

    past = without_outages(past)
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import label

from forecasting import dims
from forecasting.basis import DAY

LEAST_HOURS, MOST_HOURS = 3, 3 * DAY
"""Length of an outage."""

NOTHING = 0.01
"""Of the median demand: below it a series is off."""

_RARE = 0.1  # of the hours that are known
_NAMED = 3
_ALONG_TIME = np.zeros((3, 3, 3), dtype=np.bool_)
_ALONG_TIME[1, 1] = True


def without_outages(past: xr.Dataset) -> xr.Dataset:
    """Return usage without the hours of outages; the same object where there was none.

    Parameters
    ----------
    past
        ``demand(group, resource, time)``, NaN where not known.
    """
    off = _off(past[dims.DEMAND].values)
    if not off.any():
        return past
    return past.assign({dims.DEMAND: past[dims.DEMAND].where(~off)})


def outage_notes(past: xr.Dataset) -> list[str]:
    """Say in words which groups had an outage, and for how long at most; empty where none had."""
    off = _off(past[dims.DEMAND].values)
    hours = off.sum(axis=2).max(axis=1)
    groups = past[dims.GROUP].values[hours > 0].tolist()
    if not groups:
        return []
    more = f" and {len(groups) - _NAMED} more" if len(groups) > _NAMED else ""
    return [
        f"next to nothing was used for up to {hours.max()} hours by {', '.join(groups[:_NAMED])}{more}: taken for "
        "an outage, these hours count as not known"
    ]


def _off(demand: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which hours are of an outage, ``(group, resource, time)``."""
    known = np.isfinite(demand)
    ordered = np.sort(np.where(known, demand, np.inf), axis=2)
    count = known.sum(axis=2, keepdims=True)
    middle, low = (
        np.take_along_axis(ordered, np.clip((count * share).astype(np.intp), 0, demand.shape[2] - 1), axis=2)
        for share in (0.5, _RARE)
    )
    nothing = known & (demand < NOTHING * middle) & (low >= NOTHING * middle) & (count > 0)
    runs, _ = label(nothing, structure=_ALONG_TIME)
    length = np.bincount(runs.ravel())
    long = (length >= LEAST_HOURS)[runs] & nothing
    once = (np.diff(long.astype(np.int8), axis=2, prepend=0) > 0).sum(axis=2, keepdims=True) == 1
    elsewhere = (nothing & ~long).any(axis=2, keepdims=True)
    return np.asarray(long & once & ~elsewhere & (length <= MOST_HOURS)[runs])
