"""When to learn anew, and with how long a memory: champion and challenger on the last days, the better one learnt.

Place in the line: after `judging`; `headroom run` asks it at each run, `headroom retrain` by hand. Settings are
never changed on a guess: both are learnt from the days before the contest, forecast each of them, and are scored
by what came. Only then is the winner learnt from everything.

    if reason(record, hierarchy.learnt_until):
        hierarchy, contest = retrain(usage, hierarchy)
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import xarray as xr

from forecasting import dims
from forecasting.errors import ForecastingError
from forecasting.events import Events
from forecasting.feedback.record import Record
from forecasting.feedback.scopes import GROUP
from forecasting.feedback.surprise import surprises
from forecasting.forecast import forecast
from forecasting.hierarchy import Hierarchy
from forecasting.learn import Progress, learn
from forecasting.past import past_of
from forecasting.score import crps_from_draws
from forecasting.settings import LONGEST_MEMORY_HOURS, Settings

SHORT_MEMORY_HOURS = 504
"""Memory of the challenger, three weeks; of a champion with that, the challenger has the longest."""

CONTEST_DAYS = 7
MARGIN = 0.01
"""By how much a challenger must be better than the champion: less is chance on so few days."""

ALARMED_SHARE = 0.2
"""Share of the groups with an alarm from which on what was learnt is learnt anew."""

_AHEAD_HOURS = 24
_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Contest:
    """How champion and challenger did: memory in hours, and CRPS as a share of what came, mean over resources."""

    days: int
    champion_hours: int
    challenger_hours: int
    champion: float
    challenger: float

    @property
    def changed(self) -> bool:
        """Whether the challenger won by enough."""
        return self.challenger < (1 - MARGIN) * self.champion


def reason(record: Record, since: datetime) -> str:
    """Return why what was learnt should be learnt anew at once, in words; empty if it need not be.

    Forecasts from before ``since``, when it was learnt, do not count: else one bad week were a reason twice.
    """
    data = record.dataset
    found = surprises(Record(data.isel(origin=record.origins >= dims.hour_of(since))))
    groups = found.isel(scope=np.flatnonzero(found["kind"].values == GROUP))
    if not groups.sizes["scope"]:
        return ""
    alarmed = int((groups.max(("side", "resource")) >= 1).sum())
    if alarmed < max(1.0, ALARMED_SHARE * groups.sizes["scope"]):
        return ""
    return f"{alarmed} of {groups.sizes['scope']} groups are at an alarm"


def retrain(
    usage: xr.Dataset,
    champion: Hierarchy,
    now: datetime | None = None,
    *,
    seed: int = 0,
    days: int = CONTEST_DAYS,
    events: Events | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[Hierarchy, Contest | None]:
    """Learn anew, with the memory that forecast the last days better.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)``; hours that start at or after ``now`` are not looked at.
    champion
        What is in use: its components, inference and horizon are kept.
    now, seed, events, jobs
        As of `learn`.
    days
        Days that both forecast, one after the other, from what came before each.
    progress
        Is told the stage and the share that is done.

    Returns
    -------
    hierarchy
        Learnt from everything up to ``now``.
    contest
        None where there is too little usage for one; the memory then stays as it is.

    Raises
    ------
    ForecastingError
        What `learn` raises; then the champion is the one to go on with.
    """
    tell = progress or (lambda stage, share: None)
    settings = settings_of(champion)
    past, moment = past_of(usage, now)
    begin = moment - timedelta(days=days)
    contest = None
    if past.sizes[dims.TIME] >= SHORT_MEMORY_HOURS + days * 24:
        short = settings.memory_hours <= SHORT_MEMORY_HOURS
        other = replace(settings, memory_hours=LONGEST_MEMORY_HOURS if short else SHORT_MEMORY_HOURS)
        losses = []
        for number, each in enumerate((settings, other)):
            tell("champion" if number == 0 else "challenger", 0.35 * number)
            # Both are learnt at the beginning: the champion's file has seen the days that it would be judged by.
            learnt = learn(usage, begin, seed, horizon_hours=_AHEAD_HOURS, events=events, settings=each, jobs=jobs)
            losses.append(_loss(usage, learnt, begin, days, seed, events, jobs))
        contest = Contest(days, settings.memory_hours, other.memory_hours, *losses)
        if contest.changed:
            settings = other
    tell("learning anew", 0.7)
    horizon = int(champion.dataset.attrs["horizon_hours"])
    fresh = learn(usage, now, seed, horizon_hours=horizon, events=events, settings=settings, jobs=jobs)
    tell("done", 1.0)
    return fresh, contest


def settings_of(hierarchy: Hierarchy) -> Settings:
    """Return the settings that something was learnt with."""
    attributes = hierarchy.dataset.attrs
    return Settings(
        components=hierarchy.components,
        inference=str(attributes["inference"]),
        memory_hours=hierarchy.memory_hours,
    )


def _loss(
    usage: xr.Dataset,
    hierarchy: Hierarchy,
    begin: datetime,
    days: int,
    seed: int,
    events: Events | None,
    jobs: int,
) -> float:
    """Return the CRPS of days forecast one after the other, as a share of what came; the mean over resources."""
    lost, came = np.zeros(usage.sizes[dims.RESOURCE]), np.zeros(usage.sizes[dims.RESOURCE])
    for day in range(days):
        profile = forecast(
            usage, _AHEAD_HOURS, begin + timedelta(days=day), seed,
            hierarchy=hierarchy, events=events, settings=Settings(draws=_DRAWS), jobs=jobs,
        )  # fmt: skip
        draws = profile.draws
        actual = usage[dims.DEMAND].reindex({dims.TIME: draws[dims.TIME]}).values
        lost += np.nansum(crps_from_draws(draws.values, actual), axis=(0, 2))
        came += np.nansum(actual, axis=(0, 2))
    if not (came > 0).any():
        raise ForecastingError(f"no usage of the last {days} days is known; there is nothing to compare by")
    return float(np.mean(lost[came > 0] / came[came > 0]))
