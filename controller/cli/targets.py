"""What a command writes: held to be none of its inputs before the work, and whole or not there after it."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from controller.errors import HeadroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandas import DataFrame


def check_targets(
    targets: "Sequence[tuple[str, Path | None, Sequence[str]]]",
    read: "Sequence[Path | str | None]",
    hierarchy: Path | None = None,
) -> None:
    """Hold that what is to be written can be, is nothing that is read, and that no two are the same file.

    Parameters
    ----------
    targets
        The option, its path, and the endings that it may have (any, where there are none).
    read
        Files, folders and addresses that are read, and YAML files whose sources are. A table in a folder that is
        read would be read the next time.
    hierarchy
        Of --hierarchy: read where it is there, maybe from where nothing can be written, and made where it is not.

    Raises
    ------
    HeadroomError, ForecastingError
        Naming the path, before anything is read or written.
    """
    from forecasting.sources.formats import ENDINGS
    from forecasting.target import check_room, check_target

    if hierarchy is not None and hierarchy.is_file():
        read = [*read, hierarchy]
    elif hierarchy is not None:
        targets = [("--hierarchy", hierarchy, ()), *targets]
    inputs = {Path(x).resolve() for each in read if each is not None for x in _all(each) if "://" not in str(x)}
    taken: dict[Path, str] = {}
    for option, path, endings in targets:
        if path is None:
            continue
        place = check_target(path, endings).resolve()
        in_folder = place.suffix.lower() in ENDINGS and not inputs.isdisjoint(place.parents)
        if place in inputs or in_folder:
            raise HeadroomError(f"{path}: this is read, or lies in a folder that is; write to another place")
        if place in taken:
            raise HeadroomError(f"{path}: {taken[place]} and {option} are the same file; name two")
        check_room(path)
        taken[place] = option


def _all(place: "Path | str") -> "tuple[Path | str, ...]":
    """Return a place and what it describes, where it is a file that describes sources."""
    from forecasting.errors import UsageError
    from forecasting.sources import places

    try:
        return places(place)
    except UsageError:  # reading it tells what is wrong
        return (place,)


def write_whole(tables: "dict[Path, DataFrame]") -> None:
    """Write Parquet files: each whole or not at all, and none before all of them are."""
    from forecasting.target import whole

    try:
        with ExitStack() as stack:
            for path, frame in tables.items():
                frame.to_parquet(stack.enter_context(whole(path)), index=False)
    except OSError as error:
        raise HeadroomError(
            f"{', '.join(map(str, tables))}: cannot be written: {error.strerror or error}"
        ) from None
