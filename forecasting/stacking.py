"""How much each component is believed: weights learnt on recent origins by the CRPS of the mixture.

Place in the line: after the components; `learn` finds the weights of each block and range of steps ahead.

The CRPS of a mixture is a quadratic form in its weights (Gneiting and Raftery 2007, eq. 21):
Σᵢ wᵢ E|Xᵢ − y| − ½ Σᵢⱼ wᵢ wⱼ E|Xᵢ − Xⱼ|, convex on the simplex. The terms are summed over series, hours and
origins in the unit of demand, so that those who need much count much. Weights are drawn towards those of the
resource, and these towards usual ones, by the Kullback-Leibler divergence: stacking of predictive distributions
(Yao, Vehtari, Simpson and Gelman 2018), hierarchical over blocks (Yao, Pirš, Vehtari and Gelman 2022) with a fixed
strength. Beyond the last range that was rehearsed its weights are carried on.

    terms = terms_of(quantiles, actual)
    weights_of({0: terms}, {0: 0}, {0: 12.0}, usual_weights(("ar", "days")))[0]  # (range, component)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from forecasting.basis import Floats

RANGES = (6, 24, 72, 168)
"""Ends of the ranges of steps ahead, in hours; the last one goes on."""

LEVELS = tuple((np.arange(24) + 0.5) / 24)
"""Levels of the quantiles that stand for a component's draws."""

USUAL = {
    "ar": (0.45, 0.25, 0.20, 0.15),
    "seasonal": (0.10, 0.18, 0.20, 0.20),
    "weekly": (0.08, 0.14, 0.20, 0.25),
    "days": (0.04, 0.05, 0.06, 0.08),
    "analogue": (0.18, 0.25, 0.24, 0.24),
    "level": (0.10, 0.08, 0.06, 0.05),
    "recent": (0.03, 0.02, 0.02, 0.01),
    "recurrent": (0.10, 0.05, 0.05, 0.05),
}
"""Weights, by range, that the prior is about: rounded from usage of several kinds. Equal ones were 1 % worse."""

TOWARDS_USUAL = 0.1
TOWARDS_RESOURCE = 0.1
"""Strength of the priors, relative to the CRPS at the prior; half or twice as much changed little."""

TRIFLE = 0.02
"""A component of less weight is left out."""

WHOLE_EVIDENCE = 12.0
"""Days of rehearsal, times series, from which on the priors are as strong as that; with fewer they are firmer."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the CRPS of any mixture of a block's components is made of, summed over series, hours and origins.

    Parameters
    ----------
    error
        ``(range, component)``: E|X − y|.
    apart
        ``(range, component, component)``: E|X − X′|.
    """

    error: Floats
    apart: Floats

    def __add__(self, other: "Terms") -> "Terms":
        return Terms(self.error + other.error, self.apart + other.apart)


def range_of(hours: int) -> NDArray[np.intp]:
    """Return the number of the range of each step ahead, ``(hour,)``."""
    return np.minimum(np.searchsorted(RANGES, np.arange(hours), side="right"), len(RANGES) - 1)


def terms_of(quantiles: NDArray[np.floating], actual: NDArray[np.floating]) -> Terms:
    """Return the terms of one origin.

    Parameters
    ----------
    quantiles
        Of each component, at `LEVELS`, in the unit of demand: ``(component, level, hour, series)``.
    actual
        ``(hour, series)``; unknown hours do not count.
    """
    components, levels, hours, _ = quantiles.shape
    known = np.isfinite(actual)
    came = np.where(known, actual, 0.0)
    place = range_of(hours)
    sum_of = (place == np.arange(len(RANGES))[:, None]).astype(np.float64)  # (range, hour)
    error = np.abs(quantiles - came).mean(axis=1) * known  # (component, hour, series)
    apart = np.zeros((components, components, hours))
    for i in range(components):
        for j in range(i, components):
            difference = sum(np.abs(quantiles[i, level] - quantiles[j]).mean(axis=0) for level in range(levels))
            apart[i, j] = apart[j, i] = (difference / levels * known).sum(axis=-1)
    return Terms(sum_of @ error.sum(axis=-1).T, np.moveaxis(apart @ sum_of.T, -1, 0))


