import traceback

import jwt
import pytest
from forges import TOKEN, GitHubServer, GitLabServer
from forges.fixtures import Clock

from controller.edge.forge.connect import connect
from controller.edge.forge.credentials import App, Token, read
from controller.errors import ForgeError


@pytest.fixture
def server():
    with GitHubServer() as server:
        yield server


def reached(server, variables, clock):
    environment = {"HEADROOM_TOKEN_HOST": server.host, **variables}
    given = {"api": server.api, "project": "acme/infra", "patience": clock.patience()}
    return connect(server.forge, "file:///srv/infra.git", environment, **given)


def test_a_token_comes_from_a_variable_or_a_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"  {TOKEN}\n")
    for variables in ({"HEADROOM_TOKEN": f"{TOKEN}\n"}, {"HEADROOM_TOKEN_FILE": str(path)}):
        given = read({**variables, "HOME": "/root"})
        assert isinstance(given, Token)
        assert given.secret.reveal() == TOKEN


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "there is no token"),
        ({"HEADROOM_TOKEN": " "}, "there is no token"),
        ({"HEADROOM_TOKEN": f"{TOKEN} {TOKEN}"}, "no token"),
        ({"HEADROOM_TOKEN": f"{TOKEN}\r\nX-Evil: 1"}, "no token"),
        ({"HEADROOM_TOKEN": f"{TOKEN}ü"}, "no token"),
        ({"HEADROOM_TOKEN": TOKEN, "HEADROOM_TOKEN_FILE": "/x"}, "unset one"),
        ({"HEADROOM_TOKEN": TOKEN, "HEADROOM_GITHUB_APP_ID": "7"}, "unset one"),
        ({"HEADROOM_TOKEN_FILE": "/nowhere/token"}, "cannot be read"),
        ({"HEADROOM_GITHUB_APP_ID": "7"}, "both"),
        ({"HEADROOM_GITHUB_APP_ID": "7", "HEADROOM_GITHUB_APP_KEY": TOKEN}, "PEM"),
        ({"HEADROOM_GITHUB_APP_ID": "../7", "HEADROOM_GITHUB_APP_KEY": TOKEN}, "no id"),
        (
            {
                "HEADROOM_GITHUB_APP_ID": "7",
                "HEADROOM_GITHUB_APP_KEY": f"-----BEGIN PRIVATE KEY-----{TOKEN}",
                "HEADROOM_GITHUB_INSTALLATION_ID": "x",
            },
            "no number",
        ),
    ],
)
def test_what_is_wrong_is_told_without_the_token(variables, words):
    with pytest.raises(ForgeError, match=words) as caught:
        read(variables)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("installation", [{}, {"HEADROOM_GITHUB_INSTALLATION_ID": "77"}])
def test_an_app_gets_a_token_for_one_repository_and_renews_it(server, key, tmp_path, installation):
    path, clock = tmp_path / "key.pem", Clock()
    path.write_text(key)
    remote = reached(
        server, {"HEADROOM_GITHUB_APP_ID": "7", "HEADROOM_GITHUB_APP_KEY_FILE": str(path), **installation}, clock
    )
    assert server.calls == []
    assert remote.forge.open_pulls("headroom/") == remote.forge.open_pulls("headroom/") == ()
    wanted = {"contents": "write", "pull_requests": "write", "issues": "write"}
    assert server.token_requests == [{"repositories": ["infra"], "permissions": wanted}]
    claims = jwt.decode(server.seen[0].removeprefix("Bearer "), options={"verify_signature": False})
    assert claims["iss"] == "7"
    clock.now += 3400  # of an hour; renewed five minutes before its end
    assert remote.forge.open_pulls("headroom/") == ()
    assert len(server.token_requests) == 2
    assert server.seen[-1] == f"Bearer {server.app_tokens[1]}"


def test_an_app_asks_for_nothing_that_it_was_not_granted(server, key):
    variables = {"HEADROOM_GITHUB_APP_ID": "7", "HEADROOM_GITHUB_APP_KEY": key.replace("\n", "\\n")}
    server.app_permissions = {"contents": "write", "pull_requests": "write", "checks": "read"}
    reached(server, variables, Clock()).forge.open_pulls("headroom/")
    assert server.token_requests[0]["permissions"] == server.app_permissions
    server.app_permissions = {"contents": "read", "pull_requests": "write"}
    with pytest.raises(ForgeError, match="may not write contents"):
        reached(server, variables, Clock()).forge.open_pulls("headroom/")


def test_a_broken_key_is_told_without_its_text(server):
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{TOKEN}\n-----END RSA PRIVATE KEY-----\n"
    remote = reached(server, {"HEADROOM_GITHUB_APP_ID": "7", "HEADROOM_GITHUB_APP_KEY": key}, Clock())
    with pytest.raises(ForgeError, match="private key") as caught:
        remote.forge.open_pulls("headroom/")
    assert caught.value.__context__ is None
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert TOKEN not in repr(read({"HEADROOM_GITHUB_APP_ID": "7", "HEADROOM_GITHUB_APP_KEY": key}))


def test_an_app_is_githubs_alone(key):
    assert isinstance(read({"HEADROOM_GITHUB_APP_ID": "7", "HEADROOM_GITHUB_APP_KEY": key}), App)
    with GitLabServer() as server, pytest.raises(ForgeError, match="HEADROOM_TOKEN"):
        reached(server, {"HEADROOM_GITHUB_APP_ID": "7", "HEADROOM_GITHUB_APP_KEY": key}, Clock())
