"""What people do to pull requests by accident or on purpose, and what Headroom must make of it."""

import re

import pytest
from forges import SERVERS, GitHubServer
from forges.fixtures import Clock, connected
from teams import BOTH, CALM, LARGER, SURGE, edit, environment_of, later
from worlds import CONFIG, NOW, profile_of

from controller import marker
from controller.errors import ForgeError
from controller.workflow import place as place_module
from controller.workflow import propose

DUE = CONFIG.replace("ci_minutes: 10}", "ci_minutes: 10, merge: when-due}")
SHARED = "proposals: {group_by: environment}\n"


@pytest.fixture
def server(origin, monkeypatch):
    with GitHubServer(origin.directory) as server:
        connect = connected(server, Clock())
        monkeypatch.setattr(place_module, "connect", lambda *_, **__: connect)
        yield server


def team(origin, config=CONFIG):
    return environment_of(origin, config + "repository: {forge: github}\n")


def states(result):
    return [x.state for x in result[1]]


def open_pulls(server):
    server.world.sync()
    return [x for x in server.world.pulls.values() if x.state == "open" and x.head.startswith("headroom/")]


@pytest.mark.parametrize("with_marker", [False, True])
def test_nobody_elses_pull_request_is_merged_however_it_is_approved(origin, server, with_marker):
    environment = team(origin, DUE)
    mallory = origin.person("mallory")
    mallory.git("checkout", "-qb", "headroom/demo/web/whatever")
    mallory.commit({"environments/demo/main.tf": "evil\n"}, "feat(capacity): hold 7 nodes")
    mallory.git("push", "-q", "origin", "headroom/demo/web/whatever")
    body = marker.written([marker.Mark("demo/web/whatever", "open", "5a1e")]) if with_marker else ""
    pull = server.world.add("evil", body, "headroom/demo/web/whatever", "main", "mallory")
    server.world.approve(pull.number, "ada")
    propose(environment, profile_of(CALM), NOW)
    assert pull.state == "open"
    assert "evil" not in origin.git("show", "main:environments/demo/main.tf")


def test_a_commit_in_our_name_that_touches_more_than_its_lease_is_not_merged(origin, server):
    environment = team(origin, DUE)
    propose(environment, profile_of(SURGE), NOW)
    (pull,) = open_pulls(server)
    eve = origin.person("eve")
    eve.git("checkout", "-q", pull.head)
    eve.git("config", "user.email", "headroom@localhost")
    eve.commit({"environments/demo/main.tf": "evil\n"}, "sneaky")
    eve.git("push", "-q", "origin", pull.head)
    server.world.approve(pull.number, "ada")
    propose(environment, profile_of(CALM), later(20))
    assert pull.state != "merged"


def test_a_pull_request_that_was_pointed_at_another_branch_is_left_alone(origin, server):
    environment = team(origin, DUE)
    propose(environment, profile_of(SURGE), NOW)
    (pull,) = open_pulls(server)
    origin.git("branch", "develop", "main")
    pull.base = "develop"
    server.world.approve(pull.number, "ada")
    _, (outcome,) = propose(environment, profile_of(SURGE), later(20))
    assert outcome.state == "hands off"
    assert "into develop" in outcome.why
    assert pull.state == "open"
    assert len(open_pulls(server)) == 1
    pull.base = "main"
    assert states(propose(environment, profile_of(SURGE), later(10))) == ["unchanged"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r'"cost": [0-9.]+', '"cost": 1' + "0" * 400),
        (r'"merge_by": "[^"]+"', '"merge_by": "0001-01-01T00:00:00+14:00"'),
        (r'"merge_by": "[^"]+"', '"merge_by": "2026-11-25T11:45:00"'),
        (r'"cost": [0-9.]+', '"foreseen": [1e999, 1, 1], "used": 1'),
        (r'"cost": [0-9.]+', '"foreseen": "abc", "used": true'),
        (r'"lease": "[^"]+"', '"lease": "../../x"'),
    ],
)
def test_a_body_that_people_broke_breaks_nothing_and_is_written_anew(origin, server, old, new):
    environment = team(origin)
    propose(environment, profile_of(SURGE), NOW)
    (pull,) = open_pulls(server)
    server.world.edit(pull.number, body=re.sub(old, new, pull.body))
    assert re.search(re.escape(new), pull.body)
    propose(environment, profile_of(SURGE), later(1))
    assert len(open_pulls(server)) == 1
    assert states(propose(environment, profile_of(CALM), later(2))) == ["withdrawn"]


def test_a_body_without_its_marker_is_known_by_its_branch(origin, server):
    environment = team(origin)
    propose(environment, profile_of(SURGE), NOW)
    (pull,) = open_pulls(server)
    server.world.edit(pull.number, body="my own words")
    server.world.close(pull.number)
    assert states(propose(environment, profile_of(SURGE), later(1))) == ["silenced"]
    server.world.reopen(pull.number)
    assert states(propose(environment, profile_of(CALM), later(1))) == ["withdrawn"]


