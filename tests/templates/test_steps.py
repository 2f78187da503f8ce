"""The steps of the pipelines, run as a forge runs them: real repositories, the real Terraform, the real gate."""

import json
import os
import shlex
import stat
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from repositories import Origin, Person
from worlds import HOUR, NOW, lease_of

from controller.edge.terraform import find
from controller.lease import dump, lease_id, stamp

ROOT = Path(__file__).parents[2]
STEPS = ROOT / "templates" / "ci" / "steps"
MODULE = ROOT / "templates" / "terraform" / "modules" / "leases"
ENV = "environments/prod"
MAIN = """\
terraform {
  backend "local" {}
}
variable "now" {
  type    = string
  default = null
}
variable "extra" {
  type    = string
  default = "a"
}
module "leases" {
  source    = "../../modules/leases"
  directory = "${path.module}/leases"
  now       = var.now
  pools     = { web = { base = 2, max = 10 }, batch = { base = 2, max = 10 } }
}
resource "terraform_data" "web" {
  input = { min_size = module.leases.floor["web"], extra = var.extra }
}
resource "terraform_data" "batch" {
  input = { min_size = module.leases.floor["batch"] }
}
"""
POOL = """\
  {name}: {{kind: vm, groups: ["{name}/*"], base: 2, max: 10, node_capacity: {{cpu: 8}},
    plan: {{address: terraform_data.{name}, floor: input.min_size}}}}
"""
# Instead of a run: adds a line to each file that it is told to keep, and leaves as it is told.
RUN = """shift; for x; do case $x in *.nc) echo "$HEADROOM_NOW" >>"$x" ;; esac; done; exit "${RUN_ENDS:-0}\""""
BASELINE: list[str] = []  # the state that the first test of a worker made, for the ones after it
CONFIG = "environment: prod\npools:\n" + POOL.format(name="web") + POOL.format(name="batch")


@dataclass
class Ci:
    """A repository, its pipelines' variables, and what they called."""

    origin: Origin
    folder: Path
    team: Person
    runs: int = 0

    def step(self, name: str, branch: str, code: int = 0, now=NOW, **settings: str) -> str:
        """Run a step in a fresh clone of a branch, as a runner does."""
        self.runs += 1
        clone = self.folder / f"run {self.runs}"
        subprocess.run(["git", "clone", "-q", "-b", branch, self.origin.url, clone], check=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "HEADROOM_", "GITHUB_"))}
        environment |= {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HEADROOM_ENV": ENV,
            "HEADROOM_ENGINE": find().name,
            "HEADROOM_NOW": stamp(now),
            "HEADROOM_PLAN_STORE": str(self.folder / "plan store"),
            "TF_VAR_now": stamp(now),
            "TF_CLI_CONFIG_FILE": str(self.folder / "none.tfrc"),
            "TF_CLI_ARGS_init": shlex.quote(f"-backend-config=path={self.folder / 'terraform.tfstate'}"),
        } | settings
        command = ["bash", str(STEPS / name)]
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def plan(self, branch: str, code: int = 0, **settings) -> str:
        return self.step("plan.sh", branch, code, HEADROOM_BASE="origin/main", HEADROOM_PULL="7", **settings)

    def apply(self, code: int = 0, **settings) -> str:
        return self.step("apply.sh", "main", code, **settings)

    def propose(self, branch: str, files: dict[str, str | None]) -> None:
        self.team.git("checkout", "-q", "-B", branch, "main")
        self.team.commit(files, branch)
        self.team.git("push", "-qf", "origin", branch)
        self.team.git("checkout", "-q", "main")

    def merge(self, branch: str, how: str = "merge") -> None:
        if how == "squash":
            self.team.git("merge", "-q", "--squash", branch)
            self.team.git("commit", "-qm", "squashed")
        elif how == "rebase":
            self.team.git("cherry-pick", branch)
        else:
            self.team.git("merge", "-q", "--no-ff", "--no-edit", branch)
        self.team.git("push", "-q", "origin", "main")

    def running(self) -> dict[str, int]:
        state = json.loads((self.folder / "terraform.tfstate").read_text())
        values = {x["name"]: x["instances"][0]["attributes"] for x in state["resources"] if x["mode"] == "managed"}
        return {name: value["output"]["value"]["min_size"] for name, value in values.items()}

    @property
    def comments(self) -> list[str]:
        path = self.folder / "comments"
        return path.read_text().split("\0")[:-1] if path.exists() else []


