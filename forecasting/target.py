"""Where a file is to be written: held to be possible before minutes go into what it holds.

Place in the line: before the work of every command that writes one.

    check_target("chart.svg", PICTURES)
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from forecasting.errors import ForecastingError

PICTURES = (".png", ".svg")
"""Endings of the pictures that can be drawn, and by them their form."""


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
    if endings and target.suffix.lower() not in endings:
        raise ForecastingError(f"{target}: name a file that ends in {' or '.join(endings)}")
    try:
        taken, housed = target.is_dir(), target.parent.is_dir()
    except OSError as error:  # a name too long, say
        raise ForecastingError(f"{target}: no file can be written there: {error.strerror or error}") from error
    if taken:
        raise ForecastingError(f"{target}: this is a directory; name a file in it")
    if not housed:
        raise ForecastingError(f"{target}: there is no directory {target.parent}; make it first")
    return target


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name beside the file to write to; what is there takes the file's place, unless something fails."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
