"""The life of a proposal, on the embedded forge: withdrawn, late, due, undone, edited, cut short, shared."""

from dataclasses import replace

import pytest
from teams import (
    BOTH,
    CALM,
    LARGER,
    SURGE,
    edit,
    environment_of,
    kept,
    later,
    ledger,
    merge,
    merge_all,
    pulls,
    revert,
)
from worlds import CONFIG, HOUR, NOW, profile_of, usage_of

from controller.lease import dump
from controller.plan import Change, DecayEvidence, Stake
from controller.proposal import proposals
from controller.workflow import propose, release, run, workplace
from controller.workflow.desk import look
from controller.workflow.publish import publish

USAGE = usage_of({"eu/shop": [6.0] * 40, "us/etl": [4.0] * 40}, NOW)


@pytest.fixture
def environment(origin):
    return environment_of(origin)


def states(result):
    return [(x.state, x.number) for x in result[1]]


def test_what_nothing_needs_any_more_is_withdrawn_with_a_reason(origin, environment):
    _, (asked,) = propose(environment, profile_of(SURGE), NOW)
    assert states(propose(environment, profile_of(CALM), later(1))) == [("withdrawn", 1)]
    left = kept(environment, 1)
    assert left.pull.state == "closed"
    assert "headroom:withdrawn" in left.pull.labels
    assert "the newest forecast needs 2 nodes" in dict(left.comments)["withdrawn"]
    assert asked.branch not in origin.branches()
    assert states(propose(environment, profile_of(CALM), later(1))) == []


def test_what_was_withdrawn_may_be_asked_again(environment):
    propose(environment, profile_of(SURGE), NOW)
    propose(environment, profile_of(CALM), NOW)
    assert states(propose(environment, profile_of(SURGE), NOW)) == [("opened", 2)]


def test_what_a_guardrail_holds_back_is_not_withdrawn(origin, environment):
    propose(environment, profile_of(SURGE), NOW)
    edit(
        origin,
        "environments/demo/headroom.yaml",
        CONFIG,
        CONFIG + "limits: {freezes: [{cron: '0 0 * * *', hours: 24}]}\n",
    )
    assert states(propose(environment, profile_of(SURGE), later(1))) == []
    assert pulls(environment)[0].state == "open"


def test_a_window_that_is_over_closes_its_pull_request_and_clears_its_branch(origin, environment):
    propose(environment, profile_of(SURGE), NOW)
    calm = profile_of(CALM, start=later(30))
    assert states(run(environment, None, calm, later(30)).result) == [("withdrawn", 1)]
    assert "its window is over" in dict(kept(environment, 1).comments)["withdrawn"]
    assert not [x for x in origin.branches() if x.startswith("headroom/")]


def test_a_branch_that_people_committed_to_is_told_once_what_would_change(origin, environment):
    _, (web,) = propose(environment, profile_of(SURGE), NOW)
    bob = origin.person("bob")
    bob.git("checkout", "-q", web.branch)
    bob.commit({f"environments/demo/{web.change.lease.path}": dump(replace(web.change.lease, floor=5))}, "less")
    bob.git("push", "-q", "origin", web.branch)
    assert states(propose(environment, profile_of(LARGER), NOW)) == [("hands off", 1)]
    said = kept(environment, 1).comments
    assert [key for key, _ in said] == ["newer"]
    assert "`web`: hold 11 nodes" in said[0][1]
    refs = origin.git("for-each-ref")
    propose(environment, profile_of(LARGER), NOW)
    assert origin.git("for-each-ref") == refs
    assert states(propose(environment, profile_of(CALM), NOW)) == []
    assert pulls(environment)[0].state == "open"


def test_a_closed_pull_request_that_is_reopened_is_taken_up_again(environment):
    propose(environment, profile_of(SURGE), NOW)
    with workplace(environment) as place:
        place.forge.close(1, NOW)
    assert states(propose(environment, profile_of(SURGE), NOW)) == [("silenced", 1)]
    with workplace(environment) as place:
        place.local.reopen(1, NOW)
    assert states(propose(environment, profile_of(SURGE), NOW)) == [("unchanged", 1)]
    assert states(propose(environment, profile_of(LARGER), NOW)) == [("updated", 1)]


def test_what_is_late_is_labelled_once_and_the_loss_is_said(origin, environment):
    propose(environment, profile_of(SURGE), NOW)
    soon = profile_of(SURGE, start=NOW)
    result = propose(environment, soon, later(23.9))
    assert ("late", 1) in states(result)
    told = kept(environment, 1)
    assert "headroom:late" in told.pull.labels
    assert "node-hours are expected to be short" in dict(told.comments)["late"]
    refs = origin.git("for-each-ref")
    assert "late" not in [x for x, _ in states(propose(environment, soon, later(23.9)))]
    assert origin.git("for-each-ref") == refs


