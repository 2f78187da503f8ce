"""Killed at every boundary, and run again: one pull request, one commit, nothing lost, and then quiet."""

import pytest
from teams import CALM, LARGER, SURGE, environment_of, kept, killed_after, later, ledger, pulls
from worlds import CONFIG, NOW, profile_of

from controller.workflow import propose, workplace
from controller.workflow import rounds as rounds_module

ASKING = CONFIG + "proposals: {reviewers: [ada], labels: [capacity]}\n"
DUE = CONFIG.replace("ci_minutes: 10}", "ci_minutes: 10, merge: when-due}")


def quiet(origin, environment, work) -> bool:
    refs = origin.git("for-each-ref")
    work()
    return origin.git("for-each-ref") == refs


@pytest.mark.parametrize("boundary", ["clone", "look", "commit", "push", "open", "request", "label"])
def test_an_opening_that_was_killed_is_completed(origin, boundary):
    environment = environment_of(origin, ASKING)
    assert killed_after(boundary, lambda: propose(environment, profile_of(SURGE), NOW))
    _, (outcome,) = propose(environment, profile_of(SURGE), later(0.1))
    (pull,) = pulls(environment)
    assert (pull.state, set(pull.labels)) == ("open", {"headroom", "headroom:open", "capacity"})
    assert kept(environment, 1).reviewers == ("ada",)
    assert origin.git("rev-list", "--count", f"main..{outcome.branch}") == "1"
    assert [x for x in origin.branches() if x.startswith("headroom/")] == [outcome.branch]
    assert quiet(origin, environment, lambda: propose(environment, profile_of(SURGE), later(0.2)))


@pytest.mark.parametrize("boundary", ["commit", "push", "edit"])
def test_an_update_that_was_killed_is_completed(origin, boundary):
    environment = environment_of(origin, ASKING)
    propose(environment, profile_of(SURGE), NOW)
    assert killed_after(boundary, lambda: propose(environment, profile_of(LARGER), NOW))
    _, (outcome,) = propose(environment, profile_of(LARGER), later(0.1))
    (pull,) = pulls(environment)
    assert f"{outcome.change.lease.floor} nodes" in pull.title
    assert origin.git("rev-list", "--count", f"main..{outcome.branch}") == "1"
    assert quiet(origin, environment, lambda: propose(environment, profile_of(LARGER), later(0.2)))


@pytest.mark.parametrize("boundary", ["label", "comment", "close", "delete"])
def test_a_withdrawal_that_was_killed_is_completed(origin, boundary):
    environment = environment_of(origin)
    propose(environment, profile_of(SURGE), NOW)
    assert killed_after(boundary, lambda: propose(environment, profile_of(CALM), NOW))
    propose(environment, profile_of(CALM), NOW)
    left = kept(environment, 1)
    assert left.pull.state == "closed"
    assert [key for key, _ in left.comments] == ["withdrawn"]
    assert not [x for x in origin.branches() if x.startswith("headroom/")]
    assert quiet(origin, environment, lambda: propose(environment, profile_of(CALM), NOW))
    _, (again,) = propose(environment, profile_of(SURGE), NOW)
    assert again.state == "opened"


@pytest.mark.parametrize("boundary", ["label", "comment"])
def test_a_need_that_returns_while_its_withdrawal_was_killed_keeps_its_pull_request(origin, boundary):
    environment = environment_of(origin)
    propose(environment, profile_of(SURGE), NOW)
    assert killed_after(boundary, lambda: propose(environment, profile_of(CALM), NOW))
    propose(environment, profile_of(SURGE), NOW)
    (pull,) = pulls(environment)
    assert (pull.state, pull.labels) == ("open", ("headroom", "headroom:open"))
    with workplace(environment) as place:
        place.forge.close(1, NOW)
    _, (refused,) = propose(environment, profile_of(SURGE), NOW)
    assert refused.state == "silenced"


@pytest.mark.parametrize("boundary", ["base merged", "merge"])
def test_a_merge_that_was_killed_is_completed(origin, boundary):
    environment = environment_of(origin, DUE)
    propose(environment, profile_of(SURGE), NOW)
    with workplace(environment) as place:
        place.local.approve(1, "ada", NOW)
    assert killed_after(boundary, lambda: propose(environment, profile_of(SURGE), later(20)))
    assert len(ledger(environment)) == 1
    propose(environment, profile_of(SURGE), later(20))
    assert len(ledger(environment)) == 1
    assert not [x for x in pulls(environment) if x.state == "open"]
    assert not [x for x in origin.branches() if x.startswith("headroom/")]
    assert quiet(origin, environment, lambda: propose(environment, profile_of(SURGE), later(20)))


def test_of_two_controllers_at_once_one_looks_again(origin, monkeypatch):
    environment = environment_of(origin)
    raced = []
    publish = rounds_module.publish

    def after_another(*arguments, **options):
        if not raced:
            raced.append(True)
            propose(environment, profile_of(SURGE), later(0.1))
        return publish(*arguments, **options)

    monkeypatch.setattr(rounds_module, "publish", after_another)
    _, (outcome,) = propose(environment, profile_of(SURGE), NOW)
    assert outcome.state == "unchanged"
    (pull,) = pulls(environment)
    assert origin.git("rev-list", "--count", f"main..{pull.head}") == "1"


def test_a_branch_that_somebody_deleted_is_pushed_again(origin):
    environment = environment_of(origin)
    _, (first,) = propose(environment, profile_of(SURGE), NOW)
    origin.git("branch", "-D", first.branch)
    _, (again,) = propose(environment, profile_of(SURGE), NOW)
    assert (again.state, again.number) == ("updated", 1)
    assert first.branch in origin.branches()


def test_a_remote_that_vanished_is_told_in_words(origin):
    from controller.errors import GitError

    environment = environment_of(origin)
    origin.directory.rename(origin.directory.with_suffix(".gone"))
    with pytest.raises(GitError, match="Check the URL of origin"):
        propose(environment, profile_of(SURGE), NOW)
