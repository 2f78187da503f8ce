"""GitHub and GitHub Enterprise Server, by REST and, where REST cannot, GraphQL.

Place in the line: a dialect of ``remote``. docs/forges.md lists which permission each call needs.

    GitHub(wire, "acme", "infra").pull(7)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from controller.edge.forge import PullRequest, Readiness
from controller.edge.forge.answers import Record, flag, inner, record, records, text, texts
from controller.edge.forge.asking import lacking
from controller.edge.forge.dialect import Note
from controller.edge.forge.githubwords import checks, note, of_this_repository, pull_request, reviews
from controller.edge.forge.refusal import Refused
from controller.edge.forge.wire import Query, Wire
from controller.errors import ForgeError

GRAPHQL = "graphql"
_BOT = "[bot]"
_METHODS = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
_AUTO = """mutation($pull: ID!, $head: GitObjectID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(input: {pullRequestId: $pull, expectedHeadOid: $head, mergeMethod: $method}) {
    clientMutationId } }"""


@dataclass(frozen=True, slots=True)
class GitHub:
    """One repository of a GitHub; see :class:`controller.edge.forge.dialect.Dialect`."""

    wire: Wire
    owner: str
    name: str
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    def opened(self) -> Iterator[PullRequest]:
        """Give all open pull requests, oldest first, so that one opened meanwhile moves no page."""
        query: Query = {"state": "open", "sort": "created", "direction": "asc"}
        return self._pulls(self.wire.pages(self._at("pulls"), query, what="listing pull requests"))

    def changed(self) -> tuple[list[PullRequest], bool]:
        """Give the hundred closed or merged pull requests that changed last, and whether there are more."""
        query: Query = {"state": "closed", "sort": "updated", "direction": "desc"}
        items, more = self.wire.page(self._at("pulls"), query, what="listing closed pull requests")
        return list(self._pulls(items)), more

    def of_branch(self, head: str) -> Iterator[PullRequest]:
        """Give the pull requests of a branch."""
        query: Query = {"state": "all", "head": f"{self.owner}:{head}"}
        return self._pulls(self.wire.pages(self._at("pulls"), query, what="looking for a pull request"))

    def open_of_branch(self, head: str, base: str) -> PullRequest | None:
        """Give the open pull request of a branch."""
        query: Query = {"state": "open", "head": f"{self.owner}:{head}", "base": base}
        items, _ = self.wire.page(self._at("pulls"), query, what="looking for a pull request")
        return next((x for x in self._pulls(items) if (x.head, x.base, x.state) == (head, base, "open")), None)

    def pull(self, number: int) -> PullRequest:
        """Give one pull request."""
        return pull_request(self._raw(number))

    def create(self, *, title: str, body: str, head: str, base: str, draft: bool) -> PullRequest:
        """Open one."""
        words = {"title": title, "body": body, "head": head, "base": base, "draft": draft}
        return pull_request(self._post("pulls", words, what=f"opening a pull request for {head}"))

    def change(self, pull: PullRequest, *, title: str, body: str) -> PullRequest:
        """Give one new words."""
        return pull_request(self._patch(f"pulls/{pull.number}", {"title": title, "body": body}, f"#{pull.number}"))

    def close(self, number: int) -> None:
        """Close one."""
        self._patch(f"pulls/{number}", {"state": "closed"}, f"closing #{number}")

    def relabel(self, number: int, lacking: tuple[str, ...], spare: tuple[str, ...]) -> None:
        """Put labels on, which makes them where they are new, and take others off."""
        if lacking:
            path = self._at(f"issues/{number}/labels")
            self.wire.write("POST", path, {"labels": list(lacking)}, what=f"labelling #{number}")
        for name in spare:
            try:
                path = self._at(f"issues/{number}/labels/{quote(name, safe='')}")
                self.wire.write("DELETE", path, None, what=f"taking a label off #{number}")
            except Refused as error:
                if error.status != 404:  # else somebody else was faster
                    raise

    def request(
        self, number: int, reviewers: tuple[str, ...], teams: tuple[str, ...], assignees: tuple[str, ...]
    ) -> None:
        """Ask those who were not asked and did not review yet; a team by its slug after the slash."""
        item = self._raw(number)
        asked = texts(item, "requested_teams", "slug")
        people, slugs = lacking(item, asked, lambda: self._reviews(number), reviewers, teams)
        if people or slugs:
            path = self._at(f"pulls/{number}/requested_reviewers")
            body = {"reviewers": people, "team_reviewers": slugs}
            self.wire.write("POST", path, body, what=f"asking {', '.join((*people, *slugs))} to review #{number}")
        held = {x.casefold() for x in texts(item, "assignees", "login")}
        if missing := [x for x in assignees if x.casefold() not in held]:
            path = self._at(f"issues/{number}/assignees")
            self.wire.write("POST", path, {"assignees": missing}, what=f"assigning #{number}")

    def notes(self, number: int) -> Iterator[Note]:
        """Give the comments under a pull request."""
        path = self._at(f"issues/{number}/comments")
        return (note(x) for x in self.wire.pages(path, {}, what=f"listing comments of #{number}"))

    def create_note(self, number: int, body: str) -> Note:
        """Comment."""
        return note(self._post(f"issues/{number}/comments", {"body": body}, what=f"commenting on #{number}"))

    def change_note(self, number: int, note: int, body: str) -> None:
        """Change a comment."""
        self._patch(f"issues/comments/{note}", {"body": body}, f"changing a comment of #{number}")

    def readiness(self, number: int) -> Readiness:
        """Give reviews, statuses and check runs of the head; what the token may not read counts as pending."""
        item = self._raw(number)
        pull = pull_request(item)
        approved, against = reviews(self._reviews(number), pull.head_commit, text(inner(item, "user"), "login"))
        where = self._at(f"commits/{pull.head_commit}")
        try:
            status = self.wire.get(f"{where}/status", what="reading commit statuses")
            runs = list(self.wire.pages(f"{where}/check-runs", {}, key="check_runs", what="reading check runs"))
        except Refused as error:
            if error.status != 403:
                raise
            status, runs = {"state": "pending", "total_count": 1}, []
        return Readiness(approved, against, checks(status, runs), item.get("mergeable") is False)

    def merge(self, pull: PullRequest, commit: str) -> None:
        """Merge one by the first method that the repository allows."""
        body = {"sha": commit, "merge_method": self._method()}
        path = self._at(f"pulls/{pull.number}/merge")
        self.wire.write("PUT", path, body, what=f"merging #{pull.number}", repeatable=False)

    def merge_when_ready(self, pull: PullRequest, commit: str) -> None:
        """Switch auto-merge on; where nothing is left to wait for, GitHub has it merged at once instead."""
        item = self._raw(pull.number)
        if isinstance(item.get("auto_merge"), dict):
            return
        words = {"pull": text(item, "node_id"), "head": commit, "method": self._method().upper()}
        try:
            self._graphql(_AUTO, words, f"switching auto-merge on for #{pull.number}")
        except Refused as error:
            if "clean status" not in error.said:
                raise
            self.merge(pull, commit)

    def issues(self) -> Iterator[Note]:
        """Give our open issues; GraphQL may tell an App's name without the end that REST knows it by."""
        login = self._login()
        for creator in (login,) if login.endswith(_BOT) else (login, f"{login}{_BOT}"):
            query: Query = {"state": "open", "creator": creator, "sort": "created", "direction": "asc"}
            found = False
            try:
                for item in self.wire.pages(self._at("issues"), query, what="listing issues"):
                    if "pull_request" not in item:
                        found = True
                        yield note(item)
            except Refused as error:
                if error.status != 422:  # there is no such user
                    raise
            if found:
                return

    def create_issue(self, title: str, body: str) -> Note:
        """Open an issue."""
        return note(self._post("issues", {"title": title, "body": body}, what="opening an issue"))

    def change_issue(self, number: int, title: str, body: str) -> Note:
        """Change an issue."""
        return note(self._patch(f"issues/{number}", {"title": title, "body": body}, f"changing issue #{number}"))

    def wrote(self, note: Note) -> bool:
        """Whether it is ours."""
        login = self._login()
        return note.author == login or (note.kind == "Bot" and note.author == f"{login}{_BOT}")

    def _login(self) -> str:
        if "login" not in self._known:  # GET /user is closed to Apps, and to the token of a workflow
            viewer = self._graphql("query { viewer { login } }", {}, "asking who the token belongs to")
            self._known["login"] = text(inner(viewer, "viewer"), "login")
        return str(self._known["login"])

    def _method(self) -> str:
        if "method" not in self._known:
            allowed = self.wire.get(f"/repos/{self.owner}/{self.name}", what="reading what the repository allows")
            unknown = not any(isinstance(allowed.get(x), bool) for x in _METHODS.values())
            fits = (method for method, name in _METHODS.items() if unknown or flag(allowed, name))
            self._known["method"] = next(fits, "merge")
        return str(self._known["method"])

    def _graphql(self, query: str, variables: dict[str, str], what: str) -> Record:
        answer = self.wire.write("POST", GRAPHQL, {"query": query, "variables": variables}, what=what)
        if errors := records(answer.get("errors"), "errors"):
            said = "; ".join(text(x, "message") for x in errors)[:300]
            raise Refused(f"{self.wire.forge} refuses {what} ({said}); does the repository allow it?", 422, said)
        return record(answer.get("data"), "data")

    def _reviews(self, number: int) -> Iterator[Record]:
        return self.wire.pages(self._at(f"pulls/{number}/reviews"), {}, what=f"reading reviews of #{number}")

    def _raw(self, number: int) -> Record:
        item = self.wire.get(self._at(f"pulls/{number}"), what=f"reading #{number}")
        if not of_this_repository(item) and inner(item, "head").get("repo") is not None:
            raise ForgeError(f"#{number} comes from a fork, which Headroom leaves alone; choose one of its own")
        return item

    def _pulls(self, items: Any) -> Iterator[PullRequest]:
        return (pull_request(x) for x in items if of_this_repository(x))

    def _post(self, path: str, body: dict[str, Any], *, what: str) -> Record:
        return self.wire.write("POST", self._at(path), body, what=what, repeatable=False)

    def _patch(self, path: str, body: dict[str, Any], what: str) -> Record:
        return self.wire.write("PATCH", self._at(path), body, what=what)

    def _at(self, path: str) -> str:
        return f"/repos/{self.owner}/{self.name}/{path}"