def test_a_merge_that_somebody_reverted_is_not_asked_again_until_it_differs(origin, environment):
    propose(environment, profile_of(SURGE), NOW)
    merge(environment, 1)
    revert(origin, pulls(environment)[0].merged_commit)
    assert ledger(environment) == ()
    result = propose(environment, profile_of(SURGE), NOW)
    assert states(result) == [("silenced", 1)]
    assert "undone" in result[1][0].why
    assert states(propose(environment, profile_of(LARGER), NOW)) == [("opened", 2)]


def test_a_branch_is_made_anew_only_where_what_it_does_has_changed(origin, environment):
    _, (asked,) = propose(environment, profile_of(SURGE), NOW)
    tip = origin.tip(asked.branch)
    person = origin.person("zoe")

    def lease(name, **changes):
        other = replace(asked.change.lease, id=name, **changes)
        person.commit({f"environments/demo/{other.path}": dump(other)})
        person.git("push", "-q", "origin", "HEAD:main")

    lease("smaller", floor=3, warm=0)  # what the pool holds stays as it is
    assert states(propose(environment, profile_of(SURGE), NOW)) == [("unchanged", 1)]
    assert origin.tip(asked.branch) == tip
    begins = asked.change.lease.starts  # over before the window, but what the pool holds moves
    lease("larger", floor=5, warm=0, starts=begins - HOUR, ends=begins)
    assert states(propose(environment, profile_of(SURGE), NOW)) == [("updated", 1)]
    assert origin.tip(asked.branch) != tip
    assert "5 → **7**" in pulls(environment)[0].body


def test_a_release_that_somebody_reverted_is_not_asked_again(origin, environment):
    propose(environment, profile_of(SURGE), NOW)
    merge(environment, 1)
    release(environment, USAGE, None, later(40))
    merge(environment, 2, later(40))
    assert ledger(environment) == ()
    revert(origin, pulls(environment)[1].merged_commit)
    assert len(ledger(environment)) == 1
    assert states(release(environment, USAGE, None, later(41))) == [("silenced", 2)]


def test_a_lease_that_was_released_may_be_opened_again_with_the_same_words(environment):
    propose(environment, profile_of(SURGE), NOW)
    merge(environment, 1)
    (lease,) = ledger(environment)
    evidence = DecayEvidence("demand passed", None, 7, 3, 0, 0, 0, None, (), 0.7, 2.0, None, Stake(0, 0))
    (proposal,) = proposals([Change("release", lease, lease, evidence)], "demo", "lease")
    with workplace(environment) as place:  # before the window is over, so that the same may be asked again
        publish(place, look(place), proposal, NOW)
    merge(environment, 2)
    assert states(propose(environment, profile_of(SURGE), NOW)) == [("opened", 3)]


def test_a_lease_that_somebody_edited_is_asked_about(origin, environment):
    propose(environment, profile_of(SURGE), NOW)
    merge(environment, 1)
    (lease,) = ledger(environment)
    edit(origin, f"environments/demo/{lease.path}", f'"floor": {lease.floor}', f'"floor": {lease.floor - 1}')
    assert states(release(environment, USAGE, None, later(40))) == [("opened", 2)]
    asked = pulls(environment)[1]
    assert "headroom:question" in asked.labels
    assert asked.draft


def test_what_is_approved_is_merged_when_it_is_due(origin):
    due = CONFIG.replace("ci_minutes: 10}", "ci_minutes: 10, merge: when-due}")
    environment = environment_of(origin, due)
    propose(environment, profile_of(SURGE), NOW)
    with workplace(environment) as place:
        place.local.approve(1, "ada", NOW)
    assert states(propose(environment, profile_of(SURGE), later(1))) == [("unchanged", 1)]
    assert ledger(environment) == ()
    assert ("merged", 1) in states(propose(environment, profile_of(SURGE), later(20)))
    assert len(ledger(environment)) == 1
    assert states(propose(environment, profile_of(SURGE), later(20))) == []


def test_nothing_is_merged_that_nobody_approved(origin):
    environment = environment_of(origin, CONFIG.replace("ci_minutes: 10}", "ci_minutes: 10, merge: when-due}"))
    propose(environment, profile_of(SURGE), NOW)
    propose(environment, profile_of(SURGE), later(20))
    assert ledger(environment) == ()


