"""The road through git: real bare repositories, real clones, the embedded forge."""

from dataclasses import replace

import pytest
from worlds import CONFIG, HOUR, NOW, lease_of, profile_of, surge, usage_of

from controller import marker
from controller.errors import ConfigError, LeaseError
from controller.lease import dump
from controller.render import files
from controller.workflow import check, plan, propose, read_environment, release, settled, workplace
from controller.workflow.desk import look

SURGE = {"eu/shop": surge(6, 30, 24, 5), "us/etl": surge(4, 22, 26, 4)}
LARGER = {"eu/shop": surge(6, 50, 24, 5), "us/etl": surge(4, 22, 26, 4)}
CALM = {"eu/shop": [6.0] * 72, "us/etl": [4.0] * 72}


@pytest.fixture
def team(origin):
    """A platform team's checkout with an environment that has a real configuration and no leases."""
    person = origin.person("team")
    person.git("rm", "-rqf", "environments/demo/leases")
    person.commit({"environments/demo/headroom.yaml": CONFIG}, "feat: configure headroom")
    person.git("push", "-q", "origin", "HEAD:main")
    return person


@pytest.fixture
def environment(team):
    return team.directory / "environments" / "demo"


def merge_all(environment, now=NOW):
    with workplace(environment) as place:
        for request in place.forge.open_pulls():
            place.local.approve(request.number, "ada", now)
            place.local.merge(request.number, place.local.kept(request.number).approved_commit, now)


def ledger(environment):
    with workplace(environment) as place:
        return place.ledger


def test_a_proposal_is_a_branch_a_commit_and_a_pull_request(origin, environment):
    _, outcomes = propose(environment, profile_of(SURGE), NOW)
    assert [(x.change.lease.pool, x.state, x.number) for x in outcomes] == [
        ("batch", "opened", 1),
        ("web", "opened", 2),
    ]
    web = outcomes[1]
    assert (
        origin.git("diff", "--name-only", f"main...{web.branch}") == f"environments/demo/{web.change.lease.path}"
    )
    assert (
        origin.git("show", f"{web.branch}:environments/demo/{web.change.lease.path}") + "\n"
        == (files(web.change)[web.change.lease.path])
    )
    said = origin.git("log", "-1", "--format=%B", web.branch)
    assert "Lease-Action: open" in said
    assert f"Desired-Digest: {web.words.digest}" in said
    assert origin.git("log", "-1", "--format=%an <%ae> %cI", web.branch).startswith(
        "Headroom <headroom@localhost> 2026"
    )


def test_the_same_command_again_writes_nothing(origin, environment):
    propose(environment, profile_of(SURGE), NOW)
    refs = origin.git("for-each-ref")
    _, again = propose(environment, profile_of(SURGE, spread=0.055), NOW + HOUR)
    assert [x.state for x in again] == ["unchanged", "unchanged"]
    assert origin.git("for-each-ref") == refs


def test_a_dry_run_shows_the_diff_and_pushes_nothing(origin, environment):
    refs = origin.git("for-each-ref")
    _, outcomes = propose(environment, profile_of(SURGE), NOW, dry_run=True)
    assert [(x.state, x.why) for x in outcomes] == [("dry run", "would be opened")] * 2
    assert '+  "floor": ' in outcomes[0].diff
    assert origin.git("for-each-ref") == refs


def test_a_dry_run_shows_what_would_be_updated_and_what_is_pushed_already(origin, environment):
    _, opened = propose(environment, profile_of(SURGE), NOW)
    _, (same, more) = propose(environment, profile_of(LARGER), NOW + HOUR, dry_run=True)
    assert same.state == "unchanged"
    assert (more.state, more.why, more.number) == ("dry run", "would be updated", 2)
    assert more.words.body != opened[1].words.body
    origin.git("update-ref", "-d", "refs/headroom/pulls")
    ada = origin.person("ada")
    ada.commit({"README.md": "later"}, "docs: moved on")
    ada.git("push", "-q", "origin", "HEAD:main")
    _, (again, _) = propose(environment, profile_of(SURGE), NOW, dry_run=True)
    assert again.why == "would be opened; its branch is pushed already"
    assert again.diff.count("diff --git") == 1
    assert '+  "floor": ' in again.diff


def test_nothing_to_ask_for_is_no_commit_and_no_pull_request(origin, environment):
    refs = origin.git("for-each-ref")
    plan_, outcomes = propose(environment, profile_of(CALM), NOW)
    assert plan_.empty
    assert outcomes == []
    assert origin.git("for-each-ref") == refs


