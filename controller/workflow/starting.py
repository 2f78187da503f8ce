"""``init``: answers → new files in somebody's repository.

Place in the line: the straight-line shell under ``headroom init``; everything after it reads what it wrote.

    begun = start(Path("environments/prod"), {"forge": "github"}, dry_run=True)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.config import Config
from controller.configtext import parse
from controller.edge.files import CONFIG, environment_texts, texts_below
from controller.edge.planting import State, plant, root_of
from controller.errors import ConfigError, GuardError, LeaseError
from controller.scaffold import Answers, Sources, next_steps, scaffold


@dataclass(frozen=True, slots=True)
class Begun:
    """What became of each file, by its path from the root, and what to do next."""

    root: Path
    files: tuple[tuple[str, State], ...]
    advice: str


def start(directory: Path, answers: dict[str, Any], dry_run: bool) -> Begun:
    """Write what is missing; ``answers`` are those of :class:`Answers` but the path."""
    root = root_of(directory)
    path = directory.absolute().relative_to(root) if directory.absolute().is_relative_to(root) else None
    if path is None or path == Path():
        raise GuardError(f"{directory}: give a directory below the root of the repository, without ..")
    given = Answers(path=path.as_posix(), **answers)
    sources = Sources(
        pipelines=texts_below("ci", ".j2"),
        steps=texts_below("ci/steps", ".sh"),
        environment=texts_below("environment", ".j2"),
        module=texts_below("terraform/modules/leases", ".tf"),
    )
    wanted = {path: (file.text, file.executable) for path, file in scaffold(given, sources).items()}
    files = tuple(plant(root, wanted, dry_run))
    kept = _kept(directory) if dict(files)[f"{given.path}/{CONFIG}"] == "kept" else None
    return Begun(root, files, next_steps(given, sources, kept))


def _kept(directory: Path) -> Config | None:
    """Settings that were there before; None where they cannot be read, which ``headroom check`` will tell."""
    try:
        return parse(environment_texts(directory)[CONFIG], CONFIG)
    except (ConfigError, LeaseError):
        return None
