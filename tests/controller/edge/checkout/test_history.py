import subprocess

import pytest
from repositories import BRANCH, LEASES, NEW, NOON, OLD, OPEN, commit_on_base, pushed


def test_trailers_are_read_back(origin):
    message = "feat(capacity): hold 8\n\nWhy: not a trailer.\n\nLease-Id: demo/web/a\nDesired-Digest: 5a1e:2\n"
    with origin.clone() as checkout:
        commit = commit_on_base(checkout, message=message)
        assert checkout.trailers(commit) == {"Lease-Id": "demo/web/a", "Desired-Digest": "5a1e:2"}
        assert checkout.trailers(checkout.base_commit) == {}


def test_the_hand_of_another_author_is_seen(origin):
    first = pushed(origin)
    with origin.clone() as checkout:
        assert checkout.foreign_authors(checkout.base_commit, first, "BOT@example.org") == []
    ada = origin.person("ada")
    ada.git("checkout", "-q", BRANCH)
    ada.commit({OLD: '{"floor": 2}\n'})
    ada.git("push", "-q")
    with origin.clone() as checkout:
        tip = checkout.remote_branches()[BRANCH]
        assert checkout.foreign_authors(checkout.base_commit, tip, "bot@example.org") == ["ada@example.org"]


def test_an_amended_commit_keeps_our_name_and_is_seen_all_the_same(origin):
    pushed(origin)
    ada = origin.person("ada")
    ada.git("checkout", "-q", BRANCH)
    (ada.directory / NEW).write_text('{"floor": 99}\n')
    ada.git("commit", "-q", "-a", "--amend", "--no-edit")
    ada.git("push", "-q", "--force")
    with origin.clone() as checkout:
        tip = checkout.remote_branches()[BRANCH]
        assert checkout.foreign_authors(checkout.base_commit, tip, "bot@example.org") == ["ada@example.org"]


def merge_as(ada, how):
    """Merge the branch into a ``main`` that has moved on, as a forge does; give the commit that it made."""
    ada.commit({"README.md": "moved on\n"})
    if how == "merge":
        ada.git("merge", "-q", "--no-ff", "-m", "Merge pull request", f"origin/{BRANCH}")
    elif how == "squash":
        ada.git("merge", "-q", "--squash", f"origin/{BRANCH}")
        ada.git("commit", "-q", "-m", "feat(capacity): hold 8 nodes (#1)")
    else:
        ada.git("cherry-pick", f"origin/{BRANCH}")
    ada.commit({"README.md": "moved on again\n"})
    ada.git("push", "-q")


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_a_release_gives_the_tree_that_git_revert_gives(origin, how):
    opening = pushed(origin)
    ada = origin.person("ada")
    merge_as(ada, how)
    with origin.clone() as checkout:
        found = checkout.opening_commit(NEW)
        assert (found == opening) == (how == "merge")
        release = commit_on_base(checkout, {NEW: None}, f"revert(capacity): x\n\nThis reverts commit {found}.")
        checkout.push(f"{BRANCH}-release", release, None)
    ada.git("revert", "--no-edit", found)
    assert origin.tree(release) == ada.git("rev-parse", "HEAD^{tree}")


def test_the_last_opening_counts(origin):
    ada = origin.person("ada")
    first = ada.commit(OPEN)
    ada.commit({NEW: None})
    again = ada.commit(OPEN)
    ada.commit({NEW: '{"floor": 9}\n'})
    ada.git("push", "-q")
    with origin.clone() as checkout:
        assert checkout.opening_commit(NEW) == again != first
        assert checkout.opening_commit(f"{LEASES}/web/none.json") is None
        assert checkout.opening_commit(f"{LEASES}/web/*.json") is None


def test_a_diff_is_a_patch_whatever_the_users_taste(origin, home):
    taste = "[diff]\n\tnoprefix = true\n\texternal = false\n[color]\n\tui = always\n"
    (home / ".gitconfig").write_text(taste)
    with origin.clone() as checkout:
        patch = checkout.diff(checkout.base_commit, commit_on_base(checkout))
    assert patch.startswith(f"diff --git a/{NEW} b/{NEW}\nnew file mode 100644\n")
    assert patch.endswith('@@ -0,0 +1 @@\n+{"floor": 8}\n')


def by_the_forge(origin, author):
    """Commit on the branch as a forge does that makes the commits itself."""
    person = origin.person("forge")
    person.git("checkout", "-q", BRANCH)
    names = [
        x
        for role, who in (("author", author), ("committer", "NoReply@forge"))
        for x in ("-c", f"{role}.email={who}")
    ]
    person.git(*names, "commit", "-q", "--allow-empty", "-m", "by the forge")
    return person.git("rev-parse", "HEAD"), person.git("push", "-q")


@pytest.mark.parametrize(
    ("author", "forge", "found"),
    [
        ("Bot@example.org", "noreply@forge", []),
        ("bot@example.org", None, ["NoReply@forge"]),
        ("ada@example.org", "noreply@forge", ["NoReply@forge", "ada@example.org"]),
        ("noreply@forge", "noreply@forge", ["NoReply@forge", "noreply@forge"]),
    ],
)
def test_a_forge_that_commits_is_known_where_the_author_is_ours(origin, author, forge, found):
    pushed(origin)
    tip, _ = by_the_forge(origin, author)
    with origin.clone() as checkout:
        assert checkout.foreign_authors(checkout.base_commit, tip, "bot@example.org", forge) == found


def test_commits_are_told_one_by_one(origin):
    with origin.clone() as checkout:
        base = checkout.base_commit
        first = commit_on_base(checkout, message="feat: größer\n\nLease-Id: a\n")
        second = checkout.commit_on(first, {OLD: None, NEW: "ä\r\n"}, "two", NOON, LEASES)
        one, two = checkout.steps(base, second)
        assert (one.message, one.files) == ("feat: größer\n\nLease-Id: a\n", OPEN)
        assert (two.message, two.files) == ("two\n", {OLD: None, NEW: "ä\r\n"})
        assert (one.tree, two.tree) == (checkout.tree(first), checkout.tree(second))
        assert checkout.people(second) == ("bot@example.org", "bot@example.org")


def test_what_gpg_says_of_a_signed_commit_is_no_author(origin, home):
    run = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / "key"))
    subprocess.run(run, check=True)
    (home / ".gitconfig").write_text(
        f"[commit]\n\tgpgSign = true\n[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = {home}/key\n"
        "[log]\n\tshowSignature = true\n"
    )
    with origin.clone() as checkout:
        tip = commit_on_base(checkout)
        assert checkout.foreign_authors(checkout.base_commit, tip, "bot@example.org") == []
        assert checkout.people(tip) == ("bot@example.org", "bot@example.org")
