"""What ``headroom init`` writes, in real repositories, held against the schemas and linters of the forges."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from controller.cli import main
from controller.configtext import parse
from controller.errors import ConfigError
from controller.scaffold import Answers, checked_path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SEARCH = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
STEPS = ROOT / "templates" / "ci" / "steps"
FORGES = ("github", "gitlab", "gitea")
PIPELINES = {
    "github": ".github/workflows/headroom-prod.yml",
    "gitlab": ".gitlab/headroom/prod.yml",
    "gitea": ".gitea/workflows/headroom-prod.yml",
}


def init(root, *arguments, code=0, env="environments/prod"):
    done = CliRunner().invoke(main, ["init", "--env", str(root / env), *map(str, arguments)])
    assert done.exit_code == code, f"{done.exit_code}: {done.output}\n{done.exception!r}"
    return done.output


def tool(name, *arguments):
    """Run a linter that a registry package brought along; without it the test fails, and does not skip."""
    found = shutil.which(name, path=SEARCH)
    assert found, f"{name} is missing; it comes with the dev group"
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def snapshot(root):
    files = {x: x.read_bytes() for x in root.rglob("*") if x.is_file() and ".git/" not in str(x)}
    return {str(x.relative_to(root)): text for x, text in files.items()}


@pytest.fixture
def repository(tmp_path, home):
    root = tmp_path / "infra"
    (root / "environments/prod").mkdir(parents=True)
    (root / "environments/prod/main.tf").write_text("# theirs\n")
    subprocess.run(["git", "init", "-q", "-b", "main", root], check=True)
    return root


@pytest.fixture(params=FORGES)
def forge(request):
    return request.param


def test_it_adds_and_changes_nothing_and_a_second_run_writes_nothing(repository, forge):
    before = snapshot(repository)
    listed = init(repository, "--forge", forge, "--atlantis", "--dry-run")
    assert snapshot(repository) == before
    said = init(repository, "--forge", forge, "--atlantis")
    assert max(map(len, said.splitlines())) <= 80
    after = snapshot(repository)
    assert {x: after[x] for x in before} == before
    written = sorted(set(after) - set(before))
    assert [x.split()[1] for x in said.splitlines() if x.startswith("new ")] == written
    assert [x.split()[1] for x in listed.splitlines() if x.startswith("new ")] == written
    assert PIPELINES[forge] in written
    assert "Nothing was written" in init(repository, "--forge", forge, "--atlantis")
    assert snapshot(repository) == after
    assert (repository / f".{forge}/headroom/plan.sh").stat().st_mode & 0o111
    record = json.loads(init(repository, "--forge", forge, "-o", "json"))
    assert set(record["files"].values()) == {"same"}


def test_its_settings_pass_the_check(repository, forge):
    init(repository, "--forge", forge)
    done = CliRunner().invoke(main, ["check", "--env", str(repository / "environments/prod")])
    assert done.exit_code == 0, done.output
    assert "EXAMPLE" in (repository / "environments/prod/headroom.yaml").read_text()


def test_a_pool_of_ones_own(repository):
    options = ("--pool", "on", "--kind", "node", "--address", 'module.k8s["a"].aws_eks_node_group.on')
    said = init(repository, "--forge", "github", *options, "--base", 3, "--max", 9, "--base-branch", "trunk")
    text = (repository / "environments/prod/headroom.yaml").read_text()
    assert "EXAMPLE" not in text
    config = parse(text, "headroom.yaml")
    pool = config.pools["on"]  # YAML would read it as true
    assert (pool.kind, pool.base, pool.max, config.repository.base_branch) == ("node", 3, 9, "trunk")
    assert pool.plan.address == options[5]
    assert pool.plan.floor == "scaling_config[0].min_size"
    assert 'min_size = module.leases.floor["on"] + module.leases.warm["on"]' in said
    assert 'source    = "../../modules/headroom-leases"' in said
    workflow = yaml.safe_load((repository / PIPELINES["github"]).read_text())
    assert workflow[True]["push"]["branches"] == ["trunk"]


def test_a_second_run_advises_by_the_settings_that_are_there(repository):
    init(repository, "--forge", "github", "--pool", "app", "--base", 4, "--max", 20)
    said = init(repository, "--forge", "github")
    assert "pools     = { app = { base = 4, max = 20 } }" in said
    assert 'module.leases.floor["app"]' in said
    assert "is left as it is" in said
    assert "web" not in said
    said = init(repository, "--forge", "github", "--pool", "batch", "--kind", "node", "--base", 1, "--max", 5)
    assert "It has no pool batch yet: add it, with base 1 and max 5." in said
    assert "app = { base = 4, max = 20 }" in said
    (repository / "environments/prod/headroom.yaml").write_text("half: [")
    assert "web = { base = 2, max = 10 }" in init(repository, "--forge", "github")


def test_a_workflow_of_the_same_name_is_left_as_it_is(repository):
    theirs = repository / PIPELINES["github"]
    theirs.parent.mkdir(parents=True)
    theirs.write_text("name: theirs\n")
    said = init(repository, "--forge", "github")
    assert f"kept  {PIPELINES['github']}  (there already and different; left as it is)" in said
    assert theirs.read_text() == "name: theirs\n"


def test_links_are_not_written_through(repository, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (repository / ".github").symlink_to(tmp_path / "elsewhere")
    assert "is a link" in init(repository, "--forge", "github", code=1)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (repository / "modules").exists()


@pytest.mark.parametrize(
    ("options", "env"),
    [
        ((), "environments/Prod"),
        ((), "environments/prod;id"),
        ((), "environments/$(id)"),
        ((), "environments/[[ 1 ]]"),
        ((), "environments/-x"),
        ((), "a/.git/prod"),
        ((), "environments/" + "x" * 41),
        (("--pool", "Web"), "environments/prod"),
        (("--pool", "a: b"), "environments/prod"),
        (("--address", "x\n  y: 1"), "environments/prod"),
        (("--base-branch", "a b"), "environments/prod"),
        (("--base-branch", "x' || true || '"), "environments/prod"),
        (("--base-branch", "../x"), "environments/prod"),
        (("--region", "x' }}"), "environments/prod"),
        (("--package", "x' }} ${{ secrets.A"), "environments/prod"),
        (("--package", "-e ."), "environments/prod"),
        (("--modules", "../out"), "environments/prod"),
        (("--modules", "/out"), "environments/prod"),
        (("--base", "9", "--max", "3"), "environments/prod"),
    ],
)
def test_hostile_names_are_refused_and_nothing_is_written(repository, options, env):
    before = snapshot(repository)
    assert "error: " in init(repository, "--forge", "github", *options, code=1, env=env)
    assert snapshot(repository) == before


def test_outside_of_a_repository(tmp_path):
    assert "in no git repository" in init(tmp_path, "--forge", "github", code=1)


def test_the_root_is_no_environment(repository):
    assert "below the root" in init(repository, "--forge", "github", code=1, env=".")


def test_paths():
    assert checked_path("environments/prod-1") == "environments/prod-1"
    for path in ("", ".", "a/../b", "/a", "a/", "a//b", ".git/x", "a/.GIT", "a b"):
        with pytest.raises(ConfigError):
            checked_path(path)
    assert Answers("a", "github").modules == "modules/headroom-leases"


def test_pipelines_keep_to_their_schemas(repository, forge):
    init(repository, "--forge", forge)
    kind = "vendor.gitlab-ci" if forge == "gitlab" else "vendor.github-workflows"
    tool("check-jsonschema", "--builtin-schema", kind, repository / PIPELINES[forge])


@pytest.mark.parametrize("forge", ["github", "gitea"])
@pytest.mark.parametrize("cloud", ["aws", "none"])
def test_workflows_pass_actionlint(repository, forge, cloud):
    if shutil.which("actionlint", path=SEARCH) is None:
        pytest.skip("no package of actionlint could be installed here")
    init(repository, "--forge", forge, "--cloud", cloud)
    labels = repository / "actionlint.yaml"
    labels.write_text("self-hosted-runner: {labels: [headroom-plan, headroom-apply]}\n")
    tool("actionlint", "-config-file", labels, repository / PIPELINES[forge])


def test_the_steps_pass_shellcheck():
    tool("shellcheck", "-x", "-P", STEPS, *sorted(STEPS.glob("*.sh")))
    for script in STEPS.glob("*.sh"):
        text = script.read_text()
        assert "set -euo pipefail" in text or "setup.sh" in text
        assert not re.search(r"^\s*eval\b", text, flags=re.MULTILINE)


@pytest.mark.parametrize("forge", ["github", "gitea"])
def test_workflows_are_pinned_and_give_little(repository, forge):
    init(repository, "--forge", forge)
    text = (repository / PIPELINES[forge]).read_text()
    used = re.findall(r"uses: (\S+) *(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r"# v\d+\.\d+\.\d+", comment)
    workflow = yaml.safe_load(text)
    assert "pull_request_target" not in text
    assert "artifact" not in text.replace("no artifacts", "")
    for job in workflow["jobs"].values():
        assert job["concurrency"]["group"].startswith("headroom-prod-")
        assert job.get("permissions", {}).get("contents", "read") == "read"
        for step in job["steps"]:
            # Names from outside reach a script by its environment only.
            assert "${{" not in step.get("run", "")
            assert step.get("with", {"persist-credentials": False})["persist-credentials"] is False
    assert workflow["jobs"]["apply"]["concurrency"]["cancel-in-progress"] is False
    assert "head.repo.full_name == github.repository" in workflow["jobs"]["plan"]["if"]
    if forge == "github":
        assert workflow["permissions"] == {}
        assert workflow["jobs"]["apply"]["permissions"] == {"contents": "read", "id-token": "write"}
        assert "secrets." not in json.dumps([workflow["jobs"][x] for x in ("plan", "apply", "expired", "expire")])


@pytest.mark.parametrize("forge", ["github", "gitea"])
def test_what_has_expired_is_applied_from_the_schedule_and_by_no_leave_of_headroom(repository, forge):
    init(repository, "--forge", forge)
    jobs = yaml.safe_load((repository / PIPELINES[forge]).read_text())["jobs"]
    look, expire, apply, run = (jobs[x] for x in ("expired", "expire", "apply", "run"))
    assert "schedule" in look["if"]
    assert "needs" not in look
    assert "needs" not in run
    assert expire["needs"] == "expired"
    assert expire["if"] == "needs.expired.outputs.expired == 'true'"
    # The look is cheap and knows no secret, no role and no environment that people guard.
    assert [x.get("run") for x in look["steps"][1:]] == [f".{forge}/headroom/expired.sh"]
    assert look["outputs"] == {"expired": "${{ steps.look.outputs.expired }}"}
    assert "environment" not in look
    assert not re.search(r"secrets\.|vars\.|github\.token", json.dumps(look))
    # The apply is the one of a merge, with the same role; it never takes the turn of one.
    assert expire["concurrency"]["group"] not in (apply["concurrency"]["group"], run["concurrency"]["group"])
    for key in ("environment", "permissions", "runs-on"):
        assert expire.get(key) == apply.get(key), key
    assert expire["steps"][:2] == apply["steps"][:2]
    (mine, theirs) = (dict(x["steps"][-1]["env"]) for x in (expire, apply))
    assert expire["steps"][-1]["run"] == apply["steps"][-1]["run"]
    assert mine.pop("HEADROOM_LOOK_BACK") == "0"
    assert theirs.pop("HEADROOM_ACCEPT")
    assert mine == theirs
    if forge == "github":
        assert look["permissions"] == {"contents": "read"}
        assert expire["environment"] == "headroom-prod"


def test_what_has_expired_is_applied_from_the_schedule_on_gitlab(repository):
    init(repository, "--forge", "gitlab")
    jobs = yaml.safe_load((repository / PIPELINES["gitlab"]).read_text())
    expire, apply, run = (jobs[f"headroom-prod-{x}"] for x in ("expire", "apply", "run"))
    assert expire["rules"] == run["rules"]
    assert expire["needs"] == []
    for key in ("environment", "resource_group", "interruptible"):
        assert expire[key] == apply[key], key
    # Nothing is installed before it is known that something has expired, and a look that fails fails the job.
    assert expire["before_script"] == []
    look = expire["script"].index('expired="$(.gitlab/headroom/expired.sh)"')
    assert expire["script"][look + 1] == 'if [ "$expired" != true ]; then exit 0; fi'
    assert expire["script"].index(".gitlab/headroom/install.sh") > look
    assert expire["script"][-1] == apply["script"][-1] == ".gitlab/headroom/apply.sh"
    assert expire["variables"] == {"HEADROOM_LOOK_BACK": "0"}


def test_gitlab_jobs_wait_for_one_another(repository):
    init(repository, "--forge", "gitlab")
    jobs = yaml.safe_load((repository / PIPELINES["gitlab"]).read_text())
    for name in ("apply", "run"):
        assert jobs[f"headroom-prod-{name}"]["resource_group"] == f"headroom-prod-{name}"
        assert jobs[f"headroom-prod-{name}"]["interruptible"] is False
    (rule,) = jobs["headroom-prod-plan"]["rules"]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID" in rule["if"]
    assert all("artifacts" not in x for x in jobs.values())


def test_atlantis_asks_the_gate_twice(repository):
    init(repository, "--forge", "github", "--atlantis")
    document = yaml.safe_load((repository / "atlantis.yaml").read_text())
    steps = document["workflows"]["headroom"]
    assert steps["apply"]["steps"][0]["run"].startswith("headroom check --env . ")
    assert steps["apply"]["steps"][1] == "apply"
    assert document["projects"][0]["apply_requirements"] == ["approved", "mergeable", "undiverged"]
