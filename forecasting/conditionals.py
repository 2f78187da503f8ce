"""Each group's coefficients and noise given what its block shares: exact, and no group waits for another.

Place in the line: after `inference`, whose draws of the shared parameters come in as `Learnt`; `components.linear`
walks what is drawn here, `belief` takes its means.

    coefficient, noise = draw(rotated, learnt, np.arange(500), rng)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import Basis, Floats
from forecasting.sufficient import Rotated
from forecasting.trust import SMALLEST_NOISE

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is known of a block before its groups are looked at: draws of the shared parameters.

    Parameters
    ----------
    number
        Of the component; with the seed it makes its draws its own.
    basis
        The component's features.
    plain
        ``(feature, feature)``: the coefficients of the plain features are ``plain · θ``.
    centre
        Mean of θ in this region, ``(shared draw, feature)``.
    between_groups, noise, likeness
        ``(shared draw,)``.
    """

    number: int
    basis: Basis
    plain: Floats
    centre: Floats
    between_groups: Floats
    noise: Floats
    likeness: Floats


@dataclass(frozen=True, slots=True)
class Conditional:
    """Normal–inverse-gamma of each series given draws of what is shared, in the rotated coordinates.

    Parameters
    ----------
    mean
        Of the coefficients, ``(draw, series, feature)``.
    precision, total
        Of a coefficient before and after its history, in units of 1/σ²: ``(draw, 1, 1)`` and
        ``(draw, series, feature)``.
    shape, scale
        Of σ², ``(draw, series)``.
    """

    mean: Floats
    precision: Floats
    total: Floats
    shape: Floats
    scale: Floats


def draw(
    rotated: Rotated, learnt: Learnt, draws: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Floats32, Floats32]:
    """Draw coefficients of the plain features ``(draw, series, feature)`` and noise ``(draw, series)``.

    References
    ----------
    Gelman et al. (2013), "Bayesian data analysis", 3rd ed., ch. 14: the normal–inverse-gamma conditional.
    """
    given = conditional(rotated, learnt, draws)
    variance = given.scale / rng.gamma(given.shape)
    noise = np.sqrt(np.maximum(variance, SMALLEST_NOISE**2))
    own = given.mean + noise[..., None] * rng.standard_normal(given.mean.shape) / np.sqrt(given.total)
    plain = (own.transpose(1, 0, 2) @ (rotated.rotation @ learnt.plain.T)).transpose(1, 0, 2)
    return plain.astype(np.float32), noise.astype(np.float32)


def conditional(rotated: Rotated, learnt: Learnt, draws: NDArray[np.intp]) -> Conditional:
    """Return what is known of each series given some draws of what its block shares, in closed form."""
    taken = draws % len(learnt.noise)
    precision = (learnt.between_groups[taken] ** -2)[:, None, None]
    centre = (rotated.rotation @ learnt.centre[taken].T).transpose(2, 0, 1)  # (draw, series, feature)
    total = precision + rotated.eigenvalue
    mean = (precision * centre + rotated.projection) / total
    # Squared errors about the conditional mean, and of that mean about the region's.
    squares = rotated.energy + (precision * centre**2 - total * mean**2).sum(axis=-1)
    likeness = learnt.likeness[taken][:, None]
    scale = likeness * (learnt.noise[taken] ** 2)[:, None] + np.maximum(squares, 0.0) / 2
    return Conditional(mean, precision, total, likeness + rotated.hours / 2, scale)


def mean_coefficient(rotated: Rotated, learnt: Learnt) -> Floats:
    """Coefficients of the plain features at the mean of what is shared: ``(series, feature)``."""
    precision = 1 / np.mean(learnt.between_groups) ** 2
    centre = rotated.rotation @ learnt.centre.mean(axis=0)
    mean = (precision * centre + rotated.projection) / (precision + rotated.eigenvalue)
    return np.asarray((mean[:, None] @ rotated.rotation)[:, 0] @ learnt.plain.T)
