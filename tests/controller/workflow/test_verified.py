"""Commits that GitHub makes by its API: the same files, known as our own, and not over what somebody else did."""

import pytest
from forges.fixtures import Clock, connected
from forges.github import GitHubServer
from teams import BOTH, CALM, LARGER, SURGE, environment_of, killed_after, later, ledger
from worlds import CONFIG, NOW, profile_of, usage_of

from controller.configtext import parse
from controller.edge.checkout import Checkout
from controller.edge.forge.githubcommits import GitHubCommits
from controller.errors import ConfigError, ForgeError, GitError
from controller.workflow import place as place_module
from controller.workflow import propose, release
from controller.workflow import rounds as rounds_module

USAGE = usage_of({"eu/shop": [6.0] * 60, "us/etl": [4.0] * 60}, NOW)
EMAIL = "1+headroom-bot[bot]@users.noreply.github.com"
GIT = "repository: {forge: github, author_email: '%s'}\n"
API = "repository: {forge: github, commits: api, author_email: '%s'}\n"


@pytest.fixture
def server(origin, monkeypatch):
    with GitHubServer(origin.directory) as server:
        server.world.now = NOW
        clock = Clock()
        monkeypatch.setattr(place_module, "connect", lambda *_, **__: connected(server, clock))
        monkeypatch.setattr(rounds_module, "_PAUSE_SECONDS", 0.0)
        yield server


@pytest.fixture
def environment(origin, server):
    assert server.data.identity[1] == EMAIL
    return environment_of(origin, CONFIG + API % EMAIL)


def states(result):
    return [x.state for x in result[1]]


def signers(origin, branch):
    """Author and committer of each commit of a branch."""
    return [x.split() for x in origin.git("log", "--format=%ae %ce", f"main..{branch}").splitlines()]


def own(origin):
    return [x for x in origin.branches() if x.startswith("headroom/")]


def strange(origin, branch, **amend):
    """Somebody commits to a branch; ``git`` variables say as whom."""
    person = origin.person(f"somebody{len(list(origin.directory.parent.iterdir()))}")
    person.git("checkout", "-q", branch)
    names = [x for key, value in amend.items() for x in ("-c", f"{key}.email={value}", "-c", f"{key}.name=x")]
    person.git(*names, "commit", "-q", "--allow-empty", "-m", "by hand")
    person.git("push", "-q", "origin", branch)
    return origin.tip(branch)


def quiet(server, origin, environment, profile):
    server.forget()
    refs = origin.git("for-each-ref")
    assert states(propose(environment, profile, later(0.5))) == ["unchanged"]
    assert not server.writes
    assert origin.git("for-each-ref") == refs


def test_it_is_opened_as_github_would_sign_it_and_then_left_in_peace(server, environment, origin):
    assert states(propose(environment, profile_of(SURGE), NOW)) == ["opened"]
    (pull,) = server.world.pulls.values()
    assert signers(origin, pull.head) == [[EMAIL, "noreply@github.com"]]
    made = [x for x in server.writes if "/git/" in x.path]
    assert [x.path.rpartition("/git/")[2] for x in made] == ["trees", "commits", "refs"]
    assert not {"author", "committer", "signature"} & set(made[1].body)
    assert "Desired-Digest" in origin.git("log", "-1", "--format=%B", pull.head)
    quiet(server, origin, environment, profile_of(SURGE))


def test_what_it_commits_is_what_git_would_have_pushed(server, environment, origin):
    (outcome,) = propose(environment, profile_of(SURGE), NOW)[1]
    by_api = origin.tree(outcome.branch), origin.git("log", "-1", "--format=%B", outcome.branch)
    server.world.pulls.clear()
    origin.git("branch", "-D", outcome.branch)
    file = environment / "headroom.yaml"
    file.write_text(file.read_text().replace("commits: api, ", ""))
    person = origin.person("lead")
    person.commit({"environments/demo/headroom.yaml": file.read_text()})
    person.git("push", "-q", "origin", "HEAD:main")
    server.forget()
    assert states(propose(environment, profile_of(SURGE), NOW)) == ["opened"]
    assert not [x for x in server.calls if "/git/" in x.path]
    leases = "environments/demo/leases"
    assert origin.git("rev-parse", f"{outcome.branch}:{leases}") == origin.git(
        "rev-parse", f"{by_api[0]}:{leases}"
    )
    said = origin.git("log", "-1", "--format=%B", outcome.branch)
    assert [x for x in said.splitlines() if "Digest" in x] == [x for x in by_api[1].splitlines() if "Digest" in x]


def test_it_is_updated_in_place(server, environment, origin):
    (first,) = propose(environment, profile_of(SURGE), NOW)[1]
    before = origin.tip(first.branch)
    server.forget()
    assert states(propose(environment, profile_of(LARGER), later(0.1))) == ["updated"]
    assert origin.tip(first.branch) != before
    assert len(signers(origin, first.branch)) == 1
    assert [x.method for x in server.writes if "/git/refs" in x.path] == ["PATCH"]
    assert server.world.pulls[1].head_commit == origin.tip(first.branch)
    quiet(server, origin, environment, profile_of(LARGER))


