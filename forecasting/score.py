"""How good a forecast was, and how surprising what came: proper scores, coverage and tails, in plain NumPy.

Place in the line: beside it; `backtest` scores history with it, and decay asks it how surprised to be.

Draws and levels lie along the first axis. NaN in ``actual`` means not known: it gives NaN where there is a
score for each value, and is skipped where the score is one number.

>>> round(float(pinball(10.0, 8.0, 0.9)), 3)
1.8
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecasting.errors import ForecastingError

Floats = NDArray[np.float64]


def pinball(actual: ArrayLike, quantile_value: ArrayLike, level: ArrayLike) -> Floats:
    """Return the pinball loss of a forecast quantile (Koenker and Bassett 1978).

    Parameters
    ----------
    actual, quantile_value
        What came, and the forecast of its quantile, in the same unit; any shapes that broadcast.
    level
        Level of the quantile, between 0 and 1.

    Returns
    -------
    numpy.ndarray
        ``level · (actual − q)`` where the actual is above q, ``(1 − level) · (q − actual)`` where it is
        below; in the unit of ``actual``, ≥ 0, NaN where ``actual`` is.

    Raises
    ------
    ForecastingError
        If a level is not between 0 and 1.
    """
    levels = _levels(level)
    error = np.asarray(actual, dtype=np.float64) - np.asarray(quantile_value, dtype=np.float64)
    return np.maximum(levels * error, (levels - 1) * error)


def weighted_quantile_loss(actual: ArrayLike, quantile_values: ArrayLike, levels: ArrayLike) -> float:
    """Return the WQL: the mean over levels of 2 · Σ pinball / Σ |actual| (as Ansari et al. 2024, Chronos).

    Parameters
    ----------
    actual
        What came, any shape; values that are not known are skipped.
    quantile_values
        Forecast quantiles, ``(level, …)`` with the shape of ``actual`` after the levels.
    levels
        Levels of the quantiles, ``(level,)``, each between 0 and 1.

    Returns
    -------
    float
        Without a unit, ≥ 0, smaller is better; NaN if the known actuals are all zero, or none is known.

    Raises
    ------
    ForecastingError
        If the shapes do not fit, or a level is not between 0 and 1.
    """
    came = np.asarray(actual, dtype=np.float64)
    values = np.asarray(quantile_values, dtype=np.float64)
    wanted = np.atleast_1d(_levels(levels))
    if values.shape != (*wanted.shape, *came.shape):
        raise ForecastingError(f"quantiles of shape {values.shape}, wanted {(*wanted.shape, *came.shape)}")
    known = np.isfinite(came)
    total = np.abs(came[known]).sum()
    if total == 0:
        return float("nan")
    loss = pinball(came[known], values[:, known], wanted[:, np.newaxis])
    return float(np.mean(2 * loss.sum(axis=1) / total))


def coverage(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Return the share of known actuals that lie within their interval, ends included; NaN if none is known.

    Parameters
    ----------
    actual, lower, upper
        What came, and the ends of the intervals, in the same unit; any shapes that broadcast.
    """
    came, low, high = (np.asarray(array, dtype=np.float64) for array in (actual, lower, upper))
    known = np.isfinite(came)
    if not known.any():
        return float("nan")
    inside = (came >= low) & (came <= high)
    return float(inside[np.broadcast_to(known, inside.shape)].mean())


def crps_from_draws(draws: ArrayLike, actual: ArrayLike) -> Floats:
    """Return the continuous ranked probability score of the draws' empirical distribution.

    Parameters
    ----------
    draws
        Draws of the forecast, ``(draw, …)``.
    actual
        What came, with the shape of one draw.

    Returns
    -------
    numpy.ndarray
        mean |x − y| − ½ mean |x − x′|, in the unit of ``actual``, ≥ 0, smaller is better; NaN where
        ``actual`` is. For one draw it is the absolute error.

    Raises
    ------
    ForecastingError
        If the shapes do not fit.

    References
    ----------
    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation"; the second term
    from the sorted draws, as in Jordan, Krüger and Lerch (2019), "Evaluating probabilistic forecasts with
    scoringRules".
    """
    sample, came = _draws(draws, actual)
    count = len(sample)
    weights = 2 * np.arange(1, count + 1) - count - 1
    spread = np.tensordot(weights, np.sort(sample, axis=0), axes=1) / count**2
    return np.asarray(np.abs(sample - came).mean(axis=0) - spread)


def pit(draws: ArrayLike, actual: ArrayLike) -> Floats:
    """Return the probability integral transform: where within the forecast's draws the actual came.

    Parameters
    ----------
    draws
        Draws of the forecast, ``(draw, …)``.
    actual
        What came, with the shape of one draw.

    Returns
    -------
    numpy.ndarray
        Between 0 and 1 and never either, since n draws cannot tell a tail below 1/n: (draws below + half of
        those equal + ½) / (n + 1). Uniform if the forecast is calibrated; NaN where ``actual`` is.

    Raises
    ------
    ForecastingError
        If the shapes do not fit.

    References
    ----------
    Czado, Gneiting and Held (2009), "Predictive model assessment for count data", for the ties.
    """
    sample, came = _draws(draws, actual)
    below = (sample < came).sum(axis=0) + (sample == came).sum(axis=0) / 2
    return np.where(np.isnan(came), np.nan, (below + 0.5) / (len(sample) + 1))


def surprise(draws: ArrayLike, actual: ArrayLike) -> Floats:
    """Return how unlikely the actual was under the draws: −log₁₀ of the two-sided tail of its PIT.

    Parameters
    ----------
    draws
        Draws of the forecast, ``(draw, …)``.
    actual
        What came, with the shape of one draw.

    Returns
    -------
    numpy.ndarray
        0 at the median, 1 where one in ten is as far out, 2 where one in a hundred is; at most log₁₀(n + 1)
        for n draws; NaN where ``actual`` is.

    Raises
    ------
    ForecastingError
        If the shapes do not fit.
    """
    place = pit(draws, actual)
    return np.asarray(-np.log10(2 * np.minimum(place, 1 - place)))


def _levels(levels: ArrayLike) -> Floats:
    wanted = np.asarray(levels, dtype=np.float64)
    if not ((wanted > 0) & (wanted < 1)).all():
        raise ForecastingError(f"quantile levels must lie between 0 and 1, both excluded; got {wanted}")
    return wanted


def _draws(draws: ArrayLike, actual: ArrayLike) -> tuple[Floats, Floats]:
    sample = np.asarray(draws, dtype=np.float64)
    came = np.asarray(actual, dtype=np.float64)
    if sample.ndim == 0 or sample.shape[0] == 0 or sample.shape[1:] != came.shape:
        raise ForecastingError(
            f"draws of shape {sample.shape}, wanted (draw, *{came.shape}) with one draw or more"
        )
    return sample, came
