"""The token shows nowhere: no error, cause, traceback, log, address or other host, whatever goes wrong."""

import base64
import logging
import pickle
import socket
import threading
import traceback

import pytest
from forges import SERVERS, TOKEN, GitHubServer
from forges.fixtures import Clock, connected
from repositories import NOON

from controller.edge.forge.secret import Secret
from controller.errors import ForgeError, GitError

SHAPES = (TOKEN, base64.b64encode(f"oauth2:{TOKEN}".encode()).decode(), TOKEN[8:])


@pytest.fixture(params=sorted(SERVERS))
def server(request):
    with SERVERS[request.param]() as server:
        yield server


@pytest.fixture(autouse=True)
def logs(caplog):
    """Everything that is logged, by whomever."""
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "github", "github.Requester", "gitlab", "requests", "http.client", "git"):
        caplog.set_level(logging.DEBUG, logger=name)
    yield caplog
    shows_nothing(caplog.text)


def shows_nothing(text):
    for shape in SHAPES:
        assert shape not in text


def calls(remote):
    forge = remote.forge
    yield lambda: forge.open_pulls("headroom/")
    yield lambda: forge.open(title="t", body="b", head="headroom/a/b/c", base="main", draft=False, now=NOON)
    yield lambda: forge.get(1)
    yield lambda: forge.issue("dashboard")
    yield lambda: forge.readiness(1)
    if commits := remote.commits:
        yield lambda: commits.commit_files({"a": "b", "c": None}, "m", parent="1" * 40, tree="2" * 40)
        yield lambda: commits.point("headroom/a/b/c", "1" * 40, "2" * 40)


def all_fail(remote):
    for call in calls(remote):
        with pytest.raises((ForgeError, GitError)) as caught:
            call()
        hold(caught.value)


def hold(error):
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    shows_nothing("".join(told.format()))
    seen = [error]
    while (inner := seen[-1].__cause__ or seen[-1].__context__) is not None:
        seen.append(inner)
        shows_nothing(f"{inner!r}{inner.args}{vars(inner)}")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 429, 500, 502, 503])
def test_refusals_that_echo_the_token(server, status):
    echo = f'{{"message": "token {TOKEN} is bad", "errors": [{{"message": "{TOKEN}"}}], "x": "{TOKEN}"}}'.encode()
    server.answer(status, {"X-Echo": TOKEN, "Retry-After": "1"}, echo, times=999)
    all_fail(connected(server))


@pytest.mark.parametrize("body", [TOKEN.encode(), f'["{TOKEN}"]'.encode(), f'{{"number": "{TOKEN}"}}'.encode()])
def test_answers_that_make_no_sense(server, body):
    server.answer(200, {"Content-Type": TOKEN}, body, times=999)
    all_fail(connected(server))


def test_a_dropped_connection(server):
    server.drop(times=999)
    all_fail(connected(server))


def test_a_connection_that_is_refused(server):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, and nobody listens
        port = held.getsockname()[1]
        environment = {"HEADROOM_TOKEN": TOKEN, "HEADROOM_TOKEN_HOST": f"127.0.0.1:{port}"}
        server_like = type(server)
        remote = _connect(server_like, f"http://127.0.0.1:{port}{server.prefix}", environment)
        all_fail(remote)


def test_a_time_out(server):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(64)
        port = held.getsockname()[1]
        environment = {"HEADROOM_TOKEN": TOKEN, "HEADROOM_TOKEN_HOST": f"127.0.0.1:{port}"}
        api = f"http://127.0.0.1:{port}{server.prefix}"
        remote = _connect(type(server), api, environment, limit_seconds=0.05)
        all_fail(remote)


def test_an_answer_that_breaks_off(server):
    broken = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n[" + TOKEN.encode()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(broken)

        threading.Thread(target=serve, daemon=True).start()
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        environment = {"HEADROOM_TOKEN": TOKEN, "HEADROOM_TOKEN_HOST": host}
        all_fail(_connect(type(server), f"http://{host}{server.prefix}", environment))
        listening.shutdown(socket.SHUT_RDWR)


def test_a_tls_error_is_told_at_once(server):
    remote = _connect(type(server), f"https://{server.host}{server.prefix}", server.environment)
    with pytest.raises(ForgeError, match="certificate") as caught:
        remote.forge.get(1)
    hold(caught.value)
    assert server.seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server, status):
    with GitHubServer() as other:
        server.redirect(f"{other.api}/?{TOKEN}", times=999, status=status)
        all_fail(connected(server))
        assert other.seen == []
    server.redirect(f"{server.api}/elsewhere", status=status)
    with pytest.raises(ForgeError, match="renamed or moved"):
        connected(server).forge.get(1)


def test_a_link_to_another_host_is_not_followed(server):
    with GitHubServer() as other:
        server.answer(200, {"Link": f'<{other.api}/x>; rel="next"'}, b"[]")
        assert connected(server).forge.open_pulls("headroom/") == ()
        assert other.seen == []


def test_a_huge_answer_is_left(server):
    remote = connected(server)
    server.answer(200, {}, b" " * (33 * 1024 * 1024), times=9)
    with pytest.raises(ForgeError, match="too large"):
        remote.forge.open_pulls("headroom/")


def test_the_token_of_an_app_that_is_echoed(key):
    with GitHubServer() as server:
        variables = {"HEADROOM_GITHUB_APP_ID": "7", "HEADROOM_GITHUB_APP_KEY": key, **server.environment}
        variables.pop("HEADROOM_TOKEN")
        remote = _connect(GitHubServer, server.api, variables)
        remote.forge.open_pulls("headroom/")
        minted = server.app_tokens[0]
        server.answer(403, {}, f'{{"message": "{minted}"}}'.encode(), on="/pulls")
        caught = _caught(remote)
        assert "***" in str(caught)
        told = traceback.TracebackException.from_exception(caught, capture_locals=True)
        assert minted not in "".join(told.format())
        assert minted not in repr(remote)


def _caught(remote):
    with pytest.raises(ForgeError) as caught:
        remote.forge.open_pulls("headroom/")
    return caught.value


def test_nothing_is_in_the_address(server):
    connected(server).forge.open_pulls("headroom/")
    shows_nothing("".join(x.target for x in server.calls))
    assert TOKEN in server.seen[0]


def test_netrc_is_not_read(server, home):
    (home / ".netrc").write_text("machine 127.0.0.1 login eve password other\n")
    connected(server).forge.open_pulls("headroom/")
    assert TOKEN in server.seen[0]


def test_a_proxy_sees_no_token_in_clear_text(server, monkeypatch):
    with GitHubServer() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}")
        connected(server).forge.open_pulls("headroom/")
        assert proxy.seen == []


def test_what_holds_a_secret_does_not_show_it(server):
    remote = connected(server)
    remote.forge.open_pulls("headroom/")
    shows_nothing(f"{remote!r}{remote}{remote.forge!r}{remote.keyring!r}{vars_of(remote)}")


def test_a_secret_shows_nothing_and_is_not_pickled():
    secret = Secret(TOKEN)
    shows_nothing(f"{secret}{secret!r}{secret!s}{secret:>9}{[secret]}")
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def vars_of(record):
    return [getattr(record, name, None) for name in getattr(record, "__slots__", ())]


def _connect(kind, api, environment, **changes):
    from controller.edge.forge.connect import connect

    patience = Clock().patience()
    given = {"api": api, "project": "acme/infra", "patience": patience, "limit_seconds": 5.0, **changes}
    return connect(kind.forge, "file:///srv/infra.git", environment, **given)
