"""How far forecasts can be believed, from how rehearsals went: weights, factors, and how long errors last.

Place in the line: after `rehearsal`, within `learn`; `statefile` keeps it.

    found = judge({0: rehearsal}, {0: 0}, ("ar", "days"))[0]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import WEEK, Floats
from forecasting.calibrate import LEVELS as INTERVALS
from forecasting.calibrate import factors_of, ratios_of
from forecasting.lasting import UNKNOWN, shares_of
from forecasting.own_weights import own_weights
from forecasting.rehearsal import SHARES, Rehearsal
from forecasting.roughness import ALIKE, leaning, tilts_of
from forecasting.stacking import RANGES, range_of, usual_weights, weights_of

_OF_BURSTS = 0.95  # level of the intervals that knowing more makes no narrower
_LESS_BELIEVED = 4  # an origin that knew half of the past counts a sixteenth when reach is judged


@dataclass(frozen=True, slots=True)
class Appraisal:
    """How far forecasts of a block can be believed.

    Parameters
    ----------
    weights
        ``(range, component)``; see `stacking`.
    own_weights
        Of each series, ``(range, component, series)``; none of a block that was not rehearsed.
    factors
        ``(range, level)``; see `calibrate`.
    tilt
        ``(term,)``; see `roughness`.
    lasting
        ``(part,)``; see `lasting`.
    """

    weights: Floats
    own_weights: Floats | None
    factors: Floats
    tilt: Floats
    lasting: Floats


def judge(
    rehearsals: Mapping[int, Rehearsal], resource_of: Mapping[int, int], components: Sequence[str]
) -> dict[int, Appraisal]:
    """Return what was found of each block: the usual weights and factors of 1 where nothing could be rehearsed."""
    usual = usual_weights(components)
    if not rehearsals:
        ones = np.ones((len(RANGES), len(INTERVALS)))
        return dict.fromkeys(resource_of, Appraisal(usual, None, ones, ALIKE, UNKNOWN))
    weights = weights_of(
        {block: reduce(add, rehearsal.terms) for block, rehearsal in rehearsals.items()},
        resource_of,
        {block: rehearsal.evidence for block, rehearsal in rehearsals.items()},
        usual,
    )
    one = next(iter(rehearsals.values()))
    by_origin = {block: rehearsal.terms for block, rehearsal in rehearsals.items()}
    own = own_weights(by_origin, one.known_hours, resource_of, weights)
    known = np.array(one.known_hours)
    nearer = _nearer_now(known, one.past_hours, len(one.actual[0]))
    ratios = {
        block: [
            ratios_of(quantiles, SHARES, without, actual) * each[..., None]
            for quantiles, actual, without, each in zip(
                rehearsal.quantiles, rehearsal.actual, own[block].without, nearer, strict=True
            )
        ]
        for block, rehearsal in rehearsals.items()
    }
    roughness = {block: rehearsal.roughness for block, rehearsal in rehearsals.items()}
    tilts = tilts_of(ratios, roughness, resource_of)
    factors = factors_of(
        {block: [x / leaning(tilts[block], roughness[block]) for x in each] for block, each in ratios.items()},
        resource_of,
        {
            block: int(np.isfinite(np.concatenate(rehearsal.actual)).any(axis=0).sum())
            for block, rehearsal in rehearsals.items()
        },
        (known / known[-1]) ** _LESS_BELIEVED,
    )
    return {
        block: Appraisal(
            weights[block],
            own[block].now,
            factors[block],
            tilts[block],
            shares_of(_ranks(rehearsal, own[block].without)),
        )
        for block, rehearsal in rehearsals.items()
    }


def _nearer_now(known_hours: NDArray[np.intp], past_hours: int, hours: int) -> Floats:
    """Return how far forecasts of now are off, relative to those that knew less: ``(origin, level, hour)``.

    As if they were means of how often the hour of the week was met: k times miss by 1 + 1/k of the variance. The
    widest intervals are left as they are, for what is beyond them are bursts, and no usual value tells of them.
    """
    ahead = np.arange(hours) % WEEK
    now, then = (np.maximum((length + ahead) // WEEK, 1) for length in (past_hours, known_hours[:, None]))
    nearer = np.sqrt((1 + 1 / now) / (1 + 1 / then))  # (origin, hour)
    return np.where(np.array(INTERVALS)[:, None] < _OF_BURSTS, nearer[:, None], 1.0)


def _ranks(rehearsal: Rehearsal, weights: Floats) -> Floats:
    """Return where what came lay within the mixture, 0 to 1: ``(origin, hour, series)``.

    By weights ``(origin, range, component, series)`` that were found without the origin.
    """
    place = range_of(len(rehearsal.actual[0]))
    found = []
    for quantiles, actual, weight in zip(rehearsal.quantiles, rehearsal.actual, weights, strict=True):
        below = [np.tensordot(SHARES, where, (0, 1)) for where in (quantiles < actual, quantiles <= actual)]
        rank = np.einsum("hcs,chs->hs", weight[place], (below[0] + below[1]) / 2)
        found.append(np.where(np.isfinite(actual), rank, np.nan))
    return np.stack(found)
