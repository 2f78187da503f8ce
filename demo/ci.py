"""The CI side: what a pipeline does with a fresh clone, on a pull request (plan) and a merge (plan, apply).

Place in the line: between the main branch and the cloud. It keeps nothing but Terraform's state.

    ci = pipeline(folder, endpoint)
    planned = plan(ci, checkout, now, say=print)
    if planned.changed:
        apply(planned, say=print)
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from controller.edge import terraform
from controller.edge.mirror import cli_config, mirror
from controller.lease import stamp
from controller.planfile import PlanJson
from demo.cloud import CREDENTIALS

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the CI side has at hand: ``folder`` keeps the state, ``endpoint`` stands in for AWS."""

    binary: terraform.Binary
    folder: Path
    endpoint: str
    environment: str = "demo"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that was made: the file to apply, whether it changes anything, and what it says."""

    root: terraform.Root
    file: Path
    changed: bool
    json: PlanJson


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
    return Pipeline(binary, folder.absolute(), endpoint, environment)


def plan(ci: Pipeline, checkout: Path, now: datetime, say: Say) -> Planned:
    """Plan a fresh clone against the cloud as it is; ``now`` is the moment at which leases are judged."""
    root = terraform.Root(
        ci.binary, checkout / "environments" / ci.environment, _environment(ci), limit_seconds=900
    )
    say(f"{ci.binary.name} init")
    terraform.init(root, backend={"path": str(ci.folder / f"{ci.environment}.tfstate")})
    file = root.directory / ".terraform" / "change.tfplan"  # in the clone, so that no later plan replaces it
    say(f"{ci.binary.name} plan")
    changed = terraform.plan(root, file, {"endpoint": ci.endpoint, "now": stamp(now)})
    say(f"{ci.binary.name} show")
    return Planned(root, file, changed, terraform.show(root, file))


def apply(planned: Planned, say: Say) -> dict[str, Any]:
    """Apply exactly what was planned and give the outputs."""
    say(f"{planned.root.binary.name} apply")
    terraform.apply(planned.root, planned.file)
    return terraform.output(planned.root)


def _cli_config(folder: Path) -> Path:
    return folder / "terraform.tfrc"


def _environment(ci: Pipeline) -> dict[str, str | None]:
    """Shut out what the user's shell says of AWS and Terraform, so that nothing but the stand-in is met."""
    foreign = [name for name in os.environ if name.startswith(("AWS_", "TF_"))]
    return {
        **dict.fromkeys(foreign),
        **CREDENTIALS,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TF_CLI_CONFIG_FILE": str(_cli_config(ci.folder)),
        "TF_IN_AUTOMATION": "1",
        # Loading the provider is mostly garbage collection: this takes a fifth off every command.
        "GOGC": "300",
    }
