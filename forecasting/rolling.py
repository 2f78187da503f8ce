"""Forecasts over the past, one after the other: what would have been said at each of many moments.

Place in the line: beside it; `headroom replay` decides on them. What groups share is learnt anew at times, from
the past of that moment alone. Forecasts are reduced where they are made and come in the order of their moments, a
few at a time, so that memory grows with neither their number nor the processes' speed.

    for profile in rolling(usage, range(840, 2184, 6), horizon_hours=120, jobs=2):
        ...
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import xarray as xr

from forecasting import dims
from forecasting.errors import ForecastingError
from forecasting.events import Events
from forecasting.forecast import forecast
from forecasting.hierarchy import Hierarchy
from forecasting.learn import learn
from forecasting.profile import DemandProfile
from forecasting.scale import Map, shared
from forecasting.settings import DEFAULT, Settings

Reduce = Callable[[DemandProfile], DemandProfile]
Progress = Callable[[str, float], None]

_AHEAD = 4  # forecasts for each process that are under way or wait to be looked at


def rolling(
    usage: xr.Dataset,
    moments: Sequence[int],
    horizon_hours: int,
    *,
    history_hours: int = 1008,
    learn_hours: int = 168,
    seed: int = 0,
    jobs: int = 1,
    reduce: Reduce | None = None,
    events: Events | None = None,
    settings: Settings = DEFAULT,
    progress: Progress | None = None,
) -> Iterator[DemandProfile]:
    """Forecast from each moment, with nothing but the hours before it.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)``.
    moments
        Places along ``time``, ascending: the first hour that is not known.
    horizon_hours
        How far ahead.
    history_hours
        Most hours before a moment that are looked at.
    learn_hours
        After so many hours a hierarchy is learnt anew.
    seed
        Of every draw.
    jobs
        Processes; the same forecasts come out with any number of them.
    reduce
        Is given each forecast where it was made, and may be sent to another process.
    events
        Taken as known at every moment, those to come as well.
    settings
        Of learning and of forecasts.
    progress
        Is told the stage in words and the share that is done of what is learnt beforehand.

    Yields
    ------
    DemandProfile
        In the order of the moments, reduced.

    Raises
    ------
    ForecastingError
        If a moment has no past, or what `learn` and `forecast` raise.
    """
    if not moments or moments[0] < 1 or moments[-1] > usage.sizes[dims.TIME]:
        raise ForecastingError("moments must lie within the usage, with hours before the first one")
    learnt: list[int] = []
    for moment in moments:
        if not learnt or moment >= learnt[-1] + learn_hours:
            learnt.append(moment)
    tell = progress or (lambda stage, share: None)
    with shared(jobs) as run:
        lessons = [_Lesson(_past(usage, x, history_hours), horizon_hours, seed, settings, events) for x in learnt]
        hierarchies: list[Hierarchy] = []
        for hierarchy in run(_learn, lessons):
            hierarchies.append(hierarchy)
            tell("learning", len(hierarchies) / len(lessons))
        tasks = [
            _Task(
                past=_past(usage, moment, history_hours),
                hierarchy=hierarchies[sum(x <= moment for x in learnt) - 1],
                horizon_hours=horizon_hours,
                seed=seed,
                settings=settings,
                events=events,
                reduce=reduce,
            )
            for moment in moments
        ]
        yield from _a_few(run, tasks, _AHEAD * jobs)


@dataclass(frozen=True, slots=True)
class _Lesson:
    past: xr.Dataset
    horizon_hours: int
    seed: int
    settings: Settings
    events: Events | None


@dataclass(frozen=True, slots=True)
class _Task:
    past: xr.Dataset
    hierarchy: Hierarchy
    horizon_hours: int
    seed: int
    settings: Settings
    events: Events | None
    reduce: Reduce | None


def _past(usage: xr.Dataset, moment: int, history_hours: int) -> xr.Dataset:
    return usage.isel({dims.TIME: slice(max(0, moment - history_hours), moment)})


def _learn(lesson: _Lesson) -> Hierarchy:
    hours = min(lesson.horizon_hours, 168)
    return learn(
        lesson.past, seed=lesson.seed, horizon_hours=hours, events=lesson.events, settings=lesson.settings
    )


def _forecast(task: _Task) -> DemandProfile:
    profile = forecast(
        task.past,
        task.horizon_hours,
        seed=task.seed,
        hierarchy=task.hierarchy,
        events=task.events,
        settings=task.settings,
    )
    return task.reduce(profile) if task.reduce else profile


def _a_few(run: Map, tasks: Sequence[_Task], count: int) -> Iterator[DemandProfile]:
    """Map a few tasks at a time, and begin the next ones before what came of the last is looked at."""
    under_way = iter(run(_forecast, tasks[:count]))
    for start in range(count, len(tasks) + count, count):
        following = iter(run(_forecast, tasks[start : start + count])) if start < len(tasks) else iter(())
        yield from under_way
        under_way = following
