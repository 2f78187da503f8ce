"""Rolling-origin replay of accuracy: what would have been forecast, beside what came.

Place in the line: beside it; `headroom backtest` prints it. Each forecast sees only the hours before its cutoff,
and is scored with others: the same hour of last week, its own parts, itself without the last calibration.

    result = backtest(usage, horizon_hours=24, origins=3, models=("headroom", "components"))
    result.summary["overall"]["headroom"]["wql"]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from forecasting import contestants, dims
from forecasting.errors import ForecastingError
from forecasting.events import Events
from forecasting.replay import LEVELS, Cutoff, Progress, Tally, replay
from forecasting.scale import shared
from forecasting.verdict import summarise

MODELS = (contestants.HEADROOM, contestants.NAIVE)
INTERVALS = (0.5, 0.8, 0.95)
_LEAST_HISTORY = 48


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a replay found.

    Parameters
    ----------
    summary
        Ready for JSON: the settings; ``overall`` and ``resources.<name>``, each with the scores of each model as
        `verdict.summarise` gives them; ``seconds_per_origin`` by model. The same for any number of jobs, but
        for the seconds.
    table
        Every quantile of every forecast: model, origin, region, group, resource, timestamp, quantile, value,
        actual; without rows unless it was asked for.
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
    *,
    models: Sequence[str] = MODELS,
    levels: Sequence[float] = INTERVALS,
    jobs: int = 1,
    keep: bool = True,
    events: Events | None = None,
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
    models
        Names that `contestants.expand` knows.
    levels
        Shares that the central intervals should hold, each between 0 and 1.
    jobs
        Processes over which the cutoffs are divided.
    keep
        Whether every quantile is kept for the table.
    events
        What is known of the calendar; effects are learnt from the hours that a forecast sees.

    Raises
    ------
    ForecastingError
        If usage does not reach back far enough for the first cutoff, a model is not known or cannot forecast, or
        another argument is out of its range, or a process was ended from outside.
    """
    stride = horizon_hours if stride_hours is None else stride_hours
    if min(origins, horizon_hours, stride, jobs) < 1:
        raise ForecastingError("origins, horizon, stride and jobs must be at least 1")
    if history_hours < _LEAST_HISTORY:
        raise ForecastingError(f"history is {history_hours} hours; it must be at least {_LEAST_HISTORY}")
    names = contestants.expand(models)
    shares = tuple(dict.fromkeys(levels))
    if not shares or not all(0 < share < 1 for share in shares):
        raise ForecastingError(f"levels of intervals must lie between 0 and 1, both excluded; got {list(levels)}")
    usage = _some_groups(usage, groups, seed)
    length = usage.sizes[dims.TIME]
    places = [length - horizon_hours - k * stride for k in reversed(range(origins))]
    if places[0] < _LEAST_HISTORY:
        raise ForecastingError(
            f"the first of {origins} cutoffs would have {max(places[0], 0)} hours of history before it, and "
            f"{_LEAST_HISTORY} are needed; usage has {length} hours: ask for fewer origins, "
            "or a shorter horizon or stride"
        )
    usage, dropped = _usable(usage, [slice(max(0, place - history_hours), place) for place in places])
    cutoffs = [
        Cutoff(
            past=usage.isel({dims.TIME: slice(max(0, place - history_hours), place)}),
            ahead=usage.isel({dims.TIME: slice(place, place + horizon_hours)}),
            models=names,
            levels=shares,
            seed=seed,
            keep=keep,
            events=events,
        )
        for place in places
    ]
    tell = progress or (lambda stage, share: None)
    tallies = _in_turn(cutoffs, tell) if min(jobs, origins) == 1 else _at_once(cutoffs, min(jobs, origins), tell)
    tell("done", 1.0)
    starts = usage[dims.TIME].values[places]
    summary = {
        "horizon_hours": horizon_hours,
        "stride_hours": stride,
        "history_hours": history_hours,
        "origins": [f"{np.datetime_as_string(x, unit='m')}Z" for x in starts],
        "groups": usage.sizes[dims.GROUP],
        "dropped_resources": dropped,
        "models": list(names),
        "levels": list(shares),
        "seed": seed,
        **summarise(tallies, usage[dims.RESOURCE].values.tolist(), shares),
    }
    return Backtest(summary, _table(cutoffs if keep else [], tallies))


