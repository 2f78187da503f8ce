"""The hierarchical model: groups within regions, for each resource, in PyMC.

Place in the line: after `sufficient`, whose statistics are all it sees; `fit` samples it.

For a series (group g of region q, resource r) with features x and score y:

    y = x · θ[g,r] + ε,   ε ~ N(0, σ²[g,r])
    θ[g,r] ~ N(region_mean[q,r], (between_groups[r] · σ[g,r])²)   what a region shares, and how far groups differ
    σ²[g,r] ~ InverseGamma(likeness[r], likeness[r] · noise[r]²)  how noisy groups are, and how alike in it
    region_mean[q,r] ~ N(0, ½²)                                   in whitened coordinates

θ holds level, day, week and memory alike, in coordinates where all are of one scale: the prior of θ is then a
g-prior (Zellner 1986), and ``between_groups⁻²`` reads as the hours of its own history that a group's region is
worth to it. How far regions differ is not learnt: with two or three of them there is next to nothing to learn it
from (Gelman 2006), and the attempt costs the sampler its convergence. The form is conjugate, so θ and σ of each
group are integrated out in closed form and the sampler walks over the shared parameters only; `predict` draws the
groups' own from their exact conditionals.

    model = build(statistics, moves, regions)
    model.free_RVs  # place, between_groups, noise, likeness
"""

import logging
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.sufficient import Floats, Statistics

# Without a C compiler PyTensor would say so at every import; the model is compiled by Numba and needs none.
logging.getLogger("pytensor.configdefaults").setLevel(logging.ERROR)
with warnings.catch_warnings():
    # ArviZ 0.23 announces its next version in a warning, on import.
    warnings.simplefilter("ignore", FutureWarning)
    import pymc as pm
    import pytensor.tensor as pt
    from pytensor.tensor.variable import TensorVariable

_REGION_SCALE = 0.5  # squared whitened coefficients add up to the share of variance explained, at most 1
_SMALLEST = 1e-5


@dataclass(frozen=True, slots=True)
class Rough:
    """Rough estimates, in which the sampler sees everything at about zero and one; not part of the model.

    Parameters
    ----------
    region_mean
        ``(region, resource, feature)``.
    groups
        How many groups of a region move, at least 1, ``(region, resource)``.
    hours
        Hours of history of a group, on average, at least 1, ``(resource,)``.
    noise
        Noise of the middle group, ``(resource,)``.
    """

    region_mean: Floats
    groups: Floats
    hours: Floats
    noise: Floats


def build(statistics: Statistics, moves: NDArray[np.bool_], regions: NDArray[np.intp]) -> pm.Model:
    """Return the model of the shared parameters, given the statistics of groups.

    Parameters
    ----------
    statistics
        Of the groups to learn from.
    moves
        ``(group, resource)``: series that count.
    regions
        Number of the region of each group, ``(group,)``; all numbers from 0 on occur.

    Returns
    -------
    pymc.Model
        With ``region_mean(region, resource, feature)``, in whitened coordinates, and ``between_groups``,
        ``noise`` and ``likeness``, each ``(resource,)``.

    References
    ----------
    Gelman and Hill (2007), "Data analysis using regression and multilevel/hierarchical models", ch. 13;
    Gelman et al. (2013), "Bayesian data analysis", 3rd ed., ch. 14 (conjugate regression);
    Gelman (2006), "Prior distributions for variance parameters in hierarchical models".
    """
    resources, features = statistics.eigenvalue.shape[1:]
    coords = {"region": range(regions.max() + 1), "resource": range(resources), "feature": range(features)}
    with pm.Model(coords=coords) as model:
        noise = pm.LogNormal("noise", np.log(0.3), 1.0, dims="resource")
        likeness = pm.LogNormal("likeness", np.log(3.0), 0.7, dims="resource")
        between_groups = pm.LogNormal("between_groups", np.log(0.2), 1.0, dims="resource")
        rough = estimate(statistics, moves, regions)
        # What is left to learn of a region's mean: the sampler sees it at one, whatever the scales are now.
        # Without that, groups that look all alike make a funnel of the posterior. Where nothing moves, there is
        # nothing but the prior, and its own scale.
        learnt = moves.any(axis=0).astype(np.float64)
        unit = pt.ones((1, resources)) * _REGION_SCALE
        if moves.any():
            left = noise * pt.sqrt((between_groups**2 + 1 / rough.hours) / rough.groups)
            unit = learnt * left + (1 - learnt) * unit
        mean = _region_mean(rough.region_mean, unit[..., None], statistics.stretch)
        likelihood = _log_marginal(statistics, mean[regions], between_groups, noise, likeness)
        pm.Potential("history", pt.sum(likelihood * moves))
    return model