def usual_weights(components: Sequence[str]) -> Floats:
    """Return the weights that a prior is about, ``(range, component)``, each row adding up to 1."""
    weights = np.array([USUAL[name] for name in components]).T
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def weights_of(
    terms: Mapping[int, Terms],
    resource_of: Mapping[int, int],
    evidence: Mapping[int, float],
    usual: Floats,
) -> dict[int, Floats]:
    """Return the weights of each block, ``(range, component)``, each row adding up to 1.

    Ranges of which nothing is known of any block of a resource have the weights of the range before: what is good
    for a resource differs more from resource to resource than from range to range.

    Parameters
    ----------
    terms
        By number of the block.
    resource_of
        Number of the resource of each block.
    evidence
        Days that the terms of each block are of, times series.
    usual
        Weights that those of a resource are drawn towards, ``(range, component)``, as of `usual_weights`.
    """
    found = {}
    for resource in sorted(set(resource_of.values())):
        blocks = [block for block in terms if resource_of[block] == resource]
        total = terms[blocks[0]]
        for block in blocks[1:]:
            total = total + terms[block]
        firm = TOWARDS_USUAL * _firmness(sum(evidence[block] for block in blocks))
        centre = np.stack([solve(total.error[n], total.apart[n], usual[n], firm) for n in range(len(RANGES))])
        taught = np.asarray(total.error.any(axis=1))
        for block in blocks:
            own, firm = terms[block], TOWARDS_RESOURCE * _firmness(evidence[block])
            if len(blocks) == 1:
                found[block] = _without_trifles(_carried(centre, taught))
                continue
            each = [solve(own.error[n], own.apart[n], centre[n], firm) for n in range(len(RANGES))]
            found[block] = _without_trifles(_carried(np.stack(each), taught))
    return found


def _carried(weights: Floats, taught: NDArray[np.bool_]) -> Floats:
    """Carry the last weights that were learnt on to the ranges after them; the usual ones where none were."""
    last = np.flatnonzero(taught)[-1] if taught.any() else len(taught) - 1
    return np.asarray(weights[np.minimum(np.arange(len(weights)), last)])


def _without_trifles(weights: Floats) -> Floats:
    """Leave out components of next to no weight: their few draws would be all there is far out in the tails."""
    kept = np.where(weights < TRIFLE, 0.0, weights)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True))


def _firmness(evidence: float) -> float:
    """Return how much stronger a prior is for lack of evidence: as errors of a mean grow."""
    return float(np.sqrt(max(WHOLE_EVIDENCE / evidence, 1.0)))


def solve(error: Floats, apart: Floats, prior: Floats, strength: float) -> Floats:
    """Return the weights of least CRPS plus ``strength`` · KL(prior ‖ weights); the prior where nothing is known.

    Parameters
    ----------
    error, apart
        ``(component,)`` and ``(component, component)``, in any common unit.
    prior
        ``(component,)``, adding up to 1.
    strength
        Relative to the CRPS at the prior.
    """
    size = prior @ error - prior @ apart @ prior / 2
    if not size > 0 or len(prior) == 1:
        return prior
    linear, square = error / size, apart / size

    def loss(logit: Floats) -> tuple[float, Floats]:
        weight = np.exp(logit - logit.max())
        weight /= weight.sum()
        value = weight @ linear - weight @ square @ weight / 2 - strength * (prior @ np.log(weight + 1e-12))
        slope = linear - square @ weight - strength * prior / (weight + 1e-12)
        return float(value), weight * (slope - weight @ slope)

    logit = minimize(loss, np.log(prior), jac=True, method="L-BFGS-B").x
    weight = np.exp(logit - logit.max())
    return np.asarray(weight / weight.sum())