def lease(pool="web", floor=6, **kw):
    made = lease_of(pool, floor=floor, warm=0, **kw)
    return replace(made, environment="prod", id=lease_id("prod", pool, made.starts))


def file_of(made):
    return {f"{ENV}/{made.path}": dump(made)}


@pytest.fixture
def ci(origin, tmp_path):
    folder = tmp_path / "ci files"
    (folder / "bin").mkdir(parents=True)
    (folder / "none.tfrc").touch()
    # `headroom` as it is here; `headroom comment` speaks to a forge, so only what it would say is kept.
    command = folder / "bin" / "headroom"
    code = "from controller.cli import main; main(prog_name='headroom')"
    command.write_text(
        "#!/usr/bin/env bash\n"
        f"kept={shlex.quote(str(folder / 'comments'))}\n"
        'if [ "$1" = comment ]; then { echo "$@"; cat -- "$7"; printf "\\0"; } >>"$kept"\n'
        'elif [ "$1" = run ]; then echo ran: "$@"; ' + RUN + "\n"
        f"else PYTHONPATH={shlex.quote(str(ROOT))} exec "
        f'{shlex.quote(sys.executable)} -P -c "{code}" "$@"; fi\n'
    )
    command.chmod(0o755)
    team = origin.person("team")
    files = {f"modules/leases/{x.name}": x.read_text() for x in MODULE.glob("*.tf")}
    team.commit(files | {f"{ENV}/main.tf": MAIN, f"{ENV}/headroom.yaml": CONFIG, ".gitignore": ".terraform*\n"})
    team.git("push", "-q", "origin", "HEAD:main")
    made = Ci(origin, folder, team)
    if BASELINE:
        (folder / "terraform.tfstate").write_text(BASELINE[0])
        return made
    first = made.apply(code=1)  # the first plan creates, and nobody has reviewed it
    assert "terraform_data.web: create was not in any reviewed plan" in first
    made.apply(HEADROOM_ACCEPT=first.rsplit("accept its digest, ", 1)[1].split()[0])
    assert made.running() == {"web": 2, "batch": 2}
    BASELINE.append((folder / "terraform.tfstate").read_text())
    return made


@pytest.mark.slow
@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_the_plan_that_was_reviewed_is_applied(ci, how):
    ci.propose("headroom/prod/web/a", file_of(lease()))
    said = ci.plan("headroom/prod/web/a")
    assert "headroom: terraform plan" in said or "headroom: tofu plan" in said
    (comment,) = ci.comments
    assert comment.startswith(f"comment --env {ENV} --pull 7 --file ")
    assert "| web | floor | 2 → **6** |" in comment
    assert "0 to create, 1 to update, 0 to delete, 0 to replace" in comment
    ci.merge("headroom/prod/web/a", how)
    said = ci.apply()
    assert "applied the plan that was reviewed" in said
    assert "planning again" not in said
    assert ci.running() == {"web": 6, "batch": 2}
    # Once more changes nothing, and asks for nothing.
    assert "planning again" in ci.apply(HEADROOM_REPLAN="always")
    assert "planning again" in ci.apply()  # the state has moved on, since it was applied
    # The store is for its owner alone, and no plan is left in a clone.
    for path in (ci.folder / "plan store").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert not list(ci.folder.glob("run */**/tf.plan"))


@pytest.mark.slow
def test_a_stale_plan_is_made_again_and_applied_if_it_does_the_same(ci):
    ci.propose("headroom/prod/web/a", file_of(lease()))
    ci.plan("headroom/prod/web/a")
    ci.propose("headroom/prod/batch/b", file_of(lease("batch", 5)))
    ci.plan("headroom/prod/batch/b")
    # Two merges before CI comes to run: the branch is neither of the two that were planned.
    ci.merge("headroom/prod/web/a")
    ci.merge("headroom/prod/batch/b")
    said = ci.apply()
    assert "planning again" in said
    assert "what the plan changes was reviewed (2 reviewed plans)" in said
    assert ci.running() == {"web": 6, "batch": 5}


@pytest.mark.slow
def test_an_old_plan_is_not_applied_as_it_is(ci):
    ci.propose("headroom/prod/web/a", file_of(lease()))
    ci.plan("headroom/prod/web/a")
    ci.merge("headroom/prod/web/a")
    said = ci.apply(now=NOW + 2 * HOUR)
    assert "planning again" in said
    assert ci.running()["web"] == 6


