"""Past forecasts judged: a record carried on to a moment, by new forecasts and by what came of the old ones.

Place in the line: after `forecast`; `headroom run` does it before it forecasts. An hour of new usage is judged
without forecasting anything again; every six hours one forecast of the day ahead is made.

    record = advance(None, usage, hierarchy, now)
    record = advance(record, usage, hierarchy, later, sets={"web": ["eu-west/shop"]})
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.errors import HierarchyError, UsageError
from forecasting.events import Events
from forecasting.feedback.record import AHEAD_HOURS, LEVELS, STEP_HOURS, Record, aligned, dataset_of, normal_scores
from forecasting.feedback.scopes import Scope, Sets, scopes_of, summed
from forecasting.forecast import forecast
from forecasting.hierarchy import Hierarchy
from forecasting.learn import Progress
from forecasting.past import past_of
from forecasting.scale import shared
from forecasting.settings import Settings

KEPT_DAYS, FIRST_DAYS = 14, 7
"""Days of forecasts that are kept, and that are made where there is no record yet."""

_DRAWS = 400
_HOUR = np.timedelta64(1, "h")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Task:
    past: xr.Dataset
    now: datetime
    hierarchy: Hierarchy
    events: Events | None
    seed: int
    scopes: tuple[Scope, ...]


def advance(
    record: Record | None,
    usage: xr.Dataset,
    hierarchy: Hierarchy,
    now: datetime | None = None,
    *,
    sets: Sets | None = None,
    events: Events | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Record:
    """Carry a record on to a moment: new forecasts of the day ahead, and what came of the old ones.

    Parameters
    ----------
    record
        So far; none makes the forecasts of the last `FIRST_DAYS`. They are then of a hierarchy that has seen the
        days they are about, and a little too good.
    usage
        ``demand(group, resource, time)``; hours that start at or after ``now`` are not looked at. Hours marked as
        ``censored`` that came within their forecast are not judged.
    hierarchy, events, seed, jobs
        As of `forecast`.
    now
        Timezone-aware; by default the hour after the last one of ``usage``.
    sets
        Sets of groups whose sums are judged too.
    progress
        Is told the stage and the share that is done.

    Raises
    ------
    ForecastingError
        What `forecast` raises of usage or arguments. Moments with too little usage before them are passed over.
    """
    tell = progress or (lambda stage, share: None)
    past, moment = past_of(usage, now)
    scopes = scopes_of(past[dims.GROUP].values, past[dims.REGION].values, sets)
    until = dims.hour_of(moment)
    kept = aligned(record, scopes, past[dims.RESOURCE].values)
    wanted = _grid(until, KEPT_DAYS if kept.sizes["origin"] else FIRST_DAYS)
    kept = kept.isel(
        origin=np.isin(kept["origin"].values, np.array(_grid(until, KEPT_DAYS), dtype="datetime64[ns]"))
    )
    last = kept["origin"].values[-1] if kept.sizes["origin"] else np.datetime64("1970-01-01", "ns")
    tasks = [
        _Task(usage, _instant(origin), hierarchy, events, seed, scopes)
        for origin in wanted
        if origin > last and origin > past[dims.TIME].values[0]
    ]
    made = []
    with shared(jobs) as run:
        for number, found in enumerate(run(_quantiles, tasks)):
            made.append(found)
            tell("judging past forecasts", (number + 1) / len(tasks))
    fresh = [(task, found) for task, found in zip(tasks, made, strict=True) if found is not None]
    if fresh:
        origins = np.array([task.now.replace(tzinfo=None) for task, _ in fresh], dtype="datetime64[ns]")
        quantiles = np.stack([found for _, found in fresh]).astype(np.float32)
        new = dataset_of(origins, scopes, past[dims.RESOURCE].values, quantiles)
        kept = xr.concat([kept, new], dim="origin") if kept.sizes["origin"] else new
    return Record(judged(kept, past, scopes))


def _quantiles(task: _Task) -> Floats | None:
    """Return quantiles ``(level, scope, resource, ahead)`` of a forecast; None where there is too little past."""
    settings = Settings(draws=_DRAWS)
    try:
        profile = forecast(
            task.past,
            AHEAD_HOURS,
            task.now,
            task.seed,
            hierarchy=task.hierarchy,
            events=task.events,
            settings=settings,
        )
    except (UsageError, HierarchyError):
        return None
    return np.asarray(np.quantile(summed(profile.draws.values, task.scopes), LEVELS, axis=0))


def judged(kept: xr.Dataset, past: xr.Dataset, scopes: tuple[Scope, ...]) -> xr.Dataset:
    """Score the hours that have come since, and forget the quantiles of forecasts that are over."""
    if not kept.sizes["origin"]:
        return kept
    time, hours = past[dims.TIME].values, np.arange(AHEAD_HOURS) * _HOUR
    came = summed(past[dims.DEMAND].values, scopes)  # (scope, resource, time)
    bound = np.zeros(came.shape, dtype=np.bool_)
    if "censored" in past:
        bound = summed(past["censored"].values.astype(np.float64), scopes) > 0
    scores, quantiles = kept["score"].values.copy(), kept["quantiles"].values.copy()
    for number, origin in enumerate(kept["origin"].values):
        place = np.searchsorted(time, origin + hours)
        there = (place < len(time)) & (origin + hours >= time[0])
        if np.isnan(quantiles[number]).all() or not there.any():
            continue
        place = place[there]
        found = normal_scores(quantiles[number][..., there], came[..., place])
        found[bound[..., place] & (found < 0)] = np.nan
        scores[number][..., there] = np.where(np.isnan(found), scores[number][..., there], found)
        # Late usage may still come for a day after the last hour.
        if time[-1] - origin >= 2 * AHEAD_HOURS * _HOUR:
            quantiles[number] = np.nan
    return kept.assign(score=(kept["score"].dims, scores), quantiles=(kept["quantiles"].dims, quantiles))


def _grid(until: np.datetime64, days: int) -> list[np.datetime64]:
    """Return the moments of forecasts that are judged, ascending, up to ``until``."""
    last = until.astype("datetime64[h]").astype(np.int64) // STEP_HOURS * STEP_HOURS
    first = last - days * 24 + STEP_HOURS
    return [np.datetime64(int(hour), "h").astype("datetime64[ns]") for hour in range(first, last + 1, STEP_HOURS)]


def _instant(origin: np.datetime64) -> datetime:
    return datetime.fromtimestamp(int(origin.astype("datetime64[s]").astype(np.int64)), UTC)
