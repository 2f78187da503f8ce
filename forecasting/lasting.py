"""Lasting errors: draws are re-ordered so that what is off in one hour stays off for the day, as errors do.

Place in the line: after `calibrate`, in the mixture. No interval of an hour changes, those of sums over hours and
groups do.

Walks that are right from hour to hour forget too soon: what no component knows of a day is with it all day long.
The ranks of each hour's draws, as normal scores, are split into the mean of the day, that of each window about
it, and the hours about that; each part is scaled, and the values of each hour are dealt out by the order of the
sum. All hours keep their values (as in the shuffle of Clark et al. 2004), with a dependence that normal scores
of what came have shown (as in the scenarios of Pinson et al. 2009): those of the rehearsal, and where that is
short, usual ones. What moves the sum over a block is scaled as well, since groups err together. Bursts stay with
the draws that have them: their rank says nothing of the day, and a high day would draw them to itself.

    shares = shares_of(ranks)  # of what came in the rehearsal, (part,)
    lasting(scores, shares)  # (hour, draw, series)
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from forecasting.basis import DAY, Floats
from forecasting.chance import BLOCK_HOURS
from forecasting.ranks import dealt_out, twice_middle_ranks

PARTS = ("day", "window", "hour")
"""Mean of a day, means of windows about it, hours about these."""

UNKNOWN = np.zeros(len(PARTS))
"""What is known of a block that was not rehearsed."""

_USUALLY = np.array([1.3, 0.8, 0.93])
"""Mean square of each part of what came, relative to that of draws: about what single series showed."""

TOGETHER = 1.5
"""How much what moves the sum over a block weighs beside the rest: its mean square, times that of draws.

Draws of groups share rows of residuals, but coefficients are drawn for each alone, and groups err in these, too.
"""

_REACH = (0.1, 0.9)  # from where to where it is looked how far a series moves the sum

_TOWARDS_USUAL = 100.0  # in series × origins
_RAREST = 0.01  # a rank of what came is no further out, since few points stand for a component
_BURST = 3.0  # quartile ranges from the median
_BEYOND = np.float32(100.0)  # any normal score


def shares_of(ranks: Floats) -> Floats:
    """Return the shares of the mean square of each part, ``(part,)``, less what is drawn towards usual ones.

    They add up to how far they are to be believed, from 0 to less than 1.

    Parameters
    ----------
    ranks
        Of what came within forecasts, 0 to 1, ``(origin, hour, series)``; series count that are known all day.
    """
    origins, hours, series = ranks.shape
    days = hours // DAY
    if not days:
        return UNKNOWN
    scores = norm.ppf(np.clip(ranks[:, : days * DAY], _RAREST, 1 - _RAREST))
    each = scores.reshape(origins * days, DAY, series).transpose(1, 0, 2).reshape(DAY, -1)
    each = each[:, np.isfinite(each).all(axis=0)]
    squares = _squares(each.astype(np.float32)[..., None]).sum(axis=1)
    if not squares.sum() > 0:
        return UNKNOWN
    seen = each.shape[1] / days
    return np.asarray(squares / squares.sum() * seen / (seen + _TOWARDS_USUAL))


def lasting(
    draws: NDArray[np.float32],
    shares: Floats = UNKNOWN,
    moves: NDArray[np.bool_] | None = None,
    demand_of: Callable[[NDArray[np.floating]], NDArray[np.floating]] | None = None,
) -> NDArray[np.float32]:
    """Return scores ``(hour, draw, series)`` of a block, each hour's values dealt out among the draws anew.

    Parameters
    ----------
    draws
        Scores.
    shares
        Of `shares_of`; what they leave to one is given to usual ones.
    moves
        Which series are looked at to find the shares of draws, and are in the sum, ``(series,)``; all by default.
    demand_of
        Demand of scores ``(…, series)``, in whose sum series weigh; that of scores by default.
    """
    hours, count, _ = draws.shape
    order = np.argsort(draws, axis=1, kind="stable")  # of equal ones, too, the same on every machine
    ordered = np.take_along_axis(draws, order, axis=1)
    normal = norm.ppf((np.arange(2 * count - 1) + 1) / (2 * count)).astype(np.float32)
    placed = normal[twice_middle_ranks(ordered)]
    scores, kept = np.empty_like(draws), np.empty_like(draws)
    np.put_along_axis(scores, order, placed, axis=1)
    np.put_along_axis(kept, order, np.where(_bursts(ordered), placed + np.copysign(_BEYOND, placed), 0.0), axis=1)
    day, window, hour = _scales(scores if moves is None else scores[:, :, moves], shares)
    low, high = (ordered[:, int(count * place)] for place in _REACH)
    reach = high - low if demand_of is None else demand_of(high) - demand_of(low)  # (hour, series)
    reach = reach if moves is None else reach * moves
    for begin in range(0, hours, DAY):
        some = scores[begin : begin + DAY]
        of_day, of_window, lengths = _means(some)
        some *= hour
        some += np.repeat((window - hour) * of_window + (day - window) * of_day, lengths, axis=0)
        weigh = _of_length_one(reach[begin : begin + DAY].mean(axis=0))
        some += np.float32(np.sqrt(TOGETHER) - 1) * (some @ weigh)[..., None] * weigh
    scores = np.where(kept != 0, kept, scores)
    return dealt_out(ordered, scores)


def _of_length_one(weights: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return weights of the same direction whose squares add up to 1, or to 0 where there are none."""
    length = float(np.sqrt((weights.astype(float) ** 2).sum()))
    return np.asarray(weights / (length or 1.0), dtype=np.float32)


def _scales(scores: NDArray[np.float32], shares: Floats) -> NDArray[np.float32]:
    """Return what each part of normal scores ``(hour, draw, series)`` is multiplied by, found on whole days."""
    whole = len(scores) // DAY * DAY
    squares = _squares(scores[: whole or None]).sum(axis=1)
    drawn = squares / max(squares.sum(), 1e-9)
    usual = _USUALLY * drawn
    left = 1 - shares.sum() if whole else 1.0
    wanted = shares * bool(whole) + left * usual / max(usual.sum(), 1e-9)
    return np.sqrt(np.where(drawn > 0, wanted / np.maximum(drawn, 1e-9), 1.0)).astype(np.float32)


def _squares(scores: NDArray[np.float32]) -> Floats:
    """Return the sum over hours and draws of the squares of each part: ``(part, series)``."""
    found = np.zeros((len(PARTS), scores.shape[2]))
    for begin in range(0, len(scores), DAY):
        some = scores[begin : begin + DAY]
        of_day, of_window, lengths = _means(some)
        found[0] += len(some) * (of_day**2).sum(axis=0)
        found[1] += lengths @ ((of_window - of_day) ** 2).sum(axis=1)
        found[2] += (some**2).sum(axis=(0, 1)) - lengths @ (of_window**2).sum(axis=1)
    return np.maximum(found, 0.0)


def _means(day: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Return the mean of a day or a part of it, ``(draw, series)``, those of its windows, and their lengths."""
    starts = np.arange(0, len(day), BLOCK_HOURS)
    lengths = np.diff(starts, append=len(day)).astype(np.intp)
    of_window = np.add.reduceat(day, starts, axis=0) / lengths[:, None, None].astype(np.float32)
    return day.mean(axis=0), np.asarray(of_window, dtype=np.float32), lengths


def _bursts(ordered: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which of ascending values stand clear of their hour: ``(hour, rank, series)``."""
    low, middle, high = (ordered[:, [ordered.shape[1] * quarter // 4]] for quarter in (1, 2, 3))
    return np.asarray(np.abs(ordered - middle) > _BURST * (high - low))
