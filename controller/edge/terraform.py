"""Terraform or OpenTofu: find it, init, validate, plan, show, apply, output.

Place in the line: from a checkout to planned and applied capacity, in CI. The only home of python_terraform,
of which only ``cmd`` is used: its methods for the single commands pass flags that Terraform no longer knows.

    root = Root(find(), Path("environments/demo"))
    init(root, backend={"path": "/var/lib/ci/demo.tfstate"})
    if plan(root, Path("change.tfplan")):
        apply(root, Path("change.tfplan"))
"""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from python_terraform import IsFlagged, Terraform

from controller.errors import EngineError

# check blocks and plantimestamp came with 1.5, "terraform test" with 1.6; OpenTofu begins at 1.6.
LEAST_VERSION = (1, 6, 0)
HOW_TO_GET = (
    "get Terraform 1.11 (releases.hashicorp.com/terraform; brew install hashicorp/tap/terraform; HashiCorp's "
    "apt and yum repositories) or OpenTofu 1.8 or later (opentofu.org/docs/intro/install; brew install "
    "opentofu) and put it on the PATH"
)
_LEASH = Path(__file__).with_name("leash.py")
_LINES_SHOWN = 30
_ENVIRONMENT = Lock()

# It logs whole commands at debug level, and with them the values of variables.
logging.getLogger("python_terraform").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Binary:
    """The program: ``name`` is ``terraform`` or ``tofu``."""

    name: str
    path: Path
    version: tuple[int, int, int]

    @property
    def registry(self) -> str:
        """Host from which this program takes a provider whose source names none."""
        return "registry.opentofu.org" if self.name == "tofu" else "registry.terraform.io"


@dataclass(frozen=True, slots=True)
class Root:
    """A root module to work in.

    ``environment`` changes the environment of this process for the commands, None takes a variable away;
    credentials and input variables (``TF_VAR_…``) belong there, for an argument can be read by every user
    of the machine. ``limit_seconds`` is what one command may take.
    """

    binary: Binary
    directory: Path
    environment: Mapping[str, str | None] = field(default_factory=dict)
    limit_seconds: float = 1800


def find() -> Binary:
    """Find terraform, else tofu, on the PATH.

    Raises
    ------
    EngineError
        If neither is there, or it is older than the modules need. The message says what to get, and where.
    """
    for name in ("terraform", "tofu"):
        where = shutil.which(name)
        if where is None:
            continue
        binary = Binary(name, Path(where).absolute(), (0, 0, 0))
        _, out = _run(Root(binary, Path.cwd(), limit_seconds=60), "version", json=IsFlagged)
        version = _version(out)
        if version < LEAST_VERSION:
            raise EngineError(f"{where} is version {_dotted(version)}, too old: {HOW_TO_GET}")
        return Binary(name, binary.path, version)
    raise EngineError(f"neither terraform nor tofu is on the PATH: {HOW_TO_GET}")


def init(root: Root, backend: Mapping[str, str] | None = None) -> None:
    """Install providers and modules; ``backend`` completes the configuration of the backend."""
    settings = [f"{key}={value}" for key, value in sorted((backend or {}).items())]
    _run(root, "init", input=False, no_color=IsFlagged, backend_config=settings)


def validate(root: Root) -> None:
    """Check the configuration without looking at anything that runs; needs ``init``."""
    _run(root, "validate", no_color=IsFlagged)


def plan(root: Root, out: Path, variables: Mapping[str, str] | None = None) -> bool:
    """Write a plan file and say whether it changes anything.

    ``variables`` become arguments, so they are no place for secrets (see :class:`Root`).
    """
    code, _ = _run(
        root,
        "plan",
        accepted=(0, 2),
        input=False,
        no_color=IsFlagged,
        detailed_exitcode=IsFlagged,
        lock_timeout="60s",
        out=str(out.absolute()),
        var=[f"{key}={value}" for key, value in sorted((variables or {}).items())],
    )
    return code == 2


