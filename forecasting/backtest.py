"""Rolling-origin replay of accuracy: what would have been forecast, beside what came.

Place in the line: beside it; `headroom backtest` prints it. Each forecast sees only the hours before its cutoff,
and is scored with the forecast that asks for nothing: the same hour of last week.

    result = backtest(usage, horizon_hours=24, origins=3)
    result.summary["overall"]["headroom"]["wql"]
"""

import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.errors import ForecastingError
from forecasting.forecast import Progress, forecast
from forecasting.score import coverage, weighted_quantile_loss

LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Levels of the weighted quantile loss: 0.05, 0.10, …, 0.95."""

_INTERVALS = {"50 %": (0.25, 0.75), "80 %": (0.10, 0.90), "90 %": (0.05, 0.95)}
_WEEK = 168
_DAY = 24
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a replay found.

    Parameters
    ----------
    summary
        Ready for JSON: settings; ``overall`` and ``resources.<name>``, each with ``wql`` and ``coverage`` by
        model, and ``seconds_per_origin`` by model.
    table
        Every quantile of every forecast of ours: origin, region, group, resource, timestamp, quantile, value,
        actual.
    """

    summary: dict[str, Any]
    table: pd.DataFrame


def backtest(
    usage: xr.Dataset,
    horizon_hours: int,
    origins: int,
    stride_hours: int | None = None,
    history_hours: int = 1344,
    groups: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Backtest:
    """Replay forecasts over the end of usage and score them.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)``.
    horizon_hours, origins, stride_hours
        With T the end of usage, H the horizon and S the stride (H by default), the cutoffs are
        T−H−(K−1)·S, …, T−H−S, T−H.
    history_hours
        Most hours before its cutoff that a forecast sees.
    groups
        Only so many groups, drawn by the seed.
    seed
        Of every draw.
    progress
        Is told the stage in words and the share that is done.

    Raises
    ------
    ForecastingError
        If usage does not reach back far enough for the first cutoff.
    """
    stride = stride_hours or horizon_hours
    if origins < 1 or horizon_hours < 1 or stride < 1:
        raise ForecastingError("origins, horizon and stride must be at least 1")
    usage, dropped = _usable(_some_groups(usage, groups, seed))
    length = usage.sizes[dims.TIME]
    cutoffs = [length - horizon_hours - k * stride for k in reversed(range(origins))]
    if cutoffs[0] < 2 * _DAY:
        raise ForecastingError(
            f"the first of {origins} cutoffs would have {max(cutoffs[0], 0)} hours of history before it, and "
            f"48 are needed; usage has {length} hours: ask for fewer origins, or a shorter horizon or stride"
        )
    runs: dict[str, Callable[[xr.Dataset, int], Floats]] = {
        "headroom": lambda past, hours: _headroom(past, hours, seed),
        "seasonal-naive": seasonal_naive,
    }
    seconds = dict.fromkeys(runs, 0.0)
    made: dict[str, list[Floats]] = {name: [] for name in runs}
    actuals: list[Floats] = []
    for number, cutoff in enumerate(cutoffs):
        past = usage.isel({dims.TIME: slice(max(0, cutoff - history_hours), cutoff)})
        for name, run in runs.items():
            if progress is not None:
                progress(f"origin {number + 1} of {origins}", number / origins)
            started = clock.perf_counter()
            made[name].append(run(past, horizon_hours))
            seconds[name] += clock.perf_counter() - started
        ahead = usage.isel({dims.TIME: slice(cutoff, cutoff + horizon_hours)})
        actuals.append(ahead[dims.DEMAND].values)
    if progress is not None:
        progress("done", 1.0)
    actual = np.stack(actuals, axis=2)
    values = {name: np.stack(each, axis=3) for name, each in made.items()}
    starts = usage[dims.TIME].values[cutoffs]
    summary = {
        "horizon_hours": horizon_hours,
        "stride_hours": stride,
        "history_hours": history_hours,
        "origins": [f"{np.datetime_as_string(x, unit='m')}Z" for x in starts],
        "groups": usage.sizes[dims.GROUP],
        "dropped_resources": dropped,
        "overall": {name: _overall(actual, value) for name, value in values.items()},
        "resources": _by_resource(usage, actual, values),
        "seconds_per_origin": {name: round(total / origins, 3) for name, total in seconds.items()},
    }
    return Backtest(summary, _table(usage, cutoffs, actual, values["headroom"]))


def seasonal_naive(past: xr.Dataset, horizon_hours: int) -> Floats:
    """Return quantiles of the seasonal-naive forecast, ``(quantile, group, resource, time)`` at `LEVELS`.

    The same hour of last week (of yesterday, where there is no fortnight of history), with the empirical
    quantiles of this rule's own past errors, of the same series. Unknown hours are taken from a season before.
    """
    demand = past[dims.DEMAND].values
    season = _WEEK if demand.shape[2] >= 2 * _WEEK else _DAY
    whole = _fill(demand, season)
    errors = whole[..., season:] - whole[..., :-season]
    last = whole[..., -season:][..., np.arange(horizon_hours) % season]
    spread = np.quantile(errors, LEVELS, axis=-1)
    return np.asarray(np.maximum(last[None] + spread[..., None], 0.0))


def _usable(usage: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """Drop resources that no group has in the half of the time that is replayed, and name them."""
    late = usage[dims.DEMAND].isel({dims.TIME: slice(-(usage.sizes[dims.TIME] // 2), None)})
    known = late.notnull().any((dims.GROUP, dims.TIME)).values
    dropped = [str(x) for x in usage[dims.RESOURCE].values[~known]]
    if not known.any():
        raise ForecastingError("no resource has a known value in the later half of the usage")
    return usage.isel({dims.RESOURCE: known}), dropped


def _headroom(past: xr.Dataset, horizon_hours: int, seed: int) -> Floats:
    last = past[dims.TIME].values[-1].astype("datetime64[s]").astype(int)
    now = datetime.fromtimestamp(int(last) + 3600, UTC)
    profile = forecast(past, horizon_hours=horizon_hours, now=now, seed=seed)
    return profile.quantile(LEVELS).values


def _fill(demand: Floats, season: int) -> Floats:
    out = demand.copy()
    for hour in range(season, out.shape[2]):
        gap = np.isnan(out[..., hour])
        out[..., hour][gap] = out[..., hour - season][gap]
    known = np.isfinite(out)
    mean = np.where(known, out, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    return np.where(known, out, mean[..., None])


def _some_groups(usage: xr.Dataset, groups: int | None, seed: int) -> xr.Dataset:
    count = usage.sizes[dims.GROUP]
    if groups is None or groups >= count:
        return usage
    chosen = np.sort(np.random.default_rng([seed, 3]).choice(count, size=groups, replace=False))
    return usage.isel({dims.GROUP: chosen})


def _scores(actual: Floats, values: Floats) -> dict[str, Any]:
    """Scores of one resource: ``actual`` is (group, origin, time), ``values`` (quantile, group, origin, time)."""
    place = {level: number for number, level in enumerate(LEVELS)}
    return {
        "wql": weighted_quantile_loss(actual, values, LEVELS),
        "coverage": {
            name: coverage(actual, values[place[lower]], values[place[upper]])
            for name, (lower, upper) in _INTERVALS.items()
        },
    }


def _overall(actual: Floats, values: Floats) -> dict[str, Any]:
    """WQL: the mean over resources. Coverage: over every hour of every series."""
    each = [_scores(actual[:, r], values[:, :, r]) for r in range(actual.shape[1])]
    place = {level: number for number, level in enumerate(LEVELS)}
    return {
        "wql": float(np.nanmean([x["wql"] for x in each])),
        "coverage": {
            name: coverage(actual, values[place[lower]], values[place[upper]])
            for name, (lower, upper) in _INTERVALS.items()
        },
    }


def _by_resource(usage: xr.Dataset, actual: Floats, values: dict[str, Floats]) -> dict[str, Any]:
    return {
        str(resource): {name: _scores(actual[:, r], value[:, :, r]) for name, value in values.items()}
        for r, resource in enumerate(usage[dims.RESOURCE].values)
    }


def _table(usage: xr.Dataset, cutoffs: list[int], actual: Floats, values: Floats) -> pd.DataFrame:
    """Lay the quantiles out in rows; ``values`` is (quantile, group, resource, origin, time)."""
    levels, groups, resources, origins, hours = values.shape
    index = np.indices((origins, groups, resources, hours, levels)).reshape(5, -1)
    origin, group, resource, hour, level = index
    time = usage[dims.TIME].values
    start = np.array(cutoffs)
    return pd.DataFrame(
        {
            "origin": pd.DatetimeIndex(time[start][origin], tz="UTC"),
            "region": usage[dims.REGION].values[group],
            "group": usage[dims.NAME].values[group],
            "resource": usage[dims.RESOURCE].values[resource],
            "timestamp": pd.DatetimeIndex(time[start[origin] + hour], tz="UTC"),
            "quantile": np.array(LEVELS)[level],
            "value": values.transpose(3, 1, 2, 4, 0).ravel(),
            "actual": actual[group, resource, origin, hour],
        }
    )
