"""One run of an environment at a time on this machine: a file lock that ends with the process, however it ends.

Place in the line: around everything that a run does. Runs on two machines may meet all the same: then the later
push is refused, and that run looks again.

    with alone("git@example.org:acme/infra.git demo", wait=False) as mine:
        if mine:
            ...
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.errors import HeadroomError


@contextmanager
def alone(name: str, wait: bool, folder: Path | None = None) -> Iterator[bool]:
    """Hold the lock of ``name``; yields False where another process has it and ``wait`` is not set.

    Raises
    ------
    HeadroomError
        If the folder of locks cannot be written.
    """
    folder = folder or _folder()
    file = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise HeadroomError(
            f"{file}: no lock can be kept there ({error}); set XDG_STATE_HOME to a folder"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def _folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or ""
    return (Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state") / "headroom" / "locks"
