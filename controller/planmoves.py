"""Every value that a Terraform plan moves, so that two plans can be held against each other.

Place in the line: beside ``planfile``; the gate asks whether a plan moves anything that a reviewed one did not.
Pure. Values are compared as they are, sensitive ones too, but none of these is ever printed.

>>> Move(4, 9).holds(Move(6, 9)), Move(4, 9).holds(Move(20, 9)), Move(4, 9).holds(Move(4, 10))
(True, False, False)
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.plandiff import AttributePath, Json, child, marked, spelled
from controller.planfile import Action, PlanJson, changed

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Move:
    """One value, before and after; ``unknown`` until the plan is applied."""

    before: Json
    after: Json
    unknown: bool = False
    sensitive: bool = False

    def holds(self, other: "Move") -> bool:
        """Whether whoever agreed to this move agreed to ``other``: to the same value, from no further away.

        Counts move under an autoscaler between review and merge: 4 → 9 was agreed to, so 6 → 9 is less of it.
        """
        if (self.after, self.unknown) != (other.after, other.unknown) or type(self.after) is not type(other.after):
            return False
        if _number(self.before) and _number(other.before) and _number(self.after) and not self.unknown:
            low, high = sorted((self.before, self.after))
            return bool(low <= other.before <= high)
        return bool(self.before == other.before)

    def __str__(self) -> str:
        """Say it as a reviewer may see it."""
        if self.sensitive:
            return "(sensitive) → (sensitive)"
        return f"{_said(self.before)} → {'(known after apply)' if self.unknown else _said(self.after)}"


@dataclass(frozen=True, slots=True)
class Moves:
    """What happens to one resource."""

    action: Action
    values: Mapping[str, Move]


def moves(plan: PlanJson) -> dict[str, Moves]:
    """List what a plan does, by address; of each resource every value that it moves, by its path."""
    found = {}
    for address, action, change in changed(plan):
        masks = (change.get("before_sensitive"), change.get("after_sensitive"))
        walked = _walk(change["before"], change["after"], change.get("after_unknown"), masks, ())
        found[address] = Moves(action, {spelled(path): move for path, move in walked})
    return found


def digest(plan: PlanJson) -> str:
    """Name what a plan does: plans with the same digest move the same values alike, but for sensitive ones."""
    record = {
        address: [item.action, {path: _record(move) for path, move in item.values.items()}]
        for address, item in moves(plan).items()
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


def _walk(
    before: Json, after: Json, unknown: Json, masks: tuple[Json, Json], path: AttributePath
) -> Iterator[tuple[AttributePath, Move]]:
    sensitive = True in masks
    if unknown is not True and (keys := _keys(before, after, unknown)):
        for key in keys:
            below = (True, True) if sensitive else (child(masks[0], key), child(masks[1], key))
            yield from _walk(child(before, key), child(after, key), child(unknown, key), below, (*path, key))
    # Providers of the older kind do not tell null from "", and Terraform's own rendering passes over it too.
    elif unknown is True or (before != after and not {_plain(before), _plain(after)} <= {"null", '""'}):
        hidden = sensitive or marked(masks[0]) or marked(masks[1])
        yield path, Move(before, None if unknown is True else after, unknown is True, hidden)


def _keys(before: Json, after: Json, unknown: Json) -> list[str | int]:
    sides = [x for x in (before, after, unknown or None) if x is not None]
    if sides and all(isinstance(x, Mapping) for x in sides):
        return sorted({key for side in sides for key in side})
    if sides and all(isinstance(x, list) for x in sides):
        return list(range(max(len(side) for side in sides)))
    return []


def _record(move: Move) -> list[Json]:
    return ["(sensitive)"] if move.sensitive else [move.before, move.after, move.unknown]


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _said(value: Json) -> str:
    written = _plain(value)
    return written if len(written) <= _LONGEST else written[: _LONGEST - 1] + "…"