@pytest.mark.slow
def test_a_plan_that_differs_stops_until_a_person_accepts_it(ci):
    ci.propose("headroom/prod/web/a", file_of(lease()))
    ci.plan("headroom/prod/web/a")
    ci.team.commit({f"{ENV}/main.tf": MAIN.replace('default = "a"', 'default = "b"')}, "something else")
    ci.merge("headroom/prod/web/a")
    said = ci.apply(code=1)
    assert 'FAIL  terraform_data.web: input.extra: "a" → "b" was not in the reviewed plan' in said
    assert "nothing was applied" in said
    assert ci.running()["web"] == 2
    digest = said.rsplit("accept its digest, ", 1)[1].split()[0]
    assert "it has changed since" in ci.apply(code=1, HEADROOM_ACCEPT="0" * 16)
    ci.apply(HEADROOM_ACCEPT=digest)
    assert ci.running()["web"] == 6


@pytest.mark.slow
def test_what_was_never_planned_stops(ci):
    ci.propose("headroom/prod/web/a", file_of(lease()))
    ci.merge("headroom/prod/web/a")
    assert "update was not in any reviewed plan" in ci.apply(code=1)
    assert "update was not in any reviewed plan" in ci.apply(code=1, HEADROOM_PLAN_STORE="")
    assert ci.running()["web"] == 2


@pytest.mark.slow
def test_a_release_that_leaves_an_expired_neighbour_passes(ci):
    old, older = lease(start=-60), lease("batch", start=-60)
    ci.team.commit(file_of(old) | file_of(older), "both expired")
    ci.team.git("push", "-q", "origin", "main")
    ci.propose("headroom/prod/web/a-release", {f"{ENV}/{old.path}": None})
    assert f"warn  {older.path}: expired" in ci.plan("headroom/prod/web/a-release")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "said", "planned"),
    [
        ({"README.md": "x"}, "README.md: lies outside", False),
        ({f"{ENV}/evil.tf": 'data "external" "x" { program = ["id"] }'}, "lies outside", False),
        ({f"{ENV}/headroom.yaml": CONFIG.replace("max: 10", "max: 99")}, "lies outside", False),
        (file_of(lease(floor=11)), "exceed the pool's max 10", False),
        (file_of(replace(lease(), id="mine")), "its id is no id of Headroom's", False),
        (file_of(lease(start=-60)), "a proposal cannot ask for it any more", False),
        ({f"{ENV}/leases/web/x.json": "{"}, "not JSON", False),
    ],
)
def test_what_may_not_be_is_said_before_anything_runs(ci, files, said, planned):
    ci.propose("headroom/prod/web/a", files)
    output = ci.plan("headroom/prod/web/a", code=1)
    assert said in output
    assert ("headroom: terraform plan" in output) is planned
    (comment,) = ci.comments
    assert "not to apply" in comment
    assert not (ci.folder / "plan store").exists()


@pytest.mark.slow
def test_ignore_changes_is_found_and_nothing_is_kept(ci):
    ignoring = MAIN.replace(
        "extra = var.extra }\n", "extra = var.extra }\n  lifecycle { ignore_changes = [input] }\n"
    )
    ci.team.commit({f"{ENV}/main.tf": ignoring}, "leave it alone")
    ci.team.git("push", "-q", "origin", "main")
    ci.propose("headroom/prod/web/a", file_of(lease()))
    said = ci.plan("headroom/prod/web/a", code=1)
    assert "the leases say 6, but the plan leaves terraform_data.web input.min_size at 2" in said
    assert not (ci.folder / "plan store").exists()


@pytest.mark.slow
def test_a_plan_that_fails_stops(ci):
    ci.team.commit({f"{ENV}/main.tf": MAIN + 'output "x" { value = var.missing }\n'}, "broken")
    ci.team.git("push", "-q", "origin", "main")
    ci.propose("headroom/prod/web/a", file_of(lease()))
    assert "failed" in ci.plan("headroom/prod/web/a", code=1)
    ci.merge("headroom/prod/web/a")
    ci.apply(code=1)
    assert ci.running()["web"] == 2


