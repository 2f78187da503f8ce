"""A self-managed GitLab of one project."""

import re
from typing import Any

from forges.description import Operation
from forges.server import BOT, ForgeServer, Page, RefusalError
from forges.world import ConflictError, Pull, Said

PROJECT = "/projects/{id}"
MR = f"{PROJECT}/merge_requests/{{merge_request_iid}}"
HERE, FORK = 1, 2
_DRAFT = "Draft: "
_PIPELINE = {"success": "success", "pending": "running", "failure": "failed"}


class GitLabServer(ForgeServer):
    """GitLab as it answers ``headroom``."""

    forge = "gitlab"
    prefix = "/api/v4"
    closes_without_branch = False
    shared_numbers = False

    def respond(self, method: str, target: str, authorization: str, body: Any) -> Any:
        """As the others, but a line that begins with a command is carried out, and that must not happen."""
        for name in ("description", "body"):
            if re.search(r"^\s*/[A-Za-z]", str((body or {}).get(name) or ""), re.MULTILINE):
                self.problems.append(f"a quick action in {body}")
        return super().respond(method, target, authorization, body)

    def handlers(self) -> Any:
        """What does each operation."""
        return {
            ("GET", "/user"): lambda op, _: (200, self._user(BOT)),
            ("GET", "/users"): self._users,
            ("GET", f"{PROJECT}/merge_requests"): self._list,
            ("POST", f"{PROJECT}/merge_requests"): self._open,
            ("GET", MR): lambda op, _: (200, self._merge_request(self._find(op), whole=True)),
            ("PUT", MR): self._edit,
            ("PUT", f"{MR}/merge"): self._merge,
            ("GET", f"{MR}/approvals"): self._approvals,
            ("GET", f"{MR}/reviewers"): self._reviewers,
            ("GET", f"{MR}/versions"): self._versions,
            ("GET", f"{MR}/notes"): self._notes,
            ("POST", f"{MR}/notes"): self._comment,
            ("PUT", f"{MR}/notes/{{note_id}}"): self._edit_comment,
            ("GET", f"{PROJECT}/issues"): self._issues,
            ("POST", f"{PROJECT}/issues"): self._open_issue,
            ("PUT", f"{PROJECT}/issues/{{issue_iid}}"): self._edit_issue,
        }

    def _users(self, operation: Operation, _: Any) -> tuple[int, Any]:
        name = operation.query["username"]
        return 200, Page([self._user(name)] if name in self.world.users else [])

    def _list(self, operation: Operation, _: Any) -> tuple[int, Any]:
        query = operation.query
        found = self.fresh(list(self.world.pulls.values()))
        if (state := query.get("state", "all")) != "all":
            found = [x for x in found if _state(x) == state]
        if branch := query.get("source_branch"):
            found = [x for x in found if x.head == branch]
        by_update = query.get("order_by") == "updated_at"
        found.sort(key=lambda x: x.updated if by_update else x.created, reverse=query.get("sort") != "asc")
        return 200, Page([self._merge_request(x) for x in found])

    def _open(self, operation: Operation, body: Any) -> tuple[int, Any]:
        head, base = body["source_branch"], body["target_branch"]
        if not self.world.exists(head):
            raise RefusalError(400, 'source_branch "is invalid"')
        for other in self.world.pulls.values():
            if other.state == "open" and (other.head, other.base, other.fork) == (head, base, False):
                raise RefusalError(
                    409, [f"Another open merge request already exists for this source branch: !{other.number}"]
                )  # type: ignore[arg-type]
        draft = body["title"].startswith(_DRAFT)
        title = body["title"].removeprefix(_DRAFT)
        made = self.world.add(title, body.get("description"), head, base, BOT, draft=draft)
        return 201, self._merge_request(made, whole=True)

    def _edit(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        if "title" in body:
            pull.draft, pull.title = body["title"].startswith(_DRAFT), body["title"].removeprefix(_DRAFT)
        pull.body = body.get("description", pull.body)
        if body.get("state_event") == "close":
            pull.state = "closed"
        for name in filter(None, body.get("add_labels", "").split(",")):
            self.world.label(name)
            pull.labels += [name] if name not in pull.labels else []
        pull.labels = [x for x in pull.labels if x not in body.get("remove_labels", "").split(",")]
        names = {number: name for name, number in self.world.users.items()}
        if "reviewer_ids" in body:
            pull.reviewers = [names[x] for x in body["reviewer_ids"]]
        if "assignee_ids" in body:
            pull.assignees = [names[x] for x in body["assignee_ids"]]
        pull.updated = self.world.tick()
        return 200, self._merge_request(pull, whole=True)

    def _merge(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        if pull.state != "open" or pull.draft:
            raise RefusalError(405, "405 Method Not Allowed")
        if body.get("sha", pull.head_commit) != pull.head_commit:
            raise RefusalError(409, "SHA does not match HEAD of source branch: " + pull.head_commit)
        state = self.world.statuses.get(pull.head_commit)
        if body.get("auto_merge") and state == "pending":
            pull.auto = "merge"
            return 200, self._merge_request(pull, whole=True)
        try:
            self.world.merge(pull.number, self.world.allowed[0], BOT)
        except ConflictError:
            raise RefusalError(422, "Branch cannot be merged") from None
        return 200, self._merge_request(pull, whole=True)

    def _approvals(self, operation: Operation, _: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        who = dict.fromkeys(x.author for x in pull.reviews if x.state == "APPROVED")
        return 200, {"iid": pull.number, "approved_by": [{"user": self._user(x)} for x in who]}

    def _reviewers(self, operation: Operation, _: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        words = {x.author: x.state for x in pull.reviews}
        states = {"APPROVED": "approved", "CHANGES_REQUESTED": "requested_changes"}
        everyone = dict.fromkeys([*pull.reviewers, *words])
        return 200, Page(
            [{"user": self._user(x), "state": states.get(words.get(x, ""), "unreviewed")} for x in everyone]
        )

    def _versions(self, operation: Operation, _: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        return 200, Page([{"id": 5, "head_commit_sha": pull.head_commit, "created_at": _time(pull.pushed)}])

    def _notes(self, operation: Operation, _: Any) -> tuple[int, Any]:
        return 200, Page([self._note(x) for x in self._find(operation).comments])

    def _comment(self, operation: Operation, body: Any) -> tuple[int, Any]:
        return 201, self._note(self.world.comment(self._find(operation).number, BOT, body["body"]))

    def _edit_comment(self, operation: Operation, body: Any) -> tuple[int, Any]:
        for said in self._find(operation).comments:
            if said.number == int(operation.path["note_id"]):
                said.body = body["body"]
                return 200, self._note(said)
        raise RefusalError(404, "404 Not found")

    def _issues(self, operation: Operation, _: Any) -> tuple[int, Any]:
        author = operation.query.get("author_id")
        found = [x for x in self.fresh(list(self.world.issues.values())) if x.state == "open"]
        return 200, Page([self._issue(x) for x in found if author in (None, str(self.world.user(x.author)))])

    def _open_issue(self, operation: Operation, body: Any) -> tuple[int, Any]:
        return 201, self._issue(self.world.add_issue(body["title"], body["description"], BOT))

    def _edit_issue(self, operation: Operation, body: Any) -> tuple[int, Any]:
        issue = self.world.issues[int(operation.path["issue_iid"])]
        issue.title, issue.body = body.get("title", issue.title), body.get("description", issue.body)
        return 200, self._issue(issue)

    def _find(self, operation: Operation) -> Pull:
        number = int(operation.path["merge_request_iid"])
        if number not in self.world.pulls:
            raise RefusalError(404, "404 Not found")
        return self.world.pulls[number]

    def _user(self, name: str) -> dict[str, Any]:
        return {"id": self.world.user(name), "username": name, "name": name, "state": "active"}

    def _merge_request(self, pull: Pull, whole: bool = False) -> dict[str, Any]:
        squashed = pull.method == "squash"
        status = self.world.statuses.get(pull.head_commit)
        told = {
            "id": 9000 + pull.number,
            "iid": pull.number,
            "project_id": HERE,
            "title": f"{_DRAFT}{pull.title}" if pull.draft else pull.title,
            "description": pull.body,
            "state": _state(pull),
            "source_branch": pull.head,
            "target_branch": pull.base,
            "source_project_id": FORK if pull.fork else HERE,
            "target_project_id": HERE,
            "created_at": _time(pull.created),
            "updated_at": _time(pull.updated),
            "merged_at": _time(pull.merged_at) if pull.merged_at else None,
            "labels": list(pull.labels),
            "draft": pull.draft,
            "sha": pull.merged_commit if pull.method == "rebase" else pull.head_commit,
            "merge_commit_sha": pull.merged_commit if pull.method == "merge" else None,
            "squash_commit_sha": pull.merged_commit if squashed else None,
            "author": self._user(pull.author),
            "reviewers": [self._user(x) for x in pull.reviewers],
            "assignees": [self._user(x) for x in pull.assignees],
            "web_url": f"http://{self.host}/{self.project}/-/merge_requests/{pull.number}",
            "detailed_merge_status": "mergeable",
            "merge_when_pipeline_succeeds": bool(pull.auto),
            "has_conflicts": whole and self.world.conflicts(pull),
        }
        if whole:
            told["head_pipeline"] = {"id": 1, "status": _PIPELINE[status]} if status else None
        return told

    def _note(self, said: Said) -> dict[str, Any]:
        return {
            "id": said.number,
            "body": said.body,
            "author": self._user(said.author),
            "system": said.system,
            "created_at": _time(said.when),
        }

    def _issue(self, issue: Pull) -> dict[str, Any]:
        return {
            "id": 8000 + issue.number,
            "iid": issue.number,
            "title": issue.title,
            "description": issue.body,
            "author": self._user(issue.author),
            "web_url": f"http://{self.host}/{self.project}/-/issues/{issue.number}",
        }


def _state(pull: Pull) -> str:
    return {"open": "opened"}.get(pull.state, pull.state)


def _time(when: Any) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}.000Z"
