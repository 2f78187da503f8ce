"""Gitea and Forgejo.

Place in the line: a dialect of ``remote``. docs/forges.md lists which scope each call needs.

    Gitea(wire, "acme", "infra").pull(7)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from controller.edge.forge import PullRequest, Readiness
from controller.edge.forge.answers import Record, flag, inner, instant, integer, text, texts
from controller.edge.forge.asking import lacking
from controller.edge.forge.dialect import Note
from controller.edge.forge.giteawords import DRAFT, checks, note, of_this_repository, pull_request, reviews
from controller.edge.forge.refusal import Refused
from controller.edge.forge.wire import Query, Wire
from controller.errors import ForgeError

PER_PAGE = 50  # what Gitea gives at most, as it comes
_METHODS = {"merge": "allow_merge_commits", "squash": "allow_squash_merge", "rebase": "allow_rebase"}
_GREY = "#ededed"
_MOST_PAGES = 1000  # of the whole history


@dataclass(frozen=True, slots=True)
class Gitea:
    """One repository of a Gitea or Forgejo; see :class:`controller.edge.forge.dialect.Dialect`."""

    wire: Wire
    owner: str
    name: str
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    def opened(self) -> Iterator[PullRequest]:
        """Give all open pull requests, oldest first, so that one opened meanwhile moves no page."""
        query: Query = {"state": "open", "sort": "oldest"}
        return self._pulls(self.wire.pages(self._at("pulls"), query, what="listing pull requests"))

    def changed(self) -> tuple[list[PullRequest], bool]:
        """Give the hundred closed or merged that changed last, two pages, and whether there are more."""
        query: Query = {"state": "closed", "sort": "recentupdate"}
        found: list[PullRequest] = []
        more = True
        for number in (1, 2):
            path, what = self._at("pulls"), "listing closed pull requests"
            items, more = self.wire.page(path, query, number=number, what=what)
            found += self._pulls(items)
            if not more:
                break
        return found, more

    def of_branch(self, head: str) -> Iterator[PullRequest]:
        """Give the pull requests of a branch: out of all, since Gitea cannot be asked for a branch alone.

        All are read once, and then what changed since, so that many branches cost little more than one.
        """
        held: dict[int, tuple[datetime, PullRequest]] = self._known.setdefault("pulls", {})
        newest = max((when for when, _ in held.values()), default=None)
        query: Query = {"state": "all", "sort": "recentupdate"}
        what = "looking for a pull request"
        for item in self.wire.pages(self._at("pulls"), query, what=what, most=_MOST_PAGES):
            changed = instant(item, "updated_at")
            if newest is not None and changed < newest:
                break
            if of_this_repository(item):
                held[integer(item, "number")] = changed, pull_request(item)
        found = [pull for _, pull in held.values() if pull.head == head]
        return (self.pull(x.number) if x.state == "open" else x for x in found)

    def open_of_branch(self, head: str, base: str) -> PullRequest | None:
        """Give the open pull request of a branch; any that Gitea remembers of it is asked for first."""
        path = self._at(f"pulls/{quote(base, safe='')}/{quote(head, safe='')}")
        try:
            item = self.wire.get(path, what="looking for a pull request")
        except Refused as error:
            if error.status != 404:
                raise
            return None
        if of_this_repository(item) and text(item, "state") == "open":
            return pull_request(item)
        return next((x for x in self.opened() if x.head == head), None)

    def pull(self, number: int) -> PullRequest:
        """Give one pull request."""
        return pull_request(self._raw(number))

    def create(self, *, title: str, body: str, head: str, base: str, draft: bool) -> PullRequest:
        """Open one; a draft is one by its title."""
        words = {"title": f"{DRAFT}{title}" if draft else title, "body": body, "head": head, "base": base}
        return pull_request(self._post("pulls", words, f"opening a pull request for {head}"))

    def change(self, pull: PullRequest, *, title: str, body: str) -> PullRequest:
        """Give one new words."""
        words = {"title": f"{DRAFT}{title}" if pull.draft else title, "body": body}
        return pull_request(self._patch(f"pulls/{pull.number}", words, f"changing #{pull.number}"))

    def close(self, number: int) -> None:
        """Close one."""
        self._patch(f"pulls/{number}", {"state": "closed"}, f"closing #{number}")

    def relabel(self, number: int, lacking: tuple[str, ...], spare: tuple[str, ...]) -> None:
        """Put labels on, after making those that are new, and take others off."""
        what = f"labelling #{number}"
        ids = {text(x, "name").casefold(): integer(x, "id") for x in self._labels()}
        for name in lacking:
            if name.casefold() not in ids:
                made = self._post("labels", {"name": name, "color": _GREY}, f"making the label {name}")
                ids[name.casefold()] = integer(made, "id")
        if lacking:
            body = {"labels": [ids[x.casefold()] for x in lacking]}
            self.wire.write("POST", self._at(f"issues/{number}/labels"), body, what=what)
        for name in spare:
            if name.casefold() in ids:
                self.wire.write(
                    "DELETE", self._at(f"issues/{number}/labels/{ids[name.casefold()]}"), None, what=what
                )

    def request(
        self, number: int, reviewers: tuple[str, ...], teams: tuple[str, ...], assignees: tuple[str, ...]
    ) -> None:
        """Ask those who were not asked and did not review yet; a team by its name after the slash."""
        item = self._raw(number)
        asked = texts(item, "requested_reviewers_teams", "name")
        people, groups = lacking(item, asked, lambda: self._reviews(number), reviewers, teams)
        if people or groups:
            path = self._at(f"pulls/{number}/requested_reviewers")
            body = {"reviewers": people, "team_reviewers": groups}
            self.wire.write("POST", path, body, what=f"asking {', '.join((*people, *groups))} to review #{number}")
        held = texts(item, "assignees", "login")
        if missing := [x for x in assignees if x.casefold() not in {y.casefold() for y in held}]:
            self._patch(f"pulls/{number}", {"assignees": [*held, *missing]}, f"assigning #{number}")

    def notes(self, number: int) -> Iterator[Note]:
        """Give the comments under a pull request: Gitea gives all at once."""
        path = self._at(f"issues/{number}/comments")
        return (note(x) for x in self.wire.items(path, what=f"listing comments of #{number}"))

    def create_note(self, number: int, body: str) -> Note:
        """Comment."""
        return note(self._post(f"issues/{number}/comments", {"body": body}, f"commenting on #{number}"))

    def change_note(self, number: int, note: int, body: str) -> None:
        """Change a comment."""
        self._patch(f"issues/comments/{note}", {"body": body}, f"changing a comment of #{number}")

    def readiness(self, number: int) -> Readiness:
        """Give reviews and the combined status of the head; a draft is never mergeable, which is no conflict."""
        item = self._raw(number)
        pull = pull_request(item)
        approved, against = reviews(self._reviews(number), pull.head_commit, text(inner(item, "user"), "login"))
        status = self.wire.get(self._at(f"commits/{pull.head_commit}/status"), what="reading commit statuses")
        conflicts = item.get("mergeable") is False and not pull.draft
        return Readiness(approved, against, checks(status), conflicts)

    def merge(self, pull: PullRequest, commit: str) -> None:
        """Merge one by the first method that the repository allows."""
        self._accept(pull, {"do": self._method(), "head_commit_id": commit})

    def merge_when_ready(self, pull: PullRequest, commit: str) -> None:
        """Have it merged once its checks succeed; at once if they have."""
        body = {"do": self._method(), "head_commit_id": commit, "merge_when_checks_succeed": True}
        try:
            self._accept(pull, body)
        except Refused as error:
            if error.status != 409 or "scheduled" not in error.said:
                raise

    def issues(self) -> Iterator[Note]:
        """Give our open issues."""
        query: Query = {"state": "open", "type": "issues", "created_by": self._login()}
        return (note(x) for x in self.wire.pages(self._at("issues"), query, what="listing issues"))

    def create_issue(self, title: str, body: str) -> Note:
        """Open an issue."""
        return note(self._post("issues", {"title": title, "body": body}, "opening an issue"))

    def change_issue(self, number: int, title: str, body: str) -> Note:
        """Change an issue."""
        return note(self._patch(f"issues/{number}", {"title": title, "body": body}, f"changing issue #{number}"))

    def wrote(self, note: Note) -> bool:
        """Whether it is ours."""
        return note.author == self._login()

    def _accept(self, pull: PullRequest, body: dict[str, Any]) -> None:
        path = self._at(f"pulls/{pull.number}/merge")
        self.wire.write("POST", path, body, what=f"merging #{pull.number}", repeatable=False)

    def _labels(self) -> Iterator[Record]:
        return self.wire.pages(self._at("labels"), {}, what="listing labels")

    def _login(self) -> str:
        if "login" not in self._known:
            self._known["login"] = text(self.wire.get("/user", what="asking who the token belongs to"), "login")
        return str(self._known["login"])

    def _method(self) -> str:
        if "method" not in self._known:
            allowed = self.wire.get(f"/repos/{self.owner}/{self.name}", what="reading what the repository allows")
            fits = (method for method, name in _METHODS.items() if flag(allowed, name))
            self._known["method"] = next(fits, "merge")
        return str(self._known["method"])

    def _reviews(self, number: int) -> Iterator[Record]:
        return self.wire.pages(self._at(f"pulls/{number}/reviews"), {}, what=f"reading reviews of #{number}")

    def _raw(self, number: int) -> Record:
        item = self.wire.get(self._at(f"pulls/{number}"), what=f"reading #{number}")
        if not of_this_repository(item):
            raise ForgeError(f"#{number} comes from a fork, which Headroom leaves alone; choose one of its own")
        return item

    def _pulls(self, items: Any) -> Iterator[PullRequest]:
        return (pull_request(x) for x in items if of_this_repository(x))

    def _post(self, path: str, body: dict[str, Any], what: str) -> Record:
        return self.wire.write("POST", self._at(path), body, what=what, repeatable=False)

    def _patch(self, path: str, body: dict[str, Any], what: str) -> Record:
        return self.wire.write("PATCH", self._at(path), body, what=what)

    def _at(self, path: str) -> str:
        return f"/repos/{self.owner}/{self.name}/{path}"
