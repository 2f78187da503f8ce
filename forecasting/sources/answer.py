"""Rows that a source gave, and how it can fail: what every remote source hands on.

Place in the line: under `prometheus` and `cloudwatch`, which make them, and `cache` and `gather`, which take them.

>>> empty().columns.tolist()
['timestamp', 'region', 'group', 'resource', 'value', 'capacity', 'censored']
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from forecasting.censoring import CAPACITY, CENSORED
from forecasting.errors import UsageError
from forecasting.table import COLUMNS, decode_labels

NAMES = ("region", "group", "resource")


class UnreachableError(UsageError):
    """The source does not answer, or not well, after all tries: another run may find it well again."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Rows of a long table with `forecasting.table.COLUMNS`, capacity and censored; what is to be told of them."""

    rows: pd.DataFrame
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """How one source is read: ``read(start, end)`` gives the rows of ``[start, end)``, both at whole hours.

    ``identity`` is what the rows depend on: sources of the same identity share a cache.
    """

    title: str
    identity: str
    step_seconds: int
    read: Callable[[datetime, datetime], Answer] = field(repr=False)


def empty() -> pd.DataFrame:
    """Make a table without rows, each column of its kind."""
    return rows_of([])


def rows_of(parts: list[dict[str, Any]]) -> pd.DataFrame:
    """Join parts, each a mapping of every column to an array or one value, into one table of fixed kinds."""
    columns = (*COLUMNS, CAPACITY, CENSORED)
    frames = [pd.DataFrame({name: part[name] for name in columns}) for part in parts if len(part["timestamp"])]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({name: [] for name in columns})
    table["timestamp"] = pd.to_datetime(table["timestamp"], utc=True).astype("datetime64[us, UTC]")
    for name in NAMES:
        table[name] = table[name].astype("str").astype("category")
    for name in ("value", CAPACITY):
        table[name] = table[name].astype(np.float64)
    table[CENSORED] = table[CENSORED].astype(bool)
    return table


def fault_of_name(text: str, allow_slash: bool) -> str:
    """Say what is wrong with a region or a group, by the rules of the usage table; empty if nothing is."""
    try:
        decode_labels(pd.Series([text], dtype="object"), "name", allow_slash)
    except UsageError as error:
        return str(error)
    return ""


def plain(text: object, most: int = 200) -> str:
    """Make text of others fit for an error: one printable line, cut."""
    line = "".join(x if x.isprintable() else " " for x in str(text)).strip()
    return line if len(line) <= most else line[: most - 1] + "…"