def test_updating_a_branch_by_the_forges_button_is_nobodys_edit(origin, server):
    environment = team(origin)
    propose(environment, profile_of(SURGE), NOW)
    (pull,) = open_pulls(server)
    edit(origin, "README.md", "infrastructure", "our infrastructure")
    bob = origin.person("bob")
    bob.git("checkout", "-q", pull.head)
    bob.git("merge", "-q", "--no-edit", "origin/main")
    bob.git("push", "-q", "origin", pull.head)
    tip = origin.tip(pull.head)
    assert states(propose(environment, profile_of(SURGE), later(1))) == ["unchanged"]
    assert origin.tip(pull.head) == tip
    assert states(propose(environment, profile_of(LARGER), later(1))) == ["updated"]


def test_a_branch_of_somebody_else_is_told_when_nothing_is_needed_any_more(origin, server):
    environment = team(origin)
    propose(environment, profile_of(SURGE), NOW)
    (pull,) = open_pulls(server)
    bob = origin.person("bob")
    bob.git("checkout", "-q", pull.head)
    bob.commit({"environments/demo/note.txt": "mine\n"})
    bob.git("push", "-q", "origin", pull.head)
    propose(environment, profile_of(CALM), later(1))
    assert pull.state == "open"
    assert any("not needed by now" in x.body for x in pull.comments)
    server.forget()
    propose(environment, profile_of(CALM), later(1))
    assert not server.writes


def test_another_grouping_takes_the_place_of_the_one_before(origin, server):
    environment = team(origin)
    propose(environment, profile_of(BOTH), NOW)
    assert len(open_pulls(server)) == 2
    edit(origin, "environments/demo/headroom.yaml", "pools:\n", SHARED + "pools:\n")
    assert sorted(states(propose(environment, profile_of(BOTH), later(1)))) == ["opened", "withdrawn", "withdrawn"]
    assert [x.head for x in open_pulls(server)] == ["headroom/demo/all/changes"]
    edit(origin, "environments/demo/headroom.yaml", SHARED, "", name="zoe")
    assert sorted(states(propose(environment, profile_of(BOTH), later(1)))) == ["opened", "opened", "withdrawn"]
    assert len(open_pulls(server)) == 2


def test_a_shared_pull_request_of_which_a_part_is_late_is_told_once(origin, server):
    environment = team(origin, CONFIG + SHARED)
    propose(environment, profile_of(BOTH), NOW)
    soon = later(23.95)
    propose(environment, profile_of(BOTH), soon)
    (pull,) = open_pulls(server)
    assert "headroom:late" in pull.labels
    propose(environment, profile_of(BOTH), soon)
    server.forget()
    propose(environment, profile_of(BOTH), soon)
    assert not server.writes


def test_a_label_in_another_case_is_the_same_label(origin, server):
    server.world.label("Capacity")
    server.world.user("ada")
    environment = team(origin, CONFIG + "proposals: {labels: [capacity], reviewers: [ada]}\n")
    propose(environment, profile_of(SURGE), NOW)
    (pull,) = open_pulls(server)
    pull.labels = [x if x != "capacity" else "Capacity" for x in pull.labels]
    pull.reviewers.clear()
    propose(environment, profile_of(SURGE), later(1))
    server.forget()
    propose(environment, profile_of(SURGE), later(1))
    assert not server.writes
    assert pull.reviewers == []


def test_a_pool_that_is_gone_takes_its_proposals_along(origin, server):
    environment = team(origin)
    propose(environment, profile_of(SURGE), NOW)
    text = origin.git("show", "main:environments/demo/headroom.yaml")
    web = text[text.index("  web:") : text.index("repository:")]
    edit(origin, "environments/demo/headroom.yaml", web, "")
    _, (outcome,) = propose(environment, profile_of(SURGE), later(1))
    assert outcome.state == "withdrawn"
    assert "no such pool any more" in outcome.why


def paused(server):
    (issue,) = server.world.issues.values()
    issue.body = issue.body.replace("- [ ]", "- [x]", 1)
    return issue


@pytest.mark.parametrize("kind", sorted(SERVERS))
def test_a_pause_holds_whatever_people_write_below_it(origin, monkeypatch, kind):
    with SERVERS[kind](origin.directory) as server:
        connect = connected(server, Clock())
        monkeypatch.setattr(place_module, "connect", lambda *_, **__: connect)
        environment = environment_of(origin, CONFIG + f"repository: {{forge: {kind}}}\n")
        propose(environment, profile_of(SURGE), NOW)
        issue = paused(server)
        issue.body += "\n\npaused by ada, until Monday"
        assert states(propose(environment, profile_of(LARGER), later(1))) == ["paused"]
        assert len(server.world.issues) == 1


def test_a_forge_that_does_not_answer_may_hide_a_pause_so_nothing_is_done(origin, server):
    environment = team(origin)
    propose(environment, profile_of(SURGE), NOW)
    paused(server)
    server.forget()
    server.answer(502, on=r"GET .*/issues\b", times=50)
    with pytest.raises(ForgeError, match="502"):
        propose(environment, profile_of(LARGER), later(1))
    assert not [x for x in server.writes if "graphql" not in x.target]


def test_an_emptied_dashboard_is_written_anew_and_stays_one(origin, server):
    environment = team(origin)
    propose(environment, profile_of(SURGE), NOW)
    (issue,) = server.world.issues.values()
    issue.body = ""
    propose(environment, profile_of(LARGER), later(1))
    assert len(server.world.issues) == 1
    assert "headroom:dashboard" in issue.body
