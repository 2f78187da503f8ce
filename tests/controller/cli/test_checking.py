"""``headroom check`` as a pipeline types it, in real repositories."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from worlds import CONFIG, NOW, lease_of

from controller.cli import main
from controller.lease import dump, lease_id, stamp

ENV = "environments/demo"
HEADROOM = f"{ENV}/headroom.yaml"
SHOWN = CONFIG.replace(
    "price_per_hour: 1.0}", "price_per_hour: 1.0, plan: {address: b.b, floor: min_size}}"
).replace("warm_price_per_hour: 0.1}", "warm_price_per_hour: 0.1,\n     plan: {address: a.w, floor: min_size}}")


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["check", *map(str, arguments)])
    assert done.exit_code == code, f"{done.exit_code}: {done.output}\n{done.exception!r}"
    return done.output


def named(**kw):
    lease = lease_of(**kw)
    return replace(lease, id=lease_id("demo", lease.pool, lease.starts))


@pytest.fixture
def person(origin):
    person = origin.person("team")
    person.git("rm", "-rqf", f"{ENV}/leases")
    person.commit({HEADROOM: SHOWN, f"{ENV}/leases/web/old.json": dump(lease_of(id="old"))})
    person.git("push", "-q", "origin", "HEAD:main")
    person.git("checkout", "-q", "-b", "headroom/demo/web/x")
    return person


def plan_json(path, web=(3, 8), **more):
    def item(address, before, after):
        change = {"actions": ["update"], "before": {"min_size": before}, "after": {"min_size": after}}
        return {"address": address, "mode": "managed", "type": "x", "change": change}

    plan = {"format_version": "1.2", "complete": True, "errored": False, "timestamp": stamp(NOW)}
    path.write_text(json.dumps(plan | {"resource_changes": [item("a.w", *web), item("b.b", 2, 2)]} | more))
    return path


def checked(person, *more, code=0):
    return run("--env", person.directory / ENV, "--base", "origin/main", "--now", stamp(NOW), *more, code=code)


def test_a_proposal_of_one_lease_passes(person):
    lease = named()
    person.commit({f"{ENV}/{lease.path}": dump(lease)})
    assert f"the change stays within {ENV}/leases: 1 added" in checked(person)
    person.commit({f"{ENV}/{lease.path}": None, f"{ENV}/leases/web/old.json": None})
    assert f"the change stays within {ENV}/leases: 1 removed" in checked(person)


@pytest.mark.parametrize("kind", ["edited", "untracked"])
def test_leases_that_are_not_committed_are_not_passed_as_if_they_were(person, kind):
    lease = named()
    person.commit({f"{ENV}/{lease.path}": dump(lease)})
    if kind == "edited":
        (person.directory / ENV / lease.path).write_text(dump(replace(lease, floor=9)))
    else:
        (person.directory / ENV / "leases" / "web" / "new.json").write_text(dump(lease))
    status = person.git("status", "--porcelain")
    assert "commit first" in checked(person, code=1)
    assert person.git("status", "--porcelain") == status


def test_limits_are_the_bases_and_settings_may_not_come_along(person):
    lease = named(floor=15, warm=0)
    person.commit({f"{ENV}/{lease.path}": dump(lease), HEADROOM: SHOWN.replace("max: 14", "max: 99")})
    said = checked(person, code=1)
    assert f"FAIL  {lease.path}: floor 15 and warm 0 exceed the pool's max 14" in said
    assert f"FAIL  {HEADROOM}: lies outside {ENV}/leases" in said
    assert run("--env", person.directory / ENV)  # without a base, what lies there is all that is known


@pytest.mark.parametrize("stray", ["README.md", f"{ENV}/leases/web/x.tf", ".github/workflows/x.yml", "a\nb"])
def test_a_change_outside_the_leases_fails(person, stray):
    lease = named()
    person.commit({f"{ENV}/{lease.path}": dump(lease), stray: "by hand\n"})
    assert "lies outside" in checked(person, code=1)
    (result,) = json.loads(checked(person, "-o", "sarif", code=1))["runs"][0]["results"]
    assert result["ruleId"] == "outside-leases"


def test_a_link_or_a_program_among_the_leases_fails(person):
    lease = named()
    person.commit({f"{ENV}/{lease.path}": dump(lease)})
    (person.directory / ENV / lease.path).chmod(0o755)
    person.git("commit", "-qam", "run me")
    assert f"FAIL  {ENV}/{lease.path}: lies outside" in checked(person, code=1)
    (person.directory / ENV / lease.path).unlink()
    (person.directory / ENV / lease.path).symlink_to("/etc/hostname")
    person.git("add", "-A")
    person.git("commit", "-qm", "look there")
    assert "links are not followed" in checked(person, code=1)


def test_only_what_a_change_brings_in_fails(person):
    late = ("--now", "2030-01-01")
    assert "warn  leases/web/old.json: expired" in checked(person, *late)
    lease = named()
    person.commit({f"{ENV}/{lease.path}": dump(lease)})
    assert f"FAIL  {lease.path}: expired" in checked(person, *late, code=1)


@pytest.mark.parametrize("ref", ["--upload-pack=x", "a..b", "HEAD~1", "@{u}", "", "a b", "nowhere", "main;id"])
def test_a_base_that_is_no_branch_is_refused(person, ref):
    said = run("--env", person.directory / ENV, f"--base={ref}", code=1)
    assert "names no commit" in said or "Fetch the base branch" in said


def test_an_environment_in_no_repository_or_not_on_the_base(person, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "headroom.yaml").write_text(CONFIG)
    assert "must lie in a clone" in run("--env", alone, "--base", "main", code=1)
    person.commit({"environments/new/headroom.yaml": CONFIG})
    said = run("--env", person.directory / "environments/new", "--base", "origin/main", code=1)
    assert "merge the settings first" in said


def test_every_form_says_the_same(person, tmp_path):
    lease = named()
    person.commit({f"{ENV}/{lease.path}": dump(lease)})
    plan = plan_json(tmp_path / "plan.json", web=(3, 3))
    wrong = "the leases say 8, but the plan leaves a.w min_size at 3"
    comment = tmp_path / "comment.md"
    assert wrong in checked(person, "--plan-json", plan, "--comment", comment, code=1)
    assert "1 reason not to apply" in comment.read_text()
    assert checked(person, "--plan-json", plan, "-o", "markdown", code=1) == comment.read_text()
    assert checked(person, "--plan-json", plan, "-o", "annotations", code=1).startswith(f"::error file={ENV}/")
    record = json.loads(checked(person, "--plan-json", plan, "-o", "json", code=1))
    assert record["findings"][0]["rule"] == "no-effect"
    assert record["plan"]["counts"][1] == {"pool": "web", "count": "floor", "before": "3", "after": "3"}


def test_what_cannot_be_read_is_told_in_the_form_asked_for(person, tmp_path):
    person.commit({f"{ENV}/leases/web/old.json": "[" * 100_000})
    assert "not JSON" in checked(person, code=1)
    assert checked(person, "-o", "annotations", code=1).startswith("::error file=")
    person.commit({f"{ENV}/leases/web/other.json": "{"})
    assert all(x in checked(person, code=1) for x in ("web/old.json: not JSON", "web/other.json: not JSON"))
    assert len(json.loads(checked(person, "-o", "sarif", code=1))["runs"][0]["results"]) == 2
    person.commit({f"{ENV}/leases/web/other.json": None})
    person.commit({f"{ENV}/leases/web/old.json": " " * 1_100_000})
    assert json.loads(checked(person, "-o", "sarif", code=1))["runs"][0]["results"][0]["ruleId"] == "unreadable"
    person.commit({f"{ENV}/leases/web/old.json": dump(lease_of(id="old"))})
    later = plan_json(tmp_path / "later.json", format_version="2.0")
    assert "reads format 1" in checked(person, "--plan-json", later, code=1)


def test_a_plan_is_held_against_the_reviewed_one(person, tmp_path):
    env = ("--env", person.directory / ENV)
    seen, same = plan_json(tmp_path / "seen.json"), plan_json(tmp_path / "same.json", web=(4, 8))
    other = plan_json(tmp_path / "other.json", web=(1, 8))
    assert "what the plan changes was reviewed" in run(*env, "--plan-json", same, "--reviewed", seen)
    said = run(*env, "--plan-json", other, "--reviewed", seen, code=1)
    assert "FAIL  a.w: min_size: 1 → 8, but 3 → 8 was reviewed" in said
    digest = json.loads(run(*env, "--plan-json", other, "-o", "json"))["plan"]["digest"]
    assert "a person accepted" in run(*env, "--plan-json", other, "--accept", digest)
    assert "it has changed since" in run(*env, "--plan-json", seen, "--accept", digest, code=1)
    assert "give it too" in run(*env, "--reviewed", seen, code=2)


@pytest.mark.parametrize("depth", [400, 900, 100_000])
def test_a_plan_that_is_nested_deeply_is_never_passed_by_a_traceback(person, tmp_path, depth):
    plan = json.loads(plan_json(tmp_path / "plan.json").read_text())
    text = json.dumps(plan | {"resource_changes": [plan["resource_changes"][0], "DEEP"]})
    deep = {
        "address": "c.c",
        "mode": "managed",
        "type": "x",
        "change": {"actions": ["update"], "before": 1, "after": 2},
    }
    nested = json.dumps(deep).replace("2", "[" * depth + "]" * depth)
    (tmp_path / "plan.json").write_text(text.replace('"DEEP"', nested))
    done = CliRunner().invoke(
        main, ["check", "--env", str(person.directory / ENV), "--plan-json", str(tmp_path / "plan.json")]
    )
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)


def test_what_expired_leases_let_go_needs_no_review(person, tmp_path):
    lease = lease_of(id="old")

    def unseen(web, now, code=0):
        path = plan_json(tmp_path / "plan.json", web, timestamp=stamp(now))
        plan = json.loads(path.read_text())
        plan["resource_changes"][1]["change"]["actions"] = ["no-op"]
        path.write_text(json.dumps(plan))
        return run("--env", person.directory / ENV, "--only-reviewed", "--plan-json", path, code=code)

    said = unseen((8, 3), lease.expires)
    assert f"ok    web: min_size 8 → 3, since {lease.path} expired {stamp(lease.expires)}" in said
    assert "ok    the plan changes nothing else" in said
    # Before it expires, or from elsewhere, somebody has to have seen it.
    assert "a.w: update was not in any reviewed plan" in unseen((8, 3), NOW, code=1)
    assert "a.w: update was not in any reviewed plan" in unseen((7, 3), lease.expires, code=1)
