"""What the remote forges say in different words: the calls that ``remote`` composes.

Place in the line: below ``remote``; ``github``, ``gitlab`` and ``gitea`` each speak one dialect. Nothing is
compared, retried or looked up here; a call is one thing asked or done.

>>> Note(7, "Held.", author="headroom[bot]").number
7
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from controller.edge.forge import PullRequest, Readiness


@dataclass(frozen=True, slots=True)
class Note:
    """A comment or an issue, with its author's name and kind as the forge gives them."""

    number: int
    body: str
    title: str = ""
    author: str = ""
    kind: str = ""
    url: str = ""


class Dialect(Protocol):
    """How one kind of forge is asked; methods raise ForgeError, Refused or Lost."""

    def opened(self) -> Iterator[PullRequest]:
        """Give all open pull requests from branches of this repository, and not of forks."""

    def changed(self) -> tuple[list[PullRequest], bool]:
        """Give pull requests that are not open, those that changed last: a hundred; and whether there are more."""

    def of_branch(self, head: str) -> Iterator[PullRequest]:
        """Give the pull requests of a branch, whatever their state."""

    def open_of_branch(self, head: str, base: str) -> PullRequest | None:
        """Give the open pull request of a branch."""

    def pull(self, number: int) -> PullRequest:
        """Give one pull request."""

    def create(self, *, title: str, body: str, head: str, base: str, draft: bool) -> PullRequest:
        """Open one."""

    def change(self, pull: PullRequest, *, title: str, body: str) -> PullRequest:
        """Give one new words."""

    def close(self, number: int) -> None:
        """Close one."""

    def relabel(self, number: int, lacking: tuple[str, ...], spare: tuple[str, ...]) -> None:
        """Put labels on that are lacking, and take those off that are spare."""

    def request(
        self, number: int, reviewers: tuple[str, ...], teams: tuple[str, ...], assignees: tuple[str, ...]
    ) -> None:
        """Ask those who were not asked yet."""

    def notes(self, number: int) -> Iterator[Note]:
        """Give the comments under a pull request."""

    def create_note(self, number: int, body: str) -> Note:
        """Comment."""

    def change_note(self, number: int, note: int, body: str) -> None:
        """Change a comment."""

    def readiness(self, number: int) -> Readiness:
        """Give reviews and checks of the head as it is now."""

    def merge(self, pull: PullRequest, commit: str) -> None:
        """Merge one, by a method that the repository allows, if its head is at ``commit``."""

    def merge_when_ready(self, pull: PullRequest, commit: str) -> None:
        """Have it merged once the forge's rules are met, if its head is at ``commit``."""

    def issues(self) -> Iterator[Note]:
        """Give open issues, our own at least."""

    def create_issue(self, title: str, body: str) -> Note:
        """Open an issue."""

    def change_issue(self, number: int, title: str, body: str) -> Note:
        """Change an issue."""

    def wrote(self, note: Note) -> bool:
        """Whether it is ours."""
