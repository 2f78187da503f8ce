"""The CI side: the very steps that ``headroom init`` puts into a repository, run on fresh clones.

Place in the line: between the main branch and the cloud. It keeps Terraform's state and reviewed plans.

    ci = pipeline(folder, endpoint)
    planned = plan(ci, checkout, now, say=print, base="origin/main")
    merged(ci, later_checkout, now, say=print)
"""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controller.edge import terraform
from controller.edge.files import templates
from controller.edge.mirror import cli_config, mirror
from controller.errors import EngineError
from controller.gate import digest
from controller.lease import stamp
from controller.planfile import PlanJson, load
from demo.cloud import CREDENTIALS

Say = Callable[[str], None]
_LEASH = Path(terraform.__file__).with_name("leash.py")
_LIMIT_SECONDS = 1800
_LINES_SHOWN = 40
_SAYS = "headroom: "


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the CI side has at hand: ``folder`` keeps the state, ``endpoint`` stands in for AWS."""

    binary: terraform.Binary
    folder: Path
    endpoint: str
    environment: str = "demo"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that was made of a checkout, what it says, and whether the gate lets it pass."""

    ci: Pipeline
    checkout: Path
    now: datetime
    json: PlanJson
    passed: bool

    @property
    def changed(self) -> bool:
        """Whether applying it would change anything."""
        outputs = self.json.get("output_changes") or {}
        changes = [*(self.json.get("resource_changes") or ()), *({"change": x} for x in outputs.values())]
        return any(x["change"]["actions"] not in (["no-op"], ["read"]) for x in changes)


def pipeline(folder: Path, endpoint: str, environment: str = "demo") -> Pipeline:
    """Find Terraform and say where it gets its providers.

    Raises
    ------
    EngineError
        If there is no Terraform, or HEADROOM_PROVIDER_MIRROR names no mirror.
    """
    binary = terraform.find()
    found = mirror(binary.registry)
    cache = None
    if found is None:  # a download of some hundred megabytes, once
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headroom" / "providers"
        cache.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    _cli_config(folder).write_text(cli_config(found, binary.registry, cache))
    # What `pip install` would have put on the path of a pipeline.
    command = folder / "bin" / "headroom"
    command.parent.mkdir(exist_ok=True)
    code = "from controller.cli import main; main(prog_name='headroom')"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -c "{code}" "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return Pipeline(binary, folder.absolute(), endpoint, environment)


def plan(ci: Pipeline, checkout: Path, now: datetime, say: Say, base: str | None = None) -> Planned:
    """Plan a fresh clone against the cloud as it is; ``now`` is the moment at which leases are judged.

    With ``base``, the branch that it is to be merged into, it is a proposal: its plan is kept for the merge.
    """
    with TemporaryDirectory(prefix="plan-", dir=ci.folder) as out:
        settings = {"HEADROOM_BASE": base} if base else {}
        code, said = _step(ci, "plan.sh", checkout, now, Path(out), say, settings)
        made = Path(out) / "plan.json"
        if not made.is_file():
            raise _failed("plan.sh", code, said)
        return Planned(ci, checkout, now, load(made.read_text(encoding="utf-8")), code == 0)


def apply(planned: Planned, say: Say) -> dict[str, Any]:
    """Apply a plan that somebody has looked at and accepted, and give the outputs."""
    with TemporaryDirectory(prefix="apply-", dir=planned.ci.folder) as out:
        accepted = {"HEADROOM_ACCEPT": digest(planned.json), "HEADROOM_PLAN_STORE": ""}
        code, said = _step(planned.ci, "apply.sh", planned.checkout, planned.now, Path(out), say, accepted)
    if code:
        raise _failed("apply.sh", code, said)
    ci = planned.ci
    changes = {**dict.fromkeys(_foreign()), **_own(ci)}
    return terraform.output(terraform.Root(ci.binary, planned.checkout / "environments" / ci.environment, changes))


def merged(ci: Pipeline, checkout: Path, now: datetime, say: Say) -> PlanJson:
    """Do what a push to the base branch does: apply what was reviewed; give the plan that was applied."""
    with TemporaryDirectory(prefix="apply-", dir=ci.folder) as out:
        code, said = _step(ci, "apply.sh", checkout, now, Path(out), say, {})
        if code:
            raise _failed("apply.sh", code, said)
        return load((Path(out) / "plan.json").read_text(encoding="utf-8"))


def _step(
    ci: Pipeline, name: str, checkout: Path, now: datetime, out: Path, say: Say, settings: Mapping[str, str]
) -> tuple[int, str]:
    """Run one step of templates/ci in a checkout; give its exit code and all that it said."""
    script = templates() / "ci" / "steps" / name
    environment = {k: v for k, v in os.environ.items() if k not in _foreign()} | _own(ci)
    environment |= {
        "PATH": f"{ci.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": os.pathsep.join(x for x in sys.path if x),
        "HEADROOM_ENV": f"environments/{ci.environment}",
        "HEADROOM_ENGINE": ci.binary.name,
        "HEADROOM_NOW": stamp(now),
        "HEADROOM_OUT": str(out),
        "HEADROOM_PLAN_STORE": str(ci.folder / "reviewed"),
        "TF_VAR_endpoint": ci.endpoint,
        "TF_VAR_now": stamp(now),
        "TF_CLI_ARGS_init": shlex.quote(f"-backend-config=path={ci.folder / ci.environment}.tfstate"),
        **settings,
    }
    # On a leash, so that nothing is left running however the demo ends.
    leash = [sys.executable, "-I", str(_LEASH), str(os.getpid()), str(_LIMIT_SECONDS)]
    process = subprocess.Popen(  # noqa: S603 - our own step, no shell takes part in the arguments
        [*leash, "bash", str(script)],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    lines = []
    try:
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith(_SAYS):
                say(line.removeprefix(_SAYS).strip())
        return process.wait(), "".join(lines)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()
        if process.stdout:
            process.stdout.close()


def _failed(name: str, code: int, said: str) -> EngineError:
    return EngineError("\n".join([f"CI's {name} failed (exit code {code}):", *said.splitlines()[-_LINES_SHOWN:]]))


def _cli_config(folder: Path) -> Path:
    return folder / "terraform.tfrc"


def _foreign() -> list[str]:
    """What the user's shell says of AWS, Terraform, git and pipelines: nothing but the stand-in is to be met."""
    start = ("AWS_", "TF_", "HEADROOM_", "GITHUB_", "ACTIONS_", "GIT_")
    kept = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
    return [name for name in os.environ if name.startswith(start) and name not in kept]


def _own(ci: Pipeline) -> dict[str, str]:
    return {
        **CREDENTIALS,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TF_CLI_CONFIG_FILE": str(_cli_config(ci.folder)),
        "TF_IN_AUTOMATION": "1",
        # Loading the provider is mostly garbage collection: this takes a fifth off every command.
        "GOGC": "300",
    }