def test_a_group_is_a_stack_of_commits(server, origin):
    environment = environment_of(origin, CONFIG + "proposals: {group_by: environment}\n" + API % EMAIL)
    (outcome,) = propose(environment, profile_of(BOTH), NOW)[1]
    assert len(outcome.changes) == 2
    assert signers(origin, outcome.branch) == [[EMAIL, "noreply@github.com"]] * 2
    steps = origin.git("log", "--format=%H", f"main..{outcome.branch}").splitlines()
    for step in steps:
        assert len(origin.git("diff", "--name-only", f"{step}^", step).splitlines()) == 1
    server.world.merge(1)
    assert len(ledger(environment)) == 2


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_the_way_back_restores_the_tree(server, environment, origin, method):
    start = origin.tree("main")
    propose(environment, profile_of(SURGE), NOW)
    server.world.merge(1, method)
    assert states(propose(environment, profile_of(SURGE), later(1))) == []
    assert not own(origin)
    assert states(release(environment, USAGE, None, later(60))) == ["opened"]
    back = max(server.world.pulls)
    assert "This reverts commit" in origin.git("log", "-1", "--format=%B", server.world.pulls[back].head)
    server.world.merge(back, method)
    assert origin.tree("main") == start


def test_what_is_not_needed_any_more_is_withdrawn(server, environment, origin):
    propose(environment, profile_of(SURGE), NOW)
    assert states(propose(environment, profile_of(CALM), later(1))) == ["withdrawn"]
    assert not own(origin)


def test_a_commit_on_the_web_has_the_same_committer_and_is_somebody_elses(server, environment, origin):
    (outcome,) = propose(environment, profile_of(SURGE), NOW)[1]
    tip = strange(origin, outcome.branch, author="1+ada@users.noreply.github.com", committer="noreply@github.com")
    assert states(propose(environment, profile_of(LARGER), later(0.1))) == ["hands off"]
    assert origin.tip(outcome.branch) == tip


def test_where_git_commits_the_forge_is_a_stranger(server, origin):
    environment = environment_of(origin, CONFIG + GIT % EMAIL)
    (outcome,) = propose(environment, profile_of(SURGE), NOW)[1]
    strange(origin, outcome.branch, author=EMAIL, committer="noreply@github.com")
    (left,) = propose(environment, profile_of(LARGER), later(0.1))[1]
    assert (left.state, "noreply@github.com" in left.why) == ("hands off", True)


def before(monkeypatch, act):
    """Do something once, between the look at the branches and the setting of one."""
    point, done = GitHubCommits.point, []

    def faster(self, branch, commit, expected):
        if not done:
            done.append(branch)
            act(branch)
        return point(self, branch, commit, expected)

    monkeypatch.setattr(GitHubCommits, "point", faster)


def test_a_branch_that_somebody_made_meanwhile_is_looked_at_again(server, environment, origin, monkeypatch):
    made = []

    def push(branch):
        made.append(strange(origin, "main"))
        origin.git("update-ref", f"refs/heads/{branch}", made[0])
        origin.git("update-ref", "refs/heads/main", f"{made[0]}^")

    before(monkeypatch, push)
    (outcome,) = propose(environment, profile_of(SURGE), NOW)[1]
    assert (outcome.state, origin.tip(outcome.branch)) == ("hands off", made[0])


def test_a_branch_that_moved_meanwhile_is_looked_at_again(server, environment, origin, monkeypatch):
    (first,) = propose(environment, profile_of(SURGE), NOW)[1]
    made = []
    before(monkeypatch, lambda branch: made.append(strange(origin, branch)))
    assert states(propose(environment, profile_of(LARGER), later(0.1))) == ["hands off"]
    assert origin.tip(first.branch) == made[0]


def test_a_branch_that_vanished_meanwhile_is_made_anew(server, environment, origin, monkeypatch):
    (first,) = propose(environment, profile_of(SURGE), NOW)[1]
    before(monkeypatch, lambda branch: origin.git("branch", "-D", branch))
    assert states(propose(environment, profile_of(LARGER), later(0.1))) == ["opened"]  # GitHub closed the first
    assert own(origin) == [first.branch]


def test_of_two_controllers_at_once_one_looks_again(server, environment, origin, monkeypatch):
    before(monkeypatch, lambda _: propose(environment, profile_of(SURGE), later(0.01)))
    assert states(propose(environment, profile_of(SURGE), NOW)) == ["unchanged"]
    assert len(server.world.pulls) == 1
    assert len(signers(origin, server.world.pulls[1].head)) == 1


@pytest.mark.parametrize("expected", [None, "1" * 40])
def test_stale_is_told_in_the_word_that_is_looked_for(server, environment, origin, expected):
    (first,) = propose(environment, profile_of(SURGE), NOW)[1]
    remote = connected(server)
    with pytest.raises(GitError, match=r"^stale: headroom/"):
        remote.commits.point(first.branch, origin.tip("main"), expected)


