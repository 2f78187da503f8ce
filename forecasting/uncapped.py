"""Usage that sat at capacity → what was wanted: hours of which only a lower bound is known, drawn above it.

Place in the line: before `history`, whose scores are of demand and not of what was there to be used.

The root of demand in hour t is taken to be N(level · shape, σ²): the shape is the mean of the hour of the week,
drawn towards that of the hour of the day; the level is that of the hours around. A censored hour counts with its
expectation above its bound, E[y | y > c], and the rest is found again, a few times: the EM algorithm of a Tobit
model (Tobin 1958; Dempster, Laird and Rubin 1977). At last each censored hour is drawn from its normal above the
bound, hours of a run together as residuals are, so that what components learn from is as spread as demand is,
and not a line at capacity.

Of an hour of the day that is always at capacity nothing but the bound is known; with few rounds the estimate
stays near it.

    past = uncapped(past)
"""

from zlib import crc32

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import log_ndtr, ndtr, ndtri

from forecasting import dims
from forecasting.basis import DAY, WEEK, Floats
from forecasting.sufficient import recency

ROUNDS = 6
LEVEL_HOURS = 18.0
"""Hours around an hour, on either side, after which one counts a third for its level."""

MOST = 2.0
"""Roots are not drawn above so many times the bound: demand not above four times of it."""

_TOWARDS_DAY = 1.0  # weeks that the hour of the day is worth to an hour of the week
_LEVEL_PRIOR = 2.0  # hours at the usual level that every hour sees beside its own surroundings
_LEAST = 0.0025  # spread of residuals, relative to the mean root
_SMALL = 1e-9


def uncapped(past: xr.Dataset) -> xr.Dataset:
    """Return usage with demand above the bound in censored hours; the same object where none is.

    Parameters
    ----------
    past
        ``demand(group, resource, time)`` and, where known, ``censored`` of the same dims.

    References
    ----------
    Tobin (1958), "Estimation of relationships for limited dependent variables", Econometrica 26;
    Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 39.
    """
    if dims.CENSORED not in past.data_vars or not past[dims.CENSORED].values.any():
        return past
    demand, censored = past[dims.DEMAND].values.copy(), past[dims.CENSORED].values
    hours = past[dims.TIME].values.astype("datetime64[h]").astype(np.int64)
    labels, resources = past[dims.GROUP].values, past[dims.RESOURCE].values
    for g, r in zip(*np.nonzero(censored.any(axis=2)), strict=True):
        # By name, so that other series change nothing.
        rng = np.random.default_rng([crc32(f"{labels[g]}\0{resources[r]}".encode()), 23])
        some = censored[g, r]
        drawn = wanted(np.sqrt(demand[g, r]), some, hours, rng)[some] ** 2
        demand[g, r, some] = np.maximum(drawn, demand[g, r, some])
    return past.assign({dims.DEMAND: (past[dims.DEMAND].dims, demand)})


def wanted(
    root: Floats, censored: NDArray[np.bool_], hours: NDArray[np.int64], rng: np.random.Generator
) -> Floats:
    """Return roots of demand ``(time,)`` with censored hours drawn above their bounds.

    Parameters
    ----------
    root
        NaN where not known; at censored hours the bound.
    censored
        ``(time,)``.
    hours
        Hours since 1970 UTC.
    rng
        Of the draw.
    """
    known = np.isfinite(root)
    bound, out = root[censored], root.copy()
    value, weight = np.nan_to_num(root), recency(len(root)) * known
    free = weight * ~censored
    counted = free  # in the first round, bounds count only where there is nothing else
    least = _LEAST * float(root[known].mean()) + _SMALL
    spread = max(float(root[known].std()), 20 * least)
    mean = value
    for _ in range(ROUNDS):
        shape = _shape(value, counted, weight, hours)
        mean = shape * _level(value, shape, counted)
        residual = value - mean
        wide = _relative(residual, mean, free)
        of = wide[censored]
        expected, variance = _above(mean[censored], spread * of, bound)
        value[censored] = np.minimum(expected, MOST * bound)
        square = (free * (residual / wide) ** 2).sum()
        square += (weight[censored] * (variance + (expected - mean[censored]) ** 2) / of**2).sum()
        spread = max(float(np.sqrt(square / max(weight.sum(), _SMALL))), least)
        counted = weight
    draw = _alike(residual / wide, ~censored & known, rng)[censored]
    below = ndtr((bound - mean[censored]) / (spread * of))
    drawn = mean[censored] + spread * of * ndtri(np.clip(below + ndtr(draw) * (1 - below), 0.0, 1 - 1e-9))
    out[censored] = np.clip(np.where(below > 1 - 1e-6, bound, drawn), bound, MOST * bound)
    return out


