"""What commands keep from the last run, in files that may be deleted at any time: the record and the state."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from controller.cli.output import note

if TYPE_CHECKING:
    import xarray as xr

    from forecasting.feedback.record import Record
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
