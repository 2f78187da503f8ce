"""What a forge is to Headroom: find, open, update, approve, merge and close a pull request.

Place in the line: after the push. One module per forge; ``workflow`` knows this protocol only.

>>> pull = PullRequest(1, "Hold 8 nodes", "…", "headroom/demo/web/a", "main", "open", _NOON, "5a1e")
>>> pull.approved_by is None
True
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

State = Literal["open", "merged", "closed"]
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A request to merge the branch ``head`` into the branch ``base``.

    ``digest`` names what it desires, whatever its words are. An approval is of one commit,
    ``approved_commit``: once the head has moved on, both are None again.
    """

    number: int
    title: str
    body: str
    head: str
    base: str
    state: State
    created: datetime
    digest: str
    labels: tuple[str, ...] = ()
    approved_by: str | None = None
    approved_commit: str | None = None
    merged_commit: str | None = None
    merged_at: datetime | None = None


class Forge(Protocol):
    """A place where pull requests are kept. Every method raises ForgeError if it is refused."""

    def find(self, head: str) -> PullRequest | None:
        """Give the newest pull request of a branch, whatever its state."""

    def list(self, state: State | None = None) -> tuple[PullRequest, ...]:
        """Give the pull requests, of one state or all, by number."""

    def get(self, number: int) -> PullRequest:
        """Give one pull request."""

    def open(
        self,
        *,
        title: str,
        body: str,
        head: str,
        base: str,
        digest: str,
        labels: tuple[str, ...],
        now: datetime,
    ) -> PullRequest:
        """Open a pull request for a pushed branch that has none open."""

    def update(
        self, number: int, *, title: str, body: str, digest: str, labels: tuple[str, ...], now: datetime
    ) -> PullRequest:
        """Give an open pull request new words; nothing is written if they are the same."""

    def close(self, number: int, now: datetime) -> PullRequest:
        """Close a pull request unmerged; it keeps its digest."""

    def approve(self, number: int, by: str, now: datetime) -> PullRequest:
        """Approve an open pull request as it is now."""

    def merge(self, number: int, now: datetime) -> PullRequest:
        """Merge an open, approved pull request and delete its branch."""