@pytest.mark.parametrize("boundary", ["commit", "commit made", "branch set", "open", "label"])
def test_an_opening_that_was_killed_is_completed(server, environment, origin, boundary):
    assert killed_after(boundary, lambda: propose(environment, profile_of(SURGE), NOW))
    assert len(own(origin)) == (boundary not in ("commit", "commit made"))
    (outcome,) = propose(environment, profile_of(SURGE), later(0.1))[1]
    (pull,) = server.world.pulls.values()
    assert set(pull.labels) == {"headroom", "headroom:open"}
    assert own(origin) == [outcome.branch]
    assert len(signers(origin, outcome.branch)) == 1
    quiet(server, origin, environment, profile_of(SURGE))


@pytest.mark.parametrize("boundary", ["commit made", "branch set", "edit"])
def test_an_update_that_was_killed_is_completed(server, environment, origin, boundary):
    propose(environment, profile_of(SURGE), NOW)
    assert killed_after(boundary, lambda: propose(environment, profile_of(LARGER), NOW))
    (outcome,) = propose(environment, profile_of(LARGER), later(0.1))[1]
    assert f"{outcome.change.lease.floor} nodes" in server.world.pulls[1].title
    assert len(signers(origin, outcome.branch)) == 1
    quiet(server, origin, environment, profile_of(LARGER))


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("call", ["POST .*/trees", "POST .*/commits", "POST .*/refs", "PATCH .*/git/refs"])
def test_an_answer_that_is_lost_changes_nothing(server, environment, origin, call, done):
    server.drop(on=call, done=done)
    assert states(propose(environment, profile_of(SURGE), NOW)) == ["opened"]
    assert states(propose(environment, profile_of(LARGER), later(0.1))) == ["updated"]
    assert len(signers(origin, server.world.pulls[1].head)) == 1
    quiet(server, origin, environment, profile_of(LARGER))


def test_another_address_is_named_and_nothing_is_left(server, origin):
    environment = environment_of(origin, CONFIG + API % "headroom@localhost")
    for _ in range(2):
        with pytest.raises(ForgeError, match=r"commits as '1\+headroom-bot\[bot\]@users.noreply.github.com'"):
            propose(environment, profile_of(SURGE), NOW)
    assert not own(origin)
    assert not server.world.pulls


def test_another_committer_is_told_and_nothing_is_left(server, environment, origin):
    server.data.committer = ("GitHub Enterprise", "noreply@git.example.org")
    with pytest.raises(ForgeError, match=r"names 'noreply@git.example.org' as the committer"):
        propose(environment, profile_of(SURGE), NOW)
    assert not own(origin)


def test_what_a_persons_token_commits_is_known_too(server, environment, origin):
    server.data.committer = server.data.identity
    (outcome,) = propose(environment, profile_of(SURGE), NOW)[1]
    assert signers(origin, outcome.branch) == [[EMAIL, EMAIL]]
    quiet(server, origin, environment, profile_of(SURGE))


def test_other_files_than_ours_reach_no_branch(server, environment, origin, monkeypatch):
    make = GitHubCommits.commit_files

    def other(self, files, message, **on):
        return make(self, {**files, "environments/demo/main.tf": "evil"}, message, **on)

    monkeypatch.setattr(GitHubCommits, "commit_files", other)
    with pytest.raises(ForgeError, match="other files than Headroom did"):
        propose(environment, profile_of(SURGE), NOW)
    assert not own(origin)


def test_a_forge_that_lies_about_a_commit_has_nothing_opened(server, environment, origin, monkeypatch):
    real = Checkout.tree

    def lied(self, commit):
        branches = self.remote_branches().values()
        return "f" * 40 if commit in branches else real(self, commit)

    monkeypatch.setattr(Checkout, "tree", lied)
    with pytest.raises(ForgeError, match="nothing was opened"):
        propose(environment, profile_of(SURGE), NOW)
    assert not server.world.pulls


def test_a_refusal_is_told(server, environment, origin):
    server.answer(403, on="POST .*/git/trees", body=b'{"message": "Resource not accessible by integration"}')
    with pytest.raises(ForgeError, match="contents and pull requests: write"):
        propose(environment, profile_of(SURGE), NOW)
    assert not own(origin)


def test_a_dry_run_asks_github_for_nothing(server, environment):
    assert states(propose(environment, profile_of(SURGE), NOW, dry_run=True)) == ["dry run"]
    assert not server.writes


@pytest.mark.parametrize("forge", ["local", "gitlab", "gitea"])
def test_other_forges_are_refused_in_the_settings(forge):
    with pytest.raises(ConfigError, match=r"repository.commits: api is GitHub's alone"):
        parse(CONFIG + f"repository: {{forge: {forge}, commits: api}}\n", "headroom.yaml")
