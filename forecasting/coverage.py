"""Whether intervals hold what they say: of each group, and of the sums and maxima that decisions are taken on.

Place in the line: beside it; `replay` counts with it. Quantiles neither add nor have a maximum, so sums and maxima
are taken within each joint draw, and of what came in the same way; only then are draws compared with it.

Arrays are of one resource: draws ``(draw, group, time)``, what came ``(group, time)``, NaN where not known. A
sum or a maximum that has an unknown member is not known, and is not counted.

>>> window_maxima(np.array([1.0, 5.0, 2.0, 7.0]), hours=2).tolist()
[5.0, 7.0]
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecasting.errors import ForecastingError

SCOPES = ("group", "region-sum", "window-maximum", "region-sum-window-maximum")
"""What intervals are checked of: each group's hours; sums over all groups of a region; a group's maxima over
windows; maxima over windows of the sums."""

WINDOW_HOURS = 6
PIT_BINS = 20
Floats = NDArray[np.float64]
Float = TypeVar("Float", bound=np.floating[Any])


def region_sums(draws: ArrayLike, actual: ArrayLike, regions: ArrayLike) -> tuple[Floats, Floats]:
    """Sum over the groups of each region, draw by draw, and what came in the same way.

    A group of which no hour is known was not there, so it is no member of its region on either side.

    Parameters
    ----------
    draws, actual
        ``(draw, group, time)`` and ``(group, time)``.
    regions
        Region of each group, ``(group,)``.

    Returns
    -------
    tuple of numpy.ndarray
        ``(draw, region, time)`` and ``(region, time)``, regions in sorted order; NaN in the second where a
        member is not known, or no member was there.
    """
    sample, came = _pair(draws, actual)
    came = came.astype(np.float64)
    there = np.isfinite(came).any(axis=-1)
    places = [there & (np.asarray(regions) == region) for region in np.unique(np.asarray(regions))]
    sums = np.stack([sample[:, place].sum(axis=1, dtype=np.float64) for place in places], axis=1)
    totals = np.stack([came[place].sum(axis=0) if place.any() else came[0] * np.nan for place in places])
    return sums, totals


def window_maxima(values: NDArray[Float], hours: int = WINDOW_HOURS) -> NDArray[Float]:
    """Return the maximum of each window: ``(…, time)`` → ``(…, window)``; NaN where an hour is not known.

    Windows follow on each other from the first hour on; the last is shorter where they do not divide the time.
    """
    every = np.asarray(values)
    return np.asarray(np.maximum.reduceat(every, np.arange(0, every.shape[-1], hours), axis=-1))


def inside(draws: ArrayLike, actual: ArrayLike, levels: ArrayLike) -> NDArray[np.int64]:
    """Count what came within the draws' central intervals, ends included.

    Parameters
    ----------
    draws, actual
        ``(draw, …)`` and ``(…)``; what is not known is not counted.
    levels
        Shares that the intervals should hold, ``(level,)``, each between 0 and 1.

    Returns
    -------
    numpy.ndarray
        ``(level,)``, each at most the number of known values.

    Raises
    ------
    ForecastingError
        If the shapes do not fit, or a level is not between 0 and 1.
    """
    wanted = np.atleast_1d(np.asarray(levels, dtype=np.float64))
    if not ((wanted > 0) & (wanted < 1)).all():
        raise ForecastingError(f"levels of intervals must lie between 0 and 1, both excluded; got {wanted}")
    sample, came = _known(draws, actual)
    if came.size == 0:
        return np.zeros(len(wanted), dtype=np.int64)
    # Draws last and contiguous: quantiles are then several times as fast.
    series = np.ascontiguousarray(sample.T)
    low, high = np.quantile(series, [(1 - wanted) / 2, (1 + wanted) / 2], axis=-1)
    return np.asarray(((came >= low) & (came <= high)).sum(axis=-1))


def pit_histogram(draws: ArrayLike, actual: ArrayLike, bins: int = PIT_BINS) -> Floats:
    """Count where within its draws each value came: the non-randomised PIT histogram.

    A value with k of n draws below it and e equal to it spreads its count evenly over k/(n+1) to (k+e+1)/(n+1).
    So exact zeros among zeros make no peak, and a calibrated forecast gives a flat histogram for any n.

    Parameters
    ----------
    draws, actual
        ``(draw, …)`` and ``(…)``; what is not known is not counted.
    bins
        Number of bins of equal width.

    Returns
    -------
    numpy.ndarray
        ``(bin,)``; adds up to the number of known values.

    Raises
    ------
    ForecastingError
        If the shapes do not fit.

    References
    ----------
    Czado, Gneiting and Held (2009), "Predictive model assessment for count data", section 2.1.
    """
    sample, came = _known(draws, actual)
    below = (sample < came).sum(axis=0)
    width = (sample == came).sum(axis=0) + 1
    edges = np.linspace(0, 1, bins + 1)[:, None] * (len(sample) + 1)
    return np.asarray(np.diff(((edges - below) / width).clip(0, 1).sum(axis=-1)))


def reliability(histogram: ArrayLike) -> tuple[Floats, Floats]:
    """Return nominal and observed shares from a PIT histogram: how many values came below each quantile.

    Parameters
    ----------
    histogram
        ``(bin,)``, not all zero.

    Returns
    -------
    tuple of numpy.ndarray
        Levels 0, 1/bins, …, 1, and the share of values below the forecast quantile of that level; the same where
        the forecast is calibrated.
    """
    counts = np.asarray(histogram, dtype=np.float64)
    observed = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    return np.linspace(0, 1, len(counts) + 1), observed


def _pair(draws: ArrayLike, actual: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both as arrays of the draws' precision: what came as the draws say it equals them then."""
    sample = np.asarray(draws)
    if sample.dtype.kind != "f":
        sample = sample.astype(np.float64)
    came = np.asarray(actual).astype(sample.dtype)
    if sample.ndim == 0 or sample.shape[0] == 0 or sample.shape[1:] != came.shape:
        raise ForecastingError(f"draws of shape {sample.shape}, wanted (draw, *{came.shape}), one draw or more")
    return sample, came


def _known(draws: ArrayLike, actual: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return draws ``(draw, known)`` and what came ``(known,)`` where it is known."""
    sample, came = _pair(draws, actual)
    known = np.isfinite(came)
    return sample[:, known], came[known]
