import pytest
from repositories import BRANCH, LEASES, NOON, OPEN, commit_on_base

from controller.edge.checkout import clone, names
from controller.errors import GitError, GuardError

HOSTILE = ["x; rm -rf ~", "$(id)", "a/../b", "a.lock", "-delete", "Übung", "a\nb", "a@{1}", "a//b", "a/", ""]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/infra.git",
        "https://bot:token@example.org/infra.git",
        "ssh://git@example.org:22/infra.git",
        "git@example.org:team/infra.git",
        "file:///srv/infra.git",
        "/srv/my infra.git",
    ],
)
def test_urls_that_people_use_pass(url):
    assert names.url(url) == url
    assert not names.is_relative_path(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "--upload-pack=touch pwned",
        "ext::sh -c touch% pwned",
        "ext://sh",
        "http://example.org/infra.git",
        "git://example.org/infra.git",
        "ssh://-oProxyCommand=id/x",
        "ssh://me@-oProxyCommand=id/x",
        "-oProxyCommand=id:x",
        "../origin.git",
        "https://example.org/\n",
    ],
)
def test_a_harmful_url_is_refused(url):
    with pytest.raises(GitError):
        names.url(url)


@pytest.mark.parametrize("branch", ["main", "release/2026.1", "a-b_c"])
def test_base_branches_that_people_use_pass(branch):
    assert names.base_branch(branch) == branch


@pytest.mark.parametrize("branch", [*HOSTILE, "headroom/demo", "headroom", "a..b", "x/.hidden", "a."])
def test_a_base_branch_that_is_none_is_refused(branch):
    with pytest.raises(GitError):
        names.base_branch(branch)


@pytest.mark.parametrize("name", [*(f"headroom/demo/{x}" for x in HOSTILE), "main", "feature/x", "headroom/"])
def test_only_harmless_branches_of_our_own_pass(name):
    with pytest.raises(GitError, match="not Headroom's to write"):
        names.own_branch(name)


@pytest.mark.parametrize(
    "ref", ["refs/heads/main", "refs/headroom/../heads/main", "HEAD", "refs/headroom/$(id)", "refs/headroom/"]
)
def test_only_refs_of_our_own_pass(ref):
    with pytest.raises(GitError, match="not Headroom's to write"):
        names.own_ref(ref)


@pytest.mark.parametrize("path", ["environments/demo", "a b/ü.json"])
def test_paths_below_the_root_pass(path):
    assert names.path(path) == path


@pytest.mark.parametrize(
    "path",
    ["", "/etc", "../x", "environments/../..", ".git/hooks", "a/.GIT/x", "a//b", "a\0b", "a\nb", "a\\b"],
)
def test_a_path_that_leads_out_is_refused(path):
    with pytest.raises(GuardError):
        names.path(path)


@pytest.mark.parametrize("oid", ["main", "HEAD", "--all", "a" * 39, "A" * 40, ""])
def test_what_is_no_commit_is_refused(oid):
    with pytest.raises(GitError, match="is no commit"):
        names.commit(oid)


def test_no_method_of_a_clone_lets_a_name_pass_unchecked(origin, home):
    with origin.clone() as checkout:
        base, commit = checkout.base_commit, commit_on_base(checkout)
        for refused in (
            lambda: checkout.push("main", commit, None),
            lambda: checkout.push(BRANCH, "--all", None),
            lambda: checkout.push(BRANCH, commit, "HEAD"),
            lambda: checkout.delete_branch("main", base),
            lambda: checkout.delete_branch(BRANCH, "HEAD"),
            lambda: checkout.merge("HEAD", "main", "Merge", NOON),
            lambda: checkout.read("../.."),
            lambda: checkout.read_at("HEAD", LEASES),
            lambda: checkout.commit_on("HEAD", OPEN, "x", NOON, LEASES),
            lambda: checkout.commit_on(base, OPEN, "x", NOON, ".."),
            lambda: checkout.trailers("--output=pwned"),
            lambda: checkout.foreign_authors(base, "--output=pwned", "x"),
            lambda: checkout.opening_commit("../x"),
            lambda: checkout.diff(base, "--output=pwned"),
            lambda: checkout.load_ref("refs/heads/main"),
            lambda: checkout.save_ref("refs/heads/main", {"1.json": "{}"}, "x", None, NOON),
            lambda: checkout.save_ref("refs/headroom/pulls", {"../1.json": "{}"}, "x", None, NOON),
            lambda: checkout.save_ref("refs/headroom/pulls", {"1.json": "{}"}, "x", "HEAD", NOON),
        ):
            with pytest.raises((GitError, GuardError), match=r"not Headroom's|no commit|no path"):
                refused()
        assert not (checkout.repository.directory / "pwned").exists()
    for url, base in (("ext::sh", "main"), (origin.url, "--all")):
        with pytest.raises(GitError), clone(url, base, "Headroom", "bot@example.org"):
            pass
    assert list((home / "tmp").iterdir()) == []
    assert origin.branches() == ["main"]
