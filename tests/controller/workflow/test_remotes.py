"""The road over HTTP: servers that keep state as GitHub, GitLab and Gitea do, and merge as their buttons do."""

import pytest
from forges import SERVERS
from forges.fixtures import Clock, connected
from teams import BOTH, CALM, LARGER, SURGE, edit, environment_of, later, ledger
from worlds import CONFIG, NOW, profile_of, usage_of

from controller.workflow import place as place_module
from controller.workflow import propose, release, run

USAGE = usage_of({"eu/shop": [6.0] * 60, "us/etl": [4.0] * 60}, NOW)


@pytest.fixture(params=sorted(SERVERS))
def server(request, origin, monkeypatch):
    with SERVERS[request.param](origin.directory) as server:
        clock = Clock()
        monkeypatch.setattr(place_module, "connect", lambda *_, **__: connected(server, clock))
        yield server


@pytest.fixture
def environment(origin, server):
    return environment_of(origin, CONFIG + f"repository: {{forge: {server.forge}}}\n")


def states(result):
    return [x.state for x in result[1]]


def test_a_proposal_is_opened_labelled_and_then_left_in_peace(server, environment, origin):
    server.world.now = NOW
    assert states(propose(environment, profile_of(SURGE), NOW)) == ["opened"]
    (pull,) = server.world.pulls.values()
    assert set(pull.labels) == {"headroom", "headroom:open"}
    assert pull.title.startswith("feat(capacity): hold 7 nodes in web")
    server.forget()
    refs = origin.git("for-each-ref")
    assert states(propose(environment, profile_of(SURGE, spread=0.052), later(1))) == ["unchanged"]
    assert not server.writes
    assert len(server.lists) <= 3
    assert origin.git("for-each-ref") == refs


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_whatever_the_merge_method_the_way_back_restores_the_tree(server, environment, origin, method):
    start = origin.tree("main")
    propose(environment, profile_of(SURGE), NOW)
    server.world.merge(1, method)
    assert len(ledger(environment)) == 1
    assert states(propose(environment, profile_of(SURGE), later(1))) == []
    server.forget()
    assert states(propose(environment, profile_of(SURGE), later(1))) == []
    assert not server.writes
    assert not [x for x in origin.branches() if x.startswith("headroom/")]
    assert states(release(environment, USAGE, None, later(60))) == ["opened"]
    back = max(server.world.pulls)
    assert "This reverts commit" in origin.git("log", "-1", "--format=%B", server.world.pulls[back].head)
    server.world.merge(back, method)
    assert origin.tree("main") == start
    assert states(release(environment, USAGE, None, later(60))) == []


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_the_revert_button_is_understood(server, environment, method):
    propose(environment, profile_of(SURGE), NOW)
    server.world.merge(1, method)
    back = server.world.revert(1)
    server.world.merge(back.number)
    assert ledger(environment) == ()
    assert states(propose(environment, profile_of(SURGE), later(1))) == ["silenced"]
    assert states(propose(environment, profile_of(LARGER), later(1))) == ["opened"]


def test_closed_stays_silent_and_reopened_is_taken_up(server, environment):
    propose(environment, profile_of(SURGE), NOW)
    server.world.close(1)
    assert states(propose(environment, profile_of(SURGE), later(1))) == ["silenced"]
    server.forget()
    assert states(propose(environment, profile_of(SURGE), later(1))) == ["silenced"]
    assert not server.writes
    server.world.reopen(1)
    assert states(propose(environment, profile_of(LARGER), later(1))) == ["updated"]
    assert len(server.world.pulls) == 1


def test_a_refusal_of_long_ago_is_still_one(server, environment):
    propose(environment, profile_of(SURGE), NOW)
    server.world.close(1)
    for number in range(120):
        server.world.add(f"other {number}", "", f"feature/{number}", "main", "ada", state="closed")
    assert states(propose(environment, profile_of(SURGE), later(1))) == ["silenced"]


