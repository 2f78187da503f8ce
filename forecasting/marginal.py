"""The log density of `model`, written out: value and gradient at many points at once, groups integrated out.

Place in the line: after `model`, for `density`. PyMC's graph of the same density is what NUTS walks on, and is
compiled for that alone: it would take as long as all else that a first forecast computes. A test holds them equal.

    value, gradient, region_mean = log_density(data, points)
"""

import numpy as np
from scipy.special import gammaln, psi

from forecasting.basis import Floats
from forecasting.model import BETWEEN, LIKENESS, NOISE, REGION_SCALE, SHARED_SCALE, Data

SCALES = 3
"""Log noise, log likeness and log between_groups come first in a point; then shared and place."""

_CELLS = 1_000_000  # of (point, series, feature) at once
_PRIORS = np.array([NOISE, LIKENESS, BETWEEN])


def log_density(data: Data, points: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log density at points, up to a constant, its gradient, and the region means.

    Parameters
    ----------
    data
        What the model is fed.
    points
        ``(point, 3 + feature + region · feature)``: logs of noise, likeness and between_groups, shared, place.

    Returns
    -------
    tuple
        ``(point,)``, ``(point, coordinate)`` and ``(point, region, feature)``; not finite far out.
    """
    step = max(1, _CELLS // data.rotated.eigenvalue.size)
    with np.errstate(all="ignore"):
        parts = [_log_density(data, points[begin : begin + step]) for begin in range(0, len(points), step)]
    value, gradient, mean = (np.concatenate(part) for part in zip(*parts, strict=True))
    return value, gradient, mean


def _log_density(data: Data, points: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what `log_density` does, of all points at once."""
    regions, features = data.rough_mean.shape
    logs = points[:, :SCALES]
    shared, place = points[:, SCALES : SCALES + features], points[:, SCALES + features :]
    place = place.reshape(-1, regions, features)
    # `tight` and `wide` of the model, ``(point, region, feature)`` and ``(point, feature)``, squared, with their
    # slopes by log between_groups; `own` and `every` are the prior precisions of what a region and what all share.
    own, every = (data.stretch / REGION_SCALE) ** 2, (data.stretch / SHARED_SCALE) ** 2
    between = np.exp(2 * logs[:, 2])[:, None, None]
    told = data.groups[:, None] / (data.rough_noise**2 * (between + 1 / data.information))
    tight2 = 1 / (told + own)
    tight2_slope = 2 * between * (data.rough_noise * tight2 * told) ** 2 / np.maximum(data.groups, 1)[:, None]
    wide2 = 1 / (every + (1 / (tight2 + 1 / own)).sum(axis=1))
    wide2_slope = wide2**2 * (tight2_slope / (tight2 + 1 / own) ** 2).sum(axis=1)
    centre = data.rough_shared + np.sqrt(wide2) * shared
    mean = data.rough_mean + np.sqrt(tight2) * place

    away = mean - centre[:, None]
    value, slope_scales, slope_mean = _groups(data, mean, logs)
    value -= (every * centre**2 - np.log(wide2)).sum(axis=1) / 2
    value -= (own * away**2 - np.log(tight2)).sum(axis=(1, 2)) / 2
    value -= (((logs - _PRIORS[:, 0]) / _PRIORS[:, 1]) ** 2).sum(axis=1) / 2

    slope_mean -= own * away
    slope_centre = (own * away).sum(axis=1) - every * centre
    slope_scales -= (logs - _PRIORS[:, 0]) / _PRIORS[:, 1] ** 2
    slope_scales[:, 2] += ((slope_mean * place / np.sqrt(tight2) + 1 / tight2) * tight2_slope).sum(axis=(1, 2)) / 2
    slope_scales[:, 2] += ((slope_centre * shared / np.sqrt(wide2) + 1 / wide2) * wide2_slope).sum(axis=1) / 2
    slope_place = (np.sqrt(tight2) * slope_mean).reshape(len(points), -1)
    return value, np.concatenate([slope_scales, np.sqrt(wide2) * slope_centre, slope_place], axis=1), mean


def _groups(data: Data, mean: Floats, logs: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what the series say, a Student t of each through its statistics, and its slopes by scales and means.

    ``mean`` is ``(point, region, feature)``, ``logs`` ``(point, 3)``; the results are ``(point,)`` and of these
    shapes.
    """
    noise, likeness, between = (each[:, None] for each in np.exp(logs).T)
    rotated, weight = data.rotated, data.weight
    informed = 1 + between[..., None] ** 2 * rotated.eigenvalue  # (point, series, feature)
    centre = np.matmul(rotated.rotation, mean[:, data.region].transpose(1, 2, 0)).transpose(2, 0, 1)
    left = rotated.projection - rotated.eigenvalue * centre
    fitted = centre * (rotated.projection + left) + between[..., None] ** 2 * left**2 / informed
    shape, prior = likeness + rotated.hours / 2, likeness * noise**2
    scale = prior + (rotated.energy - fitted.sum(axis=-1)) / 2  # (point, series)
    each = gammaln(shape) - gammaln(likeness) + likeness * np.log(prior) - shape * np.log(scale)
    value = (each - np.log(informed).sum(axis=-1) / 2) @ weight

    pull = shape / scale
    by_likeness = likeness * (psi(shape) - psi(likeness) + np.log(prior) + 1 - np.log(scale)) - pull * prior
    by_between = pull * ((left / informed) ** 2).sum(axis=-1) - (rotated.eigenvalue / informed).sum(axis=-1)
    by_scale = 2 * (likeness - pull * prior), by_likeness, between**2 * by_between
    by_centre = (pull * weight)[..., None] * left / informed
    by_mean = np.matmul(rotated.rotation.transpose(0, 2, 1), by_centre.transpose(1, 2, 0)).transpose(2, 0, 1)
    members = (data.region == np.arange(mean.shape[1])[:, None]).astype(np.float64)
    return value, np.stack([each @ weight for each in by_scale], axis=1), np.matmul(members, by_mean)
