"""Peers: forecasters of other packages, by their public interfaces, with settings that let them be strong.

A peer is a function ``(train, horizon, levels) → quantiles``:

- ``train``: hours × series, without NaN; the index is hourly and naive UTC, columns may have any labels;
- ``horizon``: hours ahead;
- ``levels``: quantile levels between 0 and 1, rising;
- quantiles: ``(series, horizon, level)`` in the unit of ``train``, as the peer gives them.

They need the dependency group ``peers``; a package is imported when its peer first runs.

>>> import pandas as pd
>>> hours = pd.date_range("2026-04-06", periods=336, freq="h")
>>> seasonal_naive(pd.DataFrame({"a": 1.0}, index=hours), 24, [0.1, 0.9]).shape
(1, 24, 2)
"""

import importlib
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Peer = Callable[[pd.DataFrame, int, Sequence[float]], Floats]

DAY, WEEK = 24, 168
_TREES = {"num_leaves": 31, "verbosity": -1, "seed": 1}
_FITTED_LEVELS = (0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.975)
_TRAINING_ROWS = 160_000
_PROPHET_DRAWS = 300


def seasonal_naive(train: pd.DataFrame, horizon: int, levels: Sequence[float], season: int = WEEK) -> Floats:
    """The same hour of the last season, with the empirical quantiles of this rule's own past errors.

    Stronger than statsforecast's `SeasonalNaive`, whose intervals are Gaussian and grow with the horizon. Where
    history has fewer than two days more than a season, the season is a day.
    """
    values = train.to_numpy()
    season = season if len(values) >= season + 2 * DAY else DAY
    errors = values[season:] - values[:-season]
    last = values[-season:][np.arange(horizon) % season]
    return np.asarray(last.T[:, :, None] + np.quantile(errors, levels, axis=0).T[:, None, :])


def mstl(train: pd.DataFrame, horizon: int, levels: Sequence[float]) -> Floats:
    """Run statsforecast's MSTL: daily and weekly season by repeated STL, the rest by a non-seasonal AutoETS."""
    models = _package("statsforecast.models")
    rest = models.AutoETS(model="ZZN")
    model = models.MSTL(season_length=[DAY, WEEK], trend_forecaster=rest, alias="peer")
    return _statsforecast(model, train, horizon, levels)


def auto_ets(train: pd.DataFrame, horizon: int, levels: Sequence[float]) -> Floats:
    """Run statsforecast's AutoETS with a daily season: it has room for one."""
    model = _package("statsforecast.models").AutoETS(season_length=DAY, alias="peer")
    return _statsforecast(model, train, horizon, levels)