def show(root: Root, planfile: Path) -> dict[str, Any]:
    """Read a plan file as JSON, for ``controller.planfile``. It may hold secrets in plain text."""
    _, out = _run(root, "show", str(planfile.absolute()), json=IsFlagged, no_color=IsFlagged)
    return _object(out, "show")


def apply(root: Root, planfile: Path) -> None:
    """Apply exactly what the plan file says; Terraform refuses if the state has moved on since."""
    _run(root, "apply", str(planfile.absolute()), input=False, no_color=IsFlagged, lock_timeout="60s")


def output(root: Root) -> dict[str, Any]:
    """Read the outputs: ``{name: value}``."""
    _, out = _run(root, "output", json=IsFlagged, no_color=IsFlagged)
    return {name: item["value"] for name, item in _object(out, "output").items()}


class _Leashed(Terraform):  # type: ignore[misc] # the package has no types
    """python_terraform's runner with a time limit, which it lacks, and an end with its caller; see ``leash``.

    ``cmd(synchronous=False)`` returns the process at once and leaves it to us, but also passes the word on
    to Terraform as a flag, which it refuses, so it is taken out here.
    """

    def __init__(self, root: Root) -> None:
        super().__init__(working_dir=str(root.directory), terraform_bin_path=str(root.binary.path))
        self.limit_seconds = root.limit_seconds

    def read_state_file(self, file_path: str | None = None) -> None:
        """Leave the state alone: it may hold secrets, and nothing here asks for it."""

    def generate_cmd_string(self, command: str, *arguments: str, **flags: object) -> list[str]:
        flags.pop("synchronous")
        leash = [sys.executable, "-I", str(_LEASH), str(os.getpid()), str(self.limit_seconds)]
        return [*leash, *super().generate_cmd_string(command, *arguments, **flags)]


def _run(
    root: Root, command: str, *arguments: str, accepted: tuple[int, ...] = (0,), **flags: object
) -> tuple[int, str]:
    """Run one command to its end; give its exit code, one of ``accepted``, and its standard output."""
    if not root.directory.is_dir():
        raise EngineError(f"{root.directory}: no such folder to run {root.binary.name} in")
    with _environment(root.environment):
        process, _, _ = _Leashed(root).cmd(command, *arguments, synchronous=False, **flags)
    try:
        out, err = (stream.decode(errors="replace") for stream in process.communicate())
    finally:
        _end(process)
    if process.returncode not in accepted:
        how = (
            f"took longer than {root.limit_seconds:g} s and was stopped"
            if process.returncode == 124
            else f"failed (exit code {process.returncode})"
        )
        said = (err.strip() or out.strip()).splitlines()[-_LINES_SHOWN:]
        raise EngineError("\n".join([f"{root.binary.name} {command} in {root.directory} {how}:", *said]))
    return process.returncode, out


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask the leash to end Terraform in order, and wait until it has; nothing to do after a normal end."""
    if process.poll() is None:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.terminate()
        process.wait()


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Set the environment for the moment of starting a process: ``cmd`` copies it and takes no other."""
    own = {name for name in os.environ if name.startswith("TF_CLI_ARGS")}  # flags of ours only
    wanted = {
        **dict.fromkeys(own),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",  # no call home for news of versions
        **changes,
    }
    with _ENVIRONMENT:
        before = {name: os.environ.get(name) for name in wanted}
        _set(wanted)
        try:
            yield
        finally:
            _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _version(out: str) -> tuple[int, int, int]:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", str(_object(out, "version").get("terraform_version")))
    if found is None:
        raise EngineError(f"the version cannot be read from {out!r}: {HOW_TO_GET}")
    major, minor, patch = (int(part) for part in found.groups())
    return major, minor, patch


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(str(part) for part in version)


def _object(out: str, command: str) -> dict[str, Any]:
    try:
        value = json.loads(out)
    except ValueError as error:
        raise EngineError(f"{command} -json printed no JSON: {out[:200]!r}") from error
    if not isinstance(value, dict):
        raise EngineError(f"{command} -json printed no object: {out[:200]!r}")
    return value