@pytest.mark.slow
def test_a_proposal_on_an_older_base_is_planned_as_it_would_be_merged(ci):
    ci.propose("headroom/prod/web/a", file_of(lease()))
    ci.team.commit(file_of(lease("batch", 4)), "the base moves on")
    ci.team.git("push", "-q", "origin", "main")
    said = ci.plan("headroom/prod/web/a")
    assert "merging origin/main, as the forge will" in said
    assert "2 lease files valid" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HEADROOM_ENV": "../x"}, "give a directory below the root"),
        ({"HEADROOM_ENV": "-x"}, "give a directory below the root"),
        ({"HEADROOM_ENV": "/etc"}, "give a directory below the root"),
        ({"HEADROOM_ENV": "nowhere"}, "no such directory"),
        ({"HEADROOM_ENV": ""}, "name the directory"),
        ({"HEADROOM_ENGINE": "sh -c id"}, "it can be terraform or tofu"),
        ({"HEADROOM_BASE": "--help"}, "names no commit"),
        ({"HEADROOM_BASE": "$(id)"}, "names no commit"),
    ],
)
def test_hostile_settings_are_refused(origin, tmp_path, settings, said):
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "headroom"
    code = "from controller.cli import main; main(prog_name='headroom')"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -c "{code}" "$@"\n')
    command.chmod(0o755)
    clone = origin.person("runner").directory
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", **settings}
    environment = {"HEADROOM_ENV": "environments/demo"} | environment
    done = subprocess.run(
        ["bash", str(STEPS / "plan.sh")], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert "uid=" not in done.stdout + done.stderr


@pytest.fixture
def settled(ci):
    """The pipelines, with an engine whose ``terraform_data`` says what it will give out, as a cloud's pools do.

    Terraform's own resource knows its ``output`` only after applying, and what is unknown is never explained.
    """
    engine = ci.folder / "bin" / find().name
    real, here = shlex.quote(str(find().path)), shlex.quote(sys.executable)
    code = (
        "import json, sys\n"
        "plan = json.load(sys.stdin)\n"
        "for change in (x['change'] for x in plan.get('resource_changes', ())):\n"
        "    if change['actions'] == ['update'] and change['after_unknown'].pop('output', None):\n"
        "        change['after']['output'] = change['after']['input']\n"
        "json.dump(plan, sys.stdout)\n"
    )
    engine.write_text(
        "#!/usr/bin/env bash\nset -o pipefail\n"
        f'if [ "$2" = show ]; then {real} "$@" | {here} -c {shlex.quote(code)}; else exec {real} "$@"; fi\n'
    )
    engine.chmod(0o755)
    return ci


def held(ci):
    """A lease that was proposed, planned, merged and applied."""
    made = lease()
    ci.propose("headroom/prod/web/a", file_of(made))
    ci.plan("headroom/prod/web/a")
    ci.merge("headroom/prod/web/a")
    ci.apply()
    return made


def expire(ci, code=0, **settings):
    """What the schedule does: look, and apply only if a lease has expired."""
    output = ci.folder / "github output"
    output.unlink(missing_ok=True)
    ci.step("expired.sh", "main", GITHUB_OUTPUT=str(output), **settings)
    if output.read_text() != "expired=true\n":
        assert output.read_text() == "expired=false\n"
        return "none"
    return ci.apply(code, HEADROOM_LOOK_BACK="0", **settings)


@pytest.mark.slow
def test_an_expired_lease_goes_from_the_schedule_and_nobody_is_asked(settled):
    ci, made = settled, held(settled)
    assert expire(ci) == "none"
    assert expire(ci, now=made.expires - HOUR) == "none"
    assert ci.running() == {"web": 6, "batch": 2}

    summary = ci.folder / "summary.md"
    said = expire(ci, now=made.expires, GITHUB_STEP_SUMMARY=str(summary))
    assert f"web: input.min_size 6 → 2, output.min_size 6 → 2, since {made.path} expired" in said
    assert "the plan changes nothing else" in said
    assert "May be applied" in summary.read_text()
    assert ci.running() == {"web": 2, "batch": 2}
    # Its file lies there until its release is merged: each hour plans, and changes nothing.
    assert "ok    the plan changes nothing" in expire(ci, now=made.expires + HOUR)


@pytest.mark.slow
def test_what_is_not_expiry_stops_the_schedule(settled):
    ci, made = settled, held(settled)
    ci.team.commit({f"{ENV}/main.tf": MAIN.replace('default = "a"', 'default = "b"')}, "something else")
    ci.team.git("push", "-q", "origin", "main")
    said = expire(ci, code=1, now=made.expires)
    assert "FAIL  terraform_data.web: update was not in any reviewed plan" in said
    assert "nothing was applied" in said
    assert ci.running() == {"web": 6, "batch": 2}
    # A lease that was merged without a plan is no expiry, either.
    ci.team.commit({f"{ENV}/main.tf": MAIN} | file_of(lease("batch", 5, start=60)), "unseen")
    ci.team.git("push", "-q", "origin", "main")
    assert "terraform_data.batch: update was not in any reviewed plan" in expire(ci, code=1, now=made.expires)
    assert ci.running() == {"web": 6, "batch": 2}


NASTY = "::error::x ##[set-env name=PATH]$(id)`id`\n::stop-commands::x\u202e\x1b[31m"


@pytest.mark.parametrize(
    ("files", "answer", "said"),
    [
        ({}, "false", ["no lease has expired in"]),
        ({"web/a.json": dump(lease())}, "false", ["no lease has expired in"]),
        ({"web/a.json": dump(lease(start=-60))}, "true", ["leases/web/a.json expired 2026-11-23T06:00:00Z"]),
        (
            {"web/a.json": dump(lease(start=-90))},
            "false",
            ["over 48 hours ago", "no lease has expired in the last 48"],
        ),
        ({"web/a.txt": dump(lease(start=-60)), "a.json": dump(lease(start=-60))}, "false", []),
        ({"web/a.json": "{"}, "false", ["leases/web/a.json cannot be read"]),
        (
            {"a/0.json": "[" * 200_000, "a/1.json": "9" * 5000, "a/2.json": b"\xff", "b/3.json": "x" * 1_048_577}
            | {"web/a.json": dump(lease(start=-60)), "zoo/b.json": "[1]", "zoo/c.json": '{"expires": 7}'},
            "true",
            [*(f"{x}.json cannot be read" for x in ("a/1", "a/2", "b/3", "zoo/b", "zoo/c")), "web/a.json expired"],
        ),
        ({"web/a.json": '{"expires": "2020-02-30T00:00:00Z"}'}, "false", ["cannot be read"]),
        ({"web/a.json": '{"expires": "2020-01-01T00:00:00+00:00"}'}, "false", ["cannot be read"]),
        (
            {f"web/{NASTY}.json": "{", "web/x.json": dump(lease(start=-60))},
            "true",
            ["cannot be read", "x.json expired"],
        ),
        ({f"web/{NASTY}.json": dump(lease(start=-60))}, "true", ["expired 2026-11-23T06:00:00Z"]),
        ({"web/a.json": json.dumps({"expires": NASTY})}, "false", ["cannot be read"]),
    ],
)
@pytest.mark.parametrize("form", ["", "annotations"])
def test_whether_a_lease_has_expired_is_read_by_python_alone(tmp_path, files, answer, said, form):
    done = look(tmp_path, files, HEADROOM_FORM=form)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{answer}\n"
    assert (tmp_path / "output").read_text() == f"expired={answer}\n"
    for text in said:
        assert text in done.stderr
    starts = ("headroom: ", "::warning::") if form else ("headroom: ",)
    assert all(x.startswith(starts) for x in done.stderr.splitlines())
    assert done.stderr.isascii()
    assert not any(x in done.stderr for x in ("##[", "\x1b", "uid=", "Traceback", "CALLED"))


def test_links_are_not_followed_when_leases_are_looked_through(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.json").write_text(dump(lease(start=-60)))
    leases = tmp_path / ENV / "leases"
    (leases / "web").mkdir(parents=True)
    (leases / "web" / "b.json").symlink_to(tmp_path / "elsewhere" / "a.json")
    (leases / "pool").symlink_to(tmp_path / "elsewhere")
    done = look(tmp_path, {})
    assert done.stdout == "false\n"
    assert done.stderr.count("cannot be read (a link") == 2
    subprocess.run(["rm", "-r", leases], check=True)
    leases.symlink_to(tmp_path / "elsewhere")
    done = look(tmp_path, {})
    assert (done.stdout, done.stderr.count("cannot be read")) == ("false\n", 1)


def look(tmp_path, files, **settings):
    """Run ``expired.sh`` where there is neither Headroom nor an engine, but a trap of a module."""
    root = tmp_path / ENV / "leases"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / ENV).mkdir(parents=True, exist_ok=True)
    (tmp_path / "json.py").write_text("raise SystemExit('CALLED')")
    (tmp_path / "bin").mkdir(exist_ok=True)
    for name in ("headroom", "terraform", "tofu", "git", "aws", "curl"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\necho CALLED >&2; exit 99\n")
        (tmp_path / "bin" / name).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HEADROOM_ENV": ENV,
        "HEADROOM_NOW": stamp(NOW),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    } | settings
    return subprocess.run(
        ["bash", str(STEPS / "expired.sh")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_run_hands_everything_over(ci):
    said = ci.step("run.sh", "main", HEADROOM_USAGE="prometheus usage.yaml; id")
    assert f"ran: run --env {ENV} --usage prometheus usage.yaml; id" in said
    assert "uid=" not in said
    assert "say where usage comes from" in ci.step("run.sh", "main", code=1, HEADROOM_USAGE="")


def test_what_a_run_has_learnt_waits_for_the_next_one(ci):
    memory = ci.folder / "memory of runs"
    said = ci.step("run.sh", "main", HEADROOM_USAGE="usage.csv", HEADROOM_MEMORY=f"{memory}/")
    assert said.count("made anew") == 3
    assert all(f"--{name} " in said for name in ("hierarchy", "record", "state"))
    # Exit code 4 says that something stays short; what was learnt is kept all the same.
    later = ci.step("run.sh", "main", 4, NOW + HOUR, HEADROOM_USAGE="x", HEADROOM_MEMORY=str(memory), RUN_ENDS="4")
    assert "made anew" not in later
    kept = {x.name: x.read_text().split() for x in (memory / ENV.replace("/", "_")).iterdir()}
    both = [stamp(NOW), stamp(NOW + HOUR)]
    assert kept == {"hierarchy.nc": both, "record.nc": both, "state.nc": both}


def test_a_memory_that_cannot_be_read_is_not_written_over(ci):
    aws = ci.folder / "bin" / "aws"
    aws.write_text("#!/bin/sh\necho 'An error occurred (503): Slow Down' >&2; exit 1\n")
    aws.chmod(0o755)
    bucket = {"HEADROOM_USAGE": "x", "HEADROOM_MEMORY": "s3://bucket/memory"}
    said = ci.step("run.sh", "main", code=1, **bucket)
    assert "Slow Down" in said
    assert "ran:" not in said
    aws.write_text("#!/bin/sh\necho 'An error occurred (404): Not Found' >&2; exit 1\n")
    said = ci.step("run.sh", "main", code=1, **bucket)
    assert "ran:" in said
    assert said.count("could not be kept in HEADROOM_MEMORY") == 3


def test_a_memory_that_is_nowhere_is_told_before_the_run(ci):
    said = ci.step("run.sh", "main", code=1, HEADROOM_USAGE="usage.csv", HEADROOM_MEMORY="memory")
    assert "HEADROOM_MEMORY is no s3:// or gs:// address and no absolute path" in said
    assert "ran:" not in said


def test_a_role_without_a_token_of_the_job_is_told(ci):
    assert "has no OIDC token" in ci.apply(code=1, HEADROOM_CLOUD_ROLE="arn:aws:iam::1:role/x")


def test_the_moment_counts_for_the_age_of_plans():
    code = 'set -e; . "$1"; seconds "$2"'
    for text in ("2026-11-24T12:00:00Z", "2026-11-24T13:00:00+01:00"):
        done = subprocess.run(
            ["bash", "-c", code, "x", str(STEPS / "setup.sh"), text],
            cwd=ROOT,
            env=os.environ | {"HEADROOM_ENV": "environments"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(done.stdout) == (NOW - NOW.replace(1970, 1, 1, 0)) // timedelta(seconds=1)


def test_installing_says_what_it_does_before_it_takes_its_time_and_keeps_the_address_to_itself(tmp_path):
    fakes = tmp_path / "bin"
    fakes.mkdir()
    pip = tmp_path / "pip"
    pip.write_text(
        '#!/bin/sh\necho "pip runs"\ntouch "$(dirname "$0")/headroom"\nchmod +x "$(dirname "$0")/headroom"\n'
    )
    pip.chmod(0o755)
    python = fakes / "python3"
    python.write_text(f'#!/bin/sh\nmkdir -p "$3/bin"\ncp {shlex.quote(str(pip))} "$3/bin/pip"\n')
    python.chmod(0o755)
    environment = {
        "PATH": f"{fakes}:{os.environ['PATH']}",
        "HEADROOM_HOME": str(tmp_path / "home"),
        "HEADROOM_PACKAGE": "git+https://me:hunter2@git.example.org/headroom@abc",
        "HEADROOM_ENGINE": "tofu",
    }
    command = ["bash", str(STEPS / "install.sh")]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [said[0].split(";")[0], said[1], said[2].rsplit(" ", 2)[0]] == [
        f"headroom: installing by pip into {tmp_path / 'home'}", "pip runs", "headroom: installed in",
    ]  # fmt: skip
    assert "takes some minutes" in said[0]
    assert "hunter2" not in "".join(said)
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert again.stdout == again.stderr == ""
