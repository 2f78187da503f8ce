"""GitLab, gitlab.com or self-managed: merge requests.

Place in the line: a dialect of ``remote``. docs/forges.md lists which role and scope each call needs.

    GitLab(wire, "acme/platform/infra").pull(7)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from controller.edge.forge import PullRequest, Readiness
from controller.edge.forge.answers import Record, flag, inner, integer, moment, records, text
from controller.edge.forge.dialect import Note
from controller.edge.forge.gitlabwords import (
    DRAFT,
    approvers,
    inert,
    issue,
    note,
    of_this_repository,
    pipeline,
    pull_request,
)
from controller.edge.forge.refusal import Refused
from controller.edge.forge.wire import Query, Wire
from controller.errors import ForgeError


@dataclass(frozen=True, slots=True)
class GitLab:
    """One project of a GitLab; see :class:`controller.edge.forge.dialect.Dialect`."""

    wire: Wire
    project: str
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    def opened(self) -> Iterator[PullRequest]:
        """Give all open merge requests, oldest first, so that one opened meanwhile moves no page."""
        query: Query = {"state": "opened", "order_by": "created_at", "sort": "asc"}
        return self._pulls(self.wire.pages(self._at("merge_requests"), query, what="listing merge requests"))

    def changed(self) -> tuple[list[PullRequest], bool]:
        """Give the hundred merge requests that changed last, and whether there are more."""
        query: Query = {"order_by": "updated_at", "sort": "desc"}
        items, more = self.wire.page(self._at("merge_requests"), query, what="listing merge requests")
        return list(self._pulls(items)), more

    def of_branch(self, head: str) -> Iterator[PullRequest]:
        """Give the merge requests of a branch."""
        path, query = self._at("merge_requests"), {"source_branch": head}
        return self._pulls(self.wire.pages(path, query, what="looking for a merge request"))

    def open_of_branch(self, head: str, base: str) -> PullRequest | None:
        """Give the open merge request of a branch."""
        query: Query = {"state": "opened", "source_branch": head, "target_branch": base}
        items, _ = self.wire.page(self._at("merge_requests"), query, what="looking for a merge request")
        return next((x for x in self._pulls(items) if (x.head, x.base, x.state) == (head, base, "open")), None)

    def pull(self, number: int) -> PullRequest:
        """Give one merge request."""
        return pull_request(self._raw(number))

    def create(self, *, title: str, body: str, head: str, base: str, draft: bool) -> PullRequest:
        """Open one; a draft is one by its title."""
        words = {
            "title": f"{DRAFT}{title}" if draft else title,
            "description": inert(body),
            "source_branch": head,
            "target_branch": base,
            "remove_source_branch": False,
        }
        return pull_request(self._post("merge_requests", words, f"opening a merge request for {head}"))

    def change(self, pull: PullRequest, *, title: str, body: str) -> PullRequest:
        """Give one new words."""
        words = {"title": f"{DRAFT}{title}" if pull.draft else title, "description": inert(body)}
        return pull_request(self._put(f"merge_requests/{pull.number}", words, f"changing !{pull.number}"))

    def close(self, number: int) -> None:
        """Close one."""
        self._put(f"merge_requests/{number}", {"state_event": "close"}, f"closing !{number}")

    def relabel(self, number: int, lacking: tuple[str, ...], spare: tuple[str, ...]) -> None:
        """Put labels on, which makes them where they are new, and take others off."""
        if odd := [x for x in lacking if "," in x]:
            raise ForgeError(f"{odd[0]!r}: a label cannot hold a comma at GitLab; choose another name")
        words = {"add_labels": ",".join(lacking), "remove_labels": ",".join(spare)}
        body = {name: value for name, value in words.items() if value}
        self._put(f"merge_requests/{number}", body, f"labelling !{number}")

    def request(
        self, number: int, reviewers: tuple[str, ...], teams: tuple[str, ...], assignees: tuple[str, ...]
    ) -> None:
        """Ask those who were not asked yet."""
        if teams:
            raise ForgeError(
                f"{teams[0]}: GitLab asks no group to review; leave teams empty, "
                "and use CODEOWNERS or approval rules"
            )
        item = self._raw(number)
        body: dict[str, list[int]] = {}
        for name, field_, wanted in (
            ("reviewer_ids", "reviewers", reviewers),
            ("assignee_ids", "assignees", assignees),
        ):
            held = {text(x, "username").casefold(): integer(x, "id") for x in records(item.get(field_), field_)}
            if lacking := [x for x in wanted if x.casefold() not in held]:
                body[name] = [*held.values(), *(self._user(x) for x in lacking)]
        if body:
            self._put(f"merge_requests/{number}", body, f"asking for reviews of !{number}")

    def notes(self, number: int) -> Iterator[Note]:
        """Give the comments under a merge request, without what GitLab notes itself."""
        return (note(x) for x in self._notes(number) if not flag(x, "system"))

    def create_note(self, number: int, body: str) -> Note:
        """Comment."""
        return note(
            self._post(f"merge_requests/{number}/notes", {"body": inert(body)}, f"commenting on !{number}")
        )

    def change_note(self, number: int, note: int, body: str) -> None:
        """Change a comment."""
        self._put(
            f"merge_requests/{number}/notes/{note}", {"body": inert(body)}, f"changing a comment of !{number}"
        )

    def readiness(self, number: int) -> Readiness:
        """Give approvals since the last push, reviewers who ask for changes, and the head's pipeline."""
        item = self._raw(number)
        given = self.wire.get(
            self._at(f"merge_requests/{number}/approvals"), what=f"reading approvals of !{number}"
        )
        approvals = records(given.get("approved_by"), "approved_by")
        approved: tuple[str, ...] = ()
        if approvals:
            untold = any(moment(x, "approved_at") is None for x in approvals)
            notes = self._notes(number) if untold else iter(())
            path = self._at(f"merge_requests/{number}/versions")
            versions, _ = self.wire.page(path, {}, what=f"reading versions of !{number}")
            newest = max(versions, key=lambda x: integer(x, "id"), default=None)
            approved = approvers(approvals, notes, moment(newest, "created_at") if newest else None)
        checks = pipeline(inner(item, "head_pipeline"), text(item, "detailed_merge_status"))
        return Readiness(approved, self._objections(number), checks, flag(item, "has_conflicts"))

    def merge(self, pull: PullRequest, commit: str) -> None:
        """Merge one by the project's own method."""
        self._accept(pull, {"sha": commit, "should_remove_source_branch": False})

    def merge_when_ready(self, pull: PullRequest, commit: str) -> None:
        """Switch auto-merge on (``auto_merge``, from GitLab 17.11; before it by its older name)."""
        auto = {"auto_merge": True, "merge_when_pipeline_succeeds": True}
        self._accept(pull, {"sha": commit, "should_remove_source_branch": False, **auto})

    def issues(self) -> Iterator[Note]:
        """Give our open issues."""
        query: Query = {"state": "opened", "scope": "all", "author_id": integer(self._me(), "id")}
        return (issue(x) for x in self.wire.pages(self._at("issues"), query, what="listing issues"))

    def create_issue(self, title: str, body: str) -> Note:
        """Open an issue."""
        return issue(self._post("issues", {"title": title, "description": inert(body)}, "opening an issue"))

    def change_issue(self, number: int, title: str, body: str) -> Note:
        """Change an issue."""
        return issue(
            self._put(
                f"issues/{number}", {"title": title, "description": inert(body)}, f"changing issue #{number}"
            )
        )

    def wrote(self, note: Note) -> bool:
        """Whether it is ours."""
        return note.author == text(self._me(), "username")

    def _accept(self, pull: PullRequest, body: dict[str, Any]) -> None:
        path = self._at(f"merge_requests/{pull.number}/merge")
        self.wire.write("PUT", path, body, what=f"merging !{pull.number}", repeatable=False)

    def _objections(self, number: int) -> tuple[str, ...]:
        path = self._at(f"merge_requests/{number}/reviewers")
        try:
            items = list(self.wire.pages(path, {}, what=f"reading reviewers of !{number}"))
        except Refused as error:
            if error.status != 404:  # GitLab before 14.8
                raise
            return ()
        against = (x for x in items if text(x, "state") == "requested_changes")
        return tuple(sorted(text(inner(x, "user"), "username") for x in against))

    def _me(self) -> Record:
        if "me" not in self._known:
            self._known["me"] = self.wire.get("/user", what="asking who the token belongs to")
        me: Record = self._known["me"]
        return me

    def _user(self, name: str) -> int:
        found, _ = self.wire.page("/users", {"username": name}, what=f"looking for {name}")
        if not found:
            raise ForgeError(f"{name}: is no user that GitLab knows; correct the reviewers or assignees")
        return integer(found[0], "id")

    def _notes(self, number: int) -> Iterator[Record]:
        query: Query = {"sort": "asc", "order_by": "created_at"}
        path = self._at(f"merge_requests/{number}/notes")
        return self.wire.pages(path, query, what=f"listing comments of !{number}")

    def _raw(self, number: int) -> Record:
        item = self.wire.get(self._at(f"merge_requests/{number}"), what=f"reading !{number}")
        if not of_this_repository(item):
            raise ForgeError(f"!{number} comes from a fork, which Headroom leaves alone; choose one of its own")
        return item

    def _pulls(self, items: Any) -> Iterator[PullRequest]:
        return (pull_request(x) for x in items if of_this_repository(x))

    def _post(self, path: str, body: dict[str, Any], what: str) -> Record:
        return self.wire.write("POST", self._at(path), body, what=what, repeatable=False)

    def _put(self, path: str, body: dict[str, Any], what: str) -> Record:
        return self.wire.write("PUT", self._at(path), body, what=what)

    def _at(self, path: str) -> str:
        return f"/projects/{quote(self.project, safe='')}/{path}"