def test_a_larger_forecast_updates_the_same_pull_request(origin, environment):
    _, first = propose(environment, profile_of(SURGE), NOW)
    _, second = propose(environment, profile_of(LARGER), NOW + HOUR)
    assert [(x.state, x.number) for x in second] == [("unchanged", 1), ("updated", 2)]
    assert second[1].branch == first[1].branch
    assert origin.git("rev-list", "--count", f"main..{second[1].branch}") == "1"
    with workplace(environment) as place:
        assert len(place.local.all_pulls()) == 2
        assert marker.read(place.forge.get(2).body)[0].desired == second[1].words.digest
        assert {x.floor for x in look(place).waiting if x.pool == "web"} == {second[1].change.lease.floor}


def test_a_crash_between_push_and_pull_request_is_made_good(origin, environment):
    propose(environment, profile_of(SURGE), NOW)
    origin.git("update-ref", "-d", "refs/headroom/pulls")
    tips = origin.git("for-each-ref", "refs/heads")
    _, again = propose(environment, profile_of(SURGE), NOW)
    assert [x.state for x in again] == ["opened", "opened"]
    assert origin.git("for-each-ref", "refs/heads") == tips


def test_a_refused_ask_stays_silent_until_it_differs(environment):
    propose(environment, profile_of(SURGE), NOW)
    with workplace(environment) as place:
        place.forge.close(2, NOW)
    _, again = propose(environment, profile_of(SURGE), NOW)
    assert [x.state for x in again] == ["unchanged", "silenced"]
    _, larger = propose(environment, profile_of(LARGER), NOW)
    assert [(x.state, x.number) for x in larger] == [("unchanged", 1), ("opened", 3)]


def test_a_branch_that_a_human_pushed_to_is_left_alone(origin, environment):
    _, (_, web) = propose(environment, profile_of(SURGE), NOW)
    bob = origin.person("bob")
    bob.git("checkout", "-q", web.branch)
    edited = replace(web.change.lease, floor=5)
    bob.commit({f"environments/demo/{edited.path}": dump(edited)}, "less is enough")
    bob.git("push", "-q", "origin", web.branch)
    theirs = origin.tip(web.branch)
    _, again = propose(environment, profile_of(LARGER), NOW)
    assert again[1].state == "hands off"
    assert "bob@example.org" in again[1].why
    assert origin.tip(web.branch) == theirs


def test_the_users_checkout_is_not_touched(team, environment):
    team.commit({"notes.txt": "mine\n"}, "local work")
    (team.directory / "dirty.txt").write_text("unsaved\n")
    before = team.git("status", "--porcelain"), team.git("rev-parse", "HEAD"), team.git("for-each-ref")
    propose(environment, profile_of(SURGE), NOW)
    assert before == (
        team.git("status", "--porcelain"),
        team.git("rev-parse", "HEAD"),
        team.git("for-each-ref"),
    )


def test_from_opening_to_release_the_tree_comes_back(origin, environment):
    start = origin.tree("main")
    propose(environment, profile_of(SURGE), NOW)
    merge_all(environment)
    assert len(ledger(environment)) == 2
    opened = origin.tip("main")
    later = NOW + 60 * HOUR
    usage = usage_of({"eu/shop": [6.0] * 24 + [30.0] * 5 + [6.0] * 31, "us/etl": [4.0] * 60}, NOW)
    _, outcomes = release(environment, usage, None, later)
    assert [(x.change.action, x.state) for x in outcomes] == [("release", "opened")] * 2
    assert [x.change.evidence.reason for x in outcomes] == ["expired", "expired"]
    web = outcomes[1]
    assert "This reverts commit " in web.words.commits[0]
    _, again = release(environment, usage, None, later + HOUR)
    assert [x.state for x in again] == ["unchanged", "unchanged"]
    merge_all(environment, later)
    assert origin.tree("main") == start
    assert origin.tip("main") != opened
    assert ledger(environment) == ()
    assert [x for x in origin.branches() if x.startswith("headroom/")] == []


