"""The hidden marker of a pull request, an HTML comment: which leases it is about, and what it asks of them.

Place in the line: ``message`` writes it, ``standing`` and ``record`` read it. Merge methods may drop trailers, and
a branch may be gone; the body stays with the pull request.

>>> read(written([Mark("demo/web/a", "open", "5a1e")]))
(Mark(lease='demo/web/a', action='open', desired='5a1e', merge_by=None, cost=0.0, foreseen=None, used=None),)
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from controller.lease import MOST_NODES, stamp
from controller.plan import Action

_MARKER = re.compile(r"<!-- headroom (\{[^\n]*?\}) -->")
_LEASE = re.compile(r"[a-z0-9-]{1,40}/[a-z0-9-]{1,40}/[a-z0-9-]{1,40}")
_DIGEST = re.compile(r"[0-9a-f]{1,64}")
_MOST = 2000  # leases of one pull request
_MOST_COST, _YEARS = 1e15, (1971, 2199)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a pull request asks of one lease, ``environment/pool/id``; ``desired`` is the digest of that.

    ``cost`` is the most that it may cost, in the environment's currency. Of a lease that is given back,
    ``foreseen`` is the forecast at its opening (lower end of the 80 % interval, median, upper end), and ``used``
    the most nodes that were used: together they are the forecaster's record.
    """

    lease: str
    action: Action
    desired: str
    merge_by: datetime | None = None
    cost: float = 0.0
    foreseen: tuple[int, int, int] | None = None
    used: int | None = None


def written(marks: Iterable[Mark]) -> str:
    """Write a marker: one line that no forge shows."""
    changes = [_record(x) for x in marks]
    return f"<!-- headroom {json.dumps({'changes': changes, 'version': 1}, sort_keys=True)} -->"


def read(body: str) -> tuple[Mark, ...]:
    """Read the last marker of a body; nothing where there is none, or where it is not what this module writes."""
    found = _MARKER.findall(body)
    if not found:
        return ()
    try:
        record = json.loads(found[-1])
        changes = record["changes"]
        if record["version"] != 1 or not isinstance(changes, list) or len(changes) > _MOST:
            return ()
        return tuple(_mark(x) for x in changes)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        return ()  # people may edit a body: what is no marker marks nothing


def _record(mark: Mark) -> dict[str, Any]:
    record: dict[str, Any] = {"action": mark.action, "desired": mark.desired, "lease": mark.lease}
    if mark.merge_by is not None:
        record["merge_by"] = stamp(mark.merge_by)
    if mark.cost:
        record["cost"] = round(mark.cost, 2)
    if mark.foreseen is not None and mark.used is not None:
        record |= {"foreseen": list(mark.foreseen), "used": mark.used}
    return record


def _mark(record: Mapping[str, Any]) -> Mark:
    lease, action, desired = record["lease"], record["action"], record["desired"]
    if not _LEASE.fullmatch(lease) or action not in get_args(Action) or not _DIGEST.fullmatch(desired):
        raise ValueError("no mark")
    cost, foreseen = float(record.get("cost", 0.0)), record.get("foreseen")
    if not 0 <= cost < _MOST_COST:
        raise ValueError("no mark")
    merge_by = datetime.fromisoformat(record["merge_by"]) if "merge_by" in record else None
    if merge_by is not None and not (merge_by.tzinfo and _YEARS[0] <= merge_by.year <= _YEARS[1]):
        raise ValueError("no mark")
    low, middle, high = (None, None, None) if foreseen is None else map(_nodes, foreseen)
    return Mark(
        lease,
        action,
        desired,
        merge_by and merge_by.astimezone(UTC),
        cost,
        None if low is None or middle is None or high is None else (low, middle, high),
        _nodes(record["used"]) if "used" in record else None,
    )


def _nodes(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_NODES:
        raise ValueError("no mark")
    return value
