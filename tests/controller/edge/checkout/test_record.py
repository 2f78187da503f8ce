import pytest
from repositories import BRANCH, LEASES, NEW, NOON, OLD, OPEN, commit_on_base, pushed

from controller.errors import GitError


def test_a_push_makes_moves_and_repeats(origin):
    first = pushed(origin)
    assert origin.tip(BRANCH) == first
    assert pushed(origin) == first
    with origin.clone() as checkout:
        assert checkout.remote_branches("headroom/demo/") == {BRANCH: first}
        assert checkout.remote_branches("headroom/other/") == {}
        second = commit_on_base(checkout, {NEW: '{"floor": 9}\n'})
        checkout.push(BRANCH, second, first)
        assert checkout.remote_branches() == {BRANCH: second}
    assert origin.tip(BRANCH) == second
    assert origin.branches() == [BRANCH, "main"]


def test_a_branch_that_someone_moved_is_not_overwritten(origin):
    first = pushed(origin)
    with origin.clone() as checkout:
        ada = origin.person("ada")
        ada.git("checkout", "-q", BRANCH)
        theirs = ada.commit({OLD: '{"floor": 2}\n'})
        ada.git("push", "-q")
        commit = commit_on_base(checkout, {NEW: '{"floor": 9}\n'})
        for expected in (first, None):
            with pytest.raises(GitError, match="^stale"):
                checkout.push(BRANCH, commit, expected)
        with pytest.raises(GitError, match="^stale"):
            checkout.delete_branch(BRANCH, first)
    assert origin.tip(BRANCH) == theirs


def test_a_branch_that_someone_deleted_is_not_made_again(origin):
    first = pushed(origin)
    origin.git("branch", "-D", BRANCH)
    with origin.clone() as checkout, pytest.raises(GitError, match="^stale"):
        checkout.push(BRANCH, commit_on_base(checkout, {NEW: "{}\n"}), first)


def test_a_server_that_refuses_is_quoted_and_not_called_stale(origin):
    hook = origin.directory / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'no pushes on Fridays, see https://bot:s3cr3t@example.org' >&2\nexit 1\n")
    hook.chmod(0o755)
    with origin.clone() as checkout, pytest.raises(GitError, match="no pushes on Fridays") as caught:
        checkout.push(BRANCH, commit_on_base(checkout), None)
    assert not str(caught.value).startswith("stale")
    assert "see https://example.org" in str(caught.value)


def test_a_branch_is_deleted(origin):
    commit = pushed(origin)
    with origin.clone() as checkout:
        checkout.delete_branch(BRANCH, commit)
        assert checkout.remote_branches() == {}
    assert origin.branches() == ["main"]


def test_a_merge_is_a_merge_commit_even_where_a_fast_forward_would_do(origin):
    commit = pushed(origin)
    base = origin.tip("main")
    with origin.clone() as checkout:
        merged = checkout.merge(commit, "main", "Merge pull request #1", NOON)
        assert checkout.base_commit == merged
        assert checkout.read(LEASES) == {OLD: "{}\n", **OPEN}
        assert checkout.merge(commit, "main", "again", NOON) == merged
    assert origin.tip("main") == merged
    assert origin.git("show", "-s", "--format=%P", merged) == f"{base} {commit}"
    with origin.clone() as checkout:
        assert checkout.merge(commit, "main", "again", NOON) == merged


def test_both_sides_are_in_the_merge(origin):
    commit = pushed(origin)
    ada = origin.person("ada")
    ada.commit({"README.md": "moved on\n", OLD: None, f"{LEASES}/web/b.json": "{}\n"})
    ada.git("push", "-q")
    with origin.clone() as checkout:
        merged = checkout.merge(commit, "main", "Merge", NOON)
        assert checkout.read(LEASES) == {f"{LEASES}/web/b.json": "{}\n", **OPEN}
        assert checkout.read("README.md") == {"README.md": "moved on\n"}
    ada.git("merge", "-q", "-m", "Merge", f"origin/{BRANCH}")
    assert origin.tree(merged) == ada.git("rev-parse", "HEAD^{tree}")


@pytest.mark.parametrize(("theirs", "ours"), [('{"floor": 2}\n', '{"floor": 3}\n'), (None, '{"floor": 3}\n')])
def test_a_conflict_names_the_file_and_changes_nothing(origin, theirs, ours):
    commit = pushed(origin, changes={OLD: ours})
    ada = origin.person("ada")
    ada.commit({OLD: theirs})
    ada.git("push", "-q")
    base = origin.tip("main")
    with origin.clone() as checkout, pytest.raises(GitError, match=f"conflict: .*{OLD}"):
        checkout.merge(commit, "main", "Merge", NOON)
    assert origin.tip("main") == base


def test_a_base_that_moved_is_not_overwritten(origin):
    commit = pushed(origin)
    with origin.clone() as checkout:
        ada = origin.person("ada")
        theirs = ada.commit({"README.md": "moved on\n"})
        ada.git("push", "-q")
        with pytest.raises(GitError, match="^stale"):
            checkout.merge(commit, "main", "Merge", NOON)
        with pytest.raises(GitError, match="made to merge into main"):
            checkout.merge(commit, "release", "Merge", NOON)
    assert origin.tip("main") == theirs


def test_files_on_a_ref_are_written_by_compare_and_swap(origin):
    ref = "refs/headroom/pulls"
    with origin.clone() as one, origin.clone() as other:
        assert one.load_ref(ref) == (None, {})
        first = one.save_ref(ref, {"1.json": "{}\n"}, "open 1", None, NOON)
        assert other.save_ref(ref, {"1.json": "mine\n"}, "open 1", None, NOON) is None
        assert other.load_ref(ref) == (first, {"1.json": "{}\n"})
        second = other.save_ref(ref, {"2.json": "{}\n"}, "open 2", first, NOON)
        assert one.save_ref(ref, {"2.json": "mine\n"}, "open 2", first, NOON) is None
        assert one.load_ref(ref) == (second, {"1.json": "{}\n", "2.json": "{}\n"})
    assert origin.branches() == ["main"]
