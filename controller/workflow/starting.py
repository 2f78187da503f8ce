"""``init``: answers → new files in somebody's repository.

Place in the line: the straight-line shell under ``headroom init``; everything after it reads what it wrote.

    begun = start(Path("environments/prod"), {"forge": "github"}, dry_run=True)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.edge.files import texts_below
from controller.edge.planting import State, plant, root_of
from controller.errors import GuardError
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
    return Begun(root, tuple(plant(root, wanted, dry_run)), next_steps(given, sources))
