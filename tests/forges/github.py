"""A GitHub Enterprise Server of one repository (``/api/v3`` and ``/api/graphql``), with one App installed."""

from typing import Any

from forges.description import Operation
from forges.gitdata import GitData
from forges.server import BOT, ForgeServer, Page, RefusalError
from forges.world import ConflictError, Pull, Said

REPO = "/repos/{owner}/{repo}"
PULL, ISSUE = f"{REPO}/pulls/{{pull_number}}", f"{REPO}/issues/{{issue_number}}"
HERE, FORK = 1, 2


class GitHubServer(ForgeServer):
    """GitHub as it answers ``headroom``."""

    forge = "github"
    prefix = "/api/v3"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.as_app = False  # GraphQL then tells a name without the [bot] that REST has
        self.app_tokens: list[str] = []
        self.app_permissions = {
            "contents": "write",
            "pull_requests": "write",
            "issues": "write",
            "metadata": "read",
        }
        self.token_requests: list[Any] = []
        self.data = GitData(self)

    def proves(self, authorization: str) -> bool:
        """By the token, by an App's JWT, or by a token that the App was given."""
        scheme, _, proof = authorization.partition(" ")
        return scheme == "Bearer" and (proof in (self.token, *self.app_tokens) or proof.count(".") == 2)

    def special(self, method: str, target: str, body: Any) -> tuple[int, Any] | None:
        """GraphQL: who we are, and auto-merge."""
        if target != "/api/graphql":
            return None
        if "viewer" in body["query"]:
            return 200, {"data": {"viewer": {"login": BOT}}}
        given = body["variables"]
        pull = next(x for x in self.world.pulls.values() if given["pull"] == f"PR_{x.number}")
        if "enablePullRequestAutoMerge" not in body["query"] or given["head"] != pull.head_commit:
            return 200, {"data": None, "errors": [{"message": "Head sha didn't match expected_head_oid."}]}
        if self.world.statuses.get(pull.head_commit) == "success":
            return 200, {"data": None, "errors": [{"message": "Pull request is in clean status"}]}
        pull.auto = given["method"].lower()
        return 200, {"data": {"enablePullRequestAutoMerge": {"clientMutationId": None}}}

    def handlers(self) -> Any:
        """What does each operation."""
        return self.data.handlers() | {
            ("GET", REPO): self._repository,
            ("GET", f"{REPO}/pulls"): self._list,
            ("POST", f"{REPO}/pulls"): self._open,
            ("GET", PULL): lambda op, _: (200, self._pull(self._find(op))),
            ("PATCH", PULL): self._edit,
            ("GET", f"{PULL}/reviews"): self._reviews,
            ("PUT", f"{PULL}/merge"): self._merge,
            ("POST", f"{PULL}/requested_reviewers"): self._request,
            ("GET", f"{REPO}/issues"): self._issues,
            ("POST", f"{REPO}/issues"): self._open_issue,
            ("PATCH", ISSUE): self._edit_issue,
            ("POST", f"{ISSUE}/assignees"): self._assign,
            ("GET", f"{ISSUE}/comments"): self._comments,
            ("POST", f"{ISSUE}/comments"): self._comment,
            ("POST", f"{ISSUE}/labels"): self._label,
            ("DELETE", f"{ISSUE}/labels/{{name}}"): self._unlabel,
            ("PATCH", f"{REPO}/issues/comments/{{comment_id}}"): self._edit_comment,
            ("GET", f"{REPO}/commits/{{ref}}/status"): self._status,
            ("GET", f"{REPO}/commits/{{ref}}/check-runs"): self._runs,
            ("GET", f"{REPO}/installation"): self._installation,
            ("GET", "/app/installations/{installation_id}"): self._installation,
            ("POST", "/app/installations/{installation_id}/access_tokens"): self._token,
        }

    def _repository(self, operation: Operation, _: Any) -> tuple[int, Any]:
        names = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
        return 200, {"id": HERE} | {name: method in self.world.allowed for method, name in names.items()}

    def _list(self, operation: Operation, _: Any) -> tuple[int, Any]:
        query = operation.query
        found = self.fresh(list(self.world.pulls.values()))
        if (state := query.get("state", "open")) != "all":
            found = [x for x in found if (x.state == "open") == (state == "open")]
        if head := query.get("head"):
            owner, _, branch = head.partition(":")
            found = [x for x in found if x.head == branch and (owner == "stranger") == x.fork]
        by_update = query.get("sort") == "updated"
        found.sort(key=lambda x: x.updated if by_update else x.created, reverse=query.get("direction") == "desc")
        return 200, Page([self._pull(x, listed=True) for x in found])

    def _open(self, operation: Operation, body: Any) -> tuple[int, Any]:
        head, base = body["head"], body["base"]
        if not self.world.exists(head) or not self.world.exists(base):
            raise self._invalid("head", "invalid")
        pulls = self.world.pulls.values()
        if any(x.state == "open" and (x.head, x.base, x.fork) == (head, base, False) for x in pulls):
            raise self._invalid("", f"A pull request already exists for {self.project.partition('/')[0]}:{head}.")
        if not self.world.ahead(base, head):
            raise self._invalid("", f"No commits between {base} and {head}")
        made = self.world.add(body["title"], body.get("body"), head, base, BOT, draft=bool(body.get("draft")))
        return 201, self._pull(made)

    def _edit(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        pull.title, pull.body = body.get("title", pull.title), body.get("body", pull.body)
        if body.get("state") == "closed" and pull.state == "open":
            pull.state = "closed"
        pull.updated = self.world.tick()
        return 200, self._pull(pull)

    def _merge(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull, method = self._find(operation), body.get("merge_method", "merge")
        if pull.state != "open" or pull.draft or method not in self.world.allowed:
            raise RefusalError(405, "Pull Request is not mergeable")
        if body.get("sha", pull.head_commit) != pull.head_commit:
            raise RefusalError(409, "Head branch was modified. Review and try the merge again.")
        try:
            commit = self.world.merge(pull.number, method, BOT)
        except ConflictError:
            raise RefusalError(405, "Pull Request is not mergeable") from None
        return 200, {"sha": commit, "merged": True, "message": "Pull Request successfully merged"}

    def _reviews(self, operation: Operation, _: Any) -> tuple[int, Any]:
        return 200, Page(
            [
                {
                    "id": x.number,
                    "user": self._user(x.author),
                    "body": "",
                    "state": x.state,
                    "commit_id": x.commit,
                    "author_association": "NONE" if x.author in self.world.strangers else "COLLABORATOR",
                    "submitted_at": _time(x.when),
                }
                for x in self._find(operation).reviews
            ]
        )

    def _request(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        if pull.author in body.get("reviewers", ()):
            raise RefusalError(422, "Review cannot be requested from pull request author.")
        pull.reviewers += [x for x in body.get("reviewers", ()) if x not in pull.reviewers]
        pull.teams += [x for x in body.get("team_reviewers", ()) if x not in pull.teams]
        return 201, self._pull(pull, listed=True)

    def _issues(self, operation: Operation, _: Any) -> tuple[int, Any]:
        found = [*self.world.issues.values(), *self.world.pulls.values()]
        creator = operation.query.get("creator")
        found = [
            x for x in self.fresh(found) if x.state == "open" and creator in (None, self._user(x.author)["login"])
        ]
        return 200, Page([self._issue(x) for x in sorted(found, key=lambda x: x.created)])

    def _open_issue(self, operation: Operation, body: Any) -> tuple[int, Any]:
        return 201, self._issue(self.world.add_issue(body["title"], body["body"], BOT))

    def _edit_issue(self, operation: Operation, body: Any) -> tuple[int, Any]:
        issue = self._find(operation)
        issue.title, issue.body = body.get("title", issue.title), body.get("body", issue.body)
        return 200, self._issue(issue)

    def _assign(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        pull.assignees += [x for x in body["assignees"] if x not in pull.assignees]
        return 201, self._issue(pull)

    def _comments(self, operation: Operation, _: Any) -> tuple[int, Any]:
        said = [x for x in self._find(operation).comments if not x.system]
        return 200, Page([self._comment_of(x) for x in said])

    def _comment(self, operation: Operation, body: Any) -> tuple[int, Any]:
        return 201, self._comment_of(self.world.comment(self._find(operation).number, BOT, body["body"]))

    def _edit_comment(self, operation: Operation, body: Any) -> tuple[int, Any]:
        for pull in self.world.pulls.values():
            for said in pull.comments:
                if said.number == int(operation.path["comment_id"]):
                    said.body = body["body"]
                    return 200, self._comment_of(said)
        raise RefusalError(404, "Not Found")

    def _label(self, operation: Operation, body: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        for name in body["labels"]:
            self.world.label(name)
            pull.labels += [name] if name not in pull.labels else []
        return 200, self._labels(pull)

    def _unlabel(self, operation: Operation, _: Any) -> tuple[int, Any]:
        pull = self._find(operation)
        if operation.path["name"] not in pull.labels:
            raise RefusalError(404, "Label does not exist")
        pull.labels.remove(operation.path["name"])
        return 200, self._labels(pull)

    def _status(self, operation: Operation, _: Any) -> tuple[int, Any]:
        state = self.world.statuses.get(operation.path["ref"])
        return 200, {"state": state or "pending", "total_count": int(state is not None), "statuses": []}

    def _runs(self, operation: Operation, _: Any) -> tuple[int, Any]:
        runs = self.world.runs.get(operation.path["ref"], [])
        told = [{"name": name, "status": status, "conclusion": done} for name, status, done in runs]
        return 200, Page(told, "check_runs")

    def _installation(self, operation: Operation, _: Any) -> tuple[int, Any]:
        return 200, {"id": 77, "account": self._user("acme"), "permissions": self.app_permissions}

    def _token(self, operation: Operation, body: Any) -> tuple[int, Any]:
        self.token_requests.append(body)
        if any(self.app_permissions.get(name) != how for name, how in body["permissions"].items()):
            raise RefusalError(422, "The permissions requested are not granted to this installation.")
        self.app_tokens.append(f"ghs_canary{len(self.app_tokens):032d}")
        return 201, {"token": self.app_tokens[-1], "expires_at": "2026-11-24T13:00:00Z"}

    def _find(self, operation: Operation) -> Pull:
        number = int(operation.path.get("pull_number") or operation.path["issue_number"])
        kept = self.world.pulls if "pull_number" in operation.path else self.world.pulls | self.world.issues
        if number not in kept:
            raise RefusalError(404, "Not Found")
        return kept[number]

    def _invalid(self, field: str, words: str) -> RefusalError:
        error = {"resource": "PullRequest", "code": "custom", "field": field, "message": words}
        return RefusalError(422, "Validation Failed", errors=[error])

    def _user(self, name: str) -> dict[str, Any]:
        if name == BOT and self.as_app:
            return {"login": f"{BOT}[bot]", "id": self.world.user(name), "type": "Bot"}
        return {"login": name, "id": self.world.user(name), "type": "User"}

    def _labels(self, pull: Pull) -> list[Any]:
        return [{"id": self.world.label(x), "name": x, "color": "ededed", "default": False} for x in pull.labels]

    def _pull(self, pull: Pull, listed: bool = False) -> dict[str, Any]:
        owner = self.project.partition("/")[0]
        whole = {
            "id": 9000 + pull.number,
            "node_id": f"PR_{pull.number}",
            "number": pull.number,
            "html_url": f"http://{self.host}/{self.project}/pull/{pull.number}",
            "state": "open" if pull.state == "open" else "closed",
            "title": pull.title,
            "body": None if pull.body is None else pull.body.replace("\n", "\r\n"),
            "user": self._user(pull.author),
            "labels": self._labels(pull),
            "draft": pull.draft,
            "created_at": _time(pull.created),
            "updated_at": _time(pull.updated),
            "merged_at": _time(pull.merged_at) if pull.merged_at else None,
            # of an open one it is the commit of a merge that GitHub tries
            "merge_commit_sha": pull.merged_commit or "f" * 40,
            "head": self._side(pull.head, pull.head_commit, owner, FORK if pull.fork else HERE),
            "base": self._side(
                pull.base, self.world.seen.get(pull.base, "0" * 40) if not listed else "0" * 40, owner, HERE
            ),
            "requested_reviewers": [self._user(x) for x in pull.reviewers],
            "requested_teams": [{"id": 1, "name": x, "slug": x} for x in pull.teams],
            "assignees": [self._user(x) for x in pull.assignees],
            "auto_merge": {"enabled_by": self._user(BOT), "merge_method": pull.auto} if pull.auto else None,
        }
        if not listed:
            whole["merged"] = pull.state == "merged"
            whole["mergeable"] = None if pull.state != "open" else not self.world.conflicts(pull)
        return whole

    def _side(self, branch: str, commit: str, owner: str, repository: int) -> dict[str, Any]:
        return {"ref": branch, "sha": commit, "label": f"{owner}:{branch}", "repo": {"id": repository}}

    def _issue(self, issue: Pull) -> dict[str, Any]:
        whole = {
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "user": self._user(issue.author),
            "state": "open",
            "html_url": f"http://{self.host}/{self.project}/issues/{issue.number}",
            "created_at": _time(issue.created),
        }
        return whole | ({"pull_request": {"url": None}} if issue.head else {})

    def _comment_of(self, said: Said) -> dict[str, Any]:
        return {
            "id": said.number,
            "body": said.body,
            "user": self._user(said.author),
            "created_at": _time(said.when),
        }


def _time(when: Any) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
