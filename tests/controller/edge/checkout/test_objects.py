import subprocess
from datetime import datetime, timedelta

import pytest
from repositories import BRANCH, LEASES, NEW, NOON, OLD, OPEN, SEED, commit_on_base, pushed

from controller.errors import GitError, GuardError


def test_files_are_read_from_the_base_and_from_any_commit(origin):
    with origin.clone() as checkout:
        assert checkout.read(LEASES) == {OLD: "{}\n"}
        assert list(checkout.read("environments/demo")) == sorted(x for x in SEED if x != "README.md")
        assert checkout.read("README.md") == {"README.md": "infrastructure\n"}
        assert checkout.read("environments/other/leases") == {}
        assert checkout.read("README") == {}
        commit = commit_on_base(checkout)
        assert checkout.read_at(commit, LEASES) == {OLD: "{}\n", **OPEN}
        assert checkout.read(LEASES) == {OLD: "{}\n"}


@pytest.mark.parametrize(
    ("place", "target"), [(f"{LEASES}/web/x.json", "/etc/passwd"), (f"{LEASES}/db", "../../../..")]
)
def test_a_link_among_the_leases_is_refused(origin, place, target):
    ada = origin.person("ada")
    (ada.directory / place).symlink_to(target)
    ada.commit({})
    ada.git("push", "-q")
    with origin.clone() as checkout, pytest.raises(GitError, match=f"{place}: is a link"):
        checkout.read(LEASES)


def test_a_link_above_the_leases_is_refused(origin):
    ada = origin.person("ada")
    (ada.directory / "environments/twin").symlink_to("demo")
    ada.commit({})
    ada.git("push", "-q")
    with origin.clone() as checkout, pytest.raises(GitError, match="environments/twin: is a link"):
        checkout.read("environments/twin/leases")


def test_a_submodule_is_refused_and_not_entered(origin):
    ada = origin.person("ada")
    tip = ada.git("rev-parse", "HEAD")
    ada.git("update-index", "--add", "--cacheinfo", f"160000,{tip},{LEASES}/db")
    ada.git("commit", "-q", "-m", "a submodule")
    ada.git("push", "-q")
    with origin.clone() as checkout, pytest.raises(GitError, match="submodule"):
        checkout.read(LEASES)


@pytest.mark.parametrize(
    ("content", "complaint"), [(b"\xff\xfe{}", "not UTF-8"), (b" " * 1_048_577, "at most 1,048,576")]
)
def test_what_is_no_text_of_bearable_size_is_refused(origin, content, complaint):
    ada = origin.person("ada")
    (ada.directory / OLD).write_bytes(content)
    ada.commit({})
    ada.git("push", "-q")
    with origin.clone() as checkout, pytest.raises(GitError, match=complaint) as caught:
        checkout.read(LEASES)
    assert OLD in str(caught.value)


def test_the_same_change_at_the_same_moment_is_the_same_commit(origin):
    commits = []
    for _ in range(2):
        with origin.clone() as checkout:
            commits.append(commit_on_base(checkout))
            other = commit_on_base(checkout, when=NOON + timedelta(seconds=1))
    assert commits[0] == commits[1] != other
    commit = pushed(origin)
    assert commit == commits[0]
    shown = origin.git("show", "-s", "--format=%an <%ae> %at%n%cn <%ce> %ct%n%B", commit)
    person = f"Headroom <bot@example.org> {NOON.timestamp():.0f}"
    assert shown == f"{person}\n{person}\nfeat(capacity): hold 8 nodes"


def test_a_file_is_added_changed_and_deleted(origin):
    with origin.clone() as checkout:
        opening = commit_on_base(checkout)
        changed = checkout.commit_on(opening, {NEW: "{}\n", OLD: None}, "change", NOON, LEASES)
        assert checkout.read_at(changed, LEASES) == {NEW: "{}\n"}
        closing = checkout.commit_on(changed, {NEW: None}, "release", NOON, LEASES)
        assert checkout.read_at(closing, LEASES) == {}
        assert checkout.read_at(closing, "README.md") == {"README.md": "infrastructure\n"}


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "environments/demo/main.tf",
        "environments/demo/leases",
        "environments/demo/leases-2/x.json",
        f"{LEASES}/../main.tf",
        f"{LEASES}/web/../../../../../etc/passwd",
        f"{LEASES}/.git/config",
        f"{LEASES}//x.json",
        f"{LEASES}/web/x\n.json",
        "/etc/passwd",
        "../x",
    ],
)
def test_the_guard_refuses_to_leave_the_leases(origin, path):
    with origin.clone() as checkout, pytest.raises(GuardError):
        commit_on_base(checkout, {**OPEN, path: "x\n"})


def test_the_guard_looks_at_the_commit_and_not_at_what_was_asked_for(origin):
    # The lease replaces a link that was committed by hand: what was asked for is harmless, the commit is not.
    ada = origin.person("ada")
    (ada.directory / LEASES / "db").symlink_to("../../../secrets")
    ada.commit({})
    ada.git("push", "-q")
    with origin.clone() as checkout, pytest.raises(GuardError, match="is a link"):
        commit_on_base(checkout, {f"{LEASES}/db/x.json": "{}\n"})


def test_the_guard_sees_an_environment_that_is_a_link(origin):
    ada = origin.person("ada")
    (ada.directory / "environments/twin").symlink_to("demo")
    ada.commit({})
    ada.git("push", "-q")
    within = "environments/twin/leases"
    with origin.clone() as checkout, pytest.raises(GuardError, match="environments/twin: lies outside"):
        commit_on_base(checkout, {f"{within}/web/x.json": "{}\n"}, within=within)


def test_the_guard_refuses_to_change_a_mode(origin):
    ada = origin.person("ada")
    (ada.directory / OLD).chmod(0o755)
    ada.commit({})
    ada.git("push", "-q")
    with origin.clone() as checkout, pytest.raises(GuardError, match="100755"):
        commit_on_base(checkout, {OLD: '{"floor": 1}\n'})


@pytest.mark.parametrize("changes", [{}, {OLD: "{}\n"}, {NEW: None}])
def test_a_commit_that_changes_nothing_is_refused(origin, changes):
    with origin.clone() as checkout, pytest.raises(GuardError, match="change nothing"):
        commit_on_base(checkout, changes)


def test_a_moment_without_time_zone_is_refused(origin):
    with origin.clone() as checkout, pytest.raises(GitError, match="time zone"):
        commit_on_base(checkout, when=datetime(2026, 11, 24))  # noqa: DTZ001


def test_commits_are_signed_where_the_users_git_signs(origin, home):
    assert "gpgsig" not in origin.git("cat-file", "commit", pushed(origin))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "key"], check=True)
    (home / ".gitconfig").write_text(
        f"[commit]\n\tgpgSign = true\n[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = {home}/key\n"
    )
    commit = pushed(origin, f"{BRANCH}-2")
    assert "gpgsig -----BEGIN SSH SIGNATURE" in origin.git("cat-file", "commit", commit)
