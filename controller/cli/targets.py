"""What `headroom ingest` writes: held to be no input of it before the work, and whole or not there after it."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from controller.errors import HeadroomError

if TYPE_CHECKING:
    from pandas import DataFrame


def check_targets(out: Path, features: Path | None, footprints: Path | None, inputs: list[Path]) -> None:
    """Hold that what is to be written can be, and is neither something that is read nor in a folder that is."""
    from forecasting.target import check_target

    read = {x.resolve() for x in inputs}
    for path, ending in ((out, ".parquet"), (features, ".parquet"), (footprints, ".nc")):
        if path is not None:
            place = check_target(path, [ending]).resolve()
            if not read.isdisjoint({place, *place.parents}):
                raise HeadroomError(f"{path}: this is read, or lies in a folder that is; write to another place")
    if features is not None and features.resolve() == out.resolve():
        raise HeadroomError(f"{out}: --out and --features are the same file; name two")


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
