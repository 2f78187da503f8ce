"""Posterior → joint draws over the horizon.

Place in the line: after `fit`. Each group's own coefficients and noise are drawn from their exact conditionals
given draws of the shared parameters; then every draw is simulated forward hour by hour, with innovations that
are whole rows of past residuals, so that what moved together, over groups and resources, moves together again.

    conditioned = condition(posterior, statistics, regions, draws=500, rng=rng)
    scores = simulate(conditioned, scores, time, horizon, basis, transform, rng)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, Basis, calendar, memory
from forecasting.fit import Posterior
from forecasting.sufficient import Floats, Statistics, recency
from forecasting.transform import Transform

BLOCK_HOURS = 6
"""Length of the runs of hours that residuals are taken in; keeps what carries over from hour to hour."""

_HOUR_SLACK = 1  # a run is taken from hours of the day at most so far from the hour that it stands for
_SMALLEST_NOISE = 1e-6


@dataclass(frozen=True, slots=True)
class Conditioned:
    """Draws of each group's own parameters, for the plain features.

    Parameters
    ----------
    coefficient
        ``(draw, group, resource, feature)``.
    noise
        ``(draw, group, resource)``: standard deviation of the innovations.
    """

    coefficient: Floats
    noise: Floats


def condition(
    posterior: Posterior,
    statistics: Statistics,
    regions: NDArray[np.intp],
    draws: int,
    rng: np.random.Generator,
) -> Conditioned:
    """Draw each group's coefficients and noise, given its own statistics and draws of what is shared.

    Parameters
    ----------
    posterior
        Draws of the shared parameters; taken evenly, and again where there are fewer than ``draws``.
    statistics
        Of every group that is forecast.
    regions
        Number of the region of each group, ``(group,)``.
    draws
        How many.
    rng
        The source of chance.

    References
    ----------
    Gelman et al. (2013), "Bayesian data analysis", 3rd ed., ch. 14: the normal–inverse-gamma conditional.
    """
    taken = np.linspace(0, len(posterior.noise) - 1, draws).round().astype(np.intp)
    groups, resources, features = statistics.eigenvalue.shape
    coefficient = np.empty((draws, groups, resources, features))
    noise = np.empty((draws, groups, resources))
    for group, resource in np.ndindex(groups, resources):
        rotation = statistics.rotation[group, resource]
        centre = posterior.region_mean[taken, regions[group], resource] @ rotation.T
        precision = posterior.between_groups[taken, resource, None] ** -2
        eigenvalue, projection = (
            statistics.eigenvalue[group, resource],
            statistics.projection[group, resource],
        )
        total = precision + eigenvalue
        mean = (precision * centre + projection) / total
        # Squared errors about the conditional mean, and of that mean about the region's.
        squares = statistics.energy[group, resource] + (precision * centre**2 - total * mean**2).sum(axis=-1)
        shape = posterior.likeness[taken, resource]
        scale = shape * posterior.noise[taken, resource] ** 2 + np.maximum(squares, 0.0) / 2
        variance = scale / rng.gamma(shape + statistics.hours[group, resource] / 2)
        noise[:, group, resource] = np.sqrt(np.maximum(variance, _SMALLEST_NOISE**2))
        step = rng.standard_normal((draws, features)) / np.sqrt(total)
        own = mean + noise[:, group, resource, None] * step
        coefficient[:, group, resource] = own @ rotation @ statistics.plain[resource].T
    return Conditioned(coefficient, noise)


def simulate(
    conditioned: Conditioned,
    scores: Floats,
    time: NDArray[np.datetime64],
    horizon: NDArray[np.datetime64],
    basis: Basis,
    transform: Transform,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Walk every draw forward through the horizon.

    Parameters
    ----------
    conditioned
        The groups' own parameters.
    scores, time
        History, ``(time, group, resource)``, NaN where not known, and the starts of its hours.
    horizon
        Starts of the hours to come, following on ``time``.
    basis, transform
        Which features, and how scores become demand.
    rng
        The source of chance.

    Returns
    -------
    numpy.ndarray
        Demand ``(draw, group, resource, time)``, float32, ≥ 0, in the unit of the resource.
    """
    draws, groups, resources, _ = conditioned.coefficient.shape
    innovation = residuals(conditioned, scores, time, basis, rng)
    rows = bootstrap_rows(len(scores), time, horizon, draws, rng)
    reach = max(basis.reach_hours, 1)
    path = np.empty((reach + len(horizon), draws, groups, resources), dtype=np.float32)
    path[:reach] = filled(scores)[-reach:, None]
    sums = {hours: path[reach - hours : reach].sum(axis=0) for hours in basis.mean_hours}
    size = basis.calendar_size
    seasonal = conditioned.coefficient[..., :size]
    remembered = np.moveaxis(conditioned.coefficient[..., size:], -1, 0).astype(np.float32)
    shape = calendar(horizon, basis)
    for ahead in range(len(horizon)):
        here = reach + ahead
        score = (seasonal @ shape[ahead] + conditioned.noise * innovation[rows[:, ahead]]).astype(np.float32)
        for weight, hours in zip(remembered, basis.lag_hours, strict=False):
            score += weight * path[here - hours]
        for weight, hours in zip(remembered[len(basis.lag_hours) :], basis.mean_hours, strict=True):
            score += weight * (sums[hours] / hours)
        path[here] = np.where(transform.moves, np.clip(score, transform.lowest, transform.highest), 0.0)
        for hours in basis.mean_hours:
            sums[hours] += path[here] - path[here - hours]
    return np.moveaxis(transform.demand_of(path[reach:]), 0, -1).astype(np.float32)


