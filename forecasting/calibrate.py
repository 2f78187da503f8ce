"""The last calibration: how far recent forecasts of a block reached, against how far they should have.

Place in the line: after `stacking`; `learn` finds the factors, the mixture is stretched by them at the very end.

Scaled conformal prediction (after Romano, Patterson and Candès 2019): at a level L, the distance from the median
to what came is divided by the distance from the median to the forecast's own interval end on that side. The
L-quantile of these ratios over recent origins is the factor by which the interval would have had to be wider.
Factors are pooled over the series of a block, and drawn towards those of the resource where these are few; where
a resource has few series at all, intervals get wider than the rehearsal asks for. Scores are stretched, not
demand.

    factors = factors_of({0: [ratios]}, resource_of={0: 0}, series={0: 12})[0]
    stretched(draws, factors)
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import Floats
from forecasting.ranks import twice_middle_ranks
from forecasting.stacking import RANGES, range_of

LEVELS = (0.5, 0.8, 0.95, 0.99)
"""Central intervals whose reach is calibrated; in between, the factor is interpolated."""

MOST = 2.0
"""A factor is at most this, and at least its inverse."""

NEW_LEVEL_WIDER = 1.2
"""How much wider the draws of a series are that has jumped to a new level."""

_OF_A_LONE_SERIES = np.outer([1.0, 1.0, 1.7, 3.2], [0.04, 0.06, 0.14, 0.20])
"""Log factors, ``(range, level)``, on top of what the rehearsal of a lone series asks for; for each of several,
their share.