def mlforecast_lightgbm(train: pd.DataFrame, horizon: int, levels: Sequence[float]) -> Floats:
    """Run mlforecast: one LightGBM over all series, recursive, with its conformal intervals.

    Absolute loss on series divided by their mean; where history is too short for weekly lags beside the hours that
    calibrate the intervals, there are daily ones.
    """
    lightgbm, mlforecast = _package("lightgbm"), _package("mlforecast")
    mean_of = _package("mlforecast.lag_transforms").RollingMean
    scale = _scale(train.to_numpy())
    lags = [1, DAY, WEEK] if len(train) >= WEEK + 2 * (DAY + horizon) else [1, DAY]
    windows = min(6 if horizon <= DAY else 2, (len(train) - lags[-1] - 2 * DAY) // horizon)
    if windows < 2:
        raise ValueError(f"{len(train)} h are too few for its conformal intervals {horizon} h ahead")
    model = mlforecast.MLForecast(
        models={
            "peer": lightgbm.LGBMRegressor(
                objective="l1", n_estimators=200, learning_rate=0.06, min_child_samples=40, n_jobs=1, **_TREES
            )
        },
        freq="h",
        lags=lags,
        lag_transforms={lag: [mean_of(DAY)] for lag in lags},
        date_features=["hour", "dayofweek"],
        num_threads=1,
    )
    intervals = _package("mlforecast.utils").PredictionIntervals(n_windows=windows, h=horizon)
    model.fit(_long(train.to_numpy() / scale, train.index), prediction_intervals=intervals, static_features=[])
    table = model.predict(horizon, level=_interval_levels(levels))
    return _quantiles(table, horizon, levels) * scale[:, None, None]


def lightgbm_quantile(train: pd.DataFrame, horizon: int, levels: Sequence[float]) -> Floats:
    """Run LightGBM with quantile loss: one model over all series for each level, direct.

    The hours ahead are a feature; the others are `_features`. Series are divided by their mean. Eleven levels are
    fitted, the others interpolated, within the outermost fitted ones.
    """
    lightgbm = _package("lightgbm")
    values = train.to_numpy()
    scale = _scale(values)
    scaled = values / scale
    hours, series = values.shape
    first = min(3 * WEEK, hours // 2)
    origins = np.arange(first, hours - horizon + 1)
    if len(origins) == 0:
        raise ValueError(f"{hours} h are too few to learn from {horizon} h ahead")
    rng = np.random.default_rng(1)
    pairs = min(len(origins) * horizon, max(1, _TRAINING_ROWS // series))
    picked = rng.choice(len(origins) * horizon, pairs, replace=False)
    origin, ahead = origins[picked // horizon], picked % horizon
    start = pd.Timestamp(str(train.index[0]))
    clock = start.hour + DAY * start.dayofweek
    params = _TREES | {"max_bin": 127, "num_threads": 1}
    wanted = scaled[origin + ahead].reshape(-1)
    data = lightgbm.Dataset(_features(scaled, clock, origin, ahead), wanted, params=params, free_raw_data=False)
    last = _features(scaled, clock, np.full(horizon, hours), np.arange(horizon))
    fitted = []
    for level in _FITTED_LEVELS:
        settings = {"objective": "quantile", "alpha": level, "learning_rate": 0.08, "min_data_in_leaf": 60}
        booster = lightgbm.train(settings | params | {"feature_fraction": 0.8}, data, num_boost_round=150)
        fitted.append(booster.predict(last).reshape(horizon, series))
    known = np.sort(np.stack(fitted, axis=-1), axis=-1)
    place = np.interp(levels, _FITTED_LEVELS, np.arange(len(_FITTED_LEVELS)))
    low = np.minimum(place.astype(int), len(_FITTED_LEVELS) - 2)
    part = place - low
    quantiles = (1 - part) * known[..., low] + part * known[..., low + 1]
    return np.asarray(quantiles.transpose(1, 0, 2) * scale[:, None, None])


def prophet(train: pd.DataFrame, horizon: int, levels: Sequence[float]) -> Floats:
    """Run Prophet, series by series, with daily and weekly seasons; quantiles of its predictive draws."""
    for name in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(name).disabled = True
    package = _package("prophet")
    ahead = pd.DataFrame({"ds": train.index[-1] + pd.to_timedelta(np.arange(1, horizon + 1), unit="h")})
    made = []
    for number in range(train.shape[1]):
        np.random.seed(number)  # Prophet draws from the global state
        model = package.Prophet(
            daily_seasonality=True,
            weekly_seasonality=True,
            yearly_seasonality=False,
            uncertainty_samples=_PROPHET_DRAWS,
        )
        model.fit(pd.DataFrame({"ds": train.index, "y": train.iloc[:, number].to_numpy()}), seed=1)
        made.append(np.quantile(model.predictive_samples(ahead)["yhat"], levels, axis=1).T)
    return np.stack(made)


PEERS: Mapping[str, Peer] = {
    "seasonal-naive": seasonal_naive,
    "mstl": mstl,
    "autoets": auto_ets,
    "mlforecast-lightgbm": mlforecast_lightgbm,
    "lightgbm-quantile": lightgbm_quantile,
    "prophet": prophet,
}
"""By the name that tables and options use."""


def _features(scaled: Floats, clock: int, origin: NDArray[np.intp], ahead: NDArray[np.intp]) -> Floats:
    """Features of pairs of origin (first hour not known) and hours ahead; rows go by pair, then by series.

    Hours ahead, hour of the day, weekday, the last three values, means of the last 6 h, day, week and the week
    before, and the same hour of the last three days and weeks that are known, with their means.
    """
    series = scaled.shape[1]
    total = np.vstack([np.zeros(series), np.cumsum(scaled, axis=0)])
    hour = origin + ahead
    day = DAY * (ahead // DAY + 1)
    week = WEEK * (ahead // WEEK + 1)

    def at(index: NDArray[np.intp]) -> Floats:
        return np.asarray(np.where((index >= 0)[:, None], scaled[np.maximum(index, 0)], np.nan))

    def mean(start: NDArray[np.intp], end: NDArray[np.intp]) -> Floats:
        start, end = np.maximum(start, 0), np.maximum(end, 0)
        span = np.maximum(end - start, 1)[:, None]
        return np.asarray(np.where((end > start)[:, None], (total[end] - total[start]) / span, np.nan))

    days = [at(hour - day - DAY * back) for back in range(3)]
    weeks = [at(hour - week - WEEK * back) for back in range(3)]
    plain = [ahead, (clock + hour) % DAY, (clock + hour) // DAY % 7]
    columns = [np.broadcast_to(x[:, None], (len(x), series)).astype(np.float64) for x in plain]
    columns += [at(origin - back) for back in (1, 2, 3)]
    columns += [mean(origin - span, origin) for span in (6, DAY, WEEK)]
    columns += [mean(origin - 2 * WEEK, origin - WEEK), *days, *weeks]
    columns += [mean(hour - week - 1, np.minimum(hour - week + 2, origin))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing is NaN, which the trees take
        columns += [np.nanmean(days, axis=0), np.nanmean(weeks, axis=0)]
    return np.stack(columns, axis=-1).reshape(-1, len(columns))


def _statsforecast(model: Any, train: pd.DataFrame, horizon: int, levels: Sequence[float]) -> Floats:
    """Run one statsforecast model; where a series breaks it, its own seasonal-naive stands in."""
    package = _package("statsforecast")
    naive = _package("statsforecast.models").SeasonalNaive(DAY, alias="peer")
    runner = package.StatsForecast(models=[model], freq=1, n_jobs=1, fallback_model=naive)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = runner.forecast(
            df=_long(train.to_numpy(), np.arange(len(train))), h=horizon, level=_interval_levels(levels)
        )
    return _quantiles(table, horizon, levels)


def _long(values: Floats, clock: Any) -> pd.DataFrame:
    """The long table that these packages take; a series is known by its place, so that order is kept."""
    hours, series = values.shape
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(series), hours),
            "ds": np.tile(np.asarray(clock), series),
            "y": values.T.ravel(),
        }
    )


def _interval_levels(levels: Sequence[float]) -> list[float]:
    return sorted({_percent(level) for level in levels if level != 0.5})


def _percent(level: float) -> float:
    """Per cent of the central interval that ends at a level; whole numbers as such, as columns are named."""
    percent = round(100 * abs(1 - 2 * level), 6)
    return int(percent) if percent == int(percent) else percent


def _quantiles(table: pd.DataFrame, horizon: int, levels: Sequence[float]) -> Floats:
    sides = {True: "lo", False: "hi"}
    names = ["peer" if q == 0.5 else f"peer-{sides[q < 0.5]}-{_percent(q)}" for q in levels]
    ordered = table.sort_values(["unique_id", "ds"], kind="stable")
    return ordered[names].to_numpy(np.float64).reshape(-1, horizon, len(levels))


def _scale(values: Floats) -> Floats:
    return np.asarray(np.maximum(np.abs(values).mean(axis=0), 1e-9))


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(f"{name} is not installed; install the dependency group `peers`: {error}") from error
