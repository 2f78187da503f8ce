"""What a forge is to Headroom: where pull requests are opened, changed, discussed, closed and merged.

Place in the line: after the push. One module per forge; ``workflow`` knows this protocol only. Nothing here
decides: whether a pull request is wanted, refused or late is said by the pure rooms.

>>> pull = PullRequest(1, "Hold 8 nodes", "…", "headroom/demo/web/a", "main", "open", _NOON)
>>> Readiness(approved_by=("ada",)).ready
True
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

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


class Forge(Protocol):
    """A place where pull requests are kept.

    Every method raises ForgeError, with what to do, if it is refused or the forge cannot be reached. A call that
    writes may be repeated after a crash: it finds what the earlier one left, and writes nothing if all is as
    wanted.
    """

    def open_pulls(self, prefix: str) -> tuple[PullRequest, ...]:
        """Give the open pull requests whose head branch begins with ``prefix``, by number; all pages."""

    def recent_pulls(self, prefix: str) -> tuple[PullRequest, ...]:
        """Give those merged or closed among the hundred that changed last, by number; one page."""

    def pulls_of(self, head: str) -> tuple[PullRequest, ...]:
        """Give all pull requests of one branch, whatever their state, by number."""

    def get(self, number: int) -> PullRequest:
        """Give one pull request."""

    def open(self, *, title: str, body: str, head: str, base: str, draft: bool, now: datetime) -> PullRequest:
        """Open a pull request for a pushed branch; where one is open for it already, that one is given."""

    def edit(self, number: int, *, title: str, body: str, now: datetime) -> PullRequest:
        """Give an open pull request new words."""

    def label(self, number: int, *, add: tuple[str, ...], remove: tuple[str, ...], now: datetime) -> None:
        """Put labels on a pull request, and take others off; labels that the forge lacks are made."""

    def request(
        self,
        number: int,
        *,
        reviewers: tuple[str, ...],
        teams: tuple[str, ...],
        assignees: tuple[str, ...],
        now: datetime,
    ) -> None:
        """Ask people and teams to review a pull request, and assign it."""

    def comment(self, number: int, *, key: str, body: str, now: datetime) -> None:
        """Say something under a pull request, once for each ``key``: a later body replaces an earlier one."""

    def close(self, number: int, now: datetime) -> None:
        """Close a pull request unmerged; its branch stays."""

    def readiness(self, number: int) -> Readiness:
        """Say whether an open pull request is approved and checked."""

    def merge(self, number: int, commit: str, now: datetime) -> PullRequest:
        """Merge an open pull request if its head is still at ``commit``; the branch is left to the caller."""

    def merge_when_ready(self, number: int, commit: str, now: datetime) -> None:
        """Have the forge merge it by itself, once its own rules (reviews, checks) are met."""

    def issue(self, name: str) -> Issue | None:
        """Give the open issue that :meth:`save_issue` keeps under a name, None if there is none."""

    def save_issue(self, name: str, *, title: str, body: str, now: datetime) -> Issue:
        """Open the issue of a name, or change it where its words differ."""
