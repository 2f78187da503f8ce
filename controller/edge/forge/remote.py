"""What all remote forges do alike: find before writing, compare before changing, look after an answer was lost.

Place in the line: the ``Forge`` that ``connect`` gives; a dialect says how one kind of forge is asked.

    forge = RemoteForge(GitHub(...), Patience())
    forge.open(title="Hold 8 nodes", body="…", head="headroom/demo/web/a", base="main", draft=False, now=now)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from controller.edge.forge import Issue, PullRequest, Readiness, Recent
from controller.edge.forge.dialect import Dialect, Note
from controller.edge.forge.marker import bears, holds, mark, strip
from controller.edge.forge.patience import Patience
from controller.edge.forge.refusal import Lost, Refused
from controller.errors import ForgeError

_T = TypeVar("_T")
_LOOKS = 4
_MOST_TITLE = 248  # GitLab and Gitea take 255, with what makes a draft
_NOT_NOW = 405
_DUPLICATE = (409, 422)
_SETTLED_BY_NOW = (404, 405, 409, 422)


@dataclass(frozen=True, slots=True)
class RemoteForge:
    """A forge that is reached over HTTP; see :class:`controller.edge.forge.Forge`."""

    dialect: Dialect
    patience: Patience

    def open_pulls(self, prefix: str) -> tuple[PullRequest, ...]:
        """Give the open pull requests whose head branch begins with ``prefix``."""
        return _numbered(x for x in self.dialect.opened() if x.head.startswith(prefix) and x.state == "open")

    def recent_pulls(self, prefix: str) -> Recent:
        """Give those merged or closed among the hundred that changed last."""
        found, more = self.dialect.changed()
        own = (x for x in found if x.head.startswith(prefix) and x.state != "open")
        return Recent(_numbered(own), complete=not more)

    def pulls_of(self, head: str) -> tuple[PullRequest, ...]:
        """Give all pull requests of one branch."""
        return _numbered(x for x in self.dialect.of_branch(head) if x.head == head)

    def get(self, number: int) -> PullRequest:
        """Give one pull request."""
        return self.dialect.pull(number)

    def open(self, *, title: str, body: str, head: str, base: str, draft: bool, now: datetime) -> PullRequest:
        """Open a pull request for a pushed branch, or give the one that is open."""
        _check(title)

        def find() -> PullRequest | None:
            return self.dialect.open_of_branch(head, base)

        def create() -> PullRequest:
            return self.dialect.create(title=title, body=body, head=head, base=base, draft=draft)

        return find() or _once(self.patience, create, find)

    def edit(self, number: int, *, title: str, body: str, now: datetime) -> PullRequest:
        """Give an open pull request new words, where they differ."""
        _check(title)
        pull = self._opened(number, "edited")
        if (pull.title, pull.body.rstrip()) == (title.strip(), body.rstrip()):
            return pull
        return self.dialect.change(pull, title=title, body=body)

    def label(self, number: int, *, add: tuple[str, ...], remove: tuple[str, ...], now: datetime) -> None:
        """Put labels on a pull request that it lacks, and take off those that it has."""
        held = {x.casefold() for x in self.dialect.pull(number).labels}
        lacking = tuple(x for x in dict.fromkeys(add) if x.casefold() not in held)
        kept = {x.casefold() for x in add}
        spare = tuple(x for x in dict.fromkeys(remove) if x.casefold() in held and x.casefold() not in kept)
        if lacking or spare:
            self.dialect.relabel(number, lacking, spare)

    def request(
        self,
        number: int,
        *,
        reviewers: tuple[str, ...],
        teams: tuple[str, ...],
        assignees: tuple[str, ...],
        now: datetime,
    ) -> None:
        """Ask those people and teams who were not asked before, and did not review yet."""
        if reviewers or teams or assignees:
            self.dialect.request(number, reviewers, teams, assignees)

    def comment(self, number: int, *, key: str, body: str, now: datetime) -> None:
        """Say something once for each ``key``, or change what was said."""
        words = mark(body, key)

        def find() -> Note | None:
            return self._own(x for x in self.dialect.notes(number) if bears(x.body, key))

        found = find() or _once(self.patience, lambda: self.dialect.create_note(number, words), find)
        if found.body.rstrip() != words:
            self.dialect.change_note(number, found.number, words)

    def close(self, number: int, now: datetime) -> None:
        """Close a pull request unmerged."""
        pull = self.dialect.pull(number)
        if pull.state == "merged":
            raise ForgeError(f"#{number} is merged and cannot be closed; release what it holds instead")
        if pull.state == "open":
            self.dialect.close(number)

    def readiness(self, number: int) -> Readiness:
        """Say whether an open pull request is approved and checked."""
        return self.dialect.readiness(number)

    def merge(self, number: int, commit: str, now: datetime) -> PullRequest:
        """Merge an open pull request if its head is still at ``commit``."""
        if (pull := self.dialect.pull(number)).state == "merged":
            return pull
        self._unmoved(pull, commit, "merged")

        def done() -> PullRequest | None:
            pull = self.dialect.pull(number)
            return pull if pull.state == "merged" else None

        def act() -> PullRequest | None:
            self.dialect.merge(pull, commit)
            return done()

        merged = self._unless_busy(lambda: _once(self.patience, act, done))
        if merged is None:
            raise ForgeError(f"#{number}: the forge took the merge but has not done it yet; run the command again")
        return merged

    def merge_when_ready(self, number: int, commit: str, now: datetime) -> None:
        """Have the forge merge it once its rules are met."""
        pull = self.dialect.pull(number)
        if pull.state != "merged":
            self._unmoved(pull, commit, "merged")
            self._unless_busy(lambda: self.dialect.merge_when_ready(pull, commit))

    def issue(self, name: str) -> Issue | None:
        """Give the open issue of a name; its body is without the marker."""
        note = self._issue(name)
        return None if note is None else Issue(note.number, note.title, strip(note.body, name), note.url)

    def save_issue(self, name: str, *, title: str, body: str, now: datetime) -> Issue:
        """Open the issue of a name, or change it."""
        words = mark(body, name)
        note = self._issue(name, title) or _once(
            self.patience, lambda: self.dialect.create_issue(title, words), lambda: self._issue(name, title)
        )
        if (note.title, note.body.rstrip()) != (title.strip(), words):
            note = self.dialect.change_issue(note.number, title, words)
        return Issue(note.number, note.title, strip(note.body, name), note.url)

    def _unless_busy(self, act: Callable[[], _T]) -> _T:
        """Do it again some seconds later where the forge does not know yet whether a new head can be merged."""
        for attempt in range(_LOOKS - 1):
            try:
                return act()
            except Refused as error:
                if error.status != _NOT_NOW:
                    raise
            self.patience.sleep(self.patience.backoff(attempt))
        return act()

    def _issue(self, name: str, title: str = "") -> Note | None:
        # People write below the marker, or empty an issue: it is ours still, by its line or else by its title.
        found = list(self.dialect.issues())
        by_title = (x for x in found if title and x.title == title)
        return self._own(x for x in found if holds(x.body, name)) or self._own(by_title)

    def _own(self, found: Iterable[Note]) -> Note | None:
        """The oldest that we wrote: anybody may write a marker, only our own words are changed or believed."""
        candidates = sorted(found, key=lambda note: note.number)
        return next((x for x in candidates if self.dialect.wrote(x)), None)

    def _opened(self, number: int, done: str) -> PullRequest:
        pull = self.dialect.pull(number)
        if pull.state != "open":
            raise ForgeError(f"#{number} is {pull.state} and cannot be {done}; run the command again")
        return pull

    def _unmoved(self, pull: PullRequest, commit: str, done: str) -> None:
        if pull.state != "open":
            raise ForgeError(f"#{pull.number} is {pull.state} and cannot be {done}; reopen it first")
        if pull.head_commit != commit:
            raise ForgeError(f"#{pull.number}: its head is not at {commit[:12]} any more; have it reviewed again")


def _check(title: str) -> None:
    if not title.strip() or not title.isprintable() or len(title) > _MOST_TITLE:
        raise ForgeError(f"{title[:80]!r} is no title: one printable line of at most {_MOST_TITLE} characters")


def _duplicate(problem: Refused) -> bool:
    return problem.status in _DUPLICATE and "exist" in problem.said.casefold()


def _numbered(pulls: Iterable[PullRequest]) -> tuple[PullRequest, ...]:
    found = {pull.number: pull for pull in pulls}  # a page that moved may give one twice
    return tuple(found[number] for number in sorted(found))


def _once(patience: Patience, act: Callable[[], _T], find: Callable[[], _T | None]) -> _T:
    """Do what must not be done twice: after a lost answer or a refusal look for its effect first.

    A list may lag behind for some seconds, so there are several looks, further and further apart.
    """
    for attempt in range(_LOOKS):
        last = attempt + 1 == _LOOKS
        try:
            return act()
        except Lost:
            if (found := _look(patience, find, 2)) is not None:
                return found
            if last:
                raise
        except Refused as error:
            if error.status not in _SETTLED_BY_NOW:
                raise
            if (found := _look(patience, find, _LOOKS if _duplicate(error) else 1)) is not None:
                return found
            raise
        patience.sleep(patience.backoff(attempt))
    raise ForgeError("the forge gave no answer; run the command again")


def _look(patience: Patience, find: Callable[[], _T | None], times: int) -> _T | None:
    for look in range(times):
        if look:
            patience.sleep(patience.backoff(look))
        if (found := find()) is not None:
            return found
    return None
