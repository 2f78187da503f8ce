"""Lasting errors: draws are re-ordered so that what is off in one hour stays off for the day, as errors do.

Place in the line: after `calibrate`, in the mixture. No interval of an hour changes, those of a day's sum do.

Walks that are right from hour to hour forget too soon: what no component knows of a day is with it all day long.
The ranks of each hour's draws, as normal scores, are split into the mean of the day, that of each window about it,
and the hours about that; each part is scaled, and the values of each hour are dealt out by the order of the sum.
All hours keep their values (as in the shuffle of Clark et al. 2004), with a dependence that normal scores of what
came have shown (as in the scenarios of Pinson et al. 2009). Bursts stay with the draws that have them: their rank
says nothing of the day, and a high day would draw them to itself.

    lasting(scores)  # (hour, draw, series)
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from forecasting.basis import DAY
from forecasting.chance import BLOCK_HOURS
from forecasting.ranks import twice_middle_ranks

_OF_THE_DAY, _OF_A_WINDOW, _OF_AN_HOUR = 1.3, 0.77, 0.97
"""Variance of each part of the normal scores of what came, relative to that of draws."""

_BURST = 3.0  # quartile ranges from the median
_BEYOND = np.float32(100.0)  # any normal score


def lasting(draws: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return scores ``(hour, draw, series)`` of a block, each hour's values dealt out among the draws anew."""
    hours, count, _ = draws.shape
    order = np.argsort(draws, axis=1, kind="stable")  # of equal ones, too, the same on every machine
    ordered = np.take_along_axis(draws, order, axis=1)
    normal = norm.ppf((np.arange(2 * count - 1) + 1) / (2 * count)).astype(np.float32)
    placed = normal[twice_middle_ranks(ordered)]
    scores, kept = np.empty_like(draws), np.empty_like(draws)
    np.put_along_axis(scores, order, placed, axis=1)
    np.put_along_axis(kept, order, np.where(_bursts(ordered), placed + np.copysign(_BEYOND, placed), 0.0), axis=1)
    hour, window, whole = (np.float32(np.sqrt(part)) for part in (_OF_AN_HOUR, _OF_A_WINDOW, _OF_THE_DAY))
    for begin in range(0, hours, DAY):
        day = scores[begin : begin + DAY]
        starts = np.arange(0, len(day), BLOCK_HOURS)
        lengths = np.diff(starts, append=len(day))
        of_window = np.add.reduceat(day, starts, axis=0) / lengths[:, None, None].astype(np.float32)
        of_day = day.mean(axis=0)
        day *= hour
        day += np.repeat((window - hour) * of_window + (whole - window) * of_day, lengths, axis=0)
    scores = np.where(kept != 0, kept, scores)
    moved = np.empty_like(draws)
    np.put_along_axis(moved, np.argsort(scores, axis=1, kind="stable"), ordered, axis=1)
    return moved


def _bursts(ordered: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which of ascending values stand clear of their hour: ``(hour, rank, series)``."""
    low, middle, high = (ordered[:, [ordered.shape[1] * quarter // 4]] for quarter in (1, 2, 3))
    return np.asarray(np.abs(ordered - middle) > _BURST * (high - low))
