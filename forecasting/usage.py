"""Long table of usage → regular hourly grid ``demand(group, resource, time)``, repaired and counted.

Place in the line: the first stage; everything after it can rely on `forecasting.dims.check_usage`.

What is repaired, and by which rule (`repairs.notes` says it in words, with the counts):

- values that are NaN, infinite or negative are not known;
- of rows with the same series and timestamp the last known one holds: later exports correct earlier ones;
- several timestamps within one hour (15-minute data, or at any odd minutes) become the plain mean of the known
  values of that hour: demand is a level, so it is neither summed nor weighted;
- an hour one of whose known rows sat at capacity (`censoring`) is marked: its mean is a lower bound on demand;
- hours without a row are not known; order does not matter; times without a timezone are UTC.

Refused is a resource that is coarser than hourly, say daily: the hours between would all have to be made up.

>>> import pandas as pd
>>> hours = pd.date_range("2026-04-06", periods=48, freq="h", tz="UTC")
>>> labels = {"region": "eu-west", "group": "analytics", "resource": "cpu"}
>>> from_table(pd.DataFrame({"timestamp": hours, **labels, "value": 2.0}))["unit"].values.tolist()
['cores']
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.censoring import decode_marks
from forecasting.coarseness import count_coarse
from forecasting.errors import UsageError
from forecasting.grid import count_unsorted, scatter
from forecasting.table import (
    MICROSECONDS_PER_HOUR,
    check_columns,
    check_largest,
    decode_instants,
    decode_labels,
    decode_values,
    join_labels,
)
from forecasting.unitjumps import told, unit_jumps

MINIMUM_HOURS = 48
"""Fewest hours with a known value that make a history: two of each hour of the day."""

MOST_CELLS = 200_000_000
"""Largest grid that is built (1.6 GB); beyond it a timestamp is far off, or the table wants dividing."""


def from_table(
    table: pd.DataFrame, units: Mapping[str, str] | None = None, now: datetime | None = None
) -> xr.Dataset:
    """Put a long table onto a regular hourly grid.

    Parameters
    ----------
    table
        Columns ``timestamp`` (datetimes or ISO 8601 text; UTC where no timezone is given), ``region``,
        ``group``, ``resource`` and ``value``, and where they are there ``capacity`` and ``censored`` (see
        `forecasting.censoring.decode_marks`); other columns are ignored, as is the order of the rows.
    units
        Unit of each resource, before those of `forecasting.dims.UNITS`; a resource in neither has an empty
        unit, and one that the table does not have is passed over.
    now
        Timezone-aware: rows from the hour that holds it on are read and not looked at, so that no group, resource
        or value that only they have is known. None: all rows.

    Returns
    -------
    xarray.Dataset
        ``demand(group, resource, time)``, float64, in the unit of its resource, NaN where not known;
        coordinates ``region(group)``, ``name(group)``, ``unit(resource)``; ``time`` is naive UTC, the start
        of the hour. Counts of what was repaired are in ``attrs``. If any hour sat at capacity, a second variable
        ``censored(group, resource, time)``, bool, says which: their demand is a lower bound.

    Raises
    ------
    UsageError
        If a column is missing or holds what cannot be read or is too large (the message names column and row), the
        table is empty or all of it is later, has fewer than `MINIMUM_HOURS` hours with a known value, would need
        more than `MOST_CELLS` cells, or has a resource that is coarser than hourly in most of its groups (see
        `coarseness.HOURLY_SHARE`).
    """
    check_columns(table.columns)
    if table.empty:
        raise UsageError("the table has no rows")
    instants = decode_instants(table["timestamp"])
    regions = decode_labels(table["region"], "region", allow_slash=False)
    names = decode_labels(table["group"], "group")
    resources = decode_labels(table["resource"], "resource")
    values = decode_values(table["value"])
    check_largest(values)
    marks = decode_marks(table, values)
    microseconds = instants.microseconds
    if now is not None:
        past = microseconds < dims.hour_of(now).astype("datetime64[us]").astype(np.int64)
        if not past.any():
            raise _too_early(dims.hour_of(now), microseconds.min().astype("datetime64[us]"))
        regions, names, resources = regions.of(past), names.of(past), resources.of(past)
        microseconds, values = microseconds[past], values[past]
        marks = None if marks is None else marks[past]

    groups, pairs = join_labels(regions, names)
    hours = microseconds // MICROSECONDS_PER_HOUR
    time = np.arange(hours.min(), hours.max() + 1).astype("datetime64[h]").astype("datetime64[ns]")
    shape = (len(groups.names), len(resources.names), len(time))
    _check_size(shape, time)
    series = groups.codes * shape[1] + resources.codes

    finite = np.isfinite(values)
    known = finite & (values >= 0)
    cells = series[known] * shape[2] + (hours[known] - hours.min())
    grid = scatter(cells, microseconds[known], values[known], None if marks is None else marks[known], shape)
    unknown = np.isnan(grid.demand)
    absent = unknown.all(axis=2)
    known_units = {**dims.UNITS, **(units or {})}

    usage = xr.Dataset(
        {dims.DEMAND: (dims.USAGE_DIMS, grid.demand)},
        coords={
            dims.GROUP: groups.names,
            dims.REGION: (dims.GROUP, regions.names[pairs // len(names.names)]),
            dims.NAME: (dims.GROUP, names.names[pairs % len(names.names)]),
            dims.RESOURCE: resources.names,
            dims.UNIT: (dims.RESOURCE, [known_units.get(name, "") for name in resources.names.tolist()]),
            dims.TIME: time,
        },
        attrs={
            "rows": len(table),
            "naive_timestamps": instants.naive_rows,
            "unsorted": count_unsorted(series, microseconds),
            "not_finite": int((~finite).sum()),
            "negative": int((finite & ~known).sum()),
            "duplicates": grid.duplicates,
            "sub_hourly": grid.sub_hourly,
            "missing_hours": int(unknown[~absent].sum()),
            "gappy_series": int((unknown.any(axis=2) & ~absent).sum()),
            "absent_series": int(absent.sum()),
            "coarse_series": count_coarse(~unknown, groups.names, resources.names),
            "unit_jumps": told(unit_jumps(grid.demand), groups.names, resources.names, time),
        },
    )
    if grid.censored is not None:
        usage[dims.CENSORED] = (dims.USAGE_DIMS, grid.censored)
        usage.attrs["censored_hours"] = int(grid.censored.sum())
    require_history(usage)
    return usage


def require_history(usage: xr.Dataset) -> None:
    """Hold that usage has enough hours to learn from.

    Raises
    ------
    UsageError
        If fewer than `MINIMUM_HOURS` hours hold a known value of any series.
    """
    known_hours = int(usage[dims.DEMAND].notnull().any([dims.GROUP, dims.RESOURCE]).sum())
    if known_hours < MINIMUM_HOURS:
        raise UsageError(
            f"hours with a known value (a number ≥ 0): {known_hours}; a forecast needs {MINIMUM_HOURS}: "
            "bring more history, or a later moment"
        )


def before(usage: xr.Dataset, now: datetime) -> xr.Dataset:
    """Return the hours that are over by ``now`` (timezone-aware): what a forecast issued then may know.

    The hour that holds ``now`` is left out, since its mean is not complete.

    Raises
    ------
    UsageError
        If no hour is over by then.
    """
    end = dims.hour_of(now)
    over = usage.isel({dims.TIME: slice(0, int(usage[dims.TIME].values.searchsorted(end)))})
    if over.sizes[dims.TIME] == 0:
        raise _too_early(end, usage[dims.TIME].values[0])
    if dims.CENSORED in over and not over[dims.CENSORED].any():
        return over.drop_vars(dims.CENSORED)
    return over


def digest(usage: xr.Dataset) -> str:
    """Return the SHA-256, in hexadecimal, of the demand, its labels and marks: same usage, same digest."""
    demand = usage[dims.DEMAND].transpose(*dims.USAGE_DIMS).values.astype("<f8")
    demand = np.where(np.isnan(demand), np.nan, demand + 0.0)  # one bit pattern for NaN, one for zero
    names = [*usage[dims.GROUP].values, "", *usage[dims.RESOURCE].values, "", *usage[dims.UNIT].values]
    state = hashlib.sha256("\0".join(names).encode())
    state.update(usage[dims.TIME].values.astype("datetime64[h]").astype("<i8").tobytes())
    state.update(demand.astype("<f8").tobytes())
    if dims.CENSORED in usage and usage[dims.CENSORED].any():
        state.update(np.packbits(usage[dims.CENSORED].transpose(*dims.USAGE_DIMS).values).tobytes())
    return state.hexdigest()


def _too_early(end: np.datetime64, first: np.datetime64) -> UsageError:
    wanted, begun = (f"{np.datetime_as_string(x, unit='m').replace('T', ' ')} UTC" for x in (end, first))
    return UsageError(f"no usage before {wanted}; it starts at {begun}: bring older usage, or a later moment")


def _check_size(shape: tuple[int, int, int], time: NDArray[np.datetime64]) -> None:
    if np.prod(np.array(shape, dtype=float)) > MOST_CELLS:
        raise UsageError(
            f"{shape[0]:,} groups × {shape[1]:,} resources × {shape[2]:,} hours are too many; times run "
            f"from {time[0]} to {time[-1]}: mend them if one is far off, else divide the table by region"
        )
