r"""Events that a forecast expects → those that drive a lease: they touch its groups within its window.

Place in the line: between the profile, whose attributes name the events of its horizon, and ``evidence``. A
profile is a file from anywhere: what is no event is passed over, and names are data.

>>> text = '[{"kind": "sale", "name": "spring", "start": "2026-04-01T08:00:00+00:00", "regions": ["*"],\
...           "end": "2026-04-01T20:00:00+00:00", "groups": [""], "factor": {"cpu": [1.4, 1.7, 2.1]}}]'
>>> at = datetime(2026, 4, 1, tzinfo=UTC)
>>> drivers(text, ("eu/web",), "cpu", at, at + timedelta(days=1))[0].words
'sale: spring (1.7 times the usual, 1.4 to 2.1)'
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MOST = 12
"""Events of a lease at most, the strongest."""

_LONGEST = 80
_MOST_TEXT = 2_000_000


@dataclass(frozen=True, slots=True)
class Driver:
    """An event behind a lease: demand is ``middle`` times the usual in it, with 80 % from ``lower`` to ``upper``.

    ``new`` says that nothing of its kind was ever seen.
    """

    kind: str
    name: str
    starts: datetime
    ends: datetime
    lower: float
    middle: float
    upper: float
    new: bool = False

    @property
    def words(self) -> str:
        """In one line, for readers; the name is data, and not escaped."""
        what = self.name if self.name == self.kind else f"{self.kind}: {self.name}"
        first = ", the first of its kind" if self.new else ""
        return f"{what} ({self.middle:.3g} times the usual, {self.lower:.3g} to {self.upper:.3g}{first})"


def drivers(
    told: object, groups: Sequence[str], resource: str, starts: datetime, ends: datetime
) -> tuple[Driver, ...]:
    """Return the events that touch a group between two moments, the strongest first.

    Parameters
    ----------
    told
        What the profile's attribute ``events`` holds; anything.
    groups
        Labels ``region/name``.
    resource
        The one whose factor is told.
    starts, ends
        Of the window, half-open.
    """
    found = []
    for record in _records(told):
        event = _driver(record, resource)
        if event is not None and event.starts < ends and event.ends > starts and _touches(record, groups):
            found.append(event)
    found.sort(key=lambda x: (-abs(math.log(x.middle)), -x.upper, x.starts, x.kind, x.name))
    return tuple(found[:MOST])


def _records(told: object) -> list[dict[str, Any]]:
    if not isinstance(told, str) or len(told) > _MOST_TEXT:
        return []
    try:
        records = json.loads(told)
    except (ValueError, RecursionError):
        return []
    return [x for x in records if isinstance(x, dict)] if isinstance(records, list) else []


def _driver(record: dict[str, Any], resource: str) -> Driver | None:
    """Read one event; None if it is not one."""
    try:
        lower, middle, upper = (float(x) for x in record["factor"][resource])
        starts, ends = (datetime.fromisoformat(str(record[key])) for key in ("start", "end"))
        kind, name, new = _line(record["kind"]), _line(record["name"]), record.get("new") is True
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    sound = all(0 < x < math.inf for x in (lower, middle, upper)) and lower <= middle <= upper
    if not (sound and kind and name and starts.utcoffset() is not None and ends.utcoffset() is not None):
        return None
    return Driver(kind, name, starts.astimezone(UTC), ends.astimezone(UTC), lower, middle, upper, new)


def _line(text: object) -> str:
    """One line without what cannot be seen."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())[:_LONGEST]


def _touches(record: dict[str, Any], labels: Sequence[str]) -> bool:
    regions, groups = ({str(x) for x in _list(record.get(key))} for key in ("regions", "groups"))
    for label in labels:
        region, _, name = label.partition("/")
        if ("*" in regions or region in regions) and groups & {"", name, label}:
            return True
    return False


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
