"""Events and holidays → occasions: what happened, or will, in which hours of which groups.

Place in the line: after `events`; `uplift` measures what past occasions did.

An occasion is one happening of a kind, wherever it is felt: rows of one kind and name whose times overlap are one
occasion, so that a day that begins at another moment in each region is one holiday.

    found = occasions_of(events, groups, regions, first_hour, last_hour)
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from forecasting.events import EVERYWHERE, Events
from forecasting.eventtable import Event
from forecasting.places import public_holidays
from forecasting.table import MICROSECONDS_PER_HOUR

Floats = NDArray[np.float64]

HOLIDAY = "holiday"
"""Kind of the public holidays."""

PARTS, PART_HOURS = 6, 4
"""Parts of the day, by the local clock: what happens at night is not what happens at noon."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """One happening of a kind.

    Parameters
    ----------
    kind, name
        What it is.
    start, end
        Microseconds since 1970 UTC, from the first row to the end of the last.
    first
        Hours since 1970 UTC of the first hour that it touches.
    groups
        Places of the groups that it touches, ascending, ``(touched,)``.
    share
        Share of each hour from ``first`` on that it covers, ``(touched, hour)``.
    part
        Part of the local day of each hour, ``(touched, hour)``.
    expected
        As of `eventtable.Event`; of the first row that says something.
    rows
        What was written of it.
    """

    kind: str
    name: str
    start: int
    end: int
    first: int
    groups: NDArray[np.intp]
    share: Floats
    part: NDArray[np.intp]
    expected: tuple[float, ...]
    rows: tuple[Event, ...]

    @property
    def hours(self) -> int:
        """How many hours it touches."""
        return int(self.share.shape[1])


def occasions_of(
    events: Events, groups: NDArray[np.str_], regions: NDArray[np.str_], first: int, last: int
) -> list[Occasion]:
    """Return the occasions that touch a group in some hour, by kind, start and name.

    Parameters
    ----------
    events
        What is known of the calendar.
    groups, regions
        Labels ``region/name`` of the groups and the region of each, ``(group,)``.
    first, last
        Hours since 1970 UTC; occasions that do not touch ``[first, last)`` are left out.
    """
    bounds = first * MICROSECONDS_PER_HOUR, last * MICROSECONDS_PER_HOUR
    written = [*events.events, *_holidays(events, regions, first, last)]
    near = [x for x in written if x.end > bounds[0] and x.start < bounds[1]]
    zones = dict(events.zones)
    offsets = _offsets(regions, zones, last)
    found = []
    for rows in _together(near):
        occasion = _occasion(rows, groups, regions, offsets)
        if occasion is not None:
            found.append(occasion)
    return sorted(found, key=lambda x: (x.kind, x.start, x.name))


def busy_hours(occasions: Iterable[Occasion], groups: int, first: int, hours: int) -> NDArray[np.bool_]:
    """Return whether an occasion touches each hour from ``first`` on, ``(group, hour)``."""
    busy = np.zeros((groups, hours), dtype=np.bool_)
    for x in occasions:
        begin, end = max(x.first - first, 0), min(x.first + x.hours - first, hours)
        if begin < end:
            share = x.share[:, begin + first - x.first : end + first - x.first]
            busy[x.groups, begin:end] |= share > 0
    return busy


def _holidays(events: Events, regions: NDArray[np.str_], first: int, last: int) -> list[Event]:
    """Public holidays as events of each region, from its midnight to the next."""
    codes, zones = dict(events.holidays), dict(events.zones)
    begin, end = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=x) for x in (first, last))
    years = range((begin - timedelta(days=2)).year, (end + timedelta(days=2)).year + 1)
    found = []
    for region in np.unique(regions).tolist() if codes else ():
        code = codes.get(region, codes.get(EVERYWHERE))
        zone = ZoneInfo(zones.get(region, zones.get(EVERYWHERE, "UTC")))
        for day, name in () if code is None else public_holidays(code, years).items():
            start, stop = (
                int(datetime(x.year, x.month, x.day, tzinfo=zone).timestamp()) * 1_000_000
                for x in (day, day + timedelta(days=1))
            )
            found.append(Event(region, start, stop, name, HOLIDAY))
    return found


def _together(events: Iterable[Event]) -> list[list[Event]]:
    """Put rows of one kind and name together whose times overlap."""
    alike: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda x: (x.start, x.end, x.region, x.group)):
        alike[event.kind, event.name].append(event)
    found: list[list[Event]] = []
    for rows in alike.values():
        end = rows[0].start
        for row in rows:
            if row.start >= end:
                found.append([])
            found[-1].append(row)
            end = max(end, row.end)
    return found


def _occasion(
    rows: list[Event], groups: NDArray[np.str_], regions: NDArray[np.str_], offsets: dict[str, int]
) -> Occasion | None:
    start, end = min(x.start for x in rows), max(x.end for x in rows)
    first, stop = start // MICROSECONDS_PER_HOUR, -(-end // MICROSECONDS_PER_HOUR)
    begins = np.arange(first, stop) * MICROSECONDS_PER_HOUR
    share = np.zeros((len(groups), stop - first))
    for row in rows:
        members = touched(row, groups, regions)
        covered = np.minimum(row.end, begins + MICROSECONDS_PER_HOUR) - np.maximum(row.start, begins)
        share[members] += np.maximum(covered, 0) / MICROSECONDS_PER_HOUR
    some = np.flatnonzero(share.any(axis=1))
    if not some.size:
        return None
    clock = np.arange(first, stop)
    part = np.stack([(clock + offsets[regions[g]]) % 24 // PART_HOURS for g in some]).astype(np.intp)
    expected = next((x.expected for x in rows if x.expected), ())
    share = np.minimum(share[some], 1.0)
    return Occasion(rows[0].kind, rows[0].name, start, end, int(first), some, share, part, expected, tuple(rows))


def touched(row: Event, groups: NDArray[np.str_], regions: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which groups an event is about, ``(group,)``."""
    inside = np.ones(len(groups), dtype=np.bool_) if row.region == EVERYWHERE else regions == row.region
    if not row.group:
        return inside
    if "/" in row.group:
        return np.asarray(inside & (groups == row.group))
    names = np.array([label.split("/", 1)[-1] for label in groups.tolist()])
    return np.asarray(inside & (names == row.group))


def _offsets(regions: NDArray[np.str_], zones: dict[str, str], last: int) -> dict[str, int]:
    """Hours by which the local clock of each region is ahead of UTC, at the end of what is looked at."""
    moment = datetime.fromtimestamp((last - 1) * 3600, UTC)
    found = {}
    for region in np.unique(regions).tolist():
        zone = zones.get(region, zones.get(EVERYWHERE, "UTC"))
        ahead = moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0)
        found[region] = round(ahead / timedelta(hours=1))
    return found
