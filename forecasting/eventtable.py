"""Tables of events and of covariates → records, or an error that names the row and what to do.

Place in the line: after `table`, whose rules for names, instants and values hold here too; `events` makes features
of the records.

>>> rows = {"region": ["*"], "start": ["2026-11-27T00:00+01:00"], "end": ["2026-11-28T00:00+01:00"]}
>>> decode_events(pd.DataFrame({**rows, "name": ["sale"]}))
(Event(region='*', start=1795734000000000, end=1795820400000000, name='sale', kind='sale', group='', expected=()),)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.errors import ForecastingError, UsageError
from forecasting.table import MICROSECONDS_PER_HOUR, Labels, decode_instants, decode_labels, decode_values

HOLIDAY_NAMES = ("holiday", "holiday cosine", "holiday sine")
"""Names of the features of holidays, which nothing else may have."""

LONGEST_NAME = 80
MOST_NAMES = 100
"""Most names in a table: each is a feature whose effect has to be learnt."""

EVENTS, COVARIATES = "table of events", "table of covariates"
_EVENT_COLUMNS = ("region", "start", "end", "name")
_COVARIATE_COLUMNS = ("timestamp", "region", "name", "value")


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """What holds in a region from ``start`` until before ``end``: microseconds since 1970 UTC.

    Parameters
    ----------
    region
        Name of the region, or ``*`` for all.
    start, end
        Half-open.
    name, kind
        Events of one kind are taken to be alike; the kind is the name where none is given.
    group
        Name of the group, or its label ``region/name``; empty for all groups of the region.
    expected
        Logarithm of the factor that demand is expected to be multiplied by, and its standard deviation; empty
        where nothing is expected.
    """

    region: str
    start: int
    end: int
    name: str
    kind: str = ""
    group: str = ""
    expected: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", self.name)


@dataclass(frozen=True, slots=True, eq=False)
class Covariate:
    """An hourly series: ``hours`` since 1970 UTC, ascending, and their finite ``values``; each ``(hour,)``."""

    region: str
    name: str
    hours: NDArray[np.int64]
    values: NDArray[np.float64]


def decode_events(table: pd.DataFrame) -> tuple[Event, ...]:
    """Decode a table of events, which may be empty; the result is sorted, whatever the order of the rows.

    Parameters
    ----------
    table
        Columns ``region``, ``start``, ``end`` (instants with an offset, half-open) and ``name``, and where wanted
        ``kind`` and ``group`` (empty where not limited to one); others are ignored.

    Raises
    ------
    ForecastingError
        Naming the row, for bad names, instants without offset, and ends that do not come after their starts.
    """
    _check_columns(table, EVENTS, _EVENT_COLUMNS)
    if table.empty:
        return ()
    regions, names = _decode_names(table, EVENTS)
    starts, ends = (_decode_instants(table, EVENTS, column, offset=True) for column in ("start", "end"))
    backward = ends <= starts
    if backward.any():
        row = int(backward.argmax())
        raise ForecastingError(
            f"{EVENTS}, row {row + 1}: the end, {table['end'].iloc[row]}, does not come after the start, "
            f"{table['start'].iloc[row]}; the end is the first moment after the event"
        )
    kinds, groups = (_optional(table, column) for column in ("kind", "group"))
    columns = (regions.names[regions.codes], starts, ends, names.names[names.codes], kinds, groups)
    return tuple(sorted({Event(*row) for row in zip(*(x.tolist() for x in columns), strict=True)}))


def decode_covariates(table: pd.DataFrame) -> tuple[Covariate, ...]:
    """Decode a table of covariates, which may be empty; the result is sorted by region and name.

    Parameters
    ----------
    table
        Columns ``timestamp`` (UTC where no timezone is given; stands for the hour that holds it), ``region``,
        ``name`` and ``value`` (NaN where not known); others are ignored.

    Raises
    ------
    ForecastingError
        Naming the row, for bad names, instants and values, for an hour that comes twice, and for a series that
        has no value.
    """
    _check_columns(table, COVARIATES, _COVARIATE_COLUMNS)
    if table.empty:
        return ()
    regions, names = _decode_names(table, COVARIATES)
    hours = _decode_instants(table, COVARIATES, "timestamp", offset=False) // MICROSECONDS_PER_HOUR
    with _naming(COVARIATES):
        values = decode_values(table["value"])
    if np.isinf(values).any():
        raise ForecastingError(
            f"{COVARIATES}, row {int(np.isinf(values).argmax()) + 1}: the value is infinite; "
            "leave it empty if it is not known"
        )
    series = regions.codes * len(names.names) + names.codes
    order = np.lexsort((hours, series))
    again = (np.diff(series[order]) == 0) & (np.diff(hours[order]) == 0)
    if again.any():
        first, row = (int(order[again.argmax() + step]) for step in (0, 1))  # lexsort is stable: in row order
        raise ForecastingError(
            f"{COVARIATES}, row {row + 1}: {str(names.names[names.codes[row]])!r} of region "
            f"'{regions.names[regions.codes[row]]}' has a value for the hour "
            f"{np.datetime64(int(hours[row]), 'h')}:00Z already, in row {first + 1}; give one value an hour, "
            "for example the mean"
        )
    found = []
    for rows in np.split(order, np.flatnonzero(np.diff(series[order])) + 1):
        region, name = str(regions.names[regions.codes[rows[0]]]), str(names.names[names.codes[rows[0]]])
        known = rows[np.isfinite(values[rows])]
        if not len(known):
            raise ForecastingError(
                f"{COVARIATES}, row {int(rows.min()) + 1}: {name!r} of region '{region}' has no value in any row; "
                "add its values or take its rows out"
            )
        found.append(Covariate(region, name, hours[known], values[known]))
    return tuple(found)


def _check_columns(table: pd.DataFrame, which: str, wanted: tuple[str, ...]) -> None:
    found = [ascii(column)[1:-1] if isinstance(column, str) else str(column) for column in table.columns]
    for column in wanted:
        if found.count(column) != 1:
            fault = "is missing" if column not in found else "is there more than once"
            raise ForecastingError(
                f"{which}: column '{column}' {fault}; wanted {', '.join(wanted)}; there: "
                f"{', '.join(found) or 'none'}"
            )


def _optional(table: pd.DataFrame, column: str) -> NDArray[np.str_]:
    """Decode a column of texts that may be left out, or be empty in some rows: ``(row,)``."""
    out = np.zeros(len(table), dtype=f"<U{2 * LONGEST_NAME + 1}")
    if column not in table.columns:
        return out
    _check_columns(table, EVENTS, (column,))
    given = np.array([isinstance(x, str) and bool(x.strip()) for x in table[column].tolist()])
    empty = table[column].isna().to_numpy() | np.array([x == "" for x in table[column].tolist()])
    bad = ~given & ~empty
    if bad.any():
        row = int(bad.argmax())
        raise ForecastingError(f"{EVENTS}, column '{column}', row {row + 1}: write text, or leave it empty")
    if given.any():
        with _naming(EVENTS):
            labels = decode_labels(table[column].where(given, "-"), column)  # with all rows, so that errors count
        out = np.where(given, labels.names[labels.codes], "")
        _check_length(EVENTS, column, out, 2 * LONGEST_NAME + 1 if column == "group" else LONGEST_NAME)
    return out


def _check_length(which: str, column: str, texts: NDArray[np.str_], most: int) -> None:
    lengths = np.char.str_len(texts)
    if lengths.max() > most:
        row = int((lengths > most).argmax())
        raise ForecastingError(
            f"{which}, column '{column}', row {row + 1}: {lengths[row]} characters; shorten it to {most} or fewer"
        )


def _decode_names(table: pd.DataFrame, which: str) -> tuple[Labels, Labels]:
    """Decode the columns of regions and names; hold that a name can be that of a feature."""
    with _naming(which):
        regions = decode_labels(table["region"], "region", allow_slash=False)
        names = decode_labels(table["name"], "name")
    for column, labels in (("region", regions), ("name", names)):
        _check_length(which, column, labels.names[labels.codes], LONGEST_NAME)
    taken = np.isin(names.names, HOLIDAY_NAMES)[names.codes]
    if taken.any():
        row = int(taken.argmax())
        raise ForecastingError(
            f"{which}, column 'name', row {row + 1}: '{names.names[names.codes[row]]}' is what the holidays of a "
            "country are called; use another name"
        )
    if len(names.names) > MOST_NAMES:
        raise ForecastingError(
            f"{which}: {len(names.names)} different names, and at most {MOST_NAMES} can be learnt; "
            "give things of one kind the same name"
        )
    return regions, names


def _decode_instants(table: pd.DataFrame, which: str, column: str, *, offset: bool) -> NDArray[np.int64]:
    """Decode a column of instants into microseconds since 1970 UTC; with ``offset``, hold that each has one."""
    with _naming(which, column):
        instants = decode_instants(table[column])
    if offset and instants.naive_rows:
        row = next(x for x in range(len(table)) if decode_instants(table[column].iloc[x : x + 1]).naive_rows)
        raise ForecastingError(
            f"{which}, column '{column}', row {row + 1}: {table[column].iloc[row]} has no timezone; write the "
            "offset, such as 2026-11-27T00:00:00+01:00, or Z for UTC"
        )
    return instants.microseconds


@contextmanager
def _naming(which: str, column: str = "timestamp") -> Iterator[None]:
    """Say in the errors of `table` which table they are about, and which of its columns of instants."""
    try:
        yield
    except UsageError as error:
        text = str(error).replace("column 'timestamp'", f"column '{column}'", 1)
        raise ForecastingError(f"{which}, {text}") from None
    except TypeError:  # what cannot be hashed cannot be told apart
        raise ForecastingError(
            f"{which}: a cell holds a list or a record; write one text or number a cell"
        ) from None
