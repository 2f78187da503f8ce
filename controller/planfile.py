"""What a Terraform plan says, read from ``terraform show -json``.

Place in the line: ``edge/terraform`` makes the plan; a reviewer is shown ``text(summary(plan))``, and
``headroom check`` asks the other functions whether the plan may be applied. Pure. All raise ``CheckError``
for what is not a plan; all but ``problems`` do for one that failed, lest silence pass for consent.

>>> plan = load('{"format_version": "1.2", "complete": true, "errored": false, "resource_changes": []}')
>>> print(text(summary(plan)))
No changes.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from controller.errors import CheckError
from controller.plandiff import Attribute, Json, child, differences, marked, parsed

PlanJson = Mapping[str, Json]
Action = Literal["create", "update", "delete", "replace", "forget"]

_SIGNS = {"create": "+", "update": "~", "delete": "-", "replace": "-/+", "forget": "."}


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What happens to one resource; the attributes are listed where it is updated or replaced."""

    address: str
    action: Action
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A plan as a reviewer sees it; a replacement counts as a creation and a deletion, as at Terraform."""

    changes: tuple[ResourceChange, ...]
    creates: int
    updates: int
    deletes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a plan is not to be trusted, or, of kind ``check``, what it warns of."""

    kind: Literal["errored", "incomplete", "condition", "check"]
    message: str
    name: str = ""  # of a check or a condition, and what it said
    messages: tuple[str, ...] = ()


def load(source: str) -> PlanJson:
    """Read the text that ``terraform show -json`` printed for a plan file."""
    try:
        plan = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise CheckError(f"the plan is not JSON ({error}); make it by terraform show -json FILE") from error
    _require_format(plan)
    return dict(plan)


def timestamp(plan: PlanJson) -> datetime:
    """Say when the plan was made (UTC), which is the ``now`` of its leases unless a replay set another."""
    _require_format(plan)
    try:
        return datetime.fromisoformat(plan["timestamp"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckError("the plan has no timestamp; use Terraform or OpenTofu 1.6 or later") from error


def problems(plan: PlanJson) -> tuple[Problem, ...]:
    """List what speaks against the plan: it errored, is incomplete, or a condition or check in it failed."""
    _require_format(plan)
    found = []
    if plan.get("errored"):
        found.append(Problem("errored", "planning failed; the plan holds only what came before the failure"))
    if not plan.get("complete", True):
        found.append(Problem("incomplete", "the plan is incomplete; plan again after it has been applied"))
    for result in plan.get("checks") or ():
        if result["status"] not in ("fail", "error"):
            continue
        messages = [
            problem["message"]
            for instance in result.get("instances", ())
            for problem in instance.get("problems", ())
        ]
        address = result["address"]["to_display"]
        kind: Literal["check", "condition"] = "check" if result["address"].get("kind") == "check" else "condition"
        said = f"{address}: {'; '.join(messages) or 'failed'}"
        found.append(Problem(kind, said, str(result["address"].get("name", "")), tuple(messages)))
    return tuple(found)


def destroys(plan: PlanJson) -> tuple[str, ...]:
    """List the addresses of what the plan destroys, replacements included."""
    return tuple(_address(item) for item in _resources(plan) if "delete" in item["change"]["actions"])


def addresses(plan: PlanJson, kind: str) -> tuple[str, ...]:
    """List the addresses of the managed resources of one type, such as ``aws_eks_node_group``."""
    found = [x for x in _resources(plan) if x.get("type") == kind and "deposed" not in x]
    return tuple(str(item["address"]) for item in found)


def value_at(plan: PlanJson, address: str, path: str, side: Literal["before", "after"] = "after") -> Json:
    """Give the value of a resource's attribute as the plan leaves it, or as it was before.

    ``path`` is written as in HCL: ``scaling_config[0].min_size``. None stands for null, and for a resource
    that does not exist on that side.

    Raises
    ------
    CheckError
        If the plan does not have the resource or the attribute, or the value is known only after applying.
    """
    for item in _resources(plan):
        if item["address"] == address and "deposed" not in item:
            break
    else:
        raise CheckError(f"the plan has no resource {address}")
    value, unknown = item["change"][side], item["change"].get("after_unknown") if side == "after" else None
    if value is None:
        return None
    for key in parsed(path):
        unknown = unknown if unknown is True else child(unknown, key)
        held = value if isinstance(value, Mapping) else range(len(value)) if isinstance(value, list) else ()
        if key not in held and not marked(unknown):
            raise CheckError(f"{address} has no attribute {path}")
        value = child(value, key)
    if marked(unknown):
        raise CheckError(f"{address}: {path} is known only after applying")
    return value


def changed(plan: PlanJson) -> Iterator[tuple[str, Action, Mapping[str, Json]]]:
    """Go through what the plan does: address, action, and ``before``, ``after`` and masks, not masked yet."""
    for item in _resources(plan):
        action = _action(item["change"]["actions"])
        if action is not None:
            yield _address(item), action, item["change"]


def summary(plan: PlanJson) -> Summary:
    """Reduce the plan to what changes, sorted by address; sensitive values are masked."""
    changes = []
    for address, action, change in changed(plan):
        listed = action in ("update", "replace")
        changes.append(ResourceChange(address, action, tuple(differences(change)) if listed else ()))
    actions = [change.action for change in changes]
    return Summary(
        changes=tuple(sorted(changes, key=lambda change: change.address)),
        creates=actions.count("create") + actions.count("replace"),
        updates=actions.count("update"),
        deletes=actions.count("delete") + actions.count("replace"),
    )


def text(summary: Summary) -> str:
    """Print a summary: a line for each resource, one for each changed attribute, and the counts."""
    if not summary.changes:
        return "No changes."
    lines = []
    for change in summary.changes:
        lines.append(f"{_SIGNS[change.action]} {change.address} ({change.action})")
        width = max((len(attribute.path) for attribute in change.attributes), default=0)
        lines += [f"    {x.path:<{width}}  {x.before} → {x.after}" for x in change.attributes]
    counts = f"{summary.creates} to add, {summary.updates} to change, {summary.deletes} to destroy."
    return "\n".join([*lines, "", f"Plan: {counts}"])


def _require_format(plan: Json) -> None:
    version = plan.get("format_version") if isinstance(plan, Mapping) else None
    if not isinstance(version, str):
        raise CheckError("this is not a Terraform plan in JSON; make it by terraform show -json FILE")
    if version.split(".")[0] != "1":
        raise CheckError(f"the plan's JSON has format {version}; this Headroom reads format 1")


def _resources(plan: PlanJson) -> list[Mapping[str, Json]]:
    _require_format(plan)
    if plan.get("errored"):
        raise CheckError("planning failed, so the plan cannot be relied on; mend what failed and plan again")
    return [item for item in (plan.get("resource_changes") or ()) if item["mode"] == "managed"]


def _address(item: Mapping[str, Json]) -> str:
    return f"{item['address']} (deposed {item['deposed']})" if "deposed" in item else str(item["address"])


def _action(actions: list[str]) -> Action | None:
    match actions:
        case ["no-op"]:
            return None
        case ["create" | "update" | "delete" | "forget" as single]:
            return single
        case ["delete", "create"] | ["create", "delete"] | ["create", "forget"]:
            return "replace"
        case _:
            raise CheckError(f"the plan has unknown actions {actions}; this Headroom is too old to judge it")
