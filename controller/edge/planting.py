"""Write new files into somebody's checkout; what is there stays as it is, to the byte.

Place in the line: ``headroom init``, and nothing else: every later change goes through a clone and a pull request.

    for path, state in plant(root, {"modules/leases/main.tf": ("…", False)}, dry_run=False):
        print(state, path)
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from controller.errors import GuardError

State = Literal["new", "same", "kept"]


def root_of(directory: Path) -> Path:
    """The root of the repository that a directory lies in, or would lie in: the nearest parent with a ``.git``.

    Raises
    ------
    GuardError
        If there is none.
    """
    absolute = Path(os.path.normpath(directory.absolute()))
    for place in (absolute, *absolute.parents):
        if (place / ".git").exists():
            return place
    raise GuardError(f"{directory}: lies in no git repository; run headroom init in a clone of yours")


def plant(root: Path, files: Mapping[str, tuple[str, bool]], dry_run: bool) -> list[tuple[str, State]]:
    """Write ``{path from the root: (text, executable)}``: ``new`` ones only, and none at all if one has no place.

    ``same`` is there already with this text; ``kept`` is there with another and is left alone.

    Raises
    ------
    GuardError
        If a link, or a file in the place of a directory, lies in the way.
    """
    found = [(path, _state(root, path, text)) for path, (text, _) in sorted(files.items())]
    for path, state in found:
        if state == "new" and not dry_run:
            text, executable = files[path]
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(place, flags, 0o755 if executable else 0o644), "w", encoding="utf-8") as file:
                file.write(text)
    return found


def _state(root: Path, path: str, text: str) -> State:
    place = root / path
    above = [x for x in place.parents if x.is_relative_to(root) and x != root]
    for folder in above:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise GuardError(f"{folder.relative_to(root)}: is a link or a file; nothing was written")
    if place.is_symlink() or place.is_dir():
        raise GuardError(f"{path}: is a link or a directory; nothing was written")
    if not place.exists():
        return "new"
    return "same" if place.read_bytes() == text.encode() else "kept"
