"""git pushes over https by the forge's token, which is in its environment and nowhere else."""

import logging
import os
import subprocess

import pytest
from forges import TOKEN
from forges.githttp import GitServer
from repositories import BRANCH, commit_on_base

from controller.edge.checkout import clone
from controller.edge.forge.keyring import Keyring, Minted
from controller.edge.forge.secret import Secret
from controller.errors import GitError

USERS = {"github": "x-access-token", "gitlab": "oauth2", "gitea": "oauth2"}


@pytest.fixture
def keyring():
    return Keyring(lambda: Minted(Secret(TOKEN), None))


@pytest.fixture(params=sorted(USERS))
def kind(request):
    return request.param


@pytest.fixture
def server(origin, tmp_path, monkeypatch, kind):
    origin.git("config", "http.receivepack", "true")
    with GitServer(origin.directory.parent, tmp_path, f"{USERS[kind]}:{TOKEN}") as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.autocrlf")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "false")
        yield server


def cloned(server, secrets):
    url = f"https://{server.host}/origin.git"
    return clone(url, "main", "Headroom", "headroom@localhost", secrets=secrets)


def test_a_branch_is_pushed(server, kind, keyring, origin, monkeypatch, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="git")
    monkeypatch.setenv("HEADROOM_TOKEN", TOKEN)
    seen = tmp_path / "seen"
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    spy = f'printf "%s\\n" "$@" >> {seen}\nps -o args= -p $PPID >> {seen}\nenv | grep HEADROOM_TOKEN >> {seen}'
    wrapper.write_text(f'#!/bin/sh\n{spy}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    secrets = keyring.git_variables(kind, server.host, os.environ)
    with cloned(server, secrets) as checkout:
        commit = commit_on_base(checkout)
        checkout.push(BRANCH, commit, None)
        kept = [x.read_text(errors="replace") for x in checkout.repository.directory.rglob("*") if x.is_file()]
        assert TOKEN not in "".join([repr(checkout), repr(checkout.repository), *kept])
    told = seen.read_text()
    assert "push" in told
    assert origin.tip(BRANCH) == commit
    hidden = (TOKEN, secrets["GIT_CONFIG_VALUE_1"].rpartition(" ")[2])
    assert not [x for x in hidden if x in told + caplog.text]
    assert secrets["GIT_CONFIG_COUNT"] == "3"
    assert keyring.redact(f"{secrets}") == keyring.redact(f"{secrets}").replace(hidden[1], "")


def test_without_it_git_is_not_let_in(server):
    with pytest.raises(GitError) as caught, cloned(server, {}):
        pass
    assert TOKEN not in str(caught.value)


def test_the_token_follows_no_redirect(server, kind, keyring, origin, tmp_path):
    (tmp_path / "other").mkdir()
    with GitServer(origin.directory.parent, tmp_path / "other", "x") as other:
        server.redirect = f"https://{other.host}"
        with pytest.raises(GitError), cloned(server, keyring.git_variables(kind, server.host, os.environ)):
            pass
        assert other.seen == []


def test_the_token_is_for_one_host(server, kind, keyring):
    secrets = keyring.git_variables(kind, "git.example.org", {})
    with pytest.raises(GitError), cloned(server, secrets):
        pass
    assert set(server.seen) == {""}
