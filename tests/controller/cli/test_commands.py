"""Every subcommand, as a user types it."""

import json
from dataclasses import replace

import click
import pytest
from click.testing import CliRunner
from needy import usage_to
from worlds import CONFIG, HOUR, NOW, config_of, lease_of, profile_of, surge

from controller.cli import main
from controller.cli.reading import usage_of
from controller.cli.show import print_plan
from controller.decide import decide
from controller.guardrails import guard
from controller.lease import dump, stamp
from controller.plan import Distribution, Plan, Spill
from forecasting.sources.files import read

SURGE = {"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}


def run(*arguments, code=0, **keywords):
    done = CliRunner().invoke(main, [str(x) for x in arguments], **keywords)
    assert done.exit_code == code, f"{done.exit_code}: {done.output}\n{done.exception!r}"
    return done


@pytest.fixture
def profile(tmp_path):
    profile_of(SURGE).save(tmp_path / "profile.nc")
    return tmp_path / "profile.nc"


@pytest.fixture
def usage(tmp_path):
    rows = ["timestamp,region,group,resource,value"]
    for hour in range(72):
        for region, group, cores in (("eu", "shop", 6), ("us", "etl", 4)):
            moment = stamp(NOW + hour * HOUR)
            rows += [f"{moment},{region},{group},cpu,{cores}", f"{moment},{region},{group},memory,{cores}"]
    (tmp_path / "usage.csv").write_text("\n".join(rows))
    return tmp_path / "usage.csv"


@pytest.fixture
def environment(origin):
    person = origin.person("team")
    person.git("rm", "-rqf", "environments/demo/leases")
    person.commit({"environments/demo/headroom.yaml": CONFIG}, "feat: configure headroom")
    person.git("push", "-q", "origin", "HEAD:main")
    return person.directory / "environments" / "demo"


def commands(group=main, path=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_explains_itself_with_an_example(path):
    text = run(*path, "--help").output
    assert f"Example: headroom {' '.join(path)}" in " ".join(text.split()) or "&& headroom check" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_road_by_hand(environment, profile, usage):
    now = ("--now", stamp(NOW))
    env = ("--env", environment)
    shown = run("plan", *env, "--profile", profile, *now).output
    assert "open web/" in shown
    assert "P(need > 3 held) is over 99 %, threshold 80 %" in shown
    told = " ".join(shown.split())
    assert "of the working tree, with the configured review time" in told
    assert "`propose` and `run` take those of main of origin" in told
    shown = run("propose", *env, "--profile", profile, *now, "--dry-run").output
    assert "dry run (would be opened)" in shown
    assert "\n**Merge by " in shown
    assert '+  "floor": 7,' in shown
    asked = json.loads(run("propose", *env, "--profile", profile, *now, "--dry-run", "-o", "json").output)
    (dry,) = asked["outcomes"]
    assert dry["body"] in shown
    assert dry["body"].startswith("**Merge by ")
    assert dry["commits"][0].startswith(f"{dry['title']}\n\nP(need > 3 nodes held)")
    assert run("pr", "list", *env, "-o", "json").output.strip() == "[]"
    assert "#1" in run("propose", *env, "--profile", profile, *now).output
    listed = json.loads(run("pr", "list", *env, "-o", "json").output)
    assert [x["number"] for x in listed] == [1]
    assert dry["body"] in run("pr", "show", 1, *env).output
    assert (
        json.loads(run("propose", *env, "--profile", profile, *now, "-o", "json").output)["outcomes"][0]["body"]
        == ""
    )
    refused = run("pr", "merge", 1, *env, *now, code=1)
    assert "headroom pr approve 1" in refused.output
    run("pr", "approve", 1, *env, "--by", "ada", *now)
    assert "merged as" in run("pr", "merge", 1, *env, *now).output
    later = ("--now", stamp(NOW + 50 * HOUR))
    released = json.loads(run("release", *env, "--usage", usage, *later, "-o", "json").stdout)
    assert [(x["changes"][0]["action"], x["state"]) for x in released["outcomes"]] == [("release", "opened")]
    run("pr", "close", 2, *env, *later)
    again = json.loads(run("release", *env, "--usage", usage, *later, "-o", "json").stdout)
    assert [x["state"] for x in again["outcomes"]] == ["silenced"]


def test_plan_as_json_carries_the_evidence(environment, profile):
    made = json.loads(
        run("plan", "--env", environment, "--profile", profile, "--now", stamp(NOW), "-o", "json").output
    )
    (change,) = made["changes"]
    assert change["evidence"]["probability"] > 0.99
    assert change["floor"] == 7


def test_pending_changes_are_an_exit_code(environment, profile):
    arguments = ("plan", "--env", environment, "--profile", profile, "--now", stamp(NOW), "--check")
    assert "open web" in run(*arguments, code=3).output


LIMITS = "limits: {step_up_nodes: 2, open_proposals: 1}\n"


def test_what_stays_short_is_an_exit_code_of_its_own(environment, profile, origin):
    (environment / "headroom.yaml").write_text(CONFIG + LIMITS)
    env = ("--env", environment, "--profile", profile, "--now", stamp(NOW))
    shown = run("plan", *env, "--check", code=4).output
    assert "SHORT web: the service level needs 7 nodes, 5 are held" in shown
    assert "guard     floor 7 → 5" in shown
    assert "P(need > floor)" in shown
    assert "way out   run again once this is merged, or raise limits.step_up_nodes" in shown
    assert "an hour later loses" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    (short,) = json.loads(run("plan", *env, "-o", "json", code=4).stdout)["shortfalls"]
    assert (short["pool"], short["needed"], short["granted"]) == ("web", 7, 5)
    person = origin.person("owner")
    person.commit({"environments/demo/headroom.yaml": CONFIG + LIMITS}, "feat: limit headroom")
    person.git("push", "-q", "origin", "HEAD:main")
    proposed = run("propose", *env, code=4).output
    assert "#1" in proposed
    assert "SHORT web" in proposed
    again = json.loads(run("propose", *env, "-o", "json", code=4).stdout)
    assert [x["state"] for x in again["outcomes"]] == ["unchanged"]
    assert again["outcomes"][0]["changes"][0]["clips"][0]["guard"] == "step_up"
    assert again["shortfalls"] == [short]


def test_everything_a_plan_says_fits_80_columns(capsys):
    long = "eu/" + "a-group-with-a-long-name-" * 2
    (asked,) = decide(profile_of(SURGE), (), config_of(), NOW).changes
    evidence = replace(
        asked.evidence,
        newcomers=(long, "eu/b"),
        groups=(long, "eu/b", "eu/c"),
        spills=(Spill(long, "batch", "web", 0.3),),
        unserved=((long, 0.2), ("eu/b", 0.004)),
        largest=Distribution(((20, 1),)),
    )
    change = replace(asked, lease=replace(asked.lease, floor=20), evidence=evidence)
    print_plan(guard(Plan("demo", NOW, (change,)), config_of()), config_of())
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines()) <= 80
    said = " ".join(shown.split())
    assert "2 of 3 groups have under two weeks of history in some resource; they lean on their block, with" in said
    assert f"spills 30 % of {long} from batch" in said
    assert (
        f"left short even with the pool at its max: {long} (20 % of its demand), eu/b (under 1 % of its demand)"
        in said
    )
    assert "way out raise max of pool web to 20; or let its groups spill to another pool" in said


def test_check_gates(environment, tmp_path):
    assert "ok    0 lease files valid" in run("check", "--env", environment).output
    large = lease_of(floor=99)
    (environment / large.path).parent.mkdir(parents=True)
    (environment / large.path).write_text(dump(large))
    assert "FAIL  leases/web/a-lease.json: floor 99" in run("check", "--env", environment, code=1).output
    (environment / large.path).write_text("{")
    assert "error: leases/web/a-lease.json: not JSON" in run("check", "--env", environment, code=1).output
    (environment / large.path).unlink()
    (tmp_path / "plan.json").write_text("not a plan")
    refused = run("check", "--env", environment, "--plan-json", tmp_path / "plan.json", code=1)
    assert "terraform show -json" in refused.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("plan",), 2, "Missing option '--env'"),
        (("plan", "--env", "nowhere", "--profile", "x"), 2, "does not exist"),
        (("plan", "--env", "{env}", "--profile", "nothing.nc"), 1, "there is no such profile"),
        (("plan", "--env", "{tmp}", "--profile", "{profile}"), 1, "no headroom.yaml is in it"),
        (("plan", "--env", "{env}", "--profile", "{profile}", "--now", "tomorrow"), 2, "is no time"),
        (("plan", "--env", "{env}", "--profile", "{profile}", "--now", "2030-01-01"), 1, "forecast again"),
        (("release", "--env", "{env}", "--usage", "nothing.parquet"), 1, "nothing.parquet"),
        (("forecast", "--usage", "nothing.parquet"), 1, "nothing.parquet"),
        (("forecast", "--usage", "{profile}"), 1, "profile.nc"),
        (("forecast", "--usage", "{profile}", "--horizon", "0"), 2, "--horizon"),
        (("pr", "show", "7", "--env", "{env}"), 1, "no pull request #7"),
        (("pr", "list", "--env", "{tmp}"), 1, "no headroom.yaml"),
    ],
)
def test_bad_input_is_told_in_words(arguments, code, said, environment, profile, tmp_path):
    places = {"env": environment, "profile": profile, "tmp": tmp_path}
    done = run(*(x.format(**places) for x in arguments), code=code)
    assert said in done.output
    assert "Traceback" not in done.output


