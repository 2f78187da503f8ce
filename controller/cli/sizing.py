"""Footprints on the command line: sessions are forecast, and what they take is acted on.

Place in the line: under ``forecast`` and ``run``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import xarray as xr

    from forecasting.profile import DemandProfile

footprints_option = click.option(
    "--footprints",
    type=click.Path(path_type=Path),
    help="Resources per session: usage holds sessions per application, as `ingest` writes them.",
)


class Sizing:
    """Footprints of a file, read at once; without a file, everything stays as it is."""

    def __init__(self, path: Path | None) -> None:
        from forecasting.behaviour.footprints import load

        self.footprints = load(path) if path else None

    def check(self, usage: "xr.Dataset") -> None:
        """Hold that usage has sessions of some application with a footprint."""
        from forecasting.behaviour.sizing import check_sessions

        if self.footprints is not None:
            check_sessions(usage["resource"].values, self.footprints)

    def profile(self, profile: "DemandProfile", seed: int) -> "tuple[DemandProfile, list[str]]":
        """Return the profile of resources, and what is to be told of it."""
        from forecasting.behaviour.sizing import sized_profile

        return (profile, []) if self.footprints is None else sized_profile(profile, self.footprints, seed)

    def usage(self, usage: "xr.Dataset") -> "xr.Dataset":
        """Return what was taken: as measured, and else what the sessions take on average."""
        from forecasting.behaviour.sizing import sized_demand

        return usage if self.footprints is None else sized_demand(usage, self.footprints)
