"""Groups that are new: where a short history lies on its block's scale, and what its past may have been.

Place in the line: within `transform` and `history`. Three days of a newcomer may be a weekend or a holiday; what
the rest of its block did in the same hours says so.

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

LEAST_LENDERS = 6
"""Whole histories that a block must have for a newcomer to choose among them."""

_BANDWIDTH = 0.25  # of the mean squared difference, relative to that of the middle lender
_OWN_HOURS = 3 * DAY  # after which a newcomer's own swing counts as much as its block's
_LEAST_SHARE = 0.2  # of the plain level, below which the block's shape cannot push the estimate


def newcomers(demand: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which groups have too little history of their own in some resource, ``(group,)``.

    That is under two weeks, or under half of what the usage spans, where that is less. A resource of which nothing
    is known does not count, where others of the group are.

    Parameters
    ----------
    demand
        ``(group, resource, time)``, NaN where not known.
    """
    known = np.isfinite(demand).sum(axis=2)
    few = known < min(WHOLE_HOURS, demand.shape[2] / 2)
    unused = (known == 0) & (known > 0).any(axis=1, keepdims=True)  # of a group that uses others, it is taken as 0
    some: NDArray[np.bool_] = np.any(few & ~unused, axis=1)
    return some


def placed(
    root: Floats, centre: Floats, spread: Floats, peak: Floats, regions: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats]:
    """Return centre, spread and peak with those of newcomers read off their block.

    Parameters
    ----------
    root
        Root of demand, ``(time, group, resource)``, NaN where not known.
    centre, spread, peak
        Mean, standard deviation and largest of it, ``(group, resource)``; ``spread`` is above 0.
    regions
        Number of the region of each group, ``(group,)``.
    """
    known = np.isfinite(root)
    hours = known.sum(axis=0)
    whole = hours >= WHOLE_HOURS
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


def lent(scores: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return the scores of a block with the unknown hours of newcomers lent by those who were like them since.

    Where there are `LEAST_LENDERS` whole histories, an hour is their mean, weighted by how little they differed
    from the newcomer in its known hours. Of fewer, the plain mean of the block is better, and left to the caller.

    Parameters
    ----------
    scores
        ``(time, series)``, NaN where not known.
    known
        Hours that were measured, ``(time, series)``.
    """
    hours = known.sum(axis=0)
    whole = np.flatnonzero(hours >= WHOLE_HOURS)
    if whole.size < LEAST_LENDERS:
        return scores
    out = scores.copy()
    lenders = scores[:, whole]
    there = np.isfinite(lenders)
    for series in np.flatnonzero((hours > 0) & (hours < WHOLE_HOURS)):
        then = known[:, series]
        both = there[then]
        square = np.where(both, lenders[then] - scores[then, series][:, None], 0.0) ** 2
        common = both.sum(axis=0)
        met = common > 0
        if not met.any():
            continue
        # Of one that was never known in the same hours, nothing says that it is alike.
        apart = np.where(met, square.sum(axis=0) / np.maximum(common, 1), np.inf)
        weight = np.exp((apart.min() - apart) / (_BANDWIDTH * np.median(apart[met]) + 1e-9)) * there
        total = weight.sum(axis=1)
        value = (np.where(there, lenders, 0.0) * weight).sum(axis=1) / np.maximum(total, 1e-12)
        gap = np.isnan(out[:, series]) & (total > 1e-12)
        out[gap, series] = value[gap]
    return out
