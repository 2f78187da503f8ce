"""Weights of single series: each goes its own way as far as that has been seen to pay.

Place in the line: after `stacking`, which finds the weights of blocks; within the rehearsal.

Weights of a series are drawn towards those of its block by the Kullback-Leibler divergence, as those of blocks
are towards their resource (hierarchical stacking: Yao, Pirš, Vehtari and Gelman 2022). How firmly is not given,
for it differs: series of different worlds in one block gain by it, alike ones lose. Each strength is judged by the
CRPS of origins that had no part in the weights, and where none is better than the weights of the block by two
standard errors, these hold.

    own_weights({0: [terms, …]}, (300, 337), {0: 0}, {0: weights})[0]  # (range, component, series)
"""

from collections.abc import Mapping, Sequence

import numpy as np

from forecasting.basis import Floats
from forecasting.stacking import RANGES, Terms, carried, crps_of, solve, without_trifles

STRENGTHS = (0.1, 0.3, 1.0, 3.0)
"""How firmly weights of a series may be drawn towards those of its block, relative to the CRPS at these."""

_SURE = 2.0  # standard errors
_LEAST_ORIGINS = 4  # that share no hour: a standard error of fewer means little
_LENGTHS = np.diff(RANGES, prepend=0)


def own_weights(
    terms: Mapping[int, Sequence[Terms]],
    cuts: Sequence[int],
    resource_of: Mapping[int, int],
    weights: Mapping[int, Floats],
) -> dict[int, Floats]:
    """Return the weights of each series of each block, ``(range, component, series)``.

    Parameters
    ----------
    terms
        Of each block, by origin.
    cuts
        Origins, hours, ascending.
    resource_of
        Number of the resource of each block; one strength is found for each resource and range.
    weights
        Of each block, ``(range, component)``.
    """
    found = {}
    for resource in sorted(set(resource_of.values())):
        blocks = [block for block in terms if resource_of[block] == resource]
        error = np.concatenate([np.stack([each.error for each in terms[block]]) for block in blocks], axis=-1)
        apart = np.concatenate([np.stack([each.apart for each in terms[block]]) for block in blocks], axis=-1)
        error, apart = (
            np.moveaxis(error, -1, 2),
            np.moveaxis(apart, -1, 2),
        )  # (origin, range, series, component, …)
        counts = [terms[block][0].error.shape[-1] for block in blocks]
        prior = np.concatenate(
            [
                np.repeat(weights[block][:, None], count, axis=1)
                for block, count in zip(blocks, counts, strict=True)
            ],
            axis=1,
        )
        own = prior.copy()
        taught = np.asarray(error.any(axis=(0, 2, 3)))
        for number in np.flatnonzero(taught) if any(_moving(terms[block]) > 1 for block in blocks) else ():
            strength = _strength(error[:, number], apart[:, number], prior[number], cuts, int(_LENGTHS[number]))
            if strength is not None:
                of_all = error[:, number].sum(axis=0), apart[:, number].sum(axis=0)
                own[number] = solve(*of_all, prior[number], strength)
        each = without_trifles(carried(own, taught).transpose(0, 2, 1))
        for block, part in zip(blocks, np.split(each, np.cumsum(counts)[:-1], axis=-1), strict=True):
            found[block] = part
    return found


def _moving(terms: Sequence[Terms]) -> int:
    """Return how many series of a block have an error to learn from; a lone one has its block for itself."""
    return int(np.any([each.error.any(axis=(0, 1)) for each in terms], axis=0).sum())


def _strength(error: Floats, apart: Floats, prior: Floats, cuts: Sequence[int], length: int) -> float | None:
    """Return how firmly series of a resource are held in one range; None if they keep the weights of blocks.

    ``error`` is ``(origin, series, component)``, ``apart`` ``(origin, series, component, component)`` and
    ``prior`` ``(series, component)``; ``length`` is that of the range, in hours.
    """
    distance = np.abs(np.subtract.outer(np.array(cuts), np.array(cuts)))
    others = (distance >= length).astype(np.float64)  # (origin, origin)
    origins = min(len(cuts), 1 + (cuts[-1] - cuts[0]) / length)  # as many as share no hour
    if origins < _LEAST_ORIGINS or not others.any(axis=1).all():
        return None
    known = np.tensordot(others, error, 1), np.tensordot(others, apart, 1)
    usual = crps_of(np.broadcast_to(prior, error.shape), error, apart).sum(axis=1)
    best, gain = None, 0.0
    for strength in STRENGTHS:
        without = solve(*known, np.broadcast_to(prior, error.shape), strength)
        gained = usual - crps_of(without, error, apart).sum(axis=1)  # (origin,)
        sure = _SURE * gained.std(ddof=1) / np.sqrt(origins)
        if gained.mean() > max(gain, sure):
            best, gain = strength, float(gained.mean())
    return best