def test_small_changes_merge_by_themselves_once_they_are_approved(origin):
    small = environment_of(
        origin, CONFIG + "proposals: {auto_merge: {most_nodes: 6}, reviewers: [ada], assignees: [bob]}\n"
    )
    propose(small, profile_of(SURGE), NOW)
    left = kept(small, 1)
    assert (left.when_ready, left.reviewers, left.assignees) == (True, ("ada",), ("bob",))
    with workplace(small) as place:
        place.local.approve(1, "ada", NOW)
    assert len(ledger(small)) == 1


def test_large_changes_wait_for_a_person(origin):
    environment = environment_of(origin, CONFIG + "proposals: {auto_merge: {most_nodes: 2}}\n")
    propose(environment, profile_of(SURGE), NOW)
    assert not kept(environment, 1).when_ready


def test_all_of_an_environment_can_share_a_pull_request(origin):
    environment = environment_of(origin, CONFIG + "proposals: {group_by: environment}\n")
    _, (shared,) = propose(environment, profile_of(BOTH), NOW)
    assert (shared.state, shared.branch) == ("opened", "headroom/demo/all/changes")
    assert [x.lease.pool for x in shared.changes] == ["batch", "web"]
    assert origin.git("rev-list", "--count", f"main..{shared.branch}") == "2"
    refs = origin.git("for-each-ref")
    assert states(propose(environment, profile_of(BOTH, spread=0.052), later(1))) == [("unchanged", 1)]
    assert origin.git("for-each-ref") == refs
    assert states(propose(environment, profile_of(BOTH | {"eu/shop": LARGER["eu/shop"]}), later(1))) == [
        ("updated", 1)
    ]
    assert origin.git("rev-list", "--count", f"main..{shared.branch}") == "2"
    merge(environment, 1)
    assert sorted(x.pool for x in ledger(environment)) == ["batch", "web"]
    done = release(environment, USAGE, None, later(60))
    assert states(done) == [("opened", 2)]
    assert [x.action for x in done[1][0].changes] == ["release", "release"]
    merge(environment, 2, later(60))
    assert ledger(environment) == ()
    assert not [x for x in origin.branches() if x.startswith("headroom/")]


def test_a_shared_pull_request_that_was_closed_silences_each_of_its_changes(origin):
    environment = environment_of(origin, CONFIG + "proposals: {group_by: environment}\n")
    propose(environment, profile_of(BOTH), NOW)
    with workplace(environment) as place:
        place.forge.close(1, NOW)
    assert states(propose(environment, profile_of(BOTH), NOW)) == [("silenced", 1), ("silenced", 1)]
    larger = propose(environment, profile_of(BOTH | {"eu/shop": LARGER["eu/shop"]}), NOW)
    assert states(larger) == [("silenced", 1), ("opened", 2)]
    assert [x.lease.pool for x in larger[1][1].changes] == ["web"]


def test_one_look_asks_and_gives_back(environment):
    propose(environment, profile_of(SURGE), NOW)
    merge_all(environment)
    usage = usage_of({"eu/shop": [6.0] * 60, "us/etl": [4.0] * 60}, NOW)
    ahead = profile_of({"eu/shop": CALM["eu/shop"], "us/etl": BOTH["us/etl"]}, start=later(60))
    outcomes = run(environment, usage, ahead, later(60)).outcomes
    assert [(x.change.lease.pool, x.change.action, x.state) for x in outcomes] == [
        ("batch", "open", "opened"),
        ("web", "release", "opened"),
    ]


def test_nothing_is_merged_in_a_freeze(origin):
    due = CONFIG.replace("ci_minutes: 10}", "ci_minutes: 10, merge: when-due}")
    environment = environment_of(origin, due)
    propose(environment, profile_of(SURGE), NOW)
    with workplace(environment) as place:
        place.local.approve(1, "ada", NOW)
    frozen = due + "limits: {freezes: [{cron: '0 0 * * *', hours: 24}]}\n"
    edit(origin, "environments/demo/headroom.yaml", due, frozen)
    propose(environment, profile_of(SURGE), later(20))
    assert ledger(environment) == ()
    edit(origin, "environments/demo/headroom.yaml", frozen, due, name="zoe")
    propose(environment, profile_of(SURGE), later(20))
    assert len(ledger(environment)) == 1


def test_what_a_run_rewrites_is_neither_late_nor_merged_by_that_run(origin):
    due = CONFIG.replace("ci_minutes: 10}", "ci_minutes: 10, merge: when-due}")
    environment = environment_of(origin, due)
    propose(environment, profile_of(SURGE), NOW)
    with workplace(environment) as place:
        place.local.approve(1, "ada", NOW)
    assert states(propose(environment, profile_of(LARGER), later(23.9))) == [("updated", 1)]
    assert "headroom:late" not in pulls(environment)[0].labels
    assert ledger(environment) == ()
