"""The dashboard issue in the life of an environment: real repositories, the embedded forge."""

from dataclasses import dataclass, replace

import pytest
from click.testing import CliRunner
from teams import BOTH, CALM, environment_of, merge
from worlds import CONFIG, HOUR, NOW, profile_of, surge, usage_of

from controller import marker
from controller.boxes import read
from controller.cli import main
from controller.edge.forge.refusal import Refused
from controller.errors import ConfigError
from controller.marker import Mark
from controller.pull import PullRequest
from controller.standing import WITHDRAWN, refusals
from controller.workflow import dashboard, propose, release, workplace
from controller.workflow.board import Ran, heed, keep, see
from controller.workflow.desk import look

NAME = "dashboard-demo"
ABOVE = {"eu/shop": surge(6, 120, 24, 5), "us/etl": [4.0] * 72}


@pytest.fixture
def environment(origin):
    return environment_of(origin)


def body(environment):
    with workplace(environment) as place:
        found = place.forge.issue(NAME)
    return found.body if found else None


def edit(environment, change):
    """Do what somebody does in the forge's page."""
    with workplace(environment) as place:
        found = place.forge.issue(NAME)
        place.forge.save_issue(NAME, title=found.title, body=change(found.body), now=NOW)


def close(environment, number):
    with workplace(environment) as place:
        place.forge.close(number, NOW)


def states(outcomes):
    return [x.state for x in outcomes]


def test_a_quiet_run_with_other_noise_writes_nothing(origin, environment):
    for profile in (BOTH, ABOVE):
        propose(environment, profile_of(profile), NOW)
        refs, said = origin.git("for-each-ref"), body(environment)
        assert "### Open proposals" in said
        propose(environment, profile_of(profile, spread=0.051), NOW + HOUR)
        assert body(environment) == said
        assert origin.git("for-each-ref") == refs
    assert "### Stays short (1)" in said
    usage = usage_of({"eu/shop": [6.0] * 5, "us/etl": [4.0] * 5}, NOW)
    release(environment, usage, None, NOW + 5 * HOUR)
    assert body(environment) == said  # a run that looks at usage alone knows nothing of what is short


def test_nothing_to_tell_opens_no_issue(environment):
    propose(environment, profile_of(CALM), NOW)
    assert body(environment) is None
    assert "every pool is at its base" in dashboard(environment, NOW).body
    assert body(environment) is None


def test_it_tells_what_is_held_and_what_comes_next(environment):
    propose(environment, profile_of(BOTH), NOW)
    merge(environment, 2)
    propose(environment, profile_of(BOTH), NOW)
    said = body(environment)
    assert "### Held leases (1)" in said
    assert "`web`, 7 nodes and 1 warm, held" in said or "`web`, 7 nodes, held" in said
    assert "- #1 feat" in said
    assert "proposed" in said
    merge(environment, 1)
    assert "### Held leases (2)" in dashboard(environment, NOW).body  # as it is now, whatever the last run saw
    assert body(environment) == said


def test_a_paused_environment_is_left_as_it_is(origin, environment):
    propose(environment, profile_of(BOTH), NOW)
    edit(environment, lambda x: x.replace("- [ ] <!-- headroom pause", "- [x] <!-- headroom pause"))
    refs = origin.git("for-each-ref")
    for _ in range(2):
        made, outcomes = propose(environment, profile_of(CALM), NOW + HOUR)
        assert states(outcomes) == ["paused"]
        assert any("headroom dashboard --resume" in x for x in made.notes)
    usage = usage_of({"eu/shop": [6.0] * 5, "us/etl": [4.0] * 5}, NOW)
    assert states(release(environment, usage, None, NOW)[1]) == ["paused"]
    made, outcomes = propose(environment, profile_of(BOTH | {"eu/shop": surge(6, 50, 24, 5)}), NOW, dry_run=True)
    assert "dry run" in states(outcomes)
    assert origin.git("for-each-ref") == refs
    dashboard(environment, NOW, pause=False)
    assert states(propose(environment, profile_of(CALM), NOW + HOUR)[1]) == ["withdrawn", "withdrawn"]


def test_a_refused_ask_is_made_again_once_its_box_is_ticked(environment):
    _, (_, web) = propose(environment, profile_of(BOTH), NOW)
    close(environment, 2)
    lease = f"demo/web/{web.change.lease.id}"
    assert states(propose(environment, profile_of(BOTH), NOW)[1]) == ["unchanged", "silenced"]
    box = f"- [ ] <!-- headroom reopen {lease} -->"
    assert box in body(environment)
    edit(environment, lambda x: x.replace(box, box.replace("[ ]", "[x]")))
    _, again = propose(environment, profile_of(BOTH), NOW)
    assert [(x.state, x.number) for x in again] == [("unchanged", 1), ("opened", 3)]
    assert box not in body(environment)
    assert read(body(environment)).reopened == {lease: 2}
    assert states(propose(environment, profile_of(BOTH), NOW)[1]) == ["unchanged", "unchanged"]
    close(environment, 3)  # refused anew
    assert states(propose(environment, profile_of(BOTH), NOW)[1]) == ["unchanged", "silenced"]
    assert read(body(environment)).reopened == {}
    assert box in body(environment)


