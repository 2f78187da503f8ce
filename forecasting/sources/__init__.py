"""Places that usage comes from: one module each, and each gives usage as `forecasting.usage` describes it.

usage = read("usage.parquet")            # a file, a folder, an address
usage = read("sources.yaml", now=now)    # what the file describes
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import xarray as xr

from forecasting.errors import UsageError
from forecasting.sources import files
from forecasting.sources.gather import Gathered, Part, gather, places_of, whole
from forecasting.usage import from_table

__all__ = ["Gathered", "Part", "fetch", "places", "read"]

DESCRIPTIONS = (".yaml", ".yml")
"""Endings of files that describe sources."""


Report = Callable[[str, float], None]


def read(
    place: Path | str,
    units: Mapping[str, str] | None = None,
    now: datetime | None = None,
    report: Report | None = None,
) -> xr.Dataset:
    """Read usage from wherever it is.

    Parameters
    ----------
    place
        A file, folder or address as `forecasting.sources.files.read` takes it, or a YAML file that describes
        sources.
    units
        Unit of each resource; see `forecasting.usage.from_table`.
    now
        Up to when usage is looked at, timezone-aware: described sources are not asked beyond it (or the clock),
        and later rows of anything are as if they were not there. None: all there is.
    report
        Is told which described source is read, and how far, from 0 to 1.

    Returns
    -------
    xarray.Dataset
        Usage ``demand(group, resource, time)``; what sources told is among `forecasting.repairs.notes`.

    Raises
    ------
    UsageError
        Naming the place, and what is wrong.
    """
    if not _described(place):
        return files.read(place, units, now)
    found = fetch(place, now, report)
    try:
        usage = from_table(found.rows, units, now)
    except UsageError as error:
        raise UsageError(f"{place}: {error}; headroom fetch shows what came from where") from error
    if found.told:
        usage.attrs["source_notes"] = "\n".join(found.told)
    return usage


def fetch(place: Path | str, now: datetime | None = None, report: Report | None = None) -> Gathered:
    """Read the long table as it is, and what came from where; arguments and errors as of `read` and `gather`."""
    if not _described(place):
        rows, part = whole(files.shown(place), files.read_rows(place))
        return Gathered(rows, (part,), ())
    clock = datetime.now(UTC)
    return gather(Path(place), clock if now is None else min(now.astimezone(UTC), clock), report)


def places(place: Path | str) -> tuple[Path | str, ...]:
    """Return a place that usage is read from, and all that it describes; errors as of `read`."""
    return (place, *places_of(Path(place))) if _described(place) else (place,)


def _described(place: Path | str) -> bool:
    return "://" not in str(place) and Path(place).suffix.lower() in DESCRIPTIONS
