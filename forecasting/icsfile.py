"""iCalendar text → events: recurring ones written out between two moments, or an error that names the entry.

Place in the line: beside `eventfile`. Calendars come from anywhere: what may be asked of them is bounded, names
are made one harmless line, and nothing outside of the text is looked at.

An entry's first category is its kind, else its name is. ``X-HEADROOM-REGIONS`` and ``X-HEADROOM-GROUPS``, lists
with commas, say where it holds; without them it holds everywhere. Days without a time, and times without a zone,
are those of each region. An entry without an end lasts a day, or an hour where it has a time. What is cancelled is
left out.

    events = parse(text, "team.ics", first, last, {"eu-west": "Europe/Berlin"})
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from forecasting.errors import ForecastingError
from forecasting.eventfile import MOST_CHARACTERS, MOST_EVENTS
from forecasting.eventtable import LONGEST_NAME, Event
from forecasting.table import EARLIEST, LATEST, fault_of_name

MOST_ENTRIES = 5_000
MOST_STEPS = 300_000
"""Repetitions that are gone through at most, those before anything is looked at among them."""

_EVERYWHERE = "*"
_FREQUENCIES = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 28, "YEARLY": 365}
_DAYS_OF = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SLICE = timedelta(days=31)  # is written out at a time, so that too many are noticed early


def parse(
    text: str, path: str, first: datetime, last: datetime, zones: Mapping[str, str] | None = None
) -> tuple[Event, ...]:
    """Read a calendar.

    Parameters
    ----------
    text
        RFC 5545.
    path
        Only named in errors.
    first, last
        Timezone-aware: events that do not touch the time between them are left out.
    zones
        Every region → IANA name, for days and for times that name no zone; ``*`` for regions that are not there,
        UTC without it. What holds everywhere is written out region by region where their zones differ.

    Raises
    ------
    ForecastingError
        Naming file and entry, and what to do.
    """
    import icalendar  # noqa: PLC0415 (for those who use it)
    import recurring_ical_events  # noqa: PLC0415

    if len(text) > MOST_CHARACTERS:
        raise ForecastingError(f"{path}: {len(text):,} characters; at most {MOST_CHARACTERS:,} are read")
    try:
        calendar: Any = icalendar.Calendar.from_ical(text)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ForecastingError(f"{path}: not an iCalendar file: {_line(error)}") from error
    entries = calendar.walk("VEVENT")
    if len(entries) > MOST_ENTRIES:
        raise ForecastingError(f"{path}: {len(entries):,} entries; at most {MOST_ENTRIES:,} are read")
    clocks = {_EVERYWHERE: ZoneInfo("UTC")} | {region: ZoneInfo(x) for region, x in (zones or {}).items()}
    steps = 0.0
    for entry in entries:
        begin, _ = _span(entry, path, clocks[_EVERYWHERE])
        steps += _steps(entry, path, begin, last)
        if steps > MOST_STEPS:
            raise ForecastingError(
                f"{path}: repeats too often for too long, at the latest in entry {_title(entry)!r}; let its "
                "repetitions begin later"
            )
    found: set[Event] = set()
    at = first
    while at < last:
        until = min(at + _SLICE, last)
        try:
            happen = recurring_ical_events.of(calendar).between(at, until)
        except Exception as error:  # a library over text from anywhere: whatever it trips over is the text's fault
            raise ForecastingError(f"{path}: an entry cannot be read: {_line(error)}") from error
        for entry in happen:
            found.update(_rows(entry, path, clocks))
        if len(found) > MOST_EVENTS:
            raise ForecastingError(
                f"{path}: over {MOST_EVENTS:,} events, region by region; take a smaller calendar"
            )
        at = until
    return tuple(sorted(found))


def _steps(entry: Any, path: str, begin: datetime, last: datetime) -> float:
    """Return how many repetitions of an entry are gone through; refuse rules that may never apply."""
    steps = 0.0
    for name in ("RRULE", "EXRULE"):
        rules = entry.get(name, [])
        for rule in rules if isinstance(rules, list) else [rules]:
            if (why := _fault(rule)) is not None:
                raise ForecastingError(f"{path}: entry {_title(entry)!r}: {why}")
            every = min(_FREQUENCIES[str(x).upper()] for x in rule["FREQ"])
            steps += max((last - begin) / timedelta(days=1), 1.0) / every
    return steps


def _fault(rule: Any) -> str | None:
    """Say what is wrong with a rule: one that never applies would be followed to the year 9999."""
    said = {str(key).upper(): value if isinstance(value, list) else [value] for key, value in rule.items()}
    often = {str(x).upper() for x in said.get("FREQ", [])}
    if len(often) != 1 or not often <= set(_FREQUENCIES) or {"BYSECOND", "BYMINUTE"} & set(said):
        return "repeats by the hour, minute or second; at most daily repetitions are read"
    special = "repeats in too special a way; write FREQ=MONTHLY or YEARLY with the day, or the days one by one"
    months, days, places, hours, step = (
        [int(x) for x in said.get(key, [])] for key in ("BYMONTH", "BYMONTHDAY", "BYSETPOS", "BYHOUR", "INTERVAL")
    )
    weekdays = [str(x).upper() for x in said.get("BYDAY", [])]
    numbered = [int(x[:-2]) for x in weekdays if x[:-2]]
    seldom = bool(months or days or places or numbered)
    possible = not days or any(
        1 <= abs(day) <= _DAYS_OF[month - 1]
        for month in months or range(1, 13)
        for day in days
        if 1 <= month <= 12
    )
    odd = (
        {"BYYEARDAY", "BYWEEKNO"} & set(said)
        or (seldom and often <= {"DAILY", "WEEKLY"})
        or not possible
        or any(not 1 <= x <= 12 for x in months)
        or any(not 0 <= x <= 23 for x in hours)
        or any(x < 1 for x in step)
        or (any(abs(x) > 28 for x in days) and any(x > 1 for x in step))
        or any(not 1 <= abs(x) <= 5 for x in numbered)
        or (numbered and (days or places))
        or (places and (not weekdays or days or any(not 1 <= abs(x) <= 4 for x in places)))
    )
    return special if odd else None


def _rows(entry: Any, path: str, clocks: Mapping[str, ZoneInfo]) -> Iterator[Event]:
    if str(entry.get("STATUS", "")).upper() == "CANCELLED":
        return
    name = _title(entry)
    categories = [x for x in (_line(x) for x in entry.categories) if x]
    kind = categories[0][:LONGEST_NAME].casefold() if categories else name
    named = _list(entry, "X-HEADROOM-REGIONS", _EVERYWHERE, path)
    spans = {x: _span(entry, path, clocks.get(x, clocks[_EVERYWHERE])) for x in {*named, *clocks}}
    if _EVERYWHERE in named and len(set(spans.values())) > 1:
        named = [x for x in spans if x != _EVERYWHERE]
    for region in named:
        begin, stop = spans[region]
        for group in _list(entry, "X-HEADROOM-GROUPS", "", path):
            yield Event(region, _micro(begin), _micro(stop), name, kind, group)


def _span(entry: Any, path: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Begin and end of an entry; of one without an end, a day or an hour."""
    for name in ("DTSTART", "DTEND"):
        written = getattr(entry.get(name), "params", {}).get("TZID")
        if written and getattr(entry[name].dt, "tzinfo", None) is None:
            raise ForecastingError(
                f"{path}: entry {_title(entry)!r}: {_line(written)!r} is no time zone; write an IANA "
                "name, such as Europe/Berlin"
            )
    try:
        begin, stop = _moment(entry.start, zone), _moment(entry.end, zone)
    except Exception as error:  # as above
        raise ForecastingError(f"{path}: entry {_title(entry)!r}: {_line(error)}") from error
    if stop == begin:
        stop = begin + timedelta(hours=1)
    if stop < begin or not EARLIEST.year <= begin.year or not stop.year < LATEST.year:
        raise ForecastingError(
            f"{path}: entry {_title(entry)!r}: from {begin} to {stop} is no time; mend its DTSTART or DTEND"
        )
    return begin, stop


def _list(entry: Any, key: str, otherwise: str, path: str) -> list[str]:
    texts = [x.strip() for x in str(entry.get(key, "")).replace("\\,", ",").split(",") if x.strip()]
    for text in texts:
        fault = fault_of_name(text, allow_slash=key.endswith("GROUPS"))
        if fault or len(text) > 2 * LONGEST_NAME + 1:
            raise ForecastingError(
                f"{path}: entry {_title(entry)!r}: {key}: {text[:40]!r} {fault or 'is too long'}"
            )
    return texts or [otherwise]


def _moment(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(0), zone)
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)


def _micro(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _title(entry: Any) -> str:
    return _line(entry.get("SUMMARY", ""))[:LONGEST_NAME].strip() or "without a name"


def _line(text: object) -> str:
    """One line without what cannot be seen."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())[:200]
