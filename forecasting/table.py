"""Columns of the long usage table, each checked and decoded into plain arrays.

Place in the line: under `usage`, which puts the decoded columns onto the grid.

Rows are named in errors as people count them: from 1, without the header. What is wrong with one row and
cannot be repaired is an error here; a value that is only useless (NaN, infinite, negative) is left for
`usage` to count.

>>> import pandas as pd
>>> decode_labels(pd.Series(["b", "a", "b"]), "region").codes.tolist()
[1, 0, 1]
"""

import datetime as dt
import re
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting import dims
from forecasting.errors import UsageError

COLUMNS = ("timestamp", "region", "group", "resource", "value")
"""The columns of the table; others are ignored."""

EARLIEST = pd.Timestamp("1971-01-01")
LATEST = pd.Timestamp("2200-01-01")
"""Outside these, a timestamp is a mistake: seconds read as nanoseconds, for example, land in 1970."""

LARGEST = 1e15
"""Largest value that is read (a petabyte, in bytes); draws of far larger ones would overflow."""

MICROSECONDS_PER_HOUR = 3_600_000_000

_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}.*)?", re.ASCII)
_ISO_OFFSET = re.compile(r"[T ].*(Z|[+-]\d{2}(:?\d{2})?)", re.ASCII | re.IGNORECASE)
_NOT_KNOWN = frozenset({"", "nan", "na", "n/a", "none", "null"})
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of control and invisible characters, which could forge a line or hide in a name."""


@dataclass(frozen=True, slots=True)
class Labels:
    """A column of names: ``names[codes[row]]``, with ``names`` sorted and without repetition."""

    codes: NDArray[np.intp]
    names: NDArray[np.str_]

    def of(self, rows: NDArray[np.bool_]) -> "Labels":
        """Return the labels of some rows, with the names that occur in them."""
        used, codes = np.unique(self.codes[rows], return_inverse=True)
        return Labels(codes.reshape(-1).astype(np.intp), self.names[used])


@dataclass(frozen=True, slots=True)
class Instants:
    """A column of times: microseconds since 1970-01-01 UTC, and how many rows came without a timezone."""

    microseconds: NDArray[np.int64]
    naive_rows: int


def check_columns(columns: Iterable[Any]) -> None:
    """Hold that every column of `COLUMNS` is there, once.

    Raises
    ------
    UsageError
        Naming the columns that are missing or given twice, and those that are there.
    """
    found = [str(column) if str(column).isprintable() else repr(column) for column in columns]
    for wanted in COLUMNS:
        if found.count(wanted) != 1:
            fault = "is missing" if wanted not in found else "is there more than once"
            raise UsageError(
                f"column '{wanted}' {fault}; wanted {', '.join(COLUMNS)}; there: {', '.join(found) or 'none'}"
            )


def decode_labels(column: "pd.Series[Any]", name: str, allow_slash: bool = True) -> Labels:
    """Decode a column of names.

    Names are data and are kept as they are, whole numbers as their digits. Refused are those that would make
    the label ``region/name`` ambiguous or unreadable: empty ones, control and invisible characters, and a
    ``/`` unless ``allow_slash``.

    Raises
    ------
    UsageError
        Naming the column and the first row at fault.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, found = column.cat.codes.to_numpy(), list(column.cat.categories)
    else:
        codes, uniques = pd.factorize(column)
        found = list(uniques)
    if (codes < 0).any():
        raise UsageError(f"column '{name}', row {_first(codes < 0)}: the {name} is missing")
    for code, text in enumerate(found):
        fault = fault_of_name(text, allow_slash)
        if fault and (codes == code).any():
            raise UsageError(f"column '{name}', row {_first(codes == code)}: {_shown(text)} {fault}")
    names, merged = np.unique(np.array([str(text) for text in found]), return_inverse=True)
    return Labels(merged.reshape(-1)[codes].astype(np.intp), names)


def join_labels(regions: Labels, names: Labels) -> tuple[Labels, NDArray[np.intp]]:
    """Return the labels ``region/name`` of the pairs that occur, and the number of each pair.

    One name in two regions makes two groups. The number is that of the region × how many names there are + that
    of the name.
    """
    pairs, codes = np.unique(regions.codes * len(names.names) + names.codes, return_inverse=True)
    region, name = np.divmod(pairs, len(names.names))
    occurring = zip(regions.names[region], names.names[name], strict=True)
    labels = np.array([dims.label(*pair) for pair in occurring])
    order = labels.argsort()
    return Labels(order.argsort()[codes.reshape(-1)], labels[order]), pairs[order]


