"""What changes in one resource of a Terraform plan, attribute by attribute, with sensitive values masked.

Place in the line: ``planfile`` lists these for the reviewer. Pure. A change is as ``terraform show -json``
has it: trees ``before`` and ``after``, and masks of their shape, true where a value is sensitive or unknown.

>>> change = {"before": {"min_size": 3}, "after": {"min_size": 8}}
>>> list(differences(change))
[Attribute(path='min_size', before='3', after='8')]
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.errors import CheckError

Json = Any
AttributePath = tuple[str | int, ...]

_LONGEST_VALUE = 60
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_STEP = re.compile(
    r"""\[ (?P<index> [0-9]+) \]
      | \[ (?P<key> "(?: [^"\\] | \\. )*") \]
      | (?: ^ | (?<!^)\. ) (?P<name> [A-Za-z_][A-Za-z0-9_-]*)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One changed value: where it is, as ``scaling_config[0].min_size``, and its two texts."""

    path: str
    before: str
    after: str


def differences(change: Mapping[str, Json]) -> Iterator[Attribute]:
    """Walk ``before`` and ``after`` of a change side by side, down to the values that differ."""
    masks = (change.get("before_sensitive"), change.get("after_sensitive"))
    yield from _differences(change["before"], change["after"], masks, change.get("after_unknown"), ())


def child(tree: Json, key: str | int) -> Json:
    """Step down once; what is not there is None, as null is."""
    if isinstance(tree, Mapping):
        return tree.get(key)
    if isinstance(tree, list) and isinstance(key, int) and key < len(tree):
        return tree[key]
    return None


def marked(mask: Json) -> bool:
    """Whether a mask holds a true anywhere."""
    if isinstance(mask, Mapping):
        return any(marked(item) for item in mask.values())
    return any(marked(item) for item in mask) if isinstance(mask, list) else mask is True


def parsed(path: str) -> AttributePath:
    """Read a path written as in HCL: ``scaling_config[0].min_size``, ``tags["a.b"]``."""
    steps = list(_STEP.finditer(path))
    if not steps or "".join(step[0] for step in steps) != path:
        raise CheckError(f"{path!r} is no path of an attribute; write it as scaling_config[0].min_size")
    return tuple(
        int(step["index"]) if step["index"] else json.loads(step["key"]) if step["key"] else step["name"]
        for step in steps
    )


def spelled(path: AttributePath) -> str:
    """Write a path as :func:`parsed` reads it."""
    parts = [
        f"[{key}]" if isinstance(key, int) else f".{key}" if _PLAIN.fullmatch(key) else f"[{json.dumps(key)}]"
        for key in path
    ]
    return "".join(parts).removeprefix(".")


def _differences(
    before: Json, after: Json, masks: tuple[Json, Json], unknown: Json, path: AttributePath
) -> Iterator[Attribute]:
    if True in masks:
        if unknown is True or before != after:
            yield Attribute(spelled(path), "(sensitive)", "(sensitive)")
    elif unknown is True:
        yield Attribute(spelled(path), _shown(before, masks[0]), "(known after apply)")
    elif keys := _keys(before, after, unknown):
        for key in keys:
            below = (child(masks[0], key), child(masks[1], key))
            yield from _differences(
                child(before, key), child(after, key), below, child(unknown, key), (*path, key)
            )
    # Providers of the older kind do not tell null from "", and Terraform's own rendering passes over it too.
    elif before != after and {_shown(before, None), _shown(after, None)} != {"null", '""'}:
        yield Attribute(spelled(path), _shown(before, masks[0]), _shown(after, masks[1]))


def _keys(before: Json, after: Json, unknown: Json) -> list[Any]:
    """Give the keys below a place where both sides are collections of one kind, or one of them is missing."""
    sides = [side for side in (before, after) if side is not None]
    if sides and all(isinstance(side, Mapping) for side in sides):
        unknowns = unknown if isinstance(unknown, Mapping) else {}
        return sorted({key for side in (*sides, unknowns) for key in side})
    if sides and all(isinstance(side, list) for side in sides):
        return list(range(max(len(side) for side in sides)))
    return []


def _shown(value: Json, mask: Json) -> str:
    if marked(mask):
        return "(sensitive)"
    written = json.dumps(value)  # escapes control characters and the like
    return written if len(written) <= _LONGEST_VALUE else written[: _LONGEST_VALUE - 1] + "…"