def _region_mean(rough: Floats, unit: TensorVariable, stretch: Floats) -> TensorVariable:
    """Add what regions share, ``(region, resource, feature)``, counted from rough estimates in a unit."""
    dims = ("region", "resource", "feature")
    place = pm.Normal("place", -rough / unit, _REGION_SCALE / (stretch * unit), dims=dims)
    return pm.Deterministic("region_mean", rough + unit * place, dims=dims)


def _log_marginal(
    statistics: Statistics,
    mean: TensorVariable,
    between_groups: TensorVariable,
    noise: TensorVariable,
    likeness: TensorVariable,
) -> TensorVariable:
    """Return the log likelihood of each series, ``(group, resource)``, with θ and σ integrated out.

    Up to a constant; a Student t in y, through its sufficient statistics.
    """
    centre = (statistics.rotation * mean[..., None, :]).sum(axis=-1)
    variance = (between_groups**2)[:, None]
    informed = 1 + variance * statistics.eigenvalue
    gradient = statistics.projection - statistics.eigenvalue * centre
    fitted = centre * (statistics.projection + gradient) + variance * gradient**2 / informed
    squares = statistics.energy - fitted.sum(axis=-1)
    scale, half_hours = likeness * noise**2, statistics.hours / 2
    return (
        pt.gammaln(likeness + half_hours)
        - pt.gammaln(likeness)
        + likeness * pt.log(scale)
        - (likeness + half_hours) * pt.log(scale + squares / 2)
        - pt.log(informed).sum(axis=-1) / 2
    )


def start(rough: Rough, rng: np.random.Generator) -> dict[str, Floats]:
    """Return where a chain may begin: scattered around the rough estimates, as R-hat wants chains to be."""
    scatter = np.exp(rng.normal(0.0, 0.5, (3, len(rough.noise))))
    return {
        "place": rng.normal(size=rough.region_mean.shape),
        "noise": rough.noise * scatter[0],
        "likeness": 3.0 * scatter[1],
        "between_groups": 0.2 * scatter[2],
    }


def estimate(statistics: Statistics, moves: NDArray[np.bool_], regions: NDArray[np.intp]) -> Rough:
    """Return rough estimates, from each group's own coefficients."""
    weight = moves[..., None].astype(np.float64)
    members = (regions == np.arange(regions.max() + 1)[:, None]).astype(np.float64)  # (region, group)
    count = np.tensordot(members, weight, axes=1)
    own = np.tensordot(members, weight * statistics.own, axes=1) / np.maximum(count, 1.0)
    mean = np.where(count > 0, own, statistics.pooled)
    hours = (statistics.hours * moves).sum(axis=0) / np.maximum(moves.sum(axis=0), 1)

    value = (statistics.rotation @ statistics.own[..., None])[..., 0]
    fitted = (value * (2 * statistics.projection - statistics.eigenvalue * value)).sum(axis=-1)
    variance = (statistics.energy - fitted) / np.maximum(statistics.hours, 1.0)
    middle = np.nanmedian(np.where(moves | ~moves.any(axis=0), variance, np.nan), axis=0)
    noise = np.sqrt(middle.clip(min=_SMALLEST**2))
    return Rough(mean, np.maximum(count[..., 0], 1.0), np.maximum(hours, 1.0), noise)
