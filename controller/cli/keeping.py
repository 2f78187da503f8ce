"""What commands keep from the last run, in files that may be deleted at any time: hierarchy, record, state."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from controller.cli.output import Report, note, progress

if TYPE_CHECKING:
    import xarray as xr

    from forecasting.feedback.record import Record
    from forecasting.hierarchy import Hierarchy
    from forecasting.state import State

state_option = click.option(
    "--state",
    "state_path",
    type=click.Path(path_type=Path),
    help="Statistics kept from the last run, so that only new hours enter; made where it is missing.",
)


def state_of(
    path: Path | None, say: Callable[[str], object]
) -> "tuple[State | None, Callable[[State], None] | None]":
    """Return the state of a file, if it is there and can be read, and what keeps the next one there."""
    from forecasting.errors import StateError
    from forecasting.netcdf import check_own
    from forecasting.state import KIND, State

    if path is None:
        return None, None
    check_own(path, KIND)
    found = None
    if path.exists():
        try:
            found = State.load(path)
        except StateError as error:
            say(f"{error}; making it anew")
    return found, lambda state: state.save(path)


def record_of(path: Path | None, usage: "xr.Dataset") -> "Record | None":
    """Read a record; one that ends long before the usage is noted."""
    from forecasting.feedback.record import Record

    if path is None:
        return None
    found = Record.load(path)
    if not len(found.origins) or usage["time"].values[-1] - found.origins[-1] > np.timedelta64(24, "h"):
        note(f"{path} does not know the last day: carry it on with `headroom surprise`")
    return found


def kept(path: Path, resources: list[str], learn: "Callable[[Report], Hierarchy]") -> "Hierarchy":
    """Return the hierarchy of a file; where there is none yet, learn it and save it there.

    One that lacks some of the resources stays as it is: for this once all is learnt anew.
    """
    from forecasting.hierarchy import Hierarchy

    if path.exists():
        found = Hierarchy.load(path)
        if not (unknown := found.unknown(resources)):
            return found
        note(f"{path} knows nothing of {', '.join(unknown)}: learning anew for this once; headroom learn keeps it")
        with progress("learn") as report:
            return learn(report)
    note(f"there is no hierarchy at {path} yet: learning one first, and saving it there")
    with progress("learn") as report:
        hierarchy = learn(report)
    hierarchy.save(path)
    note(f"hierarchy: {path}")
    return hierarchy
