r"""``events.yaml`` → events, countries and time zones, or every error with its line.

Place in the line: beside `eventtable`; what is read here is what a table of events holds, and what is expected
of an event besides.

>>> text = "events: [{name: v2, kind: launch, start: 2026-05-04, zone: Europe/Berlin, expected: {factor: 1.7}}]"
>>> parse(text, "events.yaml").events[0].kind
'launch'
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from forecasting.errors import ForecastingError
from forecasting.eventtable import LONGEST_NAME, Event
from forecasting.table import EARLIEST, LATEST, fault_of_name
from forecasting.yamlkeys import not_yaml, repeated

MOST_CHARACTERS = 2_000_000
MOST_EVENTS = 20_000
"""Rows that a file may make: an event counts once for each region and group that it names."""

EIGHTY = 1.2816  # standard deviations from the middle to the end of an 80 % interval
VAGUE = 0.2
"""Standard deviation of the log factor of what is expected without a range: 80 % within a factor of 1.3."""

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # texts only: nothing is constructed
_FURTHEST = 20.0
_MAPPING = "must be a mapping"
_PLAIN = {
    "tuple_type": "must be a list",
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "string_type": "must be text",
    "missing": "is missing",
}


def _named(text: str) -> str:
    fault = fault_of_name(text, allow_slash=True)
    if fault:
        raise ValueError(fault)
    if len(text) > 2 * LONGEST_NAME + 1:
        raise ValueError(f"holds {len(text)} characters; shorten it")
    return text


def _short(text: str) -> str:
    if len(text) > LONGEST_NAME:
        raise ValueError(f"holds {len(text)} characters; shorten it to {LONGEST_NAME} or fewer")
    return text


def _region(text: str) -> str:
    if "/" in text:
        raise ValueError("a region has no '/'; name groups under groups")
    return text


Name = Annotated[str, AfterValidator(_named), AfterValidator(_short)]
Region = Annotated[str, AfterValidator(_named), AfterValidator(_short), AfterValidator(_region)]
Group = Annotated[str, AfterValidator(_named)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Expected(_Strict):
    factor: float = Field(gt=0, le=_FURTHEST)
    lower: float | None = Field(None, alias="from", gt=0, le=_FURTHEST)
    upper: float | None = Field(None, alias="to", gt=0, le=_FURTHEST)

    @model_validator(mode="after")
    def _in_order(self) -> "_Expected":
        if (self.lower is None) != (self.upper is None):
            raise ValueError("write from and to, the ends of an 80 % interval, or neither")
        if self.lower is not None and self.upper is not None and not self.lower < self.factor < self.upper:
            raise ValueError("from < factor < to does not hold")
        return self

    @property
    def log(self) -> tuple[float, float]:
        """Mean and standard deviation of the logarithm."""
        wide = VAGUE
        if self.lower is not None and self.upper is not None:
            wide = math.log(self.upper / self.lower) / (2 * EIGHTY)
        return (math.log(self.factor), max(wide, 0.01))


class _Entry(_Strict):
    name: Name
    kind: Name | None = None
    start: str
    end: str | None = None
    zone: str | None = None
    regions: tuple[Region, ...] = ("*",)
    groups: tuple[Group, ...] = ("",)
    expected: _Expected | None = None

    @model_validator(mode="after")
    def _lasts(self) -> "_Entry":
        start, end = self.span
        if end <= start:
            raise ValueError("the end does not come after the start; it is the first moment after the event")
        if not (self.regions and self.groups):
            raise ValueError("regions or groups is an empty list; leave it out for all")
        return self

    @property
    def span(self) -> tuple[datetime, datetime]:
        start, whole_day = _instant(self.start, self.zone, "start")
        if self.end is None:
            if not whole_day:
                raise ValueError("the end is missing; only a day, such as 2026-11-27, needs none")
            day = date.fromisoformat(self.start.strip()) + timedelta(days=1)
            return start, _instant(day.isoformat(), self.zone, "start")[0]
        return start, _instant(self.end, self.zone, "end")[0]


class _File(_Strict):
    events: tuple[_Entry, ...] = ()
    holidays: Mapping[str, str] = {}
    zones: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Written:
    """What a file says: events, and by region the country whose holidays it keeps and its time zone."""

    events: tuple[Event, ...]
    holidays: Mapping[str, str]
    zones: Mapping[str, str]


def parse(text: str, path: str) -> Written:
    """Read ``events.yaml``; ``path`` is only named in errors.

    Raises
    ------
    ForecastingError
        Naming file, line, entry and key of everything that is wrong.
    """
    if len(text) > MOST_CHARACTERS:
        raise ForecastingError(f"{path}: {len(text):,} characters; at most {MOST_CHARACTERS:,} are read")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, _LOADER)):
            raise ForecastingError(f"{path}: aliases (*name) are not read; write the value out, or '*' in quotes")
        node = yaml.compose(text, _LOADER)
        document = yaml.load(text, _LOADER)  # noqa: S506 - makes texts, lists and mappings only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ForecastingError(not_yaml(path, error)) from error
    if not isinstance(document, dict):
        raise ForecastingError(f"{path}: empty, or not a mapping; it starts with: events:")
    if twice := repeated(node):
        raise ForecastingError(f"{path}:{twice[0]}: {ascii(twice[1])[:LONGEST_NAME]} stands here a second time")
    try:
        found = _File.model_validate(document)
    except ValidationError as error:
        raise ForecastingError("\n".join(_explained(dict(x), node, path) for x in error.errors()[:20])) from error
    events = [x for entry in found.events for x in _rows(entry)]
    if len(events) > MOST_EVENTS:
        raise ForecastingError(
            f"{path}: {len(events):,} events, region by region; at most {MOST_EVENTS:,} are read"
        )
    return Written(tuple(sorted(set(events))), found.holidays, found.zones)


def _rows(entry: _Entry) -> Iterator[Event]:
    start, end = (round(x.timestamp() * 1_000_000) for x in entry.span)
    expected = entry.expected.log if entry.expected else ()
    for region in entry.regions:
        for group in entry.groups:
            yield Event(region, start, end, entry.name, entry.kind or entry.name, group, expected)


def _instant(text: str, zone: str | None, what: str) -> tuple[datetime, bool]:
    """Read an instant or a day, and whether it is a day; a ValueError says what is wrong."""
    if zone is not None and zone not in available_timezones():
        raise ValueError(f"{zone!r} is no time zone; write an IANA name, such as Europe/Berlin")
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"the {what}, {text[:40]!r}, is no time; write 2026-11-27T08:00+01:00, or 2026-11-27 and a zone"
        ) from None
    whole_day = len(text.strip()) == len("2026-11-27")
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError(f"the {what}, {text[:40]}, has no offset; write it, or the entry's zone")
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    if not EARLIEST.year <= moment.year < LATEST.year:
        raise ValueError(f"the {what}, {text[:40]}, is outside of {EARLIEST.year} to {LATEST.year}")
    return moment, whole_day


def _explained(item: dict[str, Any], node: yaml.Node | None, path: str) -> str:
    place, line, where, name = item["loc"], node.start_mark.line if node else 0, "", ""
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            where += f"[{part}]"
            node = node.value[part] if part < len(node.value) else None
            line = node.start_mark.line if node else line
            name = name or _name_of(node)
            continue
        where += f".{_shown(part)}"
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        key, node = next(((k, v) for k, v in pairs if k.value == str(part)), (None, None))
        line = key.start_mark.line if key else line
    said = _PLAIN.get(item["type"], str(item["msg"]).removeprefix("Value error, "))
    if item["type"] == "extra_forbidden":
        allowed = _File if len(place) == 1 else _Expected if "expected" in place else _Entry
        said = f"unknown key; allowed here: {', '.join(x.alias or k for k, x in allowed.model_fields.items())}"
    return f"{path}:{line + 1}: {where.removeprefix('.') or 'the whole'}{name}: {said}"


def _name_of(entry: yaml.Node | None) -> str:
    """What an entry is called, for who looks for it; empty where it has no name."""
    pairs = entry.value if isinstance(entry, yaml.MappingNode) else []
    return next((f" ('{_shown(v.value)}')" for k, v in pairs if k.value == "name" and v.value), "")


def _shown(text: object) -> str:
    return ascii(str(text))[1:-1][:LONGEST_NAME]