def test_what_is_not_needed_any_more_is_withdrawn_and_may_return(server, environment, origin):
    propose(environment, profile_of(SURGE), NOW)
    assert states(propose(environment, profile_of(CALM), later(1))) == ["withdrawn"]
    pull = server.world.pulls[1]
    assert pull.state == "closed"
    assert any("Headroom closes this" in (x.body or "") for x in pull.comments)
    assert not [x for x in origin.branches() if x.startswith("headroom/")]
    assert states(propose(environment, profile_of(SURGE), later(1))) == ["opened"]


def test_an_approval_is_not_dismissed_for_nothing(server, environment, origin):
    propose(environment, profile_of(SURGE), NOW)
    server.world.approve(1, "ada")
    edit(origin, "README.md", "infrastructure", "our infrastructure")
    tip = origin.tip(server.world.pulls[1].head)
    assert states(propose(environment, profile_of(SURGE), later(1))) == ["unchanged"]
    assert origin.tip(server.world.pulls[1].head) == tip


def test_approved_and_checked_is_merged_when_due(server, origin):
    text = CONFIG.replace("ci_minutes: 10}", "ci_minutes: 10, merge: when-due}")
    environment = environment_of(origin, text + f"repository: {{forge: {server.forge}}}\n")
    propose(environment, profile_of(SURGE), NOW)
    pull = server.world.pulls[1]
    server.world.approve(1, "ada")
    server.world.check(pull.head_commit, "pending")
    propose(environment, profile_of(SURGE), later(20))
    assert pull.state == "open"
    server.world.check(pull.head_commit, "success")
    assert "merged" in states(propose(environment, profile_of(SURGE), later(20)))
    assert pull.state == "merged"
    assert len(ledger(environment)) == 1
    assert not [x for x in origin.branches() if x.startswith("headroom/")]


def test_asked_of_people_and_given_to_them(server, origin):
    who = "proposals: {reviewers: [ada], assignees: [bob], labels: [capacity], draft: true}\n"
    environment = environment_of(origin, CONFIG + who + f"repository: {{forge: {server.forge}}}\n")
    server.world.user("ada"), server.world.user("bob")
    propose(environment, profile_of(SURGE), NOW)
    pull = server.world.pulls[1]
    assert (pull.reviewers, pull.assignees, pull.draft) == (["ada"], ["bob"], True)
    assert "capacity" in pull.labels


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("how", ["drop", "502", "429"])
def test_whatever_answer_is_lost_one_pull_request_comes_of_it(server, environment, origin, how, done):
    for name in ("POST", "PUT", "PATCH"):
        if how == "drop":
            server.drop(on=name, done=done)
        else:
            server.answer(int(how), on=name, done=done and how != "429", headers={"Retry-After": "2"})
    propose(environment, profile_of(SURGE), NOW)
    propose(environment, profile_of(SURGE), later(0.1))
    (pull,) = server.world.pulls.values()
    assert set(pull.labels) == {"headroom", "headroom:open"}
    assert origin.git("rev-list", "--count", f"main..{pull.head}") == "1"
    server.forget()
    propose(environment, profile_of(SURGE), later(0.2))
    assert not server.writes


def test_one_look_asks_and_gives_back(server, environment):
    propose(environment, profile_of(SURGE), NOW)
    server.world.merge(1)
    ahead = profile_of({"eu/shop": CALM["eu/shop"], "us/etl": BOTH["us/etl"]}, start=later(60))
    done = run(environment, USAGE, ahead, later(60))
    assert [(x.change.action, x.state) for x in done.outcomes] == [("open", "opened"), ("release", "opened")]


def test_a_repository_section_that_was_not_pushed_is_refused(server, environment):
    from controller.errors import ConfigError

    file = environment / "headroom.yaml"
    file.write_text(
        file.read_text().replace(f"forge: {server.forge}", f"forge: {server.forge}, url: 'https://evil.example'")
    )
    with pytest.raises(ConfigError, match="push yours, or pull"):
        propose(environment, profile_of(SURGE), NOW)
