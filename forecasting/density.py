"""The log density of the shared parameters as one function of one vector, its mode, and the check of its draws.

Place in the line: between `marginal` and `inference`.

    density = Density(data)
    place, lower = density.mode(begin)
    points, log_volume = normals_of(density, place, lower).points(standard)
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize

from forecasting.basis import Floats
from forecasting.marginal import SCALES, log_density
from forecasting.model import Data

with warnings.catch_warnings():
    # ArviZ 0.23 announces its next version in a warning, on import.
    warnings.simplefilter("ignore", FutureWarning)
    import arviz as az

_NODE_STEP, _MOST_NODES = 2.0, 8  # sd of log between_groups; to either side of the mode
_FAR_DOWN = 8.0  # nats below the highest, where nothing is left to look for
_STEP = 1e-4  # of the differences that make the Hessian of exact gradients
_NEWTON_STEPS = 20
_LONGEST_STEP, _HALVINGS = 2.0, 6
_LEAST_CURVATURE = 1e-6
_SETTLED = 1e-6


class Density:
    """Log density of the posterior over one vector: log noise, log likeness, log between_groups, shared, place."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._shape = data.rough_mean.shape
        self.size = SCALES + self._shape[1] + data.rough_mean.size

    def at(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """Return log density, gradient and region means at ``(point, coordinate)``; see `marginal.log_density`."""
        return log_density(self._data, points)

    def mode(self, begin: Floats) -> tuple[Floats, Floats] | None:
        """Return the mode and the Cholesky factor of the covariance there; nothing where it is not finite."""

        def downhill(point: Floats) -> tuple[float, Floats]:
            (value,), (gradient,), _ = self.at(point[None])
            return (-value, -gradient) if np.isfinite(value) else (1e30, np.zeros_like(point))

        options = {"maxiter": 3000, "maxfun": 6000, "maxcor": 30, "gtol": 1e-5, "ftol": 1e-14}
        place = minimize(downhill, begin, jac=True, method="L-BFGS-B", options=options).x
        for _ in range(_NEWTON_STEPS):
            value, gradient = downhill(place)
            covariance = _inverse(self._hessian(place))
            step = -(covariance @ gradient).clip(-_LONGEST_STEP, _LONGEST_STEP)
            if not np.isfinite(step).all():
                return None
            if np.abs(step).max() < _SETTLED:
                break
            # A full step may overshoot where the posterior is far from normal.
            shorter = (step * 0.5**halvings for halvings in range(_HALVINGS))
            better = (place + each for each in shorter if downhill(place + each)[0] < value)
            found = next(better, None)
            if found is None:
                break
            place = found
        return np.asarray(place), np.asarray(np.linalg.cholesky(_inverse(self._hessian(place))))

    def given_scales(self, place: Floats) -> tuple[Floats, Floats, float] | None:
        """Return the normal of the means given the scales of ``place``; nothing where it is not finite.

        Returns
        -------
        tuple or None
            How far its middle is from ``place``, the Cholesky factor of its covariance, and the log density of
            the scales, means integrated out. One Newton step leads there: given the scales, the posterior is as
            good as normal.
        """
        hessian = self._hessian(place)[SCALES:, SCALES:]
        if not np.isfinite(hessian).all():
            return None
        covariance = _inverse(hessian)
        _, (gradient,), _ = self.at(place[None])
        shift, factor = covariance @ gradient[SCALES:], np.linalg.cholesky(covariance)
        (value,), _, _ = self.at((place + np.concatenate([np.zeros(SCALES), shift]))[None])
        if not np.isfinite(value):
            return None
        return np.asarray(shift), np.asarray(factor), value + float(np.log(np.diag(factor)).sum())

    def _hessian(self, place: Floats) -> Floats:
        """Return minus the second derivatives, by central differences of the exact gradient.

        Given the scales and what is shared, regions do not know of each other: one shift of a feature in all
        regions at once gives that feature's column of every region's own part.
        """
        regions, features = self._shape
        above = SCALES + features  # the scales, and what is shared
        steps = np.zeros((above + features, self.size))
        steps[:above, :above] = np.eye(above)
        steps[above:, above:] = np.tile(np.eye(features), regions)
        _, gradient, _ = self.at(np.concatenate([place - _STEP * steps, place + _STEP * steps]))
        bent = (gradient[: len(steps)] - gradient[len(steps) :]) / (2 * _STEP)
        hessian = np.zeros((self.size, self.size))
        hessian[:above] = bent[:above]
        hessian[above:, :above] = hessian[:above, above:].T
        below = hessian[above:, above:].reshape(regions, features, regions, features)
        each = np.arange(regions)
        below[each, :, each, :] = bent[above:, above:].reshape(features, regions, features).transpose(1, 2, 0)
        return np.asarray((hessian + hessian.T) / 2)


@dataclass(frozen=True, slots=True)
class Normals:
    """Normals of the means along ``between_groups``; between its nodes, they are interpolated.

    Where groups are few, ``between_groups`` is little known, and how well the means are known depends on it. One
    normal for all of its values misses the posterior by the more, the more means there are; and the mode of all
    together is far below where most of the posterior is.

    Parameters
    ----------
    place, lower
        The mode of all, and the Cholesky factor of the covariance there.
    nodes
        In standard deviations of log ``between_groups`` from the mode, ascending, ``(node,)``.
    shift, factor
        Of each node's normal, from where that of the mode has its middle there: ``(node, mean)``, and the Cholesky
        factor of its covariance ``(node, mean, mean)``.
    log_density
        Of the nodes, means integrated out, ``(node,)``.
    """

    place: Floats
    lower: Floats
    nodes: Floats
    shift: Floats
    factor: Floats
    log_density: Floats

    def scales(self) -> tuple[Floats, Floats]:
        """Return mean and Cholesky factor of the covariance of the standard scales, means integrated out."""
        fine = np.linspace(self.nodes[0], self.nodes[-1], 400)
        log_density = CubicSpline(self.nodes, self.log_density)(fine)
        weight = np.exp(log_density - log_density.max())
        mean = float(np.average(fine, weights=weight))
        variance = float(np.average((fine - mean) ** 2, weights=weight))
        along = self.lower[SCALES - 1, :SCALES] / np.linalg.norm(self.lower[SCALES - 1])
        covariance = np.eye(SCALES) + (variance - 1) * np.outer(along, along)
        return np.asarray(mean * along), np.asarray(np.linalg.cholesky(covariance))

    def points(self, standard: Floats) -> tuple[Floats, Floats]:
        """Return where standard draws ``(draw, coordinate)`` lie, and the log volume of each one's normal."""
        points = self.place + standard[:, :SCALES] @ self.lower[:, :SCALES].T
        last = SCALES - 1
        away = (points[:, last] - self.place[last]) / np.linalg.norm(self.lower[last])
        volume = np.zeros((len(points), points.shape[1] - SCALES))
        for one, shift, factor in zip(np.eye(len(self.nodes)), self.shift, self.factor, strict=True):
            share = np.interp(away, self.nodes, one)[:, None]
            near = np.flatnonzero(share)
            points[near, SCALES:] += share[near] * (shift + standard[near, SCALES:] @ factor.T)
            volume += share * np.diag(factor)
        return points, np.log(volume).sum(axis=1)


def normals_of(density: Density, place: Floats, lower: Floats) -> Normals | None:
    """Return the normals of the means along ``between_groups``, as far as the posterior goes."""
    # One standard deviation of it, and where everything else then is likeliest.
    along = lower @ lower[SCALES - 1] / np.linalg.norm(lower[SCALES - 1])
    found, highest = {}, -np.inf
    for nodes in (np.arange(_MOST_NODES + 1), -np.arange(1, _MOST_NODES + 1)):
        for node in _NODE_STEP * nodes:
            normal = density.given_scales(place + node * along)
            if normal is None:
                return None
            found[float(node)], highest = normal, max(highest, normal[2])
            if normal[2] < highest - _FAR_DOWN:
                break
    order = sorted(found)
    shift, factor, height = zip(*(found[node] for node in order), strict=True)
    return Normals(place, lower, np.array(order), np.stack(shift), np.stack(factor), np.array(height))


def _inverse(hessian: Floats) -> Floats:
    """Return the inverse of a Hessian, made positive where it is not; importance weights judge the result."""
    curvature, direction = np.linalg.eigh(hessian)
    return np.asarray((direction / np.maximum(np.abs(curvature), _LEAST_CURVATURE)) @ direction.T)


def pareto_smoothed(log_weight: Floats) -> tuple[Floats, float]:
    """Return smoothed log weights and k̂, by the ArviZ that is there."""
    if hasattr(az, "psislw"):
        smoothed, pareto_k = az.psislw(log_weight)
    else:  # ArviZ 1
        from arviz_stats.base import array_stats  # noqa: PLC0415

        # It is made for leave-one-out and takes log likelihoods, which it turns round.
        smoothed, pareto_k = array_stats.psislw(-log_weight)
    return np.asarray(smoothed), float(pareto_k)