def residuals(
    conditioned: Conditioned,
    scores: Floats,
    time: NDArray[np.datetime64],
    basis: Basis,
    rng: np.random.Generator,
) -> Floats:
    """Standardised residuals of history about the mean coefficients, ``(time, group, resource)``.

    Each series has a weighted mean square of 1, recent hours counting more. An hour that is not known borrows
    a residual of the same series from another hour; a series with none at all draws normal ones.
    """
    mean = conditioned.coefficient.mean(axis=0)
    size = basis.calendar_size
    fitted = np.einsum("tf,grf->tgr", calendar(time, basis), mean[..., :size])
    fitted += (memory(scores, basis) * mean[..., size:]).sum(axis=-1)
    raw = scores - fitted
    known = np.isfinite(raw)
    weight = recency(len(time))[:, None, None] * known
    square = (weight * np.where(known, raw, 0.0) ** 2).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12)
    scaled = raw / np.sqrt(np.maximum(square, _SMALLEST_NOISE**2))
    for group, resource in np.ndindex(*scaled.shape[1:]):
        series, there = scaled[:, group, resource], known[:, group, resource]
        pool = series[there] if there.any() else rng.standard_normal(len(series))
        series[~there] = rng.choice(pool, int((~there).sum()))
    return np.asarray(scaled)


def bootstrap_rows(
    length: int,
    time: NDArray[np.datetime64],
    horizon: NDArray[np.datetime64],
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Rows of history whose residuals each draw meets in each hour to come, ``(draw, horizon)``.

    Rows are taken in runs of `BLOCK_HOURS` that begin at about the same hour of the day, recent ones more
    often: a block bootstrap (Künsch 1989), which keeps short dependence and the hours' own scale.
    """
    block = min(BLOCK_HOURS, length)
    starts = np.arange(length - block + 1)
    weight = recency(length)[starts]
    hour = time[starts].astype("datetime64[h]").astype(np.int64) % DAY
    rows = np.empty((draws, len(horizon)), dtype=np.intp)
    for begin in range(0, len(horizon), block):
        wanted = int(horizon[begin].astype("datetime64[h]").astype(np.int64)) % DAY
        apart = np.abs((hour - wanted + DAY // 2) % DAY - DAY // 2)
        near = np.flatnonzero(apart <= _HOUR_SLACK)
        candidates = near if near.size else starts
        chance = weight[candidates] / weight[candidates].sum()
        first = rng.choice(candidates, size=draws, p=chance)
        stop = min(begin + block, len(horizon))
        rows[:, begin:stop] = first[:, None] + np.arange(stop - begin)
    return rows


def filled(scores: Floats) -> Floats:
    """History without gaps, for the memory of the first hours ahead only.

    An unknown hour takes the score of a week before, else of a day before, else the last one known, else 0,
    the mean.
    """
    out = scores.copy()
    for hours in (7 * DAY, DAY, 1):
        for hour in range(hours, len(out)):
            gap = np.isnan(out[hour])
            if gap.any():
                out[hour, gap] = out[hour - hours, gap]
    return np.where(np.isnan(out), 0.0, out)
