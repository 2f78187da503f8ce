"""Demand ⇄ scores: the scale on which every series looks alike to the model.

Place in the line: `forecast` turns usage into scores before anything is learnt, and draws of scores back into
demand at the end.

A score is the square root of demand over the series' mean, centred and scaled. The root steadies the variance
of counts and is at home with zeros, where a logarithm breaks down on idle machines; the mean takes the unit out.

>>> demand = np.array([0.0, 1.0, 4.0, 9.0]).reshape(1, 1, 4)
>>> scores, transform = standardise(demand, regions=np.array([0]))
>>> float(transform.demand_of(scores)[2, 0, 0].round(6))
4.0
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from forecasting.newcomers import placed

Floats = NDArray[np.float64]

HIGHEST = 2.0
"""Demand is not drawn above so many times the highest that history has seen of the series (of its block, for a
newcomer; after a level shift, of its past at the new level)."""

_NOTHING = 1e-4  # a root of demand, relative to that of the mean, that is none: scores may be single precision
_STILL = 1e-6  # spread, relative to the root of the mean, below which a series counts as constant


@dataclass(frozen=True, slots=True)
class Transform:
    """How the scores of each series are made; every array is ``(group, resource)``, or ``(series,)``.

    Parameters
    ----------
    mean
        Mean demand, in the unit of the resource; 1 where demand was always zero.
    centre, spread
        Mean and standard deviation of the root of demand over ``mean``; no unit.
    lowest, highest
        Scores of no demand at all and of `HIGHEST` times the highest demand: draws stay between them.
    moves
        Whether the series is known to change. One that never did is forecast to stay as it is.
    """

    mean: Floats
    centre: Floats
    spread: Floats
    lowest: Floats
    highest: Floats
    moves: NDArray[np.bool_]

    def of_series(self, series: NDArray[np.intp]) -> "Transform":
        """Return that of some series, group by group along one axis: every array is then ``(series,)``."""
        parts = (getattr(self, field.name).reshape(-1)[series] for field in fields(self))
        return Transform(*parts)

    def demand_of(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the demand of scores ``(…, group, resource)`` or ``(…, series)``, in its unit, ≥ 0."""
        root = self.centre + self.spread * scores
        return np.asarray(self.mean * np.where(root < _NOTHING, 0.0, root) ** 2)


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean, centre and spread that were in use before, as of `Transform`; NaN of series that get new ones."""

    mean: Floats
    centre: Floats
    spread: Floats


def standardise(demand: Floats, regions: NDArray[np.intp], kept: Scale | None = None) -> tuple[Floats, Transform]:
    """Turn demand into scores.

    A group that has no known value at all is taken to be like the middle one of its region (of all regions,
    where its own knows nothing). A group of which only some resources are known does not use the others.

    Parameters
    ----------
    demand
        ``(group, resource, time)``, ≥ 0, NaN where not known; some value of each resource is known.
    regions
        Number of the region of each group, ``(group,)``.
    kept
        Scales to use on; bounds and whether a series moves are as of ``demand``.

    Returns
    -------
    scores
        ``(time, group, resource)``, NaN where not known.
    transform
        What turns scores back.

    """
    known = np.asarray(np.isfinite(demand).any(axis=2))
    unseen = ~np.asarray(known.any(axis=1))
    demand = np.where(~known & ~unseen[:, None], 0.0, demand.transpose(2, 0, 1))

    # Series without a single known value are filled in below: their statistics may be anything until then.
    blank = np.where(unseen[:, None], 0.0, demand)
    mean = np.nanmean(blank, axis=0)
    mean = np.where(mean > 0, mean, 1.0)
    root = np.sqrt(blank / mean)
    centre, spread, peak = np.nanmean(root, axis=0), np.nanstd(root, axis=0), np.nanmax(root, axis=0)
    moves = spread > _STILL * centre
    spread = np.where(moves, spread, 1.0)
    unknown = np.where(unseen[:, None] | ~moves, np.nan, root)
    centre, spread, peak = placed(unknown, centre, spread, peak, regions)
    like = _middle_of_region(np.stack([mean, centre, spread, peak]), regions, ~unseen)
    mean, centre, spread, peak = np.where(unseen[:, None], like, np.stack([mean, centre, spread, peak]))
    moves = np.where(unseen[:, None], moves.any(axis=0), moves)
    if kept is not None:
        on = np.isfinite(kept.mean)
        peak = np.where(on, peak * np.sqrt(mean / kept.mean), peak)
        mean, centre, spread = (
            np.where(on, old, new)
            for old, new in ((kept.mean, mean), (kept.centre, centre), (kept.spread, spread))
        )

    scores = (np.sqrt(demand / mean) - centre) / spread
    highest = (np.sqrt(HIGHEST) * peak - centre) / spread
    return scores, Transform(mean, centre, spread, -centre / spread, highest, moves)


def _middle_of_region(values: Floats, regions: NDArray[np.intp], seen: NDArray[np.bool_]) -> Floats:
    """Return, for each group, the median of ``(kind, group, resource)`` over the seen groups of its region."""
    middle = np.empty_like(values)
    for region in np.unique(regions):
        members = regions == region
        of = members & seen if (members & seen).any() else seen
        middle[:, members] = np.median(values[:, of], axis=1, keepdims=True)
    return middle
