"""The servers that the other tests speak to: what is not in a forge's description is a failure."""

import pytest
import requests
from forges import BOT, SERVERS, TOKEN, ConflictError, GitHubServer
from repositories import BRANCH, NEW, pushed


def ask(server, method, path, **given):
    scheme = "token" if server.forge == "gitea" else "Bearer"
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"{scheme} {TOKEN}"}
        return session.request(method, f"{server.api}{path}", headers=headers, timeout=5, **given)


@pytest.mark.parametrize(
    ("method", "path", "given", "words"),
    [
        ("GET", "/repos/acme/infra/pulls?stat=open", {}, "no query parameter stat"),
        ("GET", "/repos/acme/infra/pulls?state=opened", {}, "state=opened"),
        ("GET", "/repos/acme/infra/pulls/seven", {}, "pull_number=seven"),
        ("PUT", "/repos/acme/infra/pulls", {}, "no operation"),
        ("GET", "/repos/acme/infra/pulls", {"json": {"state": "open"}}, "takes no body"),
        ("POST", "/repos/acme/infra/pulls", {"json": {"title": 7, "head": "a", "base": "b"}}, "title"),
        ("POST", "/repos/acme/infra/pulls", {"json": {"title": "t", "base": "b"}}, "head"),
        ("POST", "/repos/acme/infra/pulls", {"json": {"head": "a", "base": "b", "bodi": "x"}}, "no 'bodi'"),
    ],
)
def test_a_call_that_github_does_not_know_is_a_failure(method, path, given, words):
    with pytest.raises(AssertionError, match=words), GitHubServer() as server:
        assert ask(server, method, path, **given).status_code == 400


@pytest.mark.parametrize("kind", sorted(SERVERS))
def test_every_operation_of_the_description_is_served(kind):
    with SERVERS[kind]() as server:
        told = {(m.upper(), path) for path, about in server.description.whole["paths"].items() for m in about}
        assert told == set(server.handlers())


@pytest.mark.parametrize("kind", sorted(SERVERS))
def test_a_wrong_token_and_another_project_are_refused(kind):
    with SERVERS[kind](project="other/infra") as server:
        path = "/projects/acme%2Finfra/merge_requests" if kind == "gitlab" else "/repos/acme/infra/pulls"
        assert ask(server, "GET", path).status_code == 404
        server.token = "another"  # noqa: S105
        assert ask(server, "GET", path).status_code == 401


def test_a_merge_that_git_cannot_do_is_none(origin):
    with GitHubServer(origin.directory) as server:
        pushed(origin)
        pull = server.world.add("t", "b", BRANCH, "main", BOT)
        person = origin.person("ada")
        person.commit({NEW: "other\n"})
        person.git("push", "-q", "origin", "main")
        for method in ("merge", "squash"):
            with pytest.raises(ConflictError):
                server.world.merge(pull.number, method)
        assert pull.state == "open"


def test_a_branch_that_is_deleted_closes_its_pull_request(origin):
    with GitHubServer(origin.directory) as server:
        pushed(origin)
        pull = server.world.add("t", "b", BRANCH, "main", BOT)
        server.world.delete_branch(BRANCH)
        server.world.sync()
        assert pull.state == "closed"
