"""The embedded forge: pull requests kept in the origin repository itself, on the ref ``refs/headroom/pulls``.

Place in the line: the forge that needs no account and no server. The ref's commit holds ``<number>.json`` for
every pull request. Each change is written by compare-and-swap, so two processes at once neither lose a pull
request nor take the same number.

    forge = LocalForge(checkout)
    forge.approve(1, "ada", now)
    forge.merge(1, commit, now)
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from controller.edge.forge import MOST_TITLE, Issue, PullRequest, Readiness, Recent
from controller.edge.forge.pulls import Kept, Pulls
from controller.edge.forge.shelf import REF, Shelf, Store
from controller.errors import ForgeError, GitError

__all__ = ["REF", "LocalForge"]


@dataclass(frozen=True, slots=True)
class LocalForge:
    """The forge of a repository, reached through a clone of it; see :class:`controller.edge.forge.Forge`."""

    store: Store

    def open_pulls(self, prefix: str = "") -> tuple[PullRequest, ...]:
        """Give the open pull requests whose head branch begins with ``prefix``, by number."""
        return tuple(x for x in self.all_pulls(prefix) if x.state == "open")

    def recent_pulls(self, prefix: str = "") -> Recent:
        """Give all that are merged or closed, by number."""
        return Recent(tuple(x for x in self.all_pulls(prefix) if x.state != "open"))

    def pulls_of(self, head: str) -> tuple[PullRequest, ...]:
        """Give all pull requests of one branch, whatever their state, by number."""
        return tuple(x for x in self.all_pulls() if x.head == head)

    def all_pulls(self, prefix: str = "") -> tuple[PullRequest, ...]:
        """Give all pull requests whose head branch begins with ``prefix``, by number."""
        pulls = Shelf(self.store).load()[1]
        return tuple(pulls[n].pull for n in sorted(pulls) if pulls[n].pull.head.startswith(prefix))

    def get(self, number: int) -> PullRequest:
        """Give one pull request."""
        return self.kept(number).pull

    def kept(self, number: int) -> Kept:
        """Give one pull request with what was said of it."""
        return _the(number, Shelf(self.store).load()[1])

    def open(self, *, title: str, body: str, head: str, base: str, draft: bool, now: datetime) -> PullRequest:
        """Open a pull request for a pushed branch; where one is open for it already, that one is given."""

        def edit(pulls: Pulls, heads: Mapping[str, str]) -> Kept:
            if head not in heads:
                raise ForgeError(f"{head}: is no branch of origin; push it before opening a pull request")
            for kept in pulls.values():
                if kept.pull.head == head and kept.pull.state == "open":
                    return kept
            number = max(pulls, default=0) + 1
            return Kept(PullRequest(number, _title(title), body, head, base, "open", now, draft=draft))

        return Shelf(self.store).change("open", edit, now).pull

    def edit(self, number: int, *, title: str, body: str, now: datetime) -> PullRequest:
        """Give an open pull request new words; nothing is written if they are the same."""
        return self._edit(number, "edited", now, lambda x: replace(x, title=_title(title), body=body)).pull

    def label(self, number: int, *, add: tuple[str, ...], remove: tuple[str, ...], now: datetime) -> None:
        """Put labels on a pull request, and take others off."""

        def edit(pulls: Pulls, _: Mapping[str, str]) -> Kept:
            kept = _the(number, pulls)
            labels = dict.fromkeys((*kept.pull.labels, *add))
            return replace(kept, pull=replace(kept.pull, labels=tuple(x for x in labels if x not in remove)))

        Shelf(self.store).change("label", edit, now)

    def request(
        self,
        number: int,
        *,
        reviewers: tuple[str, ...],
        teams: tuple[str, ...],
        assignees: tuple[str, ...],
        now: datetime,
    ) -> None:
        """Keep down who is asked for a review, and to whom it is assigned."""

        def edit(pulls: Pulls, _: Mapping[str, str]) -> Kept:
            kept = _the(number, pulls)
            asked = tuple(dict.fromkeys((*kept.reviewers, *reviewers, *teams)))
            return replace(kept, reviewers=asked, assignees=tuple(dict.fromkeys((*kept.assignees, *assignees))))

        Shelf(self.store).change("request", edit, now)

    def comment(self, number: int, *, key: str, body: str, now: datetime) -> None:
        """Say something under a pull request, once for each ``key``: a later body replaces an earlier one."""

        def edit(pulls: Pulls, _: Mapping[str, str]) -> Kept:
            kept = _the(number, pulls)
            return replace(kept, comments=tuple(({**dict(kept.comments), key: body}).items()))

        Shelf(self.store).change("comment", edit, now)

    def close(self, number: int, now: datetime) -> None:
        """Close a pull request unmerged; its branch stays."""
        self._edit(number, "closed", now, lambda x: replace(x, state="closed"))

    def reopen(self, number: int, now: datetime) -> None:
        """Open a pull request again that was closed unmerged."""

        def edit(pulls: Pulls, heads: Mapping[str, str]) -> Kept:
            kept = _the(number, pulls)
            if kept.pull.state == "merged":
                raise ForgeError(f"#{number} was merged and cannot be opened again; `headroom propose` asks anew")
            if kept.pull.head not in heads:
                raise ForgeError(f"#{number}: its branch {kept.pull.head} is gone; `headroom propose` asks anew")
            return replace(kept, pull=replace(kept.pull, state="open"))

        Shelf(self.store).change("reopen", edit, now)

    def readiness(self, number: int) -> Readiness:
        """Say whether a pull request is approved as it is; nothing checks it here."""
        approved = self.kept(number).approved_by
        return Readiness((approved,) if approved else ())

    def approve(self, number: int, by: str, now: datetime) -> None:
        """Approve the commit that the head of an open pull request is at now."""
        if not by.strip() or not by.isprintable():
            raise ForgeError(f"{by!r} is no name of a reviewer; give yours with --by")

        def edit(pulls: Pulls, heads: Mapping[str, str]) -> Kept:
            kept = _open(number, pulls, "approved")
            if kept.pull.head not in heads:
                raise ForgeError(f"#{number}: its branch {kept.pull.head} is gone; run `headroom propose` again")
            return replace(kept, approved_by=by, approved_commit=heads[kept.pull.head])

        kept = Shelf(self.store).change("approve", edit, now)
        if kept.when_ready and kept.approved_commit:
            self.merge(number, kept.approved_commit, now)

    def merge(self, number: int, commit: str, now: datetime) -> PullRequest:
        """Merge the approved commit of an open pull request, and delete its branch.

        A merge that was cut short is completed by the next call.
        """
        kept = _open(number, {number: self.kept(number)}, "merged")
        pull, approved = kept.pull, kept.approved_commit
        if approved is None or approved != commit:
            raise ForgeError(f"#{number} is not approved as it is; `headroom pr approve {number}` comes first")
        try:
            words = f"Merge pull request #{number} from {pull.head}\n\n{pull.title}"
            merged = self.store.merge(approved, pull.base, words, now)
        except GitError as error:
            raise ForgeError(f"#{number} could not be merged: {error}") from error

        def edit(pulls: Pulls, _: Mapping[str, str]) -> Kept:
            done = replace(pulls[number].pull, state="merged", merged_commit=merged, merged_at=now)
            return replace(
                pulls[number], pull=done, approved_by=kept.approved_by, approved_commit=approved, when_ready=False
            )

        done = Shelf(self.store).change("merge", edit, now)
        # Somebody may have pushed more onto the branch since: then it is theirs to delete.
        with suppress(GitError):
            self.store.delete_branch(pull.head, approved)
        return done.pull

    def merge_when_ready(self, number: int, commit: str, now: datetime) -> None:
        """Merge the pull request as soon as it is approved."""

        def edit(pulls: Pulls, _: Mapping[str, str]) -> Kept:
            return replace(_open(number, pulls, "merged"), when_ready=True)

        kept = Shelf(self.store).change("when ready", edit, now)
        if kept.approved_commit == commit:
            self.merge(number, commit, now)

    def issue(self, name: str) -> Issue | None:
        """Give the issue of a name, None if there is none."""
        return Shelf(self.store).load()[3].get(name)

    def save_issue(self, name: str, *, title: str, body: str, now: datetime) -> Issue:
        """Open the issue of a name, or change it where its words differ."""
        issue = Issue(0, _title(title), body)
        Shelf(self.store).save_issue(name, issue, now)
        return issue

    def _edit(self, number: int, verb: str, now: datetime, edit: Callable[[PullRequest], PullRequest]) -> Kept:
        def change(pulls: Pulls, _: Mapping[str, str]) -> Kept:
            kept = _open(number, pulls, verb)
            return replace(kept, pull=edit(kept.pull))

        return Shelf(self.store).change(verb, change, now)


def _the(number: int, pulls: Pulls) -> Kept:
    if number not in pulls:
        raise ForgeError(f"there is no pull request #{number}; `headroom pr list` shows what there is")
    return pulls[number]


def _open(number: int, pulls: Pulls, verb: str) -> Kept:
    kept = _the(number, pulls)
    if kept.pull.state == "merged":
        raise ForgeError(f"#{number} was merged and cannot be {verb}; `headroom release` gives capacity back")
    if kept.pull.state == "closed":
        raise ForgeError(f"#{number} was closed and cannot be {verb}; `headroom propose` opens a new one")
    return kept


def _title(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > MOST_TITLE:
        raise ForgeError(f"{text[:80]!r} is no title: one printable line of at most {MOST_TITLE} characters")
    return text