def decode_instants(column: "pd.Series[Any]") -> Instants:
    """Decode the column of timestamps: datetimes, or ISO 8601 text; UTC where no timezone is given.

    Raises
    ------
    UsageError
        For numbers (seconds or milliseconds? it cannot be known), and, naming the first row at fault, for
        missing and unreadable times and for those outside of `EARLIEST` and `LATEST`.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        naive_rows = len(column) if column.dt.tz is None else 0
        times = pd.DatetimeIndex(pd.to_datetime(column, utc=True))
    elif pd.api.types.is_numeric_dtype(column.dtype):
        raise UsageError(
            "column 'timestamp' holds numbers; write times as ISO 8601 text or convert them first, "
            "for example with pandas.to_datetime(column, unit='s', utc=True)"
        )
    else:
        times, naive_rows = _parse_times(column)
    bad = np.asarray(times.isna())
    if bad.any():
        row = _first(bad)
        raise UsageError(
            f"column 'timestamp', row {row}: {_shown(column.iloc[row - 1])} is not a time; "
            "write ISO 8601, such as 2026-04-06T13:00:00+00:00"
        )
    plain = times.tz_localize(None)
    far = np.asarray((plain < EARLIEST) | (plain >= LATEST))
    if far.any():
        row = _first(far)
        raise UsageError(
            f"column 'timestamp', row {row}: {_shown(column.iloc[row - 1])} lies outside of "
            f"{EARLIEST:%Y} to {LATEST:%Y}; is it in the right unit?"
        )
    return Instants(plain.as_unit("us").to_numpy().astype(np.int64), naive_rows)


def decode_values(column: "pd.Series[Any]", name: str = "value") -> NDArray[np.float64]:
    """Decode the column of values, or of another ``name``; NaN where there is none.

    Raises
    ------
    UsageError
        Naming the first row that holds something other than a number, or the column if it holds times or
        truth values throughout.
    """
    kind = column.dtype
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_complex_dtype(kind) or kind.kind in "mM":
        raise UsageError(f"column '{name}' holds {kind}; wanted numbers")
    if pd.api.types.is_numeric_dtype(kind):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = column.astype(object)
    try:
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    except OverflowError as error:
        huge = texts.map(lambda number: isinstance(number, int) and abs(number) > sys.float_info.max)
        row = _first(huge.to_numpy(dtype=bool))
        raise UsageError(
            f"column '{name}', row {row}: the number is beyond ±1.8e308, the largest float"
        ) from error
    for place in np.flatnonzero(np.isnan(numbers)):
        text = texts.iloc[place]
        if not pd.isna(text) and str(text).strip().lower() not in _NOT_KNOWN:
            hint = "; write a point, as 1.5, and no commas" if "," in str(text) else ""
            raise UsageError(f"column '{name}', row {place + 1}: {_shown(text)} is not a number{hint}")
    return numbers


def check_largest(values: NDArray[np.float64]) -> None:
    """Hold that no value is above `LARGEST`; infinite ones are not known, and left.

    Raises
    ------
    UsageError
        Naming the first row that holds a larger one.
    """
    huge = np.isfinite(values) & (values > LARGEST)
    if huge.any():
        row = _first(huge)
        raise UsageError(
            f"column 'value', row {row}: {values[row - 1]:g} is beyond {LARGEST:g}, the largest that is forecast; "
            "write it in a larger unit"
        )


def _parse_times(column: "pd.Series[Any]") -> tuple[pd.DatetimeIndex, int]:
    # An hour is written once per series, so parsing each distinct text once saves most of the work.
    codes, uniques = pd.factorize(column)
    texts = [_time_text(time) for time in uniques]
    texts.append(None)  # the code of a missing time is −1: the last
    parsed = pd.to_datetime(pd.Index(texts, dtype=object), utc=True, format="ISO8601", errors="coerce")
    naive = np.array([text is not None and not _ISO_OFFSET.search(text) for text in texts])
    return parsed[codes], int(naive[codes].sum())


def _time_text(time: object) -> str | None:
    if isinstance(time, dt.date):
        return time.isoformat()
    # Without this, pandas would read the words "now" and "today" off the clock.
    return time.strip() if isinstance(time, str) and _ISO_TIME.fullmatch(time.strip()) else None


def fault_of_name(text: object, allow_slash: bool) -> str:
    """Say what is wrong with a name, in words that follow it; empty if nothing is."""
    if isinstance(text, bool) or not isinstance(text, str | int | np.integer):
        return "is not text"
    shown = str(text)
    if not shown.strip():
        return "is empty"
    if any(unicodedata.category(character) in _UNSEEN for character in shown):
        return "holds a control or invisible character; take it out"
    if not allow_slash and "/" in shown:
        return "holds a '/', which divides region from group in the label; use another character"
    return ""


def _first(rows: NDArray[np.bool_]) -> int:
    return int(rows.argmax()) + 1


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)  # repr escapes what is not printable
    return text if len(text) <= 60 else text[:59] + "…"