def test_the_release_commit_is_what_git_revert_makes(origin, environment):
    propose(environment, profile_of({"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}), NOW)
    merge_all(environment)
    usage = usage_of({"eu/shop": [6.0] * 40, "us/etl": [4.0] * 40}, NOW)
    _, (ours,) = release(environment, usage, None, NOW + 40 * HOUR)
    reverted = ours.words.commits[0].split("This reverts commit ")[1].split(".")[0]
    eve = origin.person("eve")
    eve.git("revert", "--no-edit", reverted)
    assert origin.tree(ours.branch) == eve.git("rev-parse", "HEAD^{tree}")
    assert eve.git("log", "-1", "--format=%b").strip() in ours.words.commits[0]


def test_plan_reads_the_directory_and_writes_nothing(team, environment):
    made, config = plan(environment, profile_of(SURGE), None, NOW)
    assert [x.lease.pool for x in made.changes] == ["batch", "web"]
    assert config.environment == "demo"
    assert team.git("status", "--porcelain") == ""


def test_links_beside_the_leases_do_not_stand_in_the_way(team, environment):
    (environment / "common.tf").symlink_to("main.tf")
    team.git("add", "-A")
    team.git("commit", "-qm", "share code")
    team.git("push", "-q", "origin", "HEAD:main")
    assert ledger(environment) == ()


def test_check_judges_the_files_of_a_directory(environment):
    assert check(environment, None, NOW).verdict.passed
    (environment / "leases" / "web").mkdir(parents=True)
    huge = lease_of(floor=40)
    (environment / huge.path).write_text(dump(huge))
    verdict = check(environment, None, NOW).verdict
    assert not verdict.passed
    assert "exceed the pool's max 14" in verdict.failures[0]


def test_a_lease_of_another_environment_is_refused():
    stray = replace(lease_of(), environment="prod")
    with pytest.raises(LeaseError, match="belongs to prod"):
        read_environment({"headroom.yaml": CONFIG, stray.path: dump(stray)}, "environments/demo")


def test_what_reviews_take_is_known_before_a_forecast_is_made(environment):
    before = settled(environment).lead_in("web")
    propose(environment, profile_of(SURGE), NOW)
    merge_all(environment, NOW + 24 * 10 * HOUR)
    assert settled(environment).lead_in("web") > before + 24 * HOUR


def test_a_configuration_that_was_never_pushed_is_named(origin):
    person = origin.person("newcomer")
    person.commit({"environments/new/headroom.yaml": CONFIG}, "not pushed")
    with (
        pytest.raises(ConfigError, match="commit it and push it first"),
        workplace(person.directory / "environments" / "new"),
    ):
        pass


def test_a_branch_that_outlives_its_merge_does_not_stand_in_the_way(origin, environment):
    origin.git("config", "receive.denyDeletes", "true")
    _, first = propose(environment, profile_of(SURGE), NOW)
    merge_all(environment)
    assert first[1].branch in origin.branches()
    eve = origin.person("eve")
    eve.git("rm", "-rq", "environments/demo/leases")
    eve.git("commit", "-qm", "not today")
    eve.git("push", "-q", "origin", "HEAD:main")
    _, again = propose(environment, profile_of(SURGE), NOW)
    assert [x.state for x in again] == ["silenced", "silenced"]
    assert "undone" in again[0].why
    _, larger = propose(environment, profile_of(LARGER), NOW)
    assert [x.state for x in larger] == ["silenced", "opened"]
    merge_all(environment)
    assert len(ledger(environment)) == 1


def test_a_lease_that_was_edited_after_its_release_was_proposed_can_still_be_released(origin, team, environment):
    propose(environment, profile_of({"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}), NOW)
    merge_all(environment)
    usage = usage_of({"eu/shop": [6.0] * 40, "us/etl": [4.0] * 40}, NOW)
    release(environment, usage, None, NOW + 40 * HOUR)
    team.git("pull", "-q", "--rebase", "origin", "main")
    (file,) = (environment / "leases").rglob("*.json")
    file.write_text(file.read_text().replace('"median": 6', '"median": 60'))
    team.git("commit", "-qam", "a note")
    team.git("push", "-q", "origin", "HEAD:main")
    _, again = release(environment, usage, None, NOW + 41 * HOUR)
    assert [x.state for x in again] == ["updated"]
    merge_all(environment)
    assert ledger(environment) == ()


def test_a_branch_that_cannot_be_read_is_passed_over_and_named(origin, environment):
    bob = origin.person("bob")
    bob.git("checkout", "-qb", "headroom/demo/web/oops")
    bob.commit({"environments/demo/leases/web/oops.json": "{not json"}, "oops")
    bob.git("push", "-q", "origin", "headroom/demo/web/oops")
    wanted, outcomes = propose(environment, profile_of(SURGE), NOW)
    assert [x.state for x in outcomes] == ["opened", "opened"]
    assert any("headroom/demo/web/oops is passed over" in note for note in wanted.notes)


def test_an_ask_that_was_refused_twice_stays_refused(environment):
    for profile, number in ((SURGE, 2), (LARGER, 3)):
        propose(environment, profile_of(profile), NOW)
        with workplace(environment) as place:
            place.forge.close(number, NOW)
    _, again = propose(environment, profile_of(SURGE), NOW)
    assert again[1].state == "silenced"


def test_a_step_down_that_waits_is_not_rewritten_for_less_than_a_step(environment):
    propose(environment, profile_of({"eu/shop": surge(6, 50, 24, 30), "us/etl": [4.0] * 72}), NOW)
    merge_all(environment)
    usage = usage_of({"eu/shop": [6.0] * 24 + [50.0] * 2 + [6.0] * 20, "us/etl": [4.0] * 46}, NOW)
    newest = profile_of(CALM, start=NOW + 29 * HOUR)
    states = [release(environment, usage, newest, NOW + h * HOUR)[1] for h in (29, 29.5)]
    assert [[x.state for x in each] for each in states] == [["opened"], ["unchanged"]]
