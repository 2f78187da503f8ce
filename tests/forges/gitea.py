"""A Gitea of one repository."""

from typing import Any

from forges.description import Operation
from forges.server import BOT, ForgeServer, Page, RefusalError
from forges.world import ConflictError, Pull, Said

REPO = "/repos/{owner}/{repo}"
PULL, ISSUE = f"{REPO}/pulls/{{index}}", f"{REPO}/issues/{{index}}"
HERE, FORK = 1, 2
_DRAFT = "WIP: "
_REVIEWS = {"APPROVED": "APPROVED", "CHANGES_REQUESTED": "REQUEST_CHANGES", "COMMENTED": "COMMENT"}


class GiteaServer(ForgeServer):
    """Gitea as it answers ``headroom``."""

    forge = "gitea"
    prefix = "/api/v1"
    size_name = "limit"
    most_per_page = 50

    def proves(self, authorization: str) -> bool:
        """By the token."""
        return authorization == f"token {self.token}"

    def handlers(self) -> Any:
        """What does each operation."""
        return {
            ("GET", "/user"): lambda op, _: (200, self._user(BOT)),
            ("GET", REPO): self._repository,
            ("GET", f"{REPO}/pulls"): self._list,
            ("POST", f"{REPO}/pulls"): self._open,
            ("GET", f"{REPO}/pulls/{{base}}/{{head}}"): self._by_branch,
            ("GET", PULL): lambda op, _: (200, self._pull(self._find(op), whole=True)),
            ("PATCH", PULL): self._edit,
            ("POST", f"{PULL}/merge"): self._merge,
            ("GET", f"{PULL}/reviews"): self._reviews,
            ("POST", f"{PULL}/requested_reviewers"): self._request,
            ("GET", f"{REPO}/issues"): self._issues,
            ("POST", f"{REPO}/issues"): self._open_issue,
            ("PATCH", ISSUE): self._edit_issue,
            ("GET", f"{ISSUE}/comments"): self._comments,
            ("POST", f"{ISSUE}/comments"): self._comment,
            ("PATCH", f"{REPO}/issues/comments/{{id}}"): self._edit_comment,
            ("POST", f"{ISSUE}/labels"): self._label,
            ("DELETE", f"{ISSUE}/labels/{{id}}"): self._unlabel,
            ("GET", f"{REPO}/labels"): self._labels,
            ("POST", f"{REPO}/labels"): self._make_label,
            ("GET", f"{REPO}/commits/{{ref}}/status"): self._status,
        }

    def _repository(self, operation: Operation, _: Any) -> tuple[int, Any]:
        names = {"merge": "allow_merge_commits", "squash": "allow_squash_merge", "rebase": "allow_rebase"}
        return 200, {"id": HERE} | {name: method in self.world.allowed for method, name in names.items()}

    def _list(self, operation: Operation, _: Any) -> tuple[int, Any]:
        query = operation.query
        found = self.fresh(list(self.world.pulls.values()))
        if (state := query.get("state", "open")) != "all":
            found = [x for x in found if (x.state == "open") == (state == "open")]
        by_update = query.get("sort") == "recentupdate"
        found.sort(key=lambda x: x.updated if by_update else x.created, reverse=query.get("sort") != "oldest")
        return 200, Page([self._pull(x) for x in found])

    def _by_branch(self, operation: Operation, _: Any) -> tuple[int, Any]:
        wanted = operation.path["head"], operation.path["base"]
        for pull in self.world.pulls.values():
            if (pull.head, pull.base) == wanted and not pull.fork:
                return 200, self._pull(pull, whole=True)  # the oldest, whatever its state
        raise RefusalError(404, "The target couldn't be found.")

    def _open(self, operation: Operation, body: Any) -> tuple[int, Any]:
        head, base = body["head"], body["base"]
        if not self.world.exists(head) or not self.world.exists(base):
            raise RefusalError(404, "The target couldn't be found.")
        for other in self.world.pulls.values():
            if other.state == "open" and (other.head, other.base, other.fork) == (head, base, False):
                words = f"pull request already exists for these targets [id: {other.number}, head_branch: {head}]"
                raise RefusalError(409, words)
        draft, title = body["title"].startswith(_DRAFT), body["title"].removeprefix(_DRAFT)
        made = self.world.add(title, body.get("body"), head, base, BOT, draft=draft)
        return 201, self._pull(made, whole=True)

    def _edit(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        if "title" in body:
            pull.draft, pull.title = body["title"].startswith(_DRAFT), body["title"].removeprefix(_DRAFT)
        pull.body = body.get("body", pull.body)
        if body.get("state") == "closed":
            pull.state = "closed"
        pull.assignees = body.get("assignees", pull.assignees)
        pull.updated = self.world.tick()
        return 201, self._pull(pull, whole=True)

    def _merge(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        if pull.state != "open" or pull.draft or body["do"] not in self.world.allowed:
            raise RefusalError(405, "Please try again later")
        if body.get("head_commit_id", pull.head_commit) != pull.head_commit:
            raise RefusalError(409, "head out of date")
        if body.get("merge_when_checks_succeed") and self.world.statuses.get(pull.head_commit) == "pending":
            if pull.auto:
                raise RefusalError(409, f"auto merge is already scheduled for #{pull.number}")
            pull.auto = body["do"]
            return 200, None
        try:
            self.world.merge(pull.number, body["do"], BOT)
        except ConflictError:
            raise RefusalError(405, "Please try again later") from None
        return 200, None

    def _reviews(self, operation: Operation, _: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        return 200, Page(
            [
                {
                    "id": x.number,
                    "user": self._user(x.author),
                    "state": _REVIEWS.get(x.state, "APPROVED"),
                    "commit_id": x.commit,
                    "official": x.author not in self.world.strangers,
                    "dismissed": x.state == "DISMISSED",
                    "stale": x.commit != pull.head_commit,
                    "submitted_at": _time(x.when),
                }
                for x in pull.reviews
            ]
        )

    def _request(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        pull.reviewers += [x for x in body.get("reviewers", ()) if x not in pull.reviewers]
        pull.teams += [x for x in body.get("team_reviewers", ()) if x not in pull.teams]
        return 201, []

    def _issues(self, operation: Operation, _: Any) -> tuple[int, Any]:
        author = operation.query.get("created_by")
        found = [x for x in self.fresh(list(self.world.issues.values())) if x.state == "open"]
        return 200, Page([self._issue(x) for x in found if author in (None, x.author)])

    def _open_issue(self, operation: Operation, body: Any) -> tuple[int, Any]:
        return 201, self._issue(self.world.add_issue(body["title"], body["body"], BOT))

    def _edit_issue(self, operation: Operation, body: Any) -> tuple[int, Any]:
        issue = self.world.issues[int(operation.path["index"])]
        issue.title, issue.body = body.get("title", issue.title), body.get("body", issue.body)
        return 201, self._issue(issue)

    def _comments(self, operation: Operation, _: Any) -> tuple[int, Any]:
        return 200, [self._comment_of(x) for x in self._find(operation).comments if not x.system]

    def _comment(self, operation: Operation, body: Any) -> tuple[int, Any]:
        return 201, self._comment_of(self.world.comment(self._find(operation).number, BOT, body["body"]))

    def _edit_comment(self, operation: Operation, body: Any) -> tuple[int, Any]:
        for pull in self.world.pulls.values():
            for said in pull.comments:
                if said.number == int(operation.path["id"]):
                    said.body = body["body"]
                    return 200, self._comment_of(said)
        raise RefusalError(404, "Not Found")

    def _labels(self, operation: Operation, _: Any) -> tuple[int, Any]:
        return 200, Page([self._label_of(x) for x in self.world.labels])

    def _make_label(self, operation: Operation, body: Any) -> tuple[int, Any]:
        self.world.label(body["name"])
        return 201, self._label_of(body["name"])

    def _label(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        names = {number: name for name, number in self.world.labels.items()}
        for number in body["labels"]:
            pull.labels += [names[number]] if names[number] not in pull.labels else []
        return 200, [self._label_of(x) for x in pull.labels]

    def _unlabel(self, operation: Operation, _: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        names = {number: name for name, number in self.world.labels.items()}
        pull.labels = [x for x in pull.labels if x != names[int(operation.path["id"])]]
        return 204, None

    def _status(self, operation: Operation, _: Any) -> tuple[int, Any]:
        state = self.world.statuses.get(operation.path["ref"])
        statuses = [{"id": 1, "status": state}] if state else []
        return 200, {"state": state or "", "total_count": len(statuses), "statuses": statuses}

    def _find(self, operation: Operation) -> Pull:
        number = int(operation.path["index"])
        if number not in self.world.pulls:
            raise RefusalError(404, "The target couldn't be found.")
        return self.world.pulls[number]

    def _user(self, name: str) -> dict[str, Any]:
        return {"id": self.world.user(name), "login": name, "username": name}

    def _label_of(self, name: str) -> dict[str, Any]:
        return {"id": self.world.label(name), "name": name, "color": "ededed"}

    def _pull(self, pull: Pull, whole: bool = False) -> dict[str, Any]:
        gone = pull.state != "open" and pull.head not in self.world.seen
        told = {
            "id": 9000 + pull.number,
            "number": pull.number,
            "title": f"{_DRAFT}{pull.title}" if pull.draft else pull.title,
            "body": pull.body or "",
            "user": self._user(pull.author),
            "state": "open" if pull.state == "open" else "closed",
            "labels": [self._label_of(x) for x in pull.labels],
            "draft": pull.draft,
            "merged": pull.state == "merged",
            "merged_at": _time(pull.merged_at) if pull.merged_at else None,
            "merge_commit_sha": pull.merged_commit,
            "created_at": _time(pull.created),
            "updated_at": _time(pull.updated),
            "head": {
                "label": pull.head,
                "ref": f"refs/pull/{pull.number}/head" if gone else pull.head,
                "sha": pull.head_commit,
                "repo_id": FORK if pull.fork else HERE,
            },
            "base": {"label": pull.base, "ref": pull.base, "sha": "0" * 40, "repo_id": HERE},
            "requested_reviewers": [self._user(x) for x in pull.reviewers],
            "requested_reviewers_teams": [{"id": 1, "name": x} for x in pull.teams],
            "assignees": [self._user(x) for x in pull.assignees] or None,
            "html_url": f"http://{self.host}/{self.project}/pulls/{pull.number}",
        }
        if whole:
            told["mergeable"] = pull.state == "open" and not pull.draft and not self.world.conflicts(pull)
        return told

    def _issue(self, issue: Pull) -> dict[str, Any]:
        return {
            "id": 8000 + issue.number,
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "user": self._user(issue.author),
            "html_url": f"http://{self.host}/{self.project}/issues/{issue.number}",
        }

    def _comment_of(self, said: Said) -> dict[str, Any]:
        return {
            "id": said.number,
            "body": said.body,
            "user": self._user(said.author),
            "created_at": _time(said.when),
        }


def _time(when: Any) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
