"""What a change did since it left its base: paths that it touched, and what the base says.

Place in the line: in CI, where the user's checkout is a pull request's head; the gate asks. Everything is read
from git's objects, so no link is followed, no filter is run, and the work tree has no say in what the base is.

    found = compared(Path("environments/prod"), "origin/main")
    found.added, found.settings
"""

from dataclasses import dataclass
from pathlib import Path

from controller.edge.checkout import names, objects
from controller.edge.checkout.command import Repository
from controller.errors import GitError

_ADVICE = (
    "Fetch the base branch with its history: in GitHub Actions by fetch-depth: 0, in GitLab CI by GIT_DEPTH: 0."
)


@dataclass(frozen=True, slots=True)
class Compared:
    """Paths from the root that differ between the merge base and HEAD, and the settings at the tip of the base.

    ``where`` is the environment's directory from the root, ``odd`` are links, submodules and changed modes,
    which no lease file is.
    """

    where: str
    added: frozenset[str]
    changed: frozenset[str]
    removed: frozenset[str]
    odd: frozenset[str]
    settings: str | None


def compared(directory: Path, base: str, settings: str = "headroom.yaml") -> Compared:
    """Compare HEAD with the merge base of ``base`` and HEAD; nothing is written.

    Raises
    ------
    GitError
        If the directory lies in no repository, or its leases are not as HEAD has them, or the base is not there,
        or shares no history with HEAD.
    """
    repository = Repository(directory, bare=False)
    where = _where(directory, repository)
    changed_here = repository.run(
        "status",
        "--porcelain",
        "-z",
        "--untracked-files=all",
        "--",
        "leases",
        variables={"GIT_OPTIONAL_LOCKS": "0"},  # looking must not write the user's index
        advice=_ADVICE,
    )
    if changed_here:
        raise GitError(f"{where}/leases: is not as HEAD has it; commit first, since --base compares commits")
    wanted = f"{names.revision(base)}^{{commit}}"
    tip = names.commit(repository.line("rev-parse", "--verify", "--quiet", wanted, advice=_ADVICE))
    start = repository.line("merge-base", tip, "HEAD", advice=_ADVICE)
    listing = repository.run(
        "diff-tree",
        "-r",
        "-z",
        "--raw",
        "--no-renames",
        "--full-index",
        names.commit(start),
        "HEAD",
        advice=_ADVICE,
    ).split(b"\0")[:-1]
    kinds: dict[str, set[str]] = {"A": set(), "M": set(), "D": set(), "odd": set()}
    for about, raw in zip(listing[::2], listing[1::2], strict=True):
        before, after, *_, status = about.decode().lstrip(":").split()
        path = raw.decode("utf-8", "backslashreplace")
        plain = status in kinds and {before, after} <= {"000000", "100644"}
        kinds[status if plain else "odd"].add(path)
    path = f"{where}/{settings}"
    text = objects.read_files(repository, tip, path).get(path)
    added, changed, removed, odd = (frozenset(kinds[x]) for x in ("A", "M", "D", "odd"))
    return Compared(where, added, changed, removed, odd, text)


def _where(directory: Path, repository: Repository) -> str:
    advice = f"{directory}: must lie in a clone of your repository, since --base compares two commits of it."
    root = Path(repository.line("rev-parse", "--show-toplevel", advice=advice)).resolve()
    path = directory.resolve().relative_to(root).as_posix()
    if path == ".":
        raise GitError(f"{directory}: is the root of its repository; an environment is a directory below it")
    return names.path(path)
