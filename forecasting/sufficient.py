"""History → weighted sufficient statistics: all that the model ever sees of a series.

Place in the line: after `basis`; `model` learns from the statistics, `predict` conditions each group on its own.

For a linear model with normal noise, the history of a series enters its likelihood only through XᵀWX, XᵀWy,
yᵀWy and the sum of the weights, so the cost of sampling does not depend on how long the history is. Weights fade
with a half-life, since what a group did two months ago says little of tomorrow.

The statistics are kept in coordinates that suit the model. First the features are whitened within each resource
(by L⁻ᵀ of the pooled XᵀWX = LLᵀ), so that all coefficients are of one scale. Then each is divided by how far
groups differ in it, relative to the others: groups differ more in the hour of their peak than in the ninth
harmonic of their day, and one scale per resource must do for all. At last XᵀWX of each series is diagonalised: a
rotation costs nothing in a prior that is then the same in every direction, and leaves the likelihood of a series
as a product over features.

    statistics = summarise(scores, time, basis, transform.moves)
    statistics.hours  # effective hours of history of each series
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import Basis, calendar, memory

Floats = NDArray[np.float64]

HALF_LIFE_HOURS = 21 * 24
"""Hours after which an observation counts half. Two to four weeks were about as good on real usage."""

_FINEST = 1e-4  # scores are not known better than this; keeps the noise of a perfectly regular series above 0
_SHRINK_HOURS = 10.0  # of the groups' rough estimates, towards the pooled one
_SHRINK_GROUPS = 3.0  # of how far they differ in a coefficient, towards the average over coefficients
_RIDGE = 1e-6  # relative: a feature that never varies must not make the whitening singular


@dataclass(frozen=True, slots=True)
class Statistics:
    """Sufficient statistics of each series, in the coordinates of the model.

    With v = rotation · θ for coefficients θ, the weighted sum of squared errors of a series is
    ``energy − 2 · projection · v + Σ eigenvalue · v²``.

    Parameters
    ----------
    eigenvalue, projection
        ``(group, resource, feature)``.
    rotation
        ``(group, resource, feature, feature)``, orthogonal; its rows are the eigenvectors of XᵀWX.
    energy, hours
        ``(group, resource)``: yᵀWy, and the sum of the weights.
    plain
        ``(resource, feature, feature)``: the coefficients of the plain features are ``plain · θ``.
    stretch
        ``(resource, feature)``: the whitened coefficients are ``stretch · θ``; mean square 1.
    pooled, own
        ``(resource, feature)`` and ``(group, resource, feature)``: rough estimates of θ, of all groups as one and
        of each group for itself.
    """

    eigenvalue: Floats
    projection: Floats
    rotation: Floats
    energy: Floats
    hours: Floats
    plain: Floats
    stretch: Floats
    pooled: Floats
    own: Floats

    def of_groups(self, groups: NDArray[np.intp]) -> "Statistics":
        """Return the statistics of some of the groups."""
        return Statistics(
            self.eigenvalue[groups],
            self.projection[groups],
            self.rotation[groups],
            self.energy[groups],
            self.hours[groups],
            self.plain,
            self.stretch,
            self.pooled,
            self.own[groups],
        )


def recency(length: int) -> Floats:
    """Return the weight of each of ``length`` hours; 1 for the latest."""
    return np.asarray(0.5 ** (np.arange(length)[::-1] / HALF_LIFE_HOURS))


def summarise(scores: Floats, time: NDArray[np.datetime64], basis: Basis, moves: NDArray[np.bool_]) -> Statistics:
    """Reduce history to its sufficient statistics.

    Parameters
    ----------
    scores
        ``(time, group, resource)``, NaN where not known. An hour counts for a series if its score and all of
        its features are known.
    time
        Starts of the hours.
    basis
        Which features.
    moves
        ``(group, resource)``: series that take part in the whitening; constant ones would distort it.
    """
    groups, resources = scores.shape[1:]
    gram = np.zeros((groups, resources, basis.size, basis.size))
    moment = np.zeros((groups, resources, basis.size))
    energy, hours = np.zeros((groups, resources)), np.zeros((groups, resources))
    weight, seasons, remembered = recency(len(time)), calendar(time, basis), memory(scores, basis)
    for group, resource in np.ndindex(groups, resources):
        score, own = scores[:, group, resource], remembered[:, group, resource]
        usable = np.isfinite(score) & np.isfinite(own).all(axis=1)
        features = np.concatenate([seasons[usable], own[usable]], axis=1)
        weighted = features * weight[usable, None]
        gram[group, resource] = weighted.T @ features
        moment[group, resource] = weighted.T @ score[usable]
        energy[group, resource] = weight[usable] @ (score[usable] ** 2 + _FINEST**2)
        hours[group, resource] = weight[usable].sum()
    return _recast(gram, moment, energy, hours, moves.astype(np.float64))


def _recast(gram: Floats, moment: Floats, energy: Floats, hours: Floats, counts: Floats) -> Statistics:
    """Put statistics of the plain features, ``(group, resource, …)``, into the coordinates of the model."""
    total = (hours * counts).sum(axis=0)
    plain = _unwhitening((gram * counts[..., None, None]).sum(axis=0), total)
    gram, moment = _moved(gram, moment, plain)
    # Whitened, XᵀWX of all groups together is ``total`` times the unit matrix.
    pooled = (moment * counts[..., None]).sum(axis=0) / np.maximum(total, 1.0)[:, None]
    regular = gram + _SHRINK_HOURS * np.eye(gram.shape[-1])
    step = np.linalg.solve(regular, (moment[..., None] - gram @ pooled[..., None]))[..., 0]
    stretch = _relative_spread(step, counts)

    stretched = np.eye(gram.shape[-1]) * stretch[:, None, :]
    gram, moment = _moved(gram, moment, stretched)
    eigenvalue, vectors = np.linalg.eigh((gram + np.swapaxes(gram, -1, -2)) / 2)
    rotation = np.ascontiguousarray(np.swapaxes(vectors, -1, -2))
    return Statistics(
        eigenvalue=np.maximum(eigenvalue, 0.0),
        projection=(rotation @ moment[..., None])[..., 0],
        rotation=rotation,
        energy=energy,
        hours=hours,
        plain=plain @ stretched,
        stretch=stretch,
        pooled=pooled / stretch,
        own=(pooled + step) / stretch,
    )


def _moved(gram: Floats, moment: Floats, back: Floats) -> tuple[Floats, Floats]:
    """Return XᵀWX and XᵀWy for coefficients of which ``back`` makes the present ones."""
    transposed = np.swapaxes(back, -1, -2)
    return transposed @ gram @ back, (transposed @ moment[..., None])[..., 0]


def _unwhitening(gram: Floats, hours: Floats) -> Floats:
    """Return L⁻ᵀ of the mean XᵀWX = LLᵀ of each resource; the identity where there is nothing to go by."""
    resources, size = gram.shape[:2]
    unwhiten = np.tile(np.eye(size), (resources, 1, 1))
    for resource in np.flatnonzero(hours > 0):
        lower = np.linalg.cholesky(gram[resource] / hours[resource] + _RIDGE * np.eye(size))
        unwhiten[resource] = np.linalg.inv(lower).T
    return unwhiten


def _relative_spread(steps: Floats, counts: Floats) -> Floats:
    """Return how far groups differ in each coefficient, with mean square 1: ``(resource, feature)``.

    The mean square of the groups' steps from the pooled estimate, drawn towards that of all features where groups
    are few.
    """
    square = (steps**2 * counts[..., None]).sum(axis=0)
    overall = square.mean(axis=-1, keepdims=True)
    groups = np.maximum(counts.sum(axis=0), 1.0)[:, None]
    relative = (square + _SHRINK_GROUPS * overall / groups) / (groups + _SHRINK_GROUPS)
    scale = relative.mean(axis=-1, keepdims=True)
    return np.sqrt(np.where(scale > 0, relative / np.where(scale > 0, scale, 1.0), 1.0))