By level they were chosen between bicycles, which they make too wide, and web services, which want more; the last
one goes on from the others. In part it is since what is shared was learnt from the very days that are forecast
again, and of few series that is mostly their own. In part a quantile of few errors is little known: far ahead,
forecasts of 8 origins 37 hours apart overlap, and are worth 4.6 and 2.5 that do not.
"""

_TOWARDS_ONE = 30.0  # in series × origins: hours of one origin tell the same story
_TOWARDS_RESOURCE = 30.0
_NO_REACH = 1e-9
_LEAST_REACH = 1e-4  # of a score, on one side of an interval: with less there is nothing to stretch
_AT_BOUND = 1e-6  # of a score: what single precision leaves of a value at a bound


def ratios_of(quantiles: NDArray[np.floating], shares: Floats, weights: Floats, actual: Floats) -> Floats:
    """Return how far what came lay out, relative to each interval: ``(level, hour, series)``.

    NaN where that is not known, and where the interval has no reach on the side of what came: demand that sits at
    an exact value, such as 0 at night, is met or missed however far the others reach. What came at the median
    itself is of the side with less reach: a 0 that was more likely than not tells nothing of the other side.

    Parameters
    ----------
    quantiles
        Sorted draws of each component, as scores: ``(component, point, hour, series)``.
    shares
        Of all draws, what each point stands for, ``(point,)``.
    weights
        ``(range, component, series)``.
    actual
        Scores, ``(hour, series)``.
    """
    _, _, hours, series = quantiles.shape
    place = range_of(hours)
    ends = [*((1 - level) / 2 for level in LEVELS), 0.5, *((1 + level) / 2 for level in LEVELS)]
    found = np.empty((len(ends), *actual.shape))
    for number in np.unique(place):
        weight = (weights[number][:, None] * shares[:, None]).reshape(-1, 1, series)
        points = quantiles[:, :, place == number].reshape(len(weight), -1, series)
        found[:, place == number] = weighted_quantiles(points, weight, ends)
    count = len(LEVELS)
    middle = found[count]
    away = np.abs(actual - middle)
    above, below = found[count + 1 :] - middle, middle - found[:count]
    reach = np.where(actual >= middle, above, below)
    reach = np.where(away <= _LEAST_REACH, np.minimum(above, below), reach)
    return np.where(reach > _LEAST_REACH, away / np.maximum(reach, _LEAST_REACH), np.nan)


def weighted_quantiles(values: NDArray[np.floating], weight: Floats, levels: list[float]) -> Floats:
    """Return quantiles of points along the first axis: ``(level, …)``; one of no weight counts for none.

    Parameters
    ----------
    values, weight
        ``(point, …)``, of shapes that broadcast; weights add up to 1.
    levels
        Ascending.
    """
    # Points of no weight lie at the end, on the last that has some: between others they would bend the way.
    placed = np.where(weight > 0, values, np.inf)
    order = np.argsort(placed, axis=0, kind="stable")  # of equal ones, too, the same on every machine
    ordered = np.take_along_axis(placed, order, axis=0)
    ordered = np.where(np.isinf(ordered), np.where(weight > 0, values, -np.inf).max(axis=0), ordered)
    share = np.take_along_axis(np.broadcast_to(weight, values.shape), order, axis=0)
    reached = np.cumsum(share, axis=0) - share / 2
    found = []
    for level in levels:
        after = np.clip((reached < level).sum(axis=0), 1, len(values) - 1)[None]
        low, high = (np.take_along_axis(reached, after - step, axis=0)[0] for step in (1, 0))
        left, right = (np.take_along_axis(ordered, after - step, axis=0)[0] for step in (1, 0))
        share_of = np.clip((level - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
        found.append(left + (right - left) * share_of)
    return np.stack(found)


def factors_of(
    ratios: Mapping[int, Sequence[Floats]],
    resource_of: Mapping[int, int],
    series: Mapping[int, int],
    belief: Floats | None = None,
) -> dict[int, Floats]:
    """Return the factor of each range and level of each block, ``(range, level)``.

    Those of a block are drawn towards those of all blocks of its resource, and these towards 1.

    Parameters
    ----------
    ratios
        Of each block, by origin: ``(level, hour, series)``.
    resource_of
        Number of the resource of each block.
    series
        How many of each block move.
    belief
        How much each origin counts, ``(origin,)``; one and all alike by default.
    """
    found = {}
    for resource in sorted(set(resource_of.values())):
        blocks = [block for block in ratios if resource_of[block] == resource]
        few = _OF_A_LONE_SERIES / max(sum(series[block] for block in blocks), 1)
        by_origin = zip(*(ratios[block] for block in blocks), strict=True)
        together = [np.concatenate(each, axis=2) for each in by_origin]
        pooled = _reach(together, belief, 0.0, _TOWARDS_ONE)
        for block in blocks:
            alone = len(blocks) == 1  # drawn towards itself, it would be believed twice
            reach = pooled if alone else _reach(ratios[block], belief, pooled, _TOWARDS_RESOURCE)
            found[block] = np.clip(np.exp(reach + few), 1 / MOST, MOST)
    return found


def _reach(ratios: Sequence[Floats], belief: Floats | None, prior: Floats | float, strength: float) -> Floats:
    """Return log factors ``(range, level)``, drawn towards a prior."""
    place = range_of(ratios[0].shape[1])
    found = np.zeros((len(RANGES), len(LEVELS))) + prior
    weights = np.ones(len(ratios)) if belief is None else belief
    count = sum(w * np.isfinite(x).any(axis=(0, 1)).sum() for w, x in zip(weights, ratios, strict=True))
    every = np.stack(ratios)  # (origin, level, hour, series)
    for number in np.unique(place):
        for index, level in enumerate(LEVELS):
            some = every[:, index, place == number]
            known = np.isfinite(some)
            if known.any():
                weight = np.broadcast_to(weights[:, None, None], some.shape)[known]
                at = weighted_quantiles(some[known], weight / weight.sum(), [level])[0]
                raw = np.log(np.clip(at, 1 / MOST, MOST))
                found[number, index] += (raw - found[number, index]) * count / (count + strength)
    return found


def stretched(draws: NDArray[np.float32], factors: Floats) -> NDArray[np.float32]:
    """Move scores ``(hour, draw, series)`` away from or towards their median, so that no two change places.

    The ends of the intervals of `LEVELS` move by their own factors; what lies between two ends keeps its share of
    the way between them, what lies beyond the last moves as that does.

    Parameters
    ----------
    draws
        Of one block.
    factors
        ``(range, level, series)``.
    """
    hours, count, _ = draws.shape
    order = np.argsort(draws, axis=1, kind="stable")  # of equal ones, too, the same on every machine
    ordered = np.take_along_axis(draws, order, axis=1)
    middle = np.median(ordered, axis=1, keepdims=True)
    away = ordered - middle
    of_hour = factors[range_of(hours)].astype(np.float32)
    half = count // 2
    below = -_moved_outwards(-away[:, :half][:, ::-1], of_hour, count)[:, ::-1]
    above = _moved_outwards(away[:, half:], of_hour, count)
    values = middle + np.concatenate([below, above], axis=1)
    values = np.take_along_axis(values, twice_middle_ranks(ordered) // 2, axis=1)  # equal draws stay equal
    moved = np.empty_like(draws)
    np.put_along_axis(moved, order, values, axis=1)
    return moved


def _moved_outwards(away: NDArray[np.float32], factors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Move the distances from the median of those of ``count`` draws that lie on one side of it.

    ``away`` are ascending, ``(hour, draw, series)``; ``factors`` are ``(hour, level, series)``.
    """
    far = away.shape[1]
    if far == 0:
        return away
    out = (np.arange(count - far, count) + 0.5) / count * 2 - 1  # the central interval at whose end a draw lies
    inner = np.clip(np.searchsorted(out, LEVELS) - 1, 0, max(far - 2, 0))
    outer = np.minimum(inner + 1, far - 1)
    share = np.clip((np.array(LEVELS) - out[inner]) / np.maximum(out[outer] - out[inner], _NO_REACH), 0.0, 1.0)
    ends = away[:, inner] + (away[:, outer] - away[:, inner]) * share[:, None].astype(np.float32)
    goals = ends * factors
    # An end that would land beyond the next one out meets it half-way: moving that one instead would make every
    # interval too wide whose factor is less than those within.
    goals = (np.maximum.accumulate(goals, axis=1) + np.minimum.accumulate(goals[:, ::-1], axis=1)[:, ::-1]) / 2
    ends, goals = (np.pad(each, ((0, 0), (1, 0), (0, 0))) for each in (ends, goals))  # the median stays
    ways, gone = (np.concatenate([np.diff(each, axis=1), each[:, -1:]], axis=1) for each in (ends, goals))
    slopes = np.divide(gone, ways, out=np.zeros_like(ways), where=ways > _NO_REACH)
    # Rare bursts beyond a last end that lies on the median itself are not to be lost.
    slopes[:, -1] = np.where(ways[:, -1] > _NO_REACH, slopes[:, -1], factors[:, -1])
    within = np.searchsorted(LEVELS, out)
    return np.asarray(goals[:, within] + (away - ends[:, within]) * slopes[:, within])


def grounded(
    before: NDArray[np.float32], after: NDArray[np.float32], lowest: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return scores ``after``, made of those ``before``, but no higher where these lay at the lowest.

    Idle hours are not little demand. Drawn towards the median, they would be demand that is small and certain: no
    interval would hold a 0, and of sums over many series, which are then far from it, none at all.

    Parameters
    ----------
    before, after
        ``(hour, draw, series)``.
    lowest
        Scores of no demand, ``(series,)``.
    """
    idle = before <= np.asarray(lowest, dtype=np.float32) + np.float32(_AT_BOUND)
    return np.where(idle, np.minimum(before, after), after)


def widened(draws: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move scores ``(hour, draw, series)`` of series at a new level away from their median.

    A level that is a few days old is not well known, and no earlier forecast was of it.
    """
    middle = np.median(draws, axis=1, keepdims=True)
    return np.asarray(middle + NEW_LEVEL_WIDER * (draws - middle), dtype=np.float32)
