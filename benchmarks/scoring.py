"""Scores as sums by series, so that any choice of series, origins and models can be put together afterwards.

WQL is the mean over the levels 0.05 … 0.95 of 2·Σ pinball / Σ|actual|, within a resource; of several, their mean.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmarks.panels import Window
from benchmarks.peers import DAY, Floats
from forecasting import dims
from forecasting.score import pinball

GRID = tuple(round(0.05 * step, 2) for step in range(1, 20))
LEVELS = (0.025, *GRID, 0.975)
"""Levels that every forecaster is asked for: those of the WQL, and the ends of the 95 % interval."""
INTERVALS: Mapping[int, tuple[float, float]] = {50: (0.25, 0.75), 80: (0.1, 0.9), 95: (0.025, 0.975)}
OF_DRAWS = {**INTERVALS, 99: (0.005, 0.995)}
"""Central intervals that draws are held against; peers are not asked for the widest."""
_SLACK = 1e-9
_WINDOW = 6
_WHOLE = 0.9


def tidy(quantiles: Floats) -> tuple[Floats, int]:
    """Sort quantiles by level, cut them at 0, and put 0 for series that are not finite; also count these."""
    broken = np.asarray(~np.isfinite(quantiles).all(axis=(1, 2)))
    whole = np.where(broken[:, None, None], 0.0, quantiles)
    return np.maximum(np.sort(whole, axis=-1), 0.0), int(broken.sum())


def by_series(window: Window, quantiles: Floats) -> pd.DataFrame:
    """Score one forecast, ``(series, hour, level)`` at `LEVELS`.

    Returns
    -------
    pandas.DataFrame
        A row for each series: its labels, ``origin``, ``loss`` (mean over `GRID` of 2·Σ pinball), ``actual``
        (Σ|actual|), ``known`` hours, and ``in50``, ``in80``, ``in95``: hours inside the central intervals.
    """
    actual = window.actual
    known = np.isfinite(actual)
    came = np.where(known, actual, 0.0)
    each = pinball(came[..., None], quantiles[..., 1:-1], np.array(GRID))
    out = window.train.columns.to_frame(index=False)
    out["origin"] = window.origin
    out["loss"] = np.where(known, 2 * each.mean(axis=-1), 0.0).sum(axis=1)
    out["actual"] = np.abs(came).sum(axis=1)
    out["known"] = known.sum(axis=1)
    for percent, (lower, upper) in INTERVALS.items():
        low, high = quantiles[..., LEVELS.index(lower)], quantiles[..., LEVELS.index(upper)]
        inside = (came >= low - _SLACK) & (came <= high + _SLACK) & known
        out[f"in{percent}"] = inside.sum(axis=1)
    return out


def wql(scores: pd.DataFrame) -> float:
    """WQL of rows of `by_series`; NaN where no resource has an actual above 0."""
    sums = scores.groupby(dims.RESOURCE)[["loss", "actual"]].sum()
    return float((sums["loss"] / sums["actual"].where(sums["actual"] > 0)).mean())


def covered(scores: pd.DataFrame) -> dict[int, float]:
    """Share of known hours inside each central interval that was counted, by its per cent."""
    known = max(int(scores["known"].sum()), 1)
    return {percent: float(scores[f"in{percent}"].sum()) / known for percent in _counted(scores)}


def covered_error(scores: pd.DataFrame) -> dict[int, float]:
    """Standard error of `covered`, by its per cent; NaN of a single origin.

    Hours and series of one origin tell the same story, so origins are what is counted: the standard deviation of
    their shares over the root of their number, each weighted by its known hours (the ratio estimator of a sample
    of clusters; Cochran 1977, eq. 6.13).
    """
    sums = scores.groupby("origin")[["known", *(f"in{percent}" for percent in _counted(scores))]].sum()
    sums = sums[sums["known"] > 0]
    count, known = len(sums), int(sums["known"].sum())
    if count < 2:
        return dict.fromkeys(_counted(scores), float("nan"))
    off = {percent: sums[f"in{percent}"] - share * sums["known"] for percent, share in covered(scores).items()}
    return {
        percent: float(np.sqrt((apart**2).sum() * count / (count - 1))) / known for percent, apart in off.items()
    }


def _counted(scores: pd.DataFrame) -> list[int]:
    return [percent for percent in OF_DRAWS if f"in{percent}" in scores]


def aggregates(draws: Floats, actual: Floats, regions: np.ndarray) -> pd.DataFrame:
    """Coverage of what decisions are taken by: maxima over 6 hours, means of a day, sums over a region's groups.

    Parameters
    ----------
    draws
        Joint draws, ``(draw, group, resource, hour)``.
    actual
        ``(group, resource, hour)``, NaN where not known or not scored.
    regions
        Region of each group.

    Returns
    -------
    pandas.DataFrame
        A row for each of ``hour``, ``window maximum``, ``day mean``, ``region sum`` and ``region sum, window
        maximum`` (column ``of``), with ``known`` and a column for each of `OF_DRAWS`, as in `by_series`. A sum is
        over groups that are known nine hours in ten, and counts where all of them are; a maximum or a mean counts
        where all of its hours are known.
    """
    member = np.isfinite(actual).mean(axis=-1) >= _WHOLE
    sums = {region: np.nonzero(regions == region)[0] for region in np.unique(regions)}
    summed, came = [], []
    for members in sums.values():
        for resource in range(actual.shape[1]):
            chosen = members[member[members, resource]]
            if len(chosen):
                summed.append(draws[:, chosen, resource].sum(axis=1, dtype=np.float64))
                came.append(actual[chosen, resource].sum(axis=0))
    single = np.nonzero(np.isfinite(actual).any(axis=-1))
    alone = draws[:, single[0], single[1]], actual[single]
    days = (_pieces(each, DAY).mean(axis=-1) for each in alone)
    rows = [_row("hour", *alone), _row("window maximum", *_maxima(*alone)), _row("day mean", *days)]
    if summed:
        total, real = np.stack(summed, axis=1), np.stack(came)
        rows += [_row("region sum", total, real), _row("region sum, window maximum", *_maxima(total, real))]
    return pd.DataFrame(rows)


def energy(draws: Floats, actual: Floats) -> float:
    """Energy score of draws ``(draw, place)``, over all pairs of draws (Gneiting and Raftery 2007)."""
    off = draws - actual
    square = (off**2).sum(axis=1)
    apart = np.sqrt(np.maximum(square[:, None] + square - 2 * off @ off.T, 0.0))
    return float(np.sqrt(square).mean() - apart.mean() / 2)


def variogram(draws: Floats, actual: Floats) -> float:
    """Variogram score of order ½ of draws ``(draw, place)``, the mean over pairs (Scheuerer and Hamill 2015)."""
    of_draws = np.ascontiguousarray(draws.T, dtype=np.float32)
    off = [
        np.sqrt(np.abs(of_draws[i + 1 :] - of_draws[i])).mean(axis=1)
        - np.sqrt(np.abs(actual[i + 1 :] - actual[i]))
        for i in range(len(actual) - 1)
    ]
    return float((np.concatenate(off) ** 2).mean())


def _maxima(draws: Floats, actual: Floats) -> tuple[Floats, Floats]:
    return _pieces(draws, _WINDOW).max(axis=-1), _pieces(actual, _WINDOW).max(axis=-1)


def _pieces(values: Floats, hours: int) -> Floats:
    """Cut the last axis into pieces of so many hours, ``(…, piece, hour)``; what is left over is left out."""
    whole = values.shape[-1] // hours * hours
    return values[..., :whole].reshape(*values.shape[:-1], -1, hours)


def _row(name: str, draws: Floats, actual: Floats) -> dict[str, object]:
    known = np.isfinite(actual)
    row: dict[str, object] = {"of": name, "known": int(known.sum())}
    for percent, ends in OF_DRAWS.items():
        low, high = np.quantile(draws, ends, axis=0)
        row[f"in{percent}"] = int(((actual >= low - _SLACK) & (actual <= high + _SLACK) & known).sum())
    return row
