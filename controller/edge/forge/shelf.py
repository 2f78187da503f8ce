"""Where the embedded forge keeps its records: a ref of the origin repository, changed by compare-and-swap.

Place in the line: under ``local``. Whoever loses a race loads anew and tries again, so nothing is lost.

    shelf = Shelf(checkout)
    shelf.change("close", edit, now)
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from controller.edge.forge import Issue
from controller.edge.forge.pulls import Issues, Kept, Pulls, dump, dump_issue, issue_file, parse_all
from controller.errors import ForgeError

REF = "refs/headroom/pulls"
# Of N writers at once one wins each round, so this many attempts serve this many writers.
_ATTEMPTS = 25
_PAUSE_SECONDS = 0.02
_CROWDED = f"others kept writing to {REF} for {_ATTEMPTS} attempts; run the command again"


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


Edit = Callable[[Pulls, Mapping[str, str]], Kept]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The records on the ref, and the heads of Headroom's branches at the same moment."""

    store: Store

    def load(self) -> tuple[str | None, Pulls, dict[str, str], Issues]:
        """Commit of the ref, its pull requests, the heads of the branches, and its issues."""
        commit, files = self.store.load_ref(REF)
        heads = self.store.remote_branches("headroom/")
        pulls, issues = parse_all(files, REF)
        return commit, {n: _fresh(kept, heads) for n, kept in pulls.items()}, heads, issues

    def change(self, verb: str, edit: Edit, now: datetime) -> Kept:
        """Put on the ref what ``edit`` makes of it; nothing is written if that is there already.

        Raises
        ------
        ForgeError
            If others keep writing.
        """
        for attempt in range(_ATTEMPTS):
            commit, pulls, heads, _ = self.load()
            kept = edit(pulls, heads)
            number = kept.pull.number
            if pulls.get(number) == kept or self._save(
                f"{number}.json", dump(kept), f"#{number}: {verb}", commit, now
            ):
                return kept
            time.sleep(_PAUSE_SECONDS * attempt)
        raise ForgeError(_CROWDED)

    def save_issue(self, name: str, issue: Issue, now: datetime) -> None:
        """Keep an issue by its name; raises as :meth:`change`."""
        file = issue_file(name)
        for attempt in range(_ATTEMPTS):
            commit, _, _, issues = self.load()
            if issues.get(name) == issue or self._save(file, dump_issue(issue), f"issue {name}", commit, now):
                return
            time.sleep(_PAUSE_SECONDS * attempt)
        raise ForgeError(_CROWDED)

    def _save(self, file: str, text: str, message: str, expected: str | None, now: datetime) -> bool:
        return self.store.save_ref(REF, {file: text}, message, expected, now) is not None


def _fresh(kept: Kept, heads: Mapping[str, str]) -> Kept:
    """Say where the head of an open pull request is; an approval of another commit is none."""
    head = heads.get(kept.pull.head)
    if kept.pull.state != "open":
        return replace(kept, pull=replace(kept.pull, head_commit=kept.approved_commit))
    kept = replace(kept, pull=replace(kept.pull, head_commit=head))
    return kept if head == kept.approved_commit else replace(kept, approved_by=None, approved_commit=None)
