"""How much each component is believed: weights learnt on recent origins by the CRPS of the mixture.

Place in the line: after the components; `learn` finds the weights of each block and range of steps ahead.

The CRPS of a mixture is a quadratic form in its weights (Gneiting and Raftery 2007, eq. 21):
Σᵢ wᵢ E|Xᵢ − y| − ½ Σᵢⱼ wᵢ wⱼ E|Xᵢ − Xⱼ|, convex on the simplex. The terms are summed over series, hours and
origins in the unit of demand, so that those who need much count much. Weights are drawn towards those of the
resource, and these towards usual ones, by the Kullback-Leibler divergence: stacking of predictive distributions
(Yao, Vehtari, Simpson and Gelman 2018), hierarchical over blocks (Yao, Pirš, Vehtari and Gelman 2022) with a fixed
strength. Beyond the last range that was rehearsed its weights are carried on. Series may go their own way:
`own_weights`.

    terms = terms_of(quantiles, actual)
    weights_of({0: terms}, {0: 0}, {0: 12.0}, usual_weights(("ar", "days")))[0]  # (range, component)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

_MOST_STEPS, _MOST_HALVINGS = 40, 20
_NEAR = 1e-7  # a step that moves no weight by more is the last


@dataclass(frozen=True, slots=True)
class Terms:
    """What the CRPS of any mixture of a block's components is made of, summed over hours.

    Parameters
    ----------
    error
        ``(range, component, series)``: E|X − y|.
    apart
        ``(range, component, component, series)``: E|X − X′|.
    known
        ``(range, series)``: hours that are known.
    """

    error: Floats
    apart: Floats
    known: Floats

    def __add__(self, other: "Terms") -> "Terms":
        return Terms(self.error + other.error, self.apart + other.apart, self.known + other.known)


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
    components, levels, hours, series = quantiles.shape
    known = np.isfinite(actual)
    came = np.where(known, actual, 0.0)
    place = range_of(hours)
    sum_of = (place == np.arange(len(RANGES))[:, None]).astype(np.float64)  # (range, hour)
    error = np.abs(quantiles - came).mean(axis=1) * known  # (component, hour, series)
    apart = np.zeros((len(RANGES), components, components, series))
    for i in range(components):
        for j in range(i, components):
            difference = sum(np.abs(quantiles[i, level] - quantiles[j]).mean(axis=0) for level in range(levels))
            apart[:, i, j] = apart[:, j, i] = sum_of @ (difference / levels * known)
    return Terms(np.einsum("rh,chs->rcs", sum_of, error), apart, sum_of @ known)


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
        error = {block: terms[block].error.sum(axis=-1) for block in blocks}
        apart = {block: terms[block].apart.sum(axis=-1) for block in blocks}
        together = np.sum([error[block] for block in blocks], axis=0)
        firm = TOWARDS_USUAL * _firmness(sum(evidence[block] for block in blocks))
        centre = solve(together, np.sum([apart[block] for block in blocks], axis=0), usual, firm)
        for block in blocks:
            each = centre
            if len(blocks) > 1:
                firm = TOWARDS_RESOURCE * _firmness(evidence[block])
                each = solve(error[block], apart[block], centre, firm)
            found[block] = without_trifles(_carried(each, np.asarray(together.any(axis=1))))
    return found


def _carried(weights: Floats, taught: NDArray[np.bool_]) -> Floats:
    """Carry the last weights ``(range, …)`` that were learnt on to later ranges; all stay if none were."""
    last = np.flatnonzero(taught)[-1] if taught.any() else len(taught) - 1
    return np.asarray(weights[np.minimum(np.arange(len(weights)), last)])


def without_trifles(weights: Floats, axis: int = 1) -> Floats:
    """Leave out components, along an axis, of next to no weight.

    Their few draws would be all there is far out in the tails.
    """
    kept = np.where(weights < TRIFLE, 0.0, weights)
    return np.asarray(kept / kept.sum(axis=axis, keepdims=True))


def _firmness(evidence: float) -> float:
    """Return how much stronger a prior is for lack of evidence: as errors of a mean grow."""
    return float(np.sqrt(max(WHOLE_EVIDENCE / evidence, 1.0)))


def crps_of(weight: Floats, error: Floats, apart: Floats) -> Floats:
    """Return the CRPS ``(…,)`` of mixtures by their weights ``(…, component)`` and terms as of `solve`."""
    return np.asarray((weight * error).sum(axis=-1) - np.einsum("...i,...ij,...j", weight, apart, weight) / 2)


def solve(error: Floats, apart: Floats, prior: Floats, strength: Floats | float) -> Floats:
    """Return the weights of least CRPS plus ``strength`` · KL(prior ‖ weights); the prior where nothing is known.

    Newton's method with a halved step where a whole one does not go down (Boyd and Vandenberghe 2004, 10.2), for
    many mixtures at once: within the simplex, the CRPS is convex, and the divergence keeps weights above 0.

    Parameters
    ----------
    error, apart
        ``(…, component)`` and ``(…, component, component)``, in any unit.
    prior
        ``(…, component)``, adding up to 1; a component of none gets none.
    strength
        ``(…,)``, relative to the CRPS at the prior.
    """
    size = crps_of(prior, error, apart)
    taught = size > 0
    scale = np.where(taught, size, 1.0)
    linear, square = error / scale[..., None], apart / scale[..., None, None]
    free, pull = prior > 0, np.asarray(strength)[..., None] * prior
    count = prior.shape[-1]
    system = np.zeros((*size.shape, count + 1, count + 1))
    system[..., :count, count] = system[..., count, :count] = free

    def loss(weight: Floats) -> Floats:
        return np.asarray(
            crps_of(weight, linear, square) - (pull * np.log(np.where(free, weight, 1.0))).sum(axis=-1)
        )

    found, value = prior, loss(prior)
    for _ in range(_MOST_STEPS):
        safe = np.where(free, found, 1.0)
        slope = linear - np.einsum("...ij,...j", square, found) - pull / safe
        both = free[..., None] & free[..., None, :]
        bend = np.where(both, -square, 0.0)
        bend[..., range(count), range(count)] += np.where(free, pull / safe**2, 1.0)
        system[..., :count, :count] = bend
        aim = np.concatenate([np.where(free, -slope, 0.0), np.zeros((*size.shape, 1))], axis=-1)
        step = np.linalg.solve(system, aim[..., None])[..., :count, 0]
        room = np.where(step < 0, found / np.where(step < 0, -step, 1.0), np.inf).min(axis=-1)
        share = np.minimum(1.0, 0.95 * room)
        for _ in range(_MOST_HALVINGS):
            tried = found + share[..., None] * step
            worse = ~(loss(tried) <= value)
            if not worse.any():
                break
            share = np.where(worse, share / 2, share)
        moved = np.where(worse[..., None], found, tried)
        far = np.abs(moved - found).max()
        found, value = moved, loss(moved)
        if far < _NEAR:
            break
    found = np.where(taught[..., None], found, prior)
    return np.asarray(found / found.sum(axis=-1, keepdims=True))
