"""The hierarchical model: groups within regions, for each resource and linear component, in PyMC.

Place in the line: after `sufficient`, whose statistics are all it sees; `inference` learns it.

For a series (group g of region q; one resource) with features x and score y:

    y = x · θ[g] + ε,   ε ~ N(0, σ²[g])
    θ[g] ~ N(region_mean[q], (between_groups · σ[g])²)     what a region shares, and how far groups differ
    σ²[g] ~ InverseGamma(likeness, likeness · noise²)      how noisy groups are, and how alike in it
    region_mean[q] ~ N(shared, 0.3²),  shared ~ N(0, ½²)   in whitened coordinates

θ holds level, day, week and memory alike, in coordinates where all are of one scale: the prior of θ is then a
g-prior (Zellner 1986), and ``between_groups⁻²`` reads as the hours of its own history that a group's region is
worth to it. How far regions differ is not learnt: with two or three of them there is next to nothing to learn it
from (Gelman 2006). The form is conjugate, so θ and σ of each group are integrated out in closed form;
`components.linear` draws them from their exact conditionals.

The data are mutable: one model serves every component and resource in turn, and is compiled once, for NUTS.

    model = build()
    feed(model, data_of(rotated, frame, moves, regions))
"""

import logging
import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import Floats
from forecasting.sufficient import Frame, Rotated

# Without a C compiler PyTensor would say so at every import; NUTS runs on Numba and needs none.
logging.getLogger("pytensor.configdefaults").setLevel(logging.ERROR)
with warnings.catch_warnings():
    # ArviZ 0.23 announces its next version in a warning, on import.
    warnings.simplefilter("ignore", FutureWarning)
    import pymc as pm
    import pytensor.tensor as pt
    from pytensor.tensor.variable import TensorVariable

SHARED_SCALE = 0.5  # squared whitened coefficients add up to the share of variance explained, at most 1
REGION_SCALE = 0.3
NOISE, LIKENESS, BETWEEN = (np.log(0.3), 0.7), (np.log(2.0), 0.7), (np.log(0.12), 0.6)
"""Log median and spread of the log-normal priors; centred where real usage of several kinds was found to lie."""

_SMALLEST = 1e-5


@dataclass(frozen=True, slots=True)
class Data:
    """What the model is fed: statistics of series of one resource, and rough estimates to count from.

    Parameters
    ----------
    rotated
        Statistics, in the coordinates of the frame.
    weight
        ``(series,)``: 1 for series that count, 0 for those that never moved.
    region
        Number of the region of each series, ``(series,)``; all numbers from 0 on occur.
    stretch
        ``(feature,)``, see `sufficient.Frame`.
    rough_mean, rough_shared
        ``(region, feature)`` and ``(feature,)``.
    rough_noise
        Noise of the middle series.
    information
        What a series of a region tells of each coefficient beside the others, on average, in hours:
        1 / diag((XᵀWX)⁻¹), ``(region, feature)``, above 0.
    groups
        How many series of a region move, ``(region,)``.
    """

    rotated: Rotated
    weight: Floats
    region: NDArray[np.intp]
    stretch: Floats
    rough_mean: Floats
    rough_shared: Floats
    rough_noise: float
    information: Floats
    groups: Floats


def data_of(rotated: Rotated, frame: Frame, moves: NDArray[np.bool_], regions: NDArray[np.intp]) -> Data:
    """Return what the model is fed, for series of one resource; ``regions`` numbers theirs, ``(series,)``."""
    weight = moves.astype(np.float64)
    members = (regions == np.arange(regions.max() + 1)[:, None]) * weight  # (region, series)
    count = members.sum(axis=1)
    own = members @ frame.own / np.maximum(count, 1.0)[:, None]
    rough_mean = np.where(count[:, None] > 0, own, frame.pooled)
    value = (rotated.rotation @ frame.own[..., None])[..., 0]
    fitted = (value * (2 * rotated.projection - rotated.eigenvalue * value)).sum(axis=-1)
    variance = (rotated.energy - fitted) / np.maximum(rotated.hours, 1.0)
    counted = variance[moves & (rotated.hours > 0)]
    middle = float(np.median(counted)) if counted.size else 1.0
    told = 1 / (rotated.rotation**2 / (rotated.eigenvalue[..., None] + _SMALLEST)).sum(axis=1)
    return Data(
        rotated=rotated,
        weight=weight,
        region=regions,
        stretch=frame.stretch,
        rough_mean=rough_mean,
        rough_shared=frame.pooled,
        rough_noise=float(np.sqrt(max(middle, _SMALLEST**2))),
        information=members @ told / np.maximum(count, 1.0)[:, None] + _SMALLEST,
        groups=count,
    )


