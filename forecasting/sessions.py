"""Sessions of the users of one application, hour by hour, and what they use: the workings of `simulate`.

Place in the line: under `simulate`, which puts groups and regions together.

Sessions begun in an hour are a Poisson count around the intensity of the application's habits; each lasts a
whole number of hours, holds cores, memory and bandwidth while it lasts, and leaves files behind.

>>> float(length_shares(2.0)[:3].round(2).sum())  # of sessions that last 1, 2, 3 hours
0.88
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESOURCES = ("cpu", "memory", "network", "storage")
LONGEST_SESSION_HOURS = 12
WEEKLY_GROWTH = 1.01

HOLIDAY_DAY = 25
"""The holiday is this day from the start, counted from 0: with a start on Monday, the fourth Friday."""

EVENT_DAY, EVENT_HOURS, EVENT_FACTOR = 17, (16, 22), 1.7
"""The event: the day and hours from the start, and by how much it multiplies what users do."""

_YEAR_HOURS = 52 * 168
_SCALE, _SHOCK, _BEGUN, _LENGTH, _SURGE, _SURGE_BEGUN, _SURGE_LENGTH, _FOOTPRINT = range(8)
"""What random numbers are for: each purpose has a stream of its own, so that none disturbs another."""


@dataclass(frozen=True, slots=True)
class Application:
    """Habits of the users of an application, and what one session uses."""

    name: str
    sessions_per_hour: float
    """Sessions begun in the busiest hour of a weekday."""
    session_hours: float
    """Mean length of a session, 1 or more."""
    peak_hour: int
    """Busiest hour of the day, local time."""
    sharpness: float
    """How much of the day's use gathers around the busiest hour; 0 for none."""
    weekend_factor: float
    holiday_factor: float
    cpu_cores: float
    memory_gib: float
    network_mbit: float
    storage_gib: float
    """Left behind by each session; the three above are held while it lasts."""


