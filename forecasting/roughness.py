"""Rough series and smooth ones: intervals of the rough reach further than others of their block, or less far.

Place in the line: beside `calibrate`, whose factors are those of a whole block.

A block may hold series of different worlds, and one factor is then too wide for some and too narrow for others.
How far what came lay out is set against how much a series changes from hour to hour, by least squares over the
series of a resource, about the mean of each block. The slope is drawn towards 0 by how little it is known: by the
positive part of James and Stein (1961), so that where nothing of the kind is seen, nothing is done. Series that
are little known, such as newcomers, are taken to be as rough as their block.

    tilts = tilts_of({0: [ratios]}, {0: roughness_of(history)}, resource_of={0: 0})
    tilted(factors, tilts[0], roughness_of(history))  # (range, level, series)
"""

from collections.abc import Mapping, Sequence

import numpy as np

from forecasting.basis import WEEK, Floats
from forecasting.calibrate import LEVELS, MOST
from forecasting.history import History

TERMS = ("slope", "centre")
"""Of a block: by how much the logarithm of a factor grows with roughness, and the roughness from which it does."""

ALIKE = np.zeros(2)
"""Of a block that was not rehearsed."""

LEVEL = LEVELS[1]
"""The interval whose reach is looked at."""

_LEAST_FREE = 5  # series more than blocks and a slope
_LEAST = 1e-3  # of a change from hour to hour, as a score
_AWAY = (
    1.5  # a series counts as no rougher or smoother than this beside its block: one step in a month is no world
)
_KNOWN = WEEK  # changes from hour to hour from which on it is known how rough a series is
_FAR = np.log(10.0)  # a ratio counts as no further than this from 1, to either side


def roughness_of(history: History) -> Floats:
    """Return the logarithm of the mean change of scores from hour to hour, ``(series,)``; NaN if little known."""
    change = np.abs(np.diff(history.scores, axis=0))
    known = np.isfinite(change)
    mean = np.where(known, change, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known.sum(axis=0) >= _KNOWN, np.log(np.maximum(mean, _LEAST)), np.nan)


def tilts_of(
    ratios: Mapping[int, Sequence[Floats]], roughness: Mapping[int, Floats], resource_of: Mapping[int, int]
) -> dict[int, Floats]:
    """Return slope and centre of each block, ``(term,)``; the slope is that of its resource.

    A block of which nothing is known has the mean centre of the others.

    Parameters
    ----------
    ratios
        Of each block, by origin, how far what came lay out relative to each interval: ``(level, hour, series)``,
        as of `calibrate.ratios_of`.
    roughness
        Of its series, ``(series,)``.
    resource_of
        Number of the resource of each block.
    """
    found = dict.fromkeys(ratios, ALIKE)
    for resource in sorted(set(resource_of.values())):
        blocks = [block for block in ratios if resource_of[block] == resource]
        rough, far, centre = [], [], {}
        for block in blocks:
            of_level = np.stack([each[LEVELS.index(LEVEL)] for each in ratios[block]])  # (origin, hour, series)
            known = np.isfinite(of_level).any(axis=(0, 1)) & np.isfinite(roughness[block])
            if not known.any():
                continue
            near = np.clip(np.log(np.maximum(of_level[..., known], np.exp(-_FAR))), -_FAR, _FAR)
            mean, here = np.nanmean(near, axis=(0, 1)), roughness[block][known]
            centre[block] = float(np.median(here))
            beside = np.clip(here - centre[block], -_AWAY, _AWAY)
            rough.append(beside - beside.mean())
            far.append(mean - mean.mean())
        if centre:
            slope, usual = _slope(rough, far), float(np.mean(list(centre.values())))
            found.update({block: np.array([slope, centre.get(block, usual)]) for block in blocks})
    return found


def leaning(tilt: Floats, roughness: Floats) -> Floats:
    """Return how much further intervals of each series reach than those of its block, ``(series,)``."""
    slope, centre = tilt
    beside = np.nan_to_num(np.clip(roughness - centre, -_AWAY, _AWAY))
    most = np.log(MOST)
    return np.asarray(np.exp(np.clip(slope * beside, -most, most)))


def tilted(factors: Floats, tilt: Floats, roughness: Floats) -> Floats:
    """Return factors ``(range, level)`` of a block for each of its series: ``(range, level, series)``."""
    return np.clip(factors[..., None] * leaning(tilt, roughness), 1 / MOST, MOST)


def _slope(rough: Sequence[Floats], far: Sequence[Floats]) -> float:
    """Return the slope of one against the other, both by block and about its means, drawn towards 0."""
    x, y = np.concatenate(rough), np.concatenate(far)
    free, square = len(x) - len(rough) - 1, float(x @ x)
    if free < _LEAST_FREE or square == 0.0:
        return 0.0
    slope = float(x @ y) / square
    if slope == 0.0:
        return 0.0
    error = float(((y - slope * x) ** 2).sum()) / free / square
    return slope * max(1 - error / slope**2, 0.0)