@cache
def build() -> pm.Model:
    """Return the model of the shared parameters of one resource, to be fed by `feed`.

    Returns
    -------
    pymc.Model
        With ``region_mean(region, feature)`` and the numbers ``between_groups``, ``noise`` and ``likeness``.

    References
    ----------
    Gelman and Hill (2007), "Data analysis using regression and multilevel/hierarchical models", ch. 13;
    Gelman et al. (2013), "Bayesian data analysis", 3rd ed., ch. 14 (conjugate regression);
    Gelman (2006), "Prior distributions for variance parameters in hierarchical models".
    """
    one, two, three = np.ones(1), np.ones((1, 1)), np.ones((1, 1, 1))
    with pm.Model(coords={"region": [0], "feature": [0], "series": [0]}) as model:
        by_region = pm.Data("rough_mean", two, dims=("region", "feature"))
        eigenvalue = pm.Data("eigenvalue", two)
        projection = pm.Data("projection", two)
        rotation = pm.Data("rotation", three)
        energy, hours, weight = pm.Data("energy", one), pm.Data("hours", one), pm.Data("weight", one)
        region = pm.Data("region_of", np.zeros(1, dtype=np.int64))
        stretch, rough_shared = pm.Data("stretch", one, dims="feature"), pm.Data("rough_shared", one)
        rough_noise = pm.Data("rough_noise", 1.0)
        information = pm.Data("information", two, dims=("region", "feature"))
        groups = pm.Data("groups", one)

        noise = pm.LogNormal("noise", *NOISE)
        likeness = pm.LogNormal("likeness", *LIKENESS)
        between = pm.LogNormal("between_groups", *BETWEEN)
        # Everything is counted from rough estimates in units of what is left to learn, whatever the scales are
        # now: without that, groups that look all alike make a funnel of the posterior.
        sampling = 1 / (rough_noise**2 * (between**2 + 1 / information))
        tight = pt.sqrt(1 / (groups[:, None] * sampling + (stretch / REGION_SCALE) ** 2))
        spread = REGION_SCALE / stretch
        wide = pt.sqrt(1 / ((stretch / SHARED_SCALE) ** 2 + pt.sum(1 / (tight**2 + spread**2), axis=0)))
        above = pm.Normal("shared", -rough_shared / wide, SHARED_SCALE / (stretch * wide), dims="feature")
        shared = rough_shared + wide * above
        place = pm.Normal("place", (shared - by_region) / tight, spread / tight, dims=("region", "feature"))
        mean = pm.Deterministic("region_mean", by_region + tight * place, dims=("region", "feature"))

        # Log likelihood of each series up to a constant; a Student t in y, through its sufficient statistics.
        centre = (rotation * mean[region][:, None, :]).sum(axis=-1)
        informed = 1 + between**2 * eigenvalue
        gradient = projection - eigenvalue * centre
        fitted = centre * (projection + gradient) + between**2 * gradient**2 / informed
        squares = energy - fitted.sum(axis=-1)
        history = _student(squares, hours, likeness, noise) - pt.log(informed).sum(axis=-1) / 2
        pm.Potential("history", pt.sum(history * weight))
    return model


def _student(squares: TensorVariable, hours: TensorVariable, likeness: TensorVariable, noise: TensorVariable):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Return the log density of weighted squares with σ² integrated out."""
    scale, shape = likeness * noise**2, likeness + hours / 2
    return (
        pt.gammaln(shape) - pt.gammaln(likeness) + likeness * pt.log(scale) - shape * pt.log(scale + squares / 2)
    )


def feed(model: pm.Model, data: Data) -> None:
    """Give the model the statistics of other series."""
    rotated = data.rotated
    regions, features = data.rough_mean.shape
    with model:
        pm.set_data(
            {
                "rough_mean": data.rough_mean,
                "eigenvalue": rotated.eigenvalue,
                "projection": rotated.projection,
                "rotation": rotated.rotation,
                "energy": rotated.energy,
                "hours": rotated.hours,
                "weight": data.weight,
                "region_of": data.region.astype(np.int64),
                "stretch": data.stretch,
                "rough_shared": data.rough_shared,
                "rough_noise": data.rough_noise,
                "information": data.information,
                "groups": data.groups,
            },
            coords={"region": range(regions), "feature": range(features)},
        )
