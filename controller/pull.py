"""What everybody knows of a pull request, whichever forge keeps it: the record, its readiness, an issue.

Place in the line: forges give these records, and the pure rooms say what they mean.

>>> PullRequest(1, "Hold 8 nodes", "…", "headroom/demo/web/a", "main", "open", _NOON).draft
False
>>> Readiness(approved_by=("ada",)).ready
True
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

State = Literal["open", "merged", "closed"]
Checks = Literal["passed", "pending", "failed", "none"]
MOST_TITLE = 256
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A request to merge the branch ``head`` into the branch ``base``; at GitLab, a merge request.

    ``head_commit`` is where the forge saw the head branch last, ``merged_commit`` what the base branch got.
    """

    number: int
    title: str
    body: str
    head: str
    base: str
    state: State
    created: datetime
    labels: tuple[str, ...] = ()
    draft: bool = False
    head_commit: str | None = None
    merged_commit: str | None = None
    merged_at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What reviewers and checks say of the head of a pull request as it is now, and whether it would merge."""

    approved_by: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    checks: Checks = "none"
    conflicts: bool = False

    @property
    def ready(self) -> bool:
        """Whether somebody approved, nobody objects, no check is open or failed, and nothing conflicts."""
        return bool(self.approved_by) and not self.objections and self.settled

    @property
    def settled(self) -> bool:
        """Whether no check is open or failed, and nothing conflicts."""
        return self.checks in ("passed", "none") and not self.conflicts


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue that the bot keeps, such as a dashboard."""

    number: int
    title: str
    body: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Recent:
    """Pull requests that were merged or closed lately; ``complete`` says that there are no earlier ones."""

    pulls: tuple[PullRequest, ...] = ()
    complete: bool = True
