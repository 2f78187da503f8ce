"""The embedded forge: pull requests kept in the origin repository itself, on the ref ``refs/headroom/pulls``.

Place in the line: the forge that needs no account and no server. The ref's commit holds ``<number>.json`` for
every pull request. Each change is written by compare-and-swap, so two processes at once neither lose a pull
request nor take the same number.

    forge = LocalForge(checkout)
    forge.merge(forge.approve(1, "ada", now).number, now)
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from controller.edge.forge import PullRequest, State
from controller.edge.forge.pulls import Pulls, dump, parse_all
from controller.errors import ForgeError, GitError

REF = "refs/headroom/pulls"
MOST_TITLE = 256
# Of N writers at once one wins each round, so this many attempts serve this many writers.
_ATTEMPTS = 25
_PAUSE_SECONDS = 0.02


class Store(Protocol):
    """What the forge needs of a clone of the origin repository."""

    def load_ref(self, ref: str) -> tuple[str | None, dict[str, str]]:
        """Fetch a ref: its commit and files; and Headroom's branches with it."""

    def save_ref(
        self, ref: str, files: Mapping[str, str], message: str, expected: str | None, when: datetime
    ) -> str | None:
        """Put files on a ref that is at ``expected`` still; None if it is not."""

    def remote_branches(self, prefix: str) -> dict[str, str]:
        """Give Headroom's branches and their tips."""

    def merge(self, commit: str, base_branch: str, message: str, when: datetime) -> str:
        """Merge a commit into the base branch of the remote; once only, however often it is called."""

    def delete_branch(self, branch: str, expected: str) -> None:
        """Delete a branch of the remote that is at ``expected`` still."""


@dataclass(frozen=True, slots=True)
class LocalForge:
    """The forge of a repository, reached through a clone of it; see :class:`controller.edge.forge.Forge`."""

    store: Store

    def find(self, head: str) -> PullRequest | None:
        """Give the newest pull request of a branch, whatever its state."""
        return next((pull for pull in reversed(self.list()) if pull.head == head), None)

    def list(self, state: State | None = None) -> tuple[PullRequest, ...]:
        """Give the pull requests, of one state or all, by number."""
        _, pulls, _ = self._load()
        return tuple(pulls[n] for n in sorted(pulls) if state in (None, pulls[n].state))

    def get(self, number: int) -> PullRequest:
        """Give one pull request."""
        _, pulls, _ = self._load()
        return _the(number, pulls)

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

        def edit(pulls: Pulls, heads: Mapping[str, str]) -> PullRequest:
            if head not in heads:
                raise ForgeError(f"{head}: is no branch of origin; push it before opening a pull request")
            for pull in pulls.values():
                if pull.head == head and pull.state == "open":
                    raise ForgeError(f"{head}: #{pull.number} is open for it already; update that one")
            return PullRequest(
                max(pulls, default=0) + 1, _title(title), body, head, base, "open", now, digest, labels
            )

        return self._change("open", edit, now)

    def update(
        self, number: int, *, title: str, body: str, digest: str, labels: tuple[str, ...], now: datetime
    ) -> PullRequest:
        """Give an open pull request new words; nothing is written if they are the same."""

        def edit(pulls: Pulls, _: Mapping[str, str]) -> PullRequest:
            pull = _open(number, pulls, "updated")
            return replace(pull, title=_title(title), body=body, digest=digest, labels=labels)

        return self._change("update", edit, now)

    def close(self, number: int, now: datetime) -> PullRequest:
        """Close a pull request unmerged; it keeps its digest, and its branch stays."""

        def edit(pulls: Pulls, _: Mapping[str, str]) -> PullRequest:
            return replace(_open(number, pulls, "closed"), state="closed")

        return self._change("close", edit, now)

    def approve(self, number: int, by: str, now: datetime) -> PullRequest:
        """Approve the commit that the head of an open pull request is at now."""
        if not by.strip() or not by.isprintable():
            raise ForgeError(f"{by!r} is no name of a reviewer; give yours with --by")

        def edit(pulls: Pulls, heads: Mapping[str, str]) -> PullRequest:
            pull = _open(number, pulls, "approved")
            if pull.head not in heads:
                raise ForgeError(f"#{number}: its branch {pull.head} is gone; run `headroom propose` again")
            return replace(pull, approved_by=by, approved_commit=heads[pull.head])

        return self._change("approve", edit, now)

    def merge(self, number: int, now: datetime) -> PullRequest:
        """Merge the approved commit of an open pull request, and delete its branch.

        A merge that was cut short is completed by the next call.
        """
        pull = _open(number, {number: self.get(number)}, "merged")
        approved = pull.approved_commit
        if approved is None:
            raise ForgeError(f"#{number} is not approved as it is; `headroom pr approve {number}` comes first")
        try:
            words = f"Merge pull request #{number} from {pull.head}\n\n{pull.title}"
            commit = self.store.merge(approved, pull.base, words, now)
        except GitError as error:
            raise ForgeError(f"#{number} could not be merged: {error}") from error

        def edit(pulls: Pulls, _: Mapping[str, str]) -> PullRequest:
            return replace(
                pulls[number],
                state="merged",
                approved_by=pull.approved_by,
                approved_commit=approved,
                merged_commit=commit,
                merged_at=now,
            )

        merged = self._change("merge", edit, now)
        # Somebody may have pushed more onto the branch since: then it is theirs to delete.
        with suppress(GitError):
            self.store.delete_branch(pull.head, approved)
        return merged

    def _load(self) -> tuple[str | None, Pulls, dict[str, str]]:
        """Commit of the ref, the pull requests on it, and the heads of the branches at the same moment."""
        commit, files = self.store.load_ref(REF)
        heads = self.store.remote_branches("headroom/")
        return commit, {n: _fresh(pull, heads) for n, pull in parse_all(files, REF).items()}, heads

    def _change(
        self, verb: str, edit: Callable[[Pulls, Mapping[str, str]], PullRequest], now: datetime
    ) -> PullRequest:
        for attempt in range(_ATTEMPTS):
            commit, pulls, heads = self._load()
            pull = edit(pulls, heads)
            if pulls.get(pull.number) == pull:
                return pull
            files = {f"{pull.number}.json": dump(pull)}
            if self.store.save_ref(REF, files, f"#{pull.number}: {verb}", commit, now) is not None:
                return pull
            time.sleep(_PAUSE_SECONDS * attempt)
        raise ForgeError(f"others kept writing to {REF} for {_ATTEMPTS} attempts; run the command again")


def _fresh(pull: PullRequest, heads: Mapping[str, str]) -> PullRequest:
    """Drop the approval of an open pull request whose head is not what was approved."""
    if pull.state != "open" or heads.get(pull.head) == pull.approved_commit:
        return pull
    return replace(pull, approved_by=None, approved_commit=None)


def _the(number: int, pulls: Pulls) -> PullRequest:
    if number not in pulls:
        raise ForgeError(f"there is no pull request #{number}; `headroom pr list` shows what there is")
    return pulls[number]


def _open(number: int, pulls: Pulls, verb: str) -> PullRequest:
    pull = _the(number, pulls)
    if pull.state == "merged":
        raise ForgeError(f"#{number} was merged and cannot be {verb}; `headroom release` gives capacity back")
    if pull.state == "closed":
        raise ForgeError(f"#{number} was closed and cannot be {verb}; `headroom propose` opens a new one")
    return pull


def _title(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > MOST_TITLE:
        raise ForgeError(f"{text[:80]!r} is no title: one printable line of at most {MOST_TITLE} characters")
    return text