def test_what_somebody_undid_is_asked_again_on_demand(origin, environment):
    _, (_, web) = propose(environment, profile_of(BOTH), NOW)
    merge(environment, 2)
    eve = origin.person("eve")
    eve.git("rm", "-rq", "environments/demo/leases")
    eve.git("commit", "-qm", "not today")
    eve.git("push", "-q", "origin", "HEAD:main")
    assert states(propose(environment, profile_of(BOTH), NOW)[1]) == ["unchanged", "silenced"]
    assert "somebody undid #2" in body(environment)
    said = dashboard(environment, NOW, reopen=(f"demo/web/{web.change.lease.id}",)).body
    assert "### Asked again" in said
    _, again = propose(environment, profile_of(BOTH), NOW)
    assert [(x.state, x.number) for x in again] == [("unchanged", 1), ("opened", 3)]


def test_a_refused_give_back_is_told(environment):
    propose(environment, profile_of({"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}), NOW)
    merge(environment, 1)
    usage = usage_of({"eu/shop": [6.0] * 40, "us/etl": [4.0] * 40}, NOW)
    assert states(release(environment, usage, None, NOW + 40 * HOUR)[1]) == ["opened"]
    close(environment, 2)
    assert states(release(environment, usage, None, NOW + 40 * HOUR)[1]) == ["silenced"]
    assert "giving it back was refused in #2" in body(environment)


def test_a_box_that_is_ticked_while_a_run_works_is_not_lost(environment):
    propose(environment, profile_of(BOTH), NOW)
    with workplace(environment) as place:
        seen = see(place)
        desk = heed(look(place), seen.boxes)
        dashboard(environment, NOW, pause=True)
        assert keep(place, replace(desk, open={}), seen, Ran(()), NOW) == ()
        assert read(place.forge.issue(NAME).body).paused


@dataclass
class Forbidden:
    """A forge whose token may not see issues, or only see them."""

    may_read: bool = False

    def issue(self, name):
        if not self.may_read:
            raise Refused("403: the token lacks the permission issues", 403)

    def save_issue(self, name, **words):
        raise Refused("403: the token lacks the permission issues: write", 403)


def test_a_forge_that_forbids_issues_fails_no_run(environment):
    propose(environment, profile_of(BOTH), NOW)
    with workplace(environment) as place:
        desk = look(place)
        for forge in (Forbidden(), Forbidden(may_read=True)):
            poor = replace(place, forge=forge)
            seen = see(poor)
            notes = (*seen.notes, *keep(poor, desk, seen, Ran(()), NOW))
            assert len(notes) == 1
            assert "403" in notes[0]


def test_an_environment_without_a_dashboard_has_none(origin):
    environment = environment_of(origin, f"{CONFIG}proposals: {{dashboard: false}}\n")
    propose(environment, profile_of(BOTH), NOW)
    assert body(environment) is None
    with pytest.raises(ConfigError, match=r"proposals\.dashboard"):
        dashboard(environment, NOW, pause=True)


def test_the_command_line_shows_and_ticks(environment):
    def headroom(*arguments):
        return CliRunner().invoke(main, ["dashboard", "--env", str(environment), *arguments])

    assert "Pause Headroom" in headroom().output
    assert "- [x] <!-- headroom pause" in headroom("--pause").output
    assert read(body(environment)).paused
    assert '"body": "- [ ]' in headroom("--resume", "-o", "json").output
    refused = headroom("--reopen", "demo/web/nothing")
    assert refused.exit_code == 1
    assert "nobody refused demo/web/nothing" in refused.output
    assert all(len(x) <= 80 for x in headroom("--help").output.splitlines())


def test_only_the_last_word_on_a_lease_counts():
    lease = "demo/web/a"

    def pull(number, state, action, *labels):
        body = marker.written([Mark(lease, action, "5a1e")])
        return PullRequest(number, "t", body, "headroom/demo/web/a", "main", state, NOW, labels)

    refused, merged = pull(1, "closed", "open"), pull(2, "merged", "open")
    assert [(x.number, x.undone) for x in refusals([refused], ())] == [(1, False)]
    assert refusals([refused, merged], {lease}) == ()
    assert [(x.number, x.undone) for x in refusals([merged, refused], ())] == [(2, True)]
    assert refusals([merged, pull(3, "merged", "release")], ()) == ()
    assert refusals([pull(4, "closed", "open", WITHDRAWN)], ()) == ()
    kept = pull(5, "closed", "release")
    assert [(x.number, x.release) for x in refusals([merged, kept], {lease})] == [(5, True)]
    assert refusals([merged, kept, pull(6, "merged", "release")], ()) == ()


def test_a_forge_may_put_its_own_marker_into_the_body(environment):
    propose(environment, profile_of(BOTH), NOW)
    edit(environment, lambda x: "<!-- kept by the forge -->\r\n" + x.replace("\n", "\r\n"))
    said = body(environment)
    propose(environment, profile_of(BOTH), NOW)
    assert body(environment) == said