def _shape(value: Floats, counted: Floats, weight: Floats, hours: NDArray[np.int64]) -> Floats:
    """Return the mean of each hour's hour of the week, drawn towards that of its hour of the day."""
    of_day, of_week = hours % DAY, hours % WEEK
    total = np.bincount(of_day, counted, DAY)
    lacking = (total <= 0)[of_day]
    counted = np.where(lacking, weight, counted)
    total = np.bincount(of_day, counted, DAY)
    overall = (counted * value).sum() / max(counted.sum(), _SMALL)
    day = np.where(total > 0, np.bincount(of_day, counted * value, DAY) / np.maximum(total, _SMALL), overall)
    total = np.bincount(of_week, counted, WEEK)
    prior = day[np.arange(WEEK) % DAY]
    week = (np.bincount(of_week, counted * value, WEEK) + _TOWARDS_DAY * prior) / (total + _TOWARDS_DAY)
    return np.asarray(week[of_week])


def _level(value: Floats, shape: Floats, counted: Floats) -> Floats:
    """Return the level of the hours around each hour, relative to the shape; drawn towards 1."""
    decay = np.exp(-1 / LEVEL_HOURS)
    on = (counted > 0).astype(np.float64)

    def around(x: Floats) -> Floats:
        forth = lfilter([1.0], [1.0, -decay], x)
        back = lfilter([1.0], [1.0, -decay], x[::-1])[::-1]
        return np.asarray(forth + back - x)

    prior = _LEVEL_PRIOR * float(shape.mean())
    return np.asarray((around(on * value) + prior) / np.maximum(around(on * shape) + prior, _SMALL))


def _relative(residual: Floats, mean: Floats, free: Floats) -> Floats:
    """Return how wide residuals are, relative to the middle hour: a power of the mean, 0 to 1, as is seen."""
    size, seen = np.log(np.maximum(mean, _SMALL)), free > 0
    if not seen.any():
        return np.ones_like(mean)
    apart = np.log(np.abs(residual[seen]) + 1e-3 * mean[seen] + _SMALL)
    middle = np.average(size[seen], weights=free[seen])
    moved = size[seen] - middle
    slope = (free[seen] * moved * apart).sum() / ((free[seen] * moved**2).sum() + _SMALL)
    return np.asarray(np.exp(np.clip(slope, 0.0, 1.0) * np.clip(size - middle, -3.0, 3.0)))


def _above(mean: Floats, spread: Floats, bound: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of a normal above a bound."""
    a = (bound - mean) / spread
    hazard = np.exp(-(a**2) / 2 - np.log(np.sqrt(2 * np.pi)) - log_ndtr(-a))  # the inverse Mills ratio
    expected = np.maximum(mean + spread * hazard, bound)
    return expected, spread**2 * np.clip(1 - hazard * (hazard - a), 0.0, 1.0)


def _alike(residual: Floats, free: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Return normal numbers that carry over from hour to hour as residuals do."""
    pairs = free[1:] & free[:-1]
    square = float((residual[free] ** 2).mean()) if free.any() else 0.0
    product = float((residual[1:] * residual[:-1])[pairs].mean()) if pairs.any() else 0.0
    carry = min(max(product / square if square > 0 else 0.0, 0.0), 0.95)
    noise = rng.standard_normal(len(residual))
    noise[1:] *= np.sqrt(1 - carry**2)
    return np.asarray(lfilter([1.0], [1.0, -carry], noise))