def _in_turn(cutoffs: list[Cutoff], tell: Progress) -> list[dict[str, Tally]]:
    made = []
    for number, cutoff in enumerate(cutoffs):

        def begun(name: str, number: int = number, models: tuple[str, ...] = cutoff.models) -> None:
            share = (number + models.index(name) / len(models)) / len(cutoffs)
            tell(f"origin {number + 1} of {len(cutoffs)}, {name}", share)

        made.append(replay(cutoff, begun))
    return made


def _at_once(cutoffs: list[Cutoff], jobs: int, tell: Progress) -> list[dict[str, Tally]]:
    """Replay in processes of their own."""
    tell(f"{len(cutoffs)} origins in {jobs} processes", 0.0)
    made = []
    with shared(jobs) as run:
        for tally in run(replay, cutoffs):
            made.append(tally)
            tell(f"{len(made)} of {len(cutoffs)} origins", len(made) / len(cutoffs))
    return made


def _usable(usage: xr.Dataset, pasts: Sequence[slice]) -> tuple[xr.Dataset, list[str]]:
    """Drop resources that no group has in the half of the time that is replayed, or in one of the pasts."""
    hours = usage[dims.DEMAND].notnull().any(dims.GROUP).transpose(dims.RESOURCE, dims.TIME).values
    spans = [slice(-(usage.sizes[dims.TIME] // 2), None), *pasts]
    known = np.all([hours[:, span].any(axis=1) for span in spans], axis=0)
    dropped = [str(x) for x in usage[dims.RESOURCE].values[~known]]
    if not known.any():
        raise ForecastingError("no resource is known before every cutoff and in the later half of the usage")
    return usage.isel({dims.RESOURCE: known}), dropped


def _some_groups(usage: xr.Dataset, groups: int | None, seed: int) -> xr.Dataset:
    count = usage.sizes[dims.GROUP]
    if groups is None or groups >= count:
        return usage
    chosen = np.sort(np.random.default_rng([seed, 3]).choice(count, size=groups, replace=False))
    return usage.isel({dims.GROUP: chosen})


def _table(cutoffs: list[Cutoff], tallies: list[dict[str, Tally]]) -> pd.DataFrame:
    """Lay the quantiles out in rows: by model, cutoff, group, resource, hour, level."""
    columns = ("model", "origin", "region", "group", "resource", "timestamp", "quantile", "value", "actual")
    parts = [
        _rows(name, cutoff.ahead, tally[name].quantiles)
        for name in (cutoffs[0].models if cutoffs else ())
        for cutoff, tally in zip(cutoffs, tallies, strict=True)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))


def _rows(model: str, ahead: xr.Dataset, quantiles: np.ndarray | None) -> pd.DataFrame:
    """Lay out one forecast; ``quantiles`` is (quantile, group, resource, time)."""
    assert quantiles is not None  # noqa: S101 (kept, since a table was asked for)
    values = np.moveaxis(quantiles, 0, -1)
    group, resource, hour, level = np.indices(values.shape).reshape(4, -1)
    time = pd.DatetimeIndex(ahead[dims.TIME].values, tz="UTC")
    return pd.DataFrame(
        {
            "model": model,
            "origin": time[0],
            "region": ahead[dims.REGION].values[group],
            "group": ahead[dims.NAME].values[group],
            "resource": ahead[dims.RESOURCE].values[resource],
            "timestamp": time[hour],
            "quantile": np.array(LEVELS)[level],
            "value": values.ravel(),
            "actual": ahead[dims.DEMAND].values[group, resource, hour],
        }
    )
