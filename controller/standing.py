"""Change + pull requests → whether people have settled it already: refused it, or undone it after the merge.

Place in the line: before anything is published. A pull request that was closed unmerged silences what it asked
for, and so does a merge that somebody reverted; both until something else is asked. What Headroom closed itself,
since nothing needed it any more, silences nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from controller import marker
from controller.plan import Change
from controller.proposal import desired, key
from controller.pull import PullRequest

WITHDRAWN = "headroom:withdrawn"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Settled:
    """The pull request in which people settled a change, and how."""

    number: int
    why: str
    undone: bool = False


def settled(change: Change, pulls: Iterable[PullRequest]) -> Settled | None:
    """Look for the pull request in which people settled what a change asks for; None if it may be asked.

    ``pulls`` are those that are closed or merged. That the change is wanted means that the base branch does not
    hold what it asks for: where the last one merged of its lease asked just that, somebody has undone it since.
    """
    wanted, lease = desired(change), key(change.lease)
    found = [(pull, mark) for pull in pulls for mark in marker.read(pull.body) if mark.lease == lease]
    for pull, mark in reversed(found):
        if pull.state == "closed" and WITHDRAWN not in pull.labels and mark.desired == wanted:
            return Settled(pull.number, "it was closed without a merge")
    merged = [(x.merged_at or _NEVER, x.number, mark) for x, mark in found if x.state == "merged"]
    if not merged:
        return None
    _, number, last = max(merged, key=lambda x: x[:2])
    if last.desired != wanted:
        return None
    return Settled(number, "it was merged, and somebody has undone it since", undone=True)
