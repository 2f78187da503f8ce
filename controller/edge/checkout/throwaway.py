"""A throw-away clone: fetched into a temporary directory, written to, pushed from, deleted.

Place in the line: the last step before the pull request, and the first, since the ledger is read from it. The
user's own checkout is only looked at, by :func:`locate`. ``workflow`` opens one clone per command; see the
package for an example.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.edge.checkout import names
from controller.edge.checkout.command import LIMIT_SECONDS, Repository
from controller.edge.checkout.objects import Author
from controller.edge.checkout.record import Checkout
from controller.errors import GitError


@dataclass(frozen=True, slots=True)
class Location:
    """Where an environment lies: its repository's root, the URL of ``origin``, the path below the root."""

    root: Path
    url: str
    path: str


def locate(directory: Path) -> Location:
    """Find the repository that an environment's directory belongs to; nothing is written.

    Raises
    ------
    GitError
        If it is no directory, is reached by a link, or lies in no git repository with an ``origin``.
    """
    if not directory.is_dir():
        raise GitError(f"{directory}: is no directory; name an environment's directory with --env")
    repository = Repository(directory, bare=False)
    no_repository = f"{directory}: must lie in a git repository; clone yours, or run `git init`"
    root = Path(repository.line("rev-parse", "--show-toplevel", advice=no_repository)).resolve()
    given = directory.absolute()
    for place in (given, *given.parents):
        # A link above the repository (a linked home, say) is the user's own affair.
        if place.is_symlink() and (place == given or place.parent.resolve().is_relative_to(root)):
            raise GitError(f"{place}: is a link; name the directory that it leads to")
    path = directory.resolve().relative_to(root).as_posix()
    if path == ".":
        raise GitError(f"{directory}: is the root of its repository; an environment is a directory below it")
    no_origin = f"{root}: needs a remote to propose to; `git remote add origin URL`"
    url = repository.line("config", "--get", "remote.origin.url", advice=no_origin)
    return Location(root, str((root / url).resolve()) if names.is_relative_path(url) else url, path)


@contextmanager
def clone(
    url: str,
    base_branch: str,
    author_name: str,
    author_email: str,
    limit_seconds: float = LIMIT_SECONDS,
    secrets: Mapping[str, str] | None = None,
) -> Iterator[Checkout]:
    """Clone ``base_branch`` and Headroom's own branches; the clone goes when the block ends, however it ends.

    ``limit_seconds`` bounds each run of git. ``secrets`` are variables with which git proves who it is, as a
    forge gives them; they are in the environment of git alone.

    Raises
    ------
    GitError
        If the URL or the branch is refused, or the remote cannot be reached, or has no such branch.
    """
    names.url(url)
    names.base_branch(base_branch)
    with tempfile.TemporaryDirectory(prefix="headroom-") as directory:
        repository = Repository(Path(directory), limit_seconds=limit_seconds, secrets=secrets or {})
        # An empty template: no hooks, no info/attributes, no configuration of the user's making.
        repository.run(
            "init",
            "--quiet",
            "--bare",
            "--template=",
            "--object-format=sha1",
            advice="Headroom needs git 2.29 or newer.",
        )
        checkout = Checkout(repository, url, base_branch, Author(author_name, author_email))
        checkout.refresh(base=True)
        yield checkout
