"""A plan and the plans that people reviewed → what it would do that nobody saw.

Place in the line: at the merge, where a new plan had to be made since the reviewed one is out of date. Several
plans may have been reviewed: pull requests that are merged one soon after the other are applied together. What
expired leases let go is left out: it was reviewed with them.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from controller.gate.expiry import LetGo
from controller.gate.verdict import Finding, Verdict
from controller.planfile import PlanJson
from controller.planmoves import Move, Moves, digest, moves

__all__ = ["beyond", "digest", "judge_reviewed"]


def judge_reviewed(
    plan: PlanJson, reviewed: Sequence[PlanJson], accepted: str | None = None, gone: Sequence[LetGo] = ()
) -> Verdict:
    """Hold a plan against those that were reviewed: it may do what one of them does, or less.

    ``accepted`` is the digest of a plan that a person has passed all the same; ``gone`` is what expiry explains.
    """
    explained = frozenset((x.address, path) for x in gone for path in x.moves)
    said, own = beyond(plan, reviewed, explained), digest(plan)
    if not moves(plan):
        return Verdict(("the plan changes nothing",))
    if accepted == own:
        return Verdict((f"a person accepted what the plan changes, {own}",))
    if accepted is not None:
        said = (*said, f"{accepted} was accepted, but this plan is {own}: it has changed since")
    expired = tuple(map(str, gone))
    if said:
        advice = Finding(
            "not-reviewed", f"whoever agrees to this plan can accept its digest, {own}", level="warning"
        )
        return Verdict(expired, (*(Finding("not-reviewed", text) for text in said), advice))
    if not _rest(plan, explained):
        return Verdict((*expired, "the plan changes nothing else"))
    count = f"{len(reviewed)} reviewed plan{'' if len(reviewed) == 1 else 's'}"
    return Verdict((*expired, f"what {'else ' if gone else ''}the plan changes was reviewed ({count})"))


def beyond(
    plan: PlanJson, reviewed: Sequence[PlanJson], explained: Collection[tuple[str, str]] = ()
) -> tuple[str, ...]:
    """Say what a plan changes that none of the reviewed ones does; sensitive values are masked.

    ``explained`` are the address and the path of moves that need no review.
    """
    seen = [moves(x) for x in reviewed]
    found: list[str] = []
    for address, wanted in sorted(_rest(plan, explained).items()):
        candidates = [x[address] for x in seen if address in x and x[address].action == wanted.action]
        if not candidates:
            found.append(f"{address}: {wanted.action} was not in any reviewed plan")
            continue
        best = min((_unseen(wanted, x) for x in candidates), key=len)
        found += [f"{address}: {path}: {text}" for path, text in best]
    return tuple(found)


def _rest(plan: PlanJson, explained: Collection[tuple[str, str]]) -> dict[str, Moves]:
    """The moves of a plan without those that are explained; a resource of which nothing is left is no change."""
    found = {}
    for address, item in moves(plan).items():
        kept = {path: move for path, move in item.values.items() if (address, path) not in explained}
        if kept or not item.values:
            found[address] = replace(item, values=kept)
    return found


def _unseen(wanted: Moves, seen: Moves) -> list[tuple[str, str]]:
    found = []
    for path, move in sorted(wanted.values.items()):
        agreed = seen.values.get(path)
        if agreed is None:
            found.append((path, f"{move} was not in the reviewed plan"))
        elif not agreed.holds(move):
            found.append((path, f"{move}, but {agreed} was reviewed{_hidden(move, agreed)}"))
    return found


def _hidden(move: Move, agreed: Move) -> str:
    return "; the values differ" if move.sensitive or agreed.sensitive else ""