APPLICATIONS = (
    Application("analytics", 400, 1.6, 11, 1.2, 0.40, 0.45, 0.035, 0.110, 0.12, 0.0005),
    Application("build-farm", 600, 1.3, 15, 1.2, 0.35, 0.35, 0.030, 0.080, 0.09, 0.0003),
    Application("storefront", 3000, 1.2, 20, 1.1, 1.25, 1.20, 0.006, 0.012, 0.08, 0.00004),
    Application("search", 5000, 1.1, 13, 0.8, 0.85, 0.80, 0.003, 0.010, 0.02, 0.00002),
    Application("office", 800, 2.5, 11, 1.6, 0.20, 0.20, 0.005, 0.030, 0.03, 0.0003),
    Application("media", 1500, 2.0, 21, 1.3, 1.40, 1.30, 0.003, 0.008, 0.50, 0.0001),
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The hours of a region, all of shape ``(time,)``, and what they mean to its users."""

    clock: NDArray[np.datetime64]
    """UTC."""
    hours_since_start: NDArray[np.int64]
    """Negative before the start."""
    utc_offset_hours: int
    has_event: bool
    moved: Floats
    """What moves all of its users together, around 1."""


@dataclass(frozen=True, slots=True)
class Group:
    """A simulated group: usage and its mean, ``(resource, time)``, and mean sessions begun, ``(time,)``."""

    usage: Floats
    mean: Floats
    intensity: Floats


def make_group(
    application: Application,
    rhythm: Rhythm,
    surge: Floats,
    surge_comes: NDArray[np.bool_],
    stream: Callable[[int], np.random.Generator],
) -> Group:
    """Simulate one group.

    Parameters
    ----------
    application, rhythm
        What its users do, and when.
    surge
        Mean number of sessions that surges add in each hour, ``(time,)``.
    surge_comes
        Where they really come, ``(time,)``; elsewhere they are drawn and then left out, so that nothing else
        changes.
    stream
        Gives the random numbers for a purpose.

    Returns
    -------
    Group
        Over all of the rhythm's hours.
    """
    length = length_shares(application.session_hours)
    usual = habit(application, rhythm) * stream(_SCALE).lognormal(0, 0.15)
    rate = usual * rhythm.moved * shocks(stream(_SHOCK), len(usual), memory=0.8, spread=0.06)
    begun = stream(_LENGTH).multinomial(stream(_BEGUN).poisson(rate), length)

    week = (rhythm.hours_since_start - rhythm.hours_since_start[0]) // 168
    height = stream(_SURGE).lognormal(-(0.06**2) / 2, 0.06, size=week[-1] + 1)[week]
    more = stream(_SURGE_LENGTH).multinomial(stream(_SURGE_BEGUN).poisson(surge * height), length)
    begun = begun + more * surge_comes[:, np.newaxis]
    intensity = usual + surge * surge_comes

    per_session = stream(_FOOTPRINT).gamma(400, 1 / 400, size=(len(rate), 3)).T  # mean 1, 5 % either way
    usage = footprint(application, begun.astype(np.float64), per_session)
    mean = footprint(application, intensity[:, np.newaxis] * length, np.ones_like(per_session))
    return Group(usage, mean, intensity)


def habit(application: Application, rhythm: Rhythm) -> Floats:
    """Return the mean number of sessions begun in each hour, surges apart, ``(time,)``."""
    hours = rhythm.hours_since_start
    local = rhythm.clock.astype("datetime64[h]").astype(np.int64) + rhythm.utc_offset_hours
    angle = 2 * np.pi * (local % 24 - application.peak_hour) / 24
    rate = application.sessions_per_hour * np.exp(application.sharpness * (np.cos(angle) - 1))
    weekday = (local // 24 + 3) % 7  # 1970-01-01 was a Thursday
    rate[weekday >= 5] *= application.weekend_factor
    rate[(hours + rhythm.utc_offset_hours) // 24 == HOLIDAY_DAY] *= application.holiday_factor
    if rhythm.has_event:
        begin, end = (24 * EVENT_DAY + hour for hour in EVENT_HOURS)
        rate[(hours >= begin) & (hours < end)] *= EVENT_FACTOR
    return np.asarray(rate * WEEKLY_GROWTH ** (hours / 168))


def length_shares(mean_hours: float) -> Floats:
    """Return the shares of sessions that last 1, 2, … hours: geometric, cut off at the longest."""
    shares = (1 - 1 / mean_hours) ** np.arange(LONGEST_SESSION_HOURS)
    return np.asarray(shares / shares.sum())


def shocks(stream: np.random.Generator, hours: int, memory: float, spread: float) -> Floats:
    """Return what moves users together for a while: a log-normal autoregression of mean 1, ``(time,)``.

    ``memory`` is the share of a shock that is left after an hour, ``spread`` the standard deviation of
    its logarithm.
    """
    level = np.empty(hours)
    last = 0.0
    for hour, step in enumerate(stream.normal(0, spread * np.sqrt(1 - memory**2), size=hours)):
        last = memory * last + step
        level[hour] = last
    return np.asarray(np.exp(level - spread**2 / 2))


def footprint(application: Application, begun: Floats, per_session: Floats) -> Floats:
    """Return usage from sessions begun.

    Parameters
    ----------
    application
        What a session uses.
    begun
        Sessions begun in each hour by how long they last, ``(time, length)``, lengths being 1, 2, … hours.
    per_session
        Factor on what a session holds in that hour, ``(resource, time)`` for cpu, memory and network.

    Returns
    -------
    numpy.ndarray
        ``(resource, time)`` in the order of `RESOURCES`, in the units of `forecasting.dims.UNITS`.
    """
    still = np.flip(np.flip(begun, axis=1).cumsum(axis=1), axis=1)  # [t, j]: begun at t and there j hours later
    active = still[:, 0].copy()
    for later in range(1, LONGEST_SESSION_HOURS):
        active[later:] += still[:-later, later]
    held = (application.cpu_cores, application.memory_gib, application.network_mbit)
    used = [each * active * factor for each, factor in zip(held, per_session, strict=True)]
    earlier = 0.4 * application.sessions_per_hour * _YEAR_HOURS  # a year of sessions left files before these
    stored = application.storage_gib * (earlier + still[:, 0].cumsum())
    return np.stack([*used, stored])
