"""Weights of single series: each goes its own way as far as that has been seen to pay.

Place in the line: after `stacking`, which finds the weights of blocks; `appraisal` asks for them.

Weights of a series are drawn towards those of its block by the Kullback-Leibler divergence, as those of blocks
are towards their resource (hierarchical stacking: Yao, Pirš, Vehtari and Gelman 2022). How firmly is not given,
for it differs: series of different worlds in one block gain by it, alike ones lose. Each strength is judged by the
CRPS of origins that had no part in the weights, and taken only if it is surely less than with the weights of the
block. Series of which less is known are held more firmly; a lone one is its block.

    own_weights({0: [terms, …]}, (300, 337, …), {0: 0}, {0: weights})[0].now  # (range, component, series)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from forecasting.basis import Floats
from forecasting.stacking import RANGES, Terms, crps_of, solve, without_trifles

STRENGTHS = (0.1, 0.3, 1.0, 3.0)
"""How firmly weights of a series may be drawn towards those of its block, relative to the CRPS at these."""

_SURE = 0.975  # how sure a gain must be, by Student's t over origins
_LEAST_ORIGINS = 4  # that share no hour: a standard error of fewer means little
_LENGTHS = np.diff(RANGES, prepend=0)


@dataclass(frozen=True, slots=True)
class OwnWeights:
    """Weights of the series of a block.

    Parameters
    ----------
    now
        From all origins, ``(range, component, series)``.
    without
        Of each origin, from those that share no hour of the range with it: ``(origin, range, component, series)``.
    """

    now: Floats
    without: Floats


def own_weights(
    terms: Mapping[int, Sequence[Terms]],
    cuts: Sequence[int],
    resource_of: Mapping[int, int],
    weights: Mapping[int, Floats],
) -> dict[int, OwnWeights]:
    """Return the weights of each series of each block: those of the block in ranges in which they do not pay.

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
    for block, by_origin in terms.items():
        now = np.repeat(weights[block][..., None], by_origin[0].error.shape[-1], axis=-1)
        found[block] = OwnWeights(now, np.repeat(now[None], len(by_origin), axis=0))
    for resource in sorted(set(resource_of.values())):
        blocks = [block for block in terms if resource_of[block] == resource and _moving(terms[block]) > 1]
        if not blocks:
            continue
        error = np.concatenate([np.stack([each.error for each in terms[block]]) for block in blocks], axis=-1)
        apart = np.concatenate([np.stack([each.apart for each in terms[block]]) for block in blocks], axis=-1)
        known = np.concatenate([sum(each.known for each in terms[block]) for block in blocks], axis=-1)
        prior = np.concatenate([found[block].now for block in blocks], axis=-1)
        ends = np.cumsum([found[block].now.shape[-1] for block in blocks])[:-1]
        for number, length in enumerate(_LENGTHS.tolist()):
            pays = _paying(
                np.moveaxis(error[:, number], -1, 1),
                np.moveaxis(apart[:, number], -1, 1),
                known[number],
                prior[number].T,
                _sharing_none(cuts, length),
                1 + (cuts[-1] - cuts[0]) / length,
            )
            if pays is None:
                continue
            now, without = (without_trifles(each.swapaxes(-1, -2), axis=-2) for each in pays)
            parts = zip(blocks, np.split(now, ends, axis=-1), np.split(without, ends, axis=-1), strict=True)
            for block, part, part_without in parts:
                found[block].now[number] = part
                found[block].without[:, number] = part_without
    return found


def _moving(terms: Sequence[Terms]) -> int:
    """Return of how many series of a block there is an error to learn from."""
    return int(np.any([each.error.any(axis=(0, 1)) for each in terms], axis=0).sum())


def _sharing_none(cuts: Sequence[int], length: int) -> Floats:
    """Return which origins share no hour of a range of so many hours, as 0 or 1: ``(origin, origin)``."""
    return np.asarray(np.abs(np.subtract.outer(np.array(cuts), np.array(cuts))) >= length, dtype=np.float64)


def _paying(
    error: Floats, apart: Floats, known: Floats, prior: Floats, others: Floats, separate: float
) -> tuple[Floats, Floats] | None:
    """Return weights that pay, from all origins and without each, ``(…, series, component)``; None if none do.

    Parameters
    ----------
    error, apart
        ``(origin, series, component)`` and ``(origin, series, component, component)``.
    known
        Hours, ``(series,)``.
    prior
        ``(series, component)``.
    others
        Of `_sharing_none`.
    separate
        How many origins that share no hour there is room for.
    """
    origins = min(len(error), separate)
    if not error.any() or origins < _LEAST_ORIGINS or not others.any(axis=1).all():
        return None
    of_each = np.broadcast_to(prior, error.shape)
    rest = np.tensordot(others, error, 1), np.tensordot(others, apart, 1)
    usual = crps_of(of_each, error, apart).sum(axis=1)  # (origin,)
    firmness = np.sqrt(known.max() / np.maximum(known, 1.0))
    sure = float(t.ppf(_SURE, origins - 1)) / np.sqrt(origins)
    best, most = None, 0.0
    for strength in STRENGTHS:
        without = solve(*rest, of_each, strength * firmness)
        gained = usual - crps_of(without, error, apart).sum(axis=1)
        if gained.mean() > max(most, sure * gained.std(ddof=1)):
            best, most = (strength, without), float(gained.mean())
    if best is None:
        return None
    return solve(error.sum(axis=0), apart.sum(axis=0), prior, best[0] * firmness), best[1]
