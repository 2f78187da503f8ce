"""What a forge is to Headroom: where pull requests are opened, changed, discussed, closed and merged.

Place in the line: after the push. One module per forge; ``workflow`` knows this protocol only. Nothing here
decides: whether a pull request is wanted, refused or late is said by the pure rooms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.pull import MOST_TITLE, Checks, Issue, PullRequest, Readiness, Recent, State

__all__ = [
    "MOST_TITLE",
    "Checks",
    "Commits",
    "Forge",
    "Issue",
    "Made",
    "PullRequest",
    "Readiness",
    "Recent",
    "State",
]


class Forge(Protocol):
    """A place where pull requests are kept.

    Every method raises ForgeError, with what to do, if it is refused or the forge cannot be reached. A call that
    writes may be repeated after a crash: it finds what the earlier one left, and writes nothing if all is there.
    """

    def open_pulls(self, prefix: str) -> tuple[PullRequest, ...]:
        """Give the open pull requests whose head branch begins with ``prefix``, by number; all pages."""

    def recent_pulls(self, prefix: str) -> Recent:
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


@dataclass(frozen=True, slots=True)
class Made:
    """A commit that a forge made, its tree, and the e-mail addresses of author and committer."""

    commit: str
    tree: str
    people: tuple[str, str]


class Commits(Protocol):
    """What a forge can do that makes commits itself, and signs them: GitHub alone."""

    def commit_files(self, files: Mapping[str, str | None], message: str, *, parent: str, tree: str) -> Made:
        """Commit files (path → text; None deletes) on top of a commit and its tree; no branch shows it yet."""

    def point(self, branch: str, commit: str, expected: str | None) -> None:
        """Set a branch to such a commit, if it is at ``expected`` (None: absent).

        Raises
        ------
        GitError
            Beginning with ``stale``, if somebody moved the branch meanwhile.
        """
