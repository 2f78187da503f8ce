"""The dashboard's body → what people ticked in it and what it remembers; and the lines of these.

Place in the line: ``dashboard`` writes with it, ``workflow`` reads. Boxes are known by hidden comments that no
data can bring into the body; whoever may edit the issue may write them, so what is read is checked again.

>>> read(box("pause", ticked=True) + "Pause").paused
True
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from controller.lease import stamp
from controller.markdown import plain
from controller.plan import Shortfall

_BOX = re.compile(
    r"^[-*] \[([ xX])\] <!-- headroom (pause|reopen)(?: ([a-z0-9-]{1,40}(?:/[a-z0-9-]{1,40}){2}))? -->", re.M
)
_MEMORY = re.compile(r"^<!-- headroom-dashboard (\{[^\n]*\}) -->\s*$", re.M)
_LEASE = re.compile(r"[a-z0-9-]{1,40}(?:/[a-z0-9-]{1,40}){2}")
_MOST, _MOST_TEXT = 100, 200


@dataclass(frozen=True, slots=True)
class Short:
    """What stays short, as a dashboard keeps it: in whole nodes, without chances that change each run."""

    pool: str
    starts: datetime
    ends: datetime
    needed: int
    granted: int
    cause: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Boxes:
    """What is ticked, and what is remembered.

    ``reopen`` are leases whose box is ticked. ``reopened`` gives, for those that were ticked before, the number up
    to which pull requests about them silence nothing any more. ``short`` is what the last run left short.
    """

    paused: bool = False
    reopen: frozenset[str] = frozenset()
    reopened: Mapping[str, int] = field(default_factory=dict)
    short: tuple[Short, ...] = ()


def read(body: str) -> Boxes:
    """Read a dashboard; what is not as this module writes it is not there."""
    text = body.replace("\r\n", "\n")
    ticked = [(kind, lease) for tick, kind, lease in _BOX.findall(text) if tick != " "]
    reopened, short = _remembered(_MEMORY.findall(text)[-1:])
    return Boxes(
        any(kind == "pause" for kind, _ in ticked),
        frozenset(lease for kind, lease in ticked if kind == "reopen" and lease),
        reopened,
        short,
    )


def box(kind: str, ticked: bool = False) -> str:
    """Begin the line of a box; ``kind`` is ``pause``, or ``reopen`` and a lease."""
    return f"- [{'x' if ticked else ' '}] <!-- headroom {kind} --> "


def memory(reopened: Mapping[str, int], short: Iterable[Short]) -> str:
    """Write what the dashboard remembers: one line that no forge shows."""
    record = {
        "reopened": dict(sorted(reopened.items())[:_MOST]),
        "short": [_record(x) for x in short],
        "version": 1,
    }
    text = json.dumps(record, sort_keys=True, ensure_ascii=False).replace(">", "\\u003e")
    return f"<!-- headroom-dashboard {text} -->"


def steady(found: Iterable[Shortfall], before: Iterable[Short], nodes: int, hours: float) -> tuple[Short, ...]:
    """What is short now; where only noise of ``nodes`` and ``hours`` differs, as it was written before."""
    old, made = list(before), []
    for x in sorted(found, key=lambda x: (x.pool, x.starts)):
        words = plain(x.cause, _MOST_TEXT), plain(x.suggestion, _MOST_TEXT)
        new = Short(x.pool, x.starts, x.ends, x.needed, x.granted, *words)
        same = next((y for y in old if _alike(new, y, max(1, nodes), max(1.0, hours))), new)
        old = [y for y in old if y is not same]
        made.append(same)
    return tuple(made)


def _alike(one: Short, other: Short, nodes: int, hours: float) -> bool:
    apart = max(abs((one.starts - other.starts).total_seconds()), abs((one.ends - other.ends).total_seconds()))
    close = abs(one.needed - other.needed) <= max(nodes, other.needed // 20)
    return one.pool == other.pool and one.granted == other.granted and close and apart <= hours * 3600


def _remembered(found: list[str]) -> tuple[dict[str, int], tuple[Short, ...]]:
    try:
        record = json.loads(found[0]) if found else {}
        if record.get("version") != 1:
            return {}, ()
        reopened = {
            lease: number
            for lease, number in list(record["reopened"].items())[:_MOST]
            if _LEASE.fullmatch(lease) and type(number) is int and number > 0
        }
        return reopened, tuple(_short(x) for x in record["short"][:_MOST])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return {}, ()  # people may edit the issue: what is no memory remembers nothing


def _record(short: Short) -> list[Any]:
    return [
        short.pool,
        stamp(short.starts),
        stamp(short.ends),
        short.needed,
        short.granted,
        short.cause,
        short.suggestion,
    ]


def _short(record: list[Any]) -> Short:
    pool, starts, ends, needed, granted, cause, suggestion = record
    if not all(isinstance(x, str) for x in (pool, cause, suggestion)):
        raise TypeError("no text")
    since, until = (datetime.fromisoformat(x).astimezone(UTC) for x in (starts, ends))
    return Short(pool, since, until, int(needed), int(granted), cause[:_MOST_TEXT], suggestion[:_MOST_TEXT])
