"""Where a file is to be written: held to be possible before minutes go into what it holds.

Place in the line: before the work of every command that writes one.

    check_target("chart.svg", PICTURES)
"""

import glob
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from forecasting.errors import ForecastingError

PICTURES = (".png", ".svg")
"""Endings of the pictures that can be drawn, and by them their form."""

_DAY_SECONDS = 86_400


def check_target(path: Path | str, endings: Sequence[str] = ()) -> Path:
    """Return the path, if a file can be written there.

    Parameters
    ----------
    path
        Of the file.
    endings
        One of which it must have, such as ``.nc``; any, where there are none.

    Raises
    ------
    ForecastingError
        If it ends in another way, is a directory, or there is no directory for it.
    """
    target = Path(path)
    try:
        taken, housed = target.is_dir(), target.parent.is_dir()
    except OSError as error:  # a name too long, say
        raise ForecastingError(f"{target}: no file can be written there: {error.strerror or error}") from error
    if taken and str(target) != ".":  # which is what nothing at all becomes
        raise ForecastingError(f"{target}: this is a directory; name a file in it")
    if endings and target.suffix.lower() not in endings:
        named = "no name" if str(target) == "." else str(target)
        raise ForecastingError(f"{named}: name a file that ends in {' or '.join(endings)}")
    if not housed:
        raise ForecastingError(f"{target}: there is no directory {target.parent}; make it first")
    return target


def check_room(target: Path) -> None:
    """Hold that a file can be made beside the target, by making one that has no name.

    Raises
    ------
    ForecastingError
        If not: what the rights say is not all, see a file system that is read-only.
    """
    try:
        tempfile.TemporaryFile(dir=target.resolve().parent).close()  # where `whole` would write
    except OSError as error:
        raise ForecastingError(f"{target}: no file can be written there: {error.strerror or error}") from error


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name beside the file to write to; what is there takes the file's place, unless something fails."""
    path = path.resolve()  # a link stays one, and what it names is replaced
    # Within one folder and so one file system, where a rename is atomic.
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
        _sweep(path)
    finally:
        with suppress(OSError):  # where nothing can be written, nothing lies; that error is the one to hear of
            beside.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Delete what writers of this file that were killed left half written, a day later."""
    with suppress(OSError):  # of a folder that cannot be listed, say: the file itself is there
        for other in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
            if time.time() - other.stat().st_mtime > _DAY_SECONDS:
                other.unlink()