def test_simulated_usage_can_be_read_back(tmp_path):
    out = tmp_path / "usage.parquet"
    run("simulate", "--out", out, "--weeks", 1, "--now", "2026-11-24T12:30Z")
    usage = read(out)
    assert usage.sizes == {"group": 12, "resource": 4, "time": 168}
    assert str(usage["time"].values[-1])[:13] == "2026-11-24T11"


def test_the_schema_is_json():
    assert json.loads(run("schema").output)["properties"]["pools"]


def test_footprints_that_fit_no_usage_are_told_before_anything_is_learnt(tmp_path):
    usage, footprints = usage_to(NOW, tmp_path / "usage.csv"), tmp_path / "footprints.yaml"
    given = ["forecast", "--usage", str(usage), "--footprints", str(footprints)]
    footprints.write_text("applications: {shop: {cpu: 1}}")
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 1
    assert "no resource sessions:<application>" in done.stderr
    assert "learning" not in done.stderr
    footprints.write_text("applications: {shop: {cpu: -1}}")
    assert "applications.shop.cpu" in CliRunner().invoke(main, given).stderr


def test_sources_are_named_while_they_are_read(tmp_path, capsys):
    usage_to(NOW, tmp_path / "usage.csv")
    (tmp_path / "sources.yaml").write_text("sources: [{kind: files, path: usage.csv}]")
    assert usage_of(str(tmp_path / "sources.yaml")).sizes["group"] == 2
    assert "usage: 1 files" in capsys.readouterr().err
    usage_of(str(tmp_path / "usage.csv"))
    assert not capsys.readouterr().err
