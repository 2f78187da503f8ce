"""Usage as commands read it: with a sign of life while its sources are asked."""

from datetime import datetime
from typing import TYPE_CHECKING

from controller.cli.output import progress

if TYPE_CHECKING:
    import xarray as xr


def usage_of(place: str, now: datetime | None = None) -> "xr.Dataset":
    """Read usage; of described sources each is named on stderr while it is read."""
    from forecasting.sources import read

    with progress("usage") as report:
        return read(place, now=now, report=report)
