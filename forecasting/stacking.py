"""How much each component is believed: weights learnt on recent origins by the CRPS of the mixture.

Place in the line: after the components; `learn` finds the weights of each block and range of steps ahead.

The CRPS of a mixture is a quadratic form in its weights (Gneiting and Raftery 2007, eq. 21):
Σᵢ wᵢ E|Xᵢ − y| − ½ Σᵢⱼ wᵢ wⱼ E|Xᵢ − Xⱼ|, convex on the simplex. The terms are summed over series, hours and
origins in the unit of demand, so that those who need much count much. Weights are drawn towards those of the
resource, and these towards equal ones, by the Kullback-Leibler divergence: stacking of predictive distributions
(Yao, Vehtari, Simpson and Gelman 2018), hierarchical over blocks (Yao, Pirš, Vehtari and Gelman 2022) with a fixed
strength.

    terms = terms_of(quantiles, actual)
    weights_of({0: terms}, resource_of={0: 0})[0]  # (range, component)
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from forecasting.basis import Floats

RANGES = (6, 24, 72, 168)
"""Ends of the ranges of steps ahead, in hours; the last one goes on."""

LEVELS = tuple((np.arange(24) + 0.5) / 24)
"""Levels of the quantiles that stand for a component's draws."""

TOWARDS_EQUAL = (0.05, 0.05, 0.1, 0.1)
TOWARDS_RESOURCE = 0.1
"""Strength of the priors, relative to the CRPS of equal weights; two to four times as much changed little."""


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


def weights_of(terms: Mapping[int, Terms], resource_of: Mapping[int, int]) -> dict[int, Floats]:
    """Return the weights of each block, ``(range, component)``, each row adding up to 1.

    Parameters
    ----------
    terms
        By number of the block.
    resource_of
        Number of the resource of each block.
    """
    found = {}
    for resource in sorted(set(resource_of.values())):
        blocks = [block for block in terms if resource_of[block] == resource]
        total = terms[blocks[0]]
        for block in blocks[1:]:
            total = total + terms[block]
        size = total.error.shape[1]
        centre = np.full((len(RANGES), size), 1 / size)
        for number, strength in enumerate(TOWARDS_EQUAL):
            centre[number] = solve(total.error[number], total.apart[number], centre[number], strength)
        for block in blocks:
            own = terms[block]
            found[block] = (
                centre
                if len(blocks) == 1
                else np.stack(
                    [
                        solve(own.error[number], own.apart[number], centre[number], TOWARDS_RESOURCE)
                        for number in range(len(RANGES))
                    ]
                )
            )
    return found


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
