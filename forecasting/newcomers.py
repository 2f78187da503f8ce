"""Where a short history lies on its block's scale: level and size of swings of a group that is new.

Place in the line: within `transform`. Three days of a newcomer may be a weekend or a holiday; what the rest of its
block did in the same hours says so.

With m(t) the mean score of the block's whole histories, a newcomer's root of demand is taken to be
``centre + spread · m(t)`` in its known hours. Its relative swing, spread over centre, is drawn from the block's
middle one towards its own slope on m(t) as its history grows.

    centre, spread, peak = placed(root, centre, spread, peak, regions)
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, WEEK, Floats

WHOLE_HOURS = 2 * WEEK
"""A series with fewer known hours is a newcomer."""

_OWN_HOURS = 3 * DAY  # after which a newcomer's own swing counts as much as its block's
_LEAST_SHARE = 0.2  # of the plain level, below which the block's shape cannot push the estimate


def placed(
    root: Floats, centre: Floats, spread: Floats, peak: Floats, regions: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats]:
    """Return centre, spread and peak with those of newcomers read off their block.

    Parameters
    ----------
    root
        Root of demand, ``(time, group, resource)``, NaN where not known.
    centre, spread, peak
        Mean, standard deviation and largest of it, ``(group, resource)``.
    regions
        Number of the region of each group, ``(group,)``.
    """
    known = np.isfinite(root)
    hours = known.sum(axis=0)
    whole = (hours >= WHOLE_HOURS) & (spread > 0)
    new = (hours > 0) & (hours < WHOLE_HOURS)
    centre, spread, peak = centre.copy(), spread.copy(), peak.copy()
    for group, resource in np.argwhere(new):
        like = whole[:, resource] & (regions == regions[group])
        if not like.any():
            continue
        then = known[:, group, resource]
        scores = (root[:, like, resource] - centre[like, resource]) / spread[like, resource]
        shape = _mean_of_known(scores)[then]
        own = root[then, group, resource]
        there = np.isfinite(shape)
        if not there.any():
            continue
        shape, own = shape[there], own[there]
        swing = float(np.median(spread[like, resource] / np.maximum(centre[like, resource], 1e-9)))
        share = len(own) / (len(own) + _OWN_HOURS)
        level = own.mean() / max(1 + swing * shape.mean(), _LEAST_SHARE)
        wide = swing * level
        moved = shape - shape.mean()
        if moved @ moved > 0 and wide > 0:
            slope = max(float(moved @ own / (moved @ moved)), _LEAST_SHARE * wide)
            wide = float(np.exp((1 - share) * np.log(wide) + share * np.log(slope)))
        if wide <= 0:
            continue
        reach = float(np.median((peak[like, resource] - centre[like, resource]) / spread[like, resource]))
        spread[group, resource] = wide
        centre[group, resource] = max(own.mean() - wide * shape.mean(), _LEAST_SHARE * own.mean())
        peak[group, resource] = max(peak[group, resource], centre[group, resource] + wide * reach)
    return centre, spread, peak


def _mean_of_known(scores: Floats) -> Floats:
    """Return the mean over series of ``(time, series)``; NaN where none is known."""
    known = np.isfinite(scores)
    count = known.sum(axis=1)
    total = np.where(known, scores, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
