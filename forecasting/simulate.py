"""Synthetic usage with known truth: groups of users in regions, with habits, a holiday, an event and surges.

Place in the line: in front of it, where there is no real usage: for the demo and the tests.

Each group runs one application of `forecasting.sessions`. Once a week, at the same hours, one group of each
region has a surge of several times its usual load (a weekly close, a release).

>>> len(simulate(seed=1).table)  # 12 groups × 4 resources × 6 weeks of hours
48384
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims, sessions
from forecasting.errors import ForecastingError

START = datetime(2026, 4, 6, tzinfo=UTC)
"""A Monday; the holiday then falls on 1 May."""

_WARM_UP_HOURS = 24  # more than the longest session, so that the first hour has its share of old ones
_UTC_OFFSETS = (1, -5, 9, 0)  # of the regions, in order; a fifth begins again
_SURGE_WEEKDAY_AND_HOUR = ((1, 14), (2, 15))  # of the regions, in turn
_OF_REGION, _OF_GROUP = range(2)  # random numbers of these two kinds never meet


@dataclass(frozen=True, slots=True)
class Surge:
    """A weekly surge of one group, at the same hours (UTC) every week."""

    group: str
    """Label ``region/name``."""
    weekday: int
    """0 is Monday."""
    hour: int
    """First hour of it."""
    hours: int
    """How long it lasts; in its first and last hour it has half its height."""
    factor: float
    """Its height: sessions begun in an hour, in multiples of the application's busiest usual hour."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A stretch, from ``starts`` until before ``ends``, in which a group's surges do not come."""

    group: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Simulation:
    """Usage that was made, and what it was made from.

    Parameters
    ----------
    table
        The long table: ``timestamp`` (UTC), ``region``, ``group``, ``resource``, ``value``; by time, then by
        group, then by resource.
    truth
        ``demand(group, resource, time)``, the mean that usage scatters around, in ``unit(resource)``, and
        ``intensity(group, time)``, the mean number of sessions begun in the hour. Coordinates as of usage.
    surges
        The weekly surges, one of each region.
    """

    table: pd.DataFrame
    truth: xr.Dataset
    surges: tuple[Surge, ...]


def simulate(
    seed: int = 0,
    groups_per_region: int = 6,
    regions: Sequence[str] = ("eu-west", "us-east"),
    weeks: int = 6,
    start: datetime = START,
    extra_hours: int = 0,
    absences: Sequence[Absence] = (),
) -> Simulation:
    """Make hourly usage of groups of users.

    Parameters
    ----------
    seed
        Not negative. The same arguments give the same usage. More hours only add rows at the end, and an
        absence only takes its own surges out.
    groups_per_region, regions
        How many groups, and where. The last region has the event of `forecasting.sessions`.
    weeks, extra_hours, start
        ``168 · weeks + extra_hours`` hours from ``start``, a timezone-aware start of an hour.
    absences
        Stretches in which a group's surges do not come.

    Returns
    -------
    Simulation
        With the defaults the six groups of a region together use, outside of surges, 13 to 95 cores
        (median 42), 35 to 315 GiB of memory (115), 0.25 to 3.1 Gbit/s and 3.4 to 3.9 TiB of storage;
        in a surge, which lasts eight hours and decays within three more, the peak is 200 to 280 cores
        and 600 to 780 GiB. Surges come to ``eu-west/analytics`` on Tuesdays from 14:00 UTC and to
        ``us-east/build-farm`` on Wednesdays from 15:00 UTC; otherwise the two use up to 30 to 65 cores.

    Raises
    ------
    ForecastingError
        If there is no region, group or hour, a region comes twice, ``start`` is not the start of an hour,
        or an absence names a group that has no surge.
    """
    hours = 168 * weeks + extra_hours
    if groups_per_region < 1 or hours < 1 or not regions or len(set(regions)) < len(regions):
        raise ForecastingError("simulate: give at least one group, region and hour, and each region once")
    if start.minute or start.second or start.microsecond:
        raise ForecastingError(f"simulate: start = {start.isoformat()} is not the start of an hour")
    surges = tuple(_surge_of(place, region, groups_per_region) for place, region in enumerate(regions))
    _check_absences(absences, surges)

    since = np.arange(-_WARM_UP_HOURS, hours)
    clock = dims.hour_of(start) + since * dims.HOUR
    groups = {}
    for place, region in enumerate(regions):
        moved = sessions.shocks(_stream(seed, _OF_REGION, place), len(since), memory=0.95, spread=0.05)
        offset = _UTC_OFFSETS[place % len(_UTC_OFFSETS)]
        rhythm = sessions.Rhythm(clock, since, offset, place == len(regions) - 1, moved)
        for member in range(groups_per_region):
            label = dims.label(region, _name(member))
            application = sessions.APPLICATIONS[member % len(sessions.APPLICATIONS)]
            shape = _surge_shape(surges[place], clock) * (label == surges[place].group)
            groups[label] = sessions.make_group(
                application,
                rhythm,
                shape * surges[place].factor * application.sessions_per_hour,
                _comes(label, clock, absences),
                partial(_stream, seed, _OF_GROUP, place, member),
            )
    return _assemble(groups, clock, surges)


def _surge_of(place: int, region: str, groups_per_region: int) -> Surge:
    turn = place % len(_SURGE_WEEKDAY_AND_HOUR)
    weekday, hour = _SURGE_WEEKDAY_AND_HOUR[turn]
    group = dims.label(region, _name(min(turn, groups_per_region - 1)))
    return Surge(group, weekday, hour, hours=8, factor=7.0)


def _surge_shape(surge: Surge, clock: NDArray[np.datetime64]) -> sessions.Floats:
    hour_of_week = (clock.astype("datetime64[h]").astype(np.int64) + 3 * 24) % 168  # 1970-01-01: a Thursday
    within = (hour_of_week - 24 * surge.weekday - surge.hour) % 168
    shape = np.where(within < surge.hours, 1.0, 0.0)
    shape[(within == 0) | (within == surge.hours - 1)] = 0.5
    return shape


def _comes(group: str, clock: NDArray[np.datetime64], absences: Sequence[Absence]) -> NDArray[np.bool_]:
    comes = np.ones(len(clock), dtype=bool)
    for absence in absences:
        if absence.group == group:
            comes &= (clock < dims.hour_of(absence.starts)) | (clock >= dims.hour_of(absence.ends))
    return comes


def _check_absences(absences: Sequence[Absence], surges: Sequence[Surge]) -> None:
    having = [surge.group for surge in surges]
    for absence in absences:
        if absence.group not in having:
            raise ForecastingError(
                f"simulate: {absence.group} has no surge to be absent; {', '.join(having)} have"
            )


def _assemble(
    groups: Mapping[str, sessions.Group], clock: NDArray[np.datetime64], surges: tuple[Surge, ...]
) -> Simulation:
    labels, time = sorted(groups), clock[_WARM_UP_HOURS:]
    region, name = np.array([label.split("/", 1) for label in labels]).T
    resources = np.array(sessions.RESOURCES)
    made = [groups[label] for label in labels]
    usage = np.stack([group.usage for group in made])[..., _WARM_UP_HOURS:]
    mean = np.stack([group.mean for group in made])[..., _WARM_UP_HOURS:]
    intensity = np.stack([group.intensity for group in made])[:, _WARM_UP_HOURS:]
    truth = xr.Dataset(
        {dims.DEMAND: (dims.USAGE_DIMS, mean), "intensity": ((dims.GROUP, dims.TIME), intensity)},
        coords={
            dims.GROUP: labels,
            dims.REGION: (dims.GROUP, region),
            dims.NAME: (dims.GROUP, name),
            dims.RESOURCE: resources,
            dims.UNIT: (dims.RESOURCE, [dims.UNITS[resource] for resource in sessions.RESOURCES]),
            dims.TIME: time,
        },
    )
    # By time first, so that the table of more weeks begins with the whole table of fewer.
    at, of, what = (index.ravel() for index in np.indices((len(time), len(labels), len(resources))))
    table = pd.DataFrame(
        {
            "timestamp": pd.DatetimeIndex(time).tz_localize("UTC")[at],
            "region": region[of],
            "group": name[of],
            "resource": resources[what],
            "value": usage.transpose(2, 0, 1).round(4).ravel(),
        }
    )
    return Simulation(table, truth, surges)


def _name(member: int) -> str:
    turn, which = divmod(member, len(sessions.APPLICATIONS))
    return sessions.APPLICATIONS[which].name + (f"-{turn + 1}" if turn else "")


def _stream(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng([seed, *key])
