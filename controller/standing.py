"""Change + pull requests → whether people have settled it already: refused it, or undone it after the merge.

Place in the line: before anything is published. A pull request that was closed unmerged silences what it asked
for, and so does a merge that somebody reverted; both until something else is asked. What Headroom closed itself,
since nothing needed it any more, silences nothing.
"""

from collections.abc import Collection, Iterable
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


@dataclass(frozen=True, slots=True)
class Refusal:
    """What people settled last of a lease, ``environment/pool/id``, by a pull request: refused, or undone."""

    lease: str
    release: bool
    number: int
    url: str = ""
    undone: bool = False


def refusals(pulls: Iterable[PullRequest], held: Collection[str]) -> tuple[Refusal, ...]:
    """Say what is refused or undone of each lease, and silent therefore; ``held`` names the merged leases.

    ``pulls`` are closed or merged: the last word on a lease counts, and what is asked for and what is given back
    each have their own.
    """
    last: dict[tuple[str, bool], tuple[PullRequest, bool]] = {}
    for pull in sorted(pulls, key=lambda x: x.number):
        if pull.state == "closed" and WITHDRAWN in pull.labels:
            continue
        for mark in marker.read(pull.body):
            last[mark.lease, mark.action == "release"] = (pull, pull.state == "merged")
            if mark.action == "release" and pull.state == "merged":  # given back as it should be: nobody undid it
                last.pop((mark.lease, False), None)
    return tuple(
        Refusal(lease, release, pull.number, pull.url, undone=merged)
        for (lease, release), (pull, merged) in sorted(last.items())
        if (lease not in held and not release if merged else lease in held or not release)
    )
