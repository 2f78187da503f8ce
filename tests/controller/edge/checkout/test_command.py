import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from repositories import BRANCH, LEASES, NEW, NOON, OPEN, appears, commit_on_base, pushed

from controller.edge.checkout import clone, locate
from controller.edge.checkout.command import Repository, redact
from controller.errors import GitError

ROOT = Path(__file__).parents[4]
CLONE = """
from controller.edge.checkout import clone
with clone("ssh://localhost/infra.git", "main", "Headroom", "bot@example.org"):
    pass
"""
PUSH = """
import sys
from datetime import datetime
from controller.edge.checkout import clone
url, branch, path, within, text, when = sys.argv[1:]
with clone(url, "main", "Headroom", "bot@example.org") as checkout:
    moment = datetime.fromisoformat(when)
    words = "feat(capacity): hold 8 nodes"
    checkout.push(branch, checkout.commit_on(checkout.base_commit, {path: text}, words, moment, within), None)
"""


def slow_ssh(monkeypatch, home):
    """Have ssh hang; gives the reading end of a pipe that its process holds open for as long as it lives."""
    os.mkfifo(home / "alive")
    alive = os.open(home / "alive", os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"exec 9>'{home}/alive'; touch '{home}/started'; sleep 60; true")
    return alive


def ends(alive):
    for _ in range(100):
        try:
            return os.read(alive, 1) == b""
        except BlockingIOError:
            time.sleep(0.05)
    return False


def test_a_command_of_git_that_fails_says_so_with_advice(tmp_path):
    with pytest.raises(GitError, match=r"git rev-parse failed: .*\nTry this\."):
        Repository(tmp_path, bare=False).run("rev-parse", "--show-toplevel", advice="Try this.")


def test_the_git_variables_of_a_hook_do_not_mislead(origin, tmp_path, monkeypatch):
    ada = origin.person("ada")
    with monkeypatch.context() as hook:
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"):
            hook.setenv(name, str(tmp_path / "elsewhere"))
        hook.setenv("GIT_AUTHOR_NAME", "Mallory")
        hook.setenv("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z")
        assert locate(ada.directory / "environments/demo").url == origin.url
        commit = pushed(origin)
    shown = origin.git("show", "-s", "--format=%an %cn %ct", commit)
    assert shown == f"Headroom Headroom {NOON.timestamp():.0f}"


def hostile_hooks(directory, marker):
    directory.mkdir(parents=True)
    for name in (
        "pre-commit",
        "commit-msg",
        "post-commit",
        "pre-push",
        "post-checkout",
        "post-merge",
        "post-index-change",
        "reference-transaction",
    ):
        (directory / name).write_text(f"#!/bin/sh\necho {name} >> '{marker}'\n")
        (directory / name).chmod(0o755)


@pytest.mark.parametrize("how", ["template", "global", "variable"])
def test_no_hook_of_the_user_runs(origin, home, monkeypatch, how):
    marker = home / "ran"
    hostile_hooks(home / "template/hooks", marker)
    if how == "template":
        (home / ".gitconfig").write_text(f"[init]\n\ttemplateDir = {home}/template\n")
    elif how == "global":
        (home / ".gitconfig").write_text(f"[core]\n\thooksPath = {home}/template/hooks\n")
    else:
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"{home}/template/hooks")
    # The hooks of the server are its own to run, and this server reads the user's global configuration.
    origin.git("config", "core.hooksPath", "hooks")
    ada = origin.person("ada")
    ada.commit({"README.md": "the hooks do run\n"})
    ran = marker.read_text()
    assert "post-commit" in ran
    with origin.clone() as checkout:
        assert not (checkout.repository.directory / "hooks").exists()
        commit = commit_on_base(checkout)
        checkout.push(BRANCH, commit, None)
        checkout.merge(commit, "main", "Merge", NOON)
        checkout.save_ref("refs/headroom/pulls", {"1.json": "{}"}, "open", None, NOON)
        checkout.delete_branch(BRANCH, commit)
    assert marker.read_text() == ran


def test_a_rewritten_url_cannot_bring_another_protocol(origin, home):
    (home / ".gitconfig").write_text(f'[url "ext::sh -c touch% {home}/pwned "]\n\tinsteadOf = "{origin.url}"\n')
    with pytest.raises(GitError, match="not allowed"), origin.clone():
        pass
    assert not (home / "pwned").exists()


def test_a_token_is_never_shown():
    with (
        pytest.raises(GitError, match="fetch failed") as caught,
        clone("https://bot:s3cr3t@localhost:1/infra.git", "main", "Headroom", "bot@example.org"),
    ):
        pass
    assert "s3cr3t" not in str(caught.value) + repr(caught.value.__cause__)
    assert redact("ssh://bot:p@ss@host/x and https://t0ken@host/y") == "ssh://host/x and https://host/y"


def test_a_remote_that_hangs_is_given_up_on_and_leaves_no_process(home, monkeypatch):
    alive = slow_ssh(monkeypatch, home)
    started = time.monotonic()
    with (
        pytest.raises(GitError, match="longer than 1 seconds"),
        clone("ssh://localhost/infra.git", "main", "Headroom", "bot@example.org", limit_seconds=1),
    ):
        pass
    assert time.monotonic() - started < 10
    assert (home / "started").exists()
    assert ends(alive)


def test_an_interrupt_ends_git_and_removes_the_clone(home, monkeypatch):
    alive = slow_ssh(monkeypatch, home)
    process = subprocess.Popen([sys.executable, "-c", CLONE], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert appears(home / "started")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert said.endswith("KeyboardInterrupt\n")
    assert list((home / "tmp").iterdir()) == []
    assert ends(alive)


def test_a_kill_in_the_middle_of_a_push_leaves_origin_usable(origin, tmp_path):
    started, go = tmp_path / "started", tmp_path / "go"
    hook = origin.directory / "hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\ntouch {started}\nwhile [ ! -e {go} ]; do sleep 0.05; done\n")
    hook.chmod(0o755)
    arguments = [origin.url, BRANCH, NEW, LEASES, OPEN[NEW], NOON.isoformat()]
    process = subprocess.Popen([sys.executable, "-c", PUSH, *arguments], cwd=ROOT)
    assert appears(started)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hook.unlink()
    # Another run meanwhile is not held up, and comes to the very same commit.
    commit = pushed(origin)
    go.touch()
    assert pushed(origin) == commit == origin.tip(BRANCH)
    assert origin.git("fsck", "--strict") == ""
