r"""One file's content → table: Parquet, CSV, JSON lines, told apart by what the file holds and then by its name.

Place in the line: under `files`, which finds and opens the files.

>>> import io
>>> list(read_table(io.BytesIO(b"value,unit\n1,x\n"), "a.csv", check=False).columns)
['value', 'unit']
"""

import json
from pathlib import PurePosixPath
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from forecasting.censoring import CAPACITY, CENSORED
from forecasting.errors import UsageError
from forecasting.table import COLUMNS, check_columns

CSV_ENDINGS = (".csv",)
JSON_ENDINGS = (".jsonl", ".ndjson")
PARQUET_ENDINGS = (".parquet", ".pq")
ENDINGS = (*PARQUET_ENDINGS, *CSV_ENDINGS, *JSON_ENDINGS)
"""Endings by which files of a folder are taken."""

_PARQUET_MAGIC = b"PAR1"
_TEXT_COLUMNS = ("timestamp", "region", "group", "resource", CENSORED)
_OTHER_SIGNS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_NOT_KNOWN = ["", "NaN", "nan", "NA", "N/A", "null", "NULL", "None"]


def read_table(file: BinaryIO, name: str, *, check: bool = True) -> pd.DataFrame:
    """Read one open file.

    Parameters
    ----------
    file
        Binary, seekable, at its start.
    name
        Of the file; its ending tells CSV and JSON lines.
    check
        Whether all columns of usage must be in the file; with partitioned folders some are in the path.

    Raises
    ------
    UsageError
        Without the name of the file, which the caller adds.
    """
    start = file.read(len(_PARQUET_MAGIC))
    file.seek(0)
    ending = PurePosixPath(name).suffix.lower()
    if not start:
        raise UsageError("the file is empty")
    if start == _PARQUET_MAGIC:
        return _read_parquet(file, check)
    if ending in CSV_ENDINGS:
        table = _read_csv(file)
    elif ending in JSON_ENDINGS:
        table = _read_json_lines(file)
    else:
        raise UsageError(
            "this is not a Parquet file; give Parquet, or CSV with a name that ends in .csv, JSON lines in .jsonl"
        )
    if check:
        check_columns(table.columns)
    return table


def _read_parquet(file: BinaryIO, check: bool) -> pd.DataFrame:
    try:
        content = pq.ParquetFile(file)
        names = content.schema_arrow.names
        if check:
            check_columns(names)
        # The metadata of pandas is ignored: it could turn a column into the index.
        wanted = [name for name in (*COLUMNS, CAPACITY, CENSORED) if name in names]
        table: pd.DataFrame = content.read(columns=wanted).to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"the Parquet file is damaged or cut short: {error}") from error
    return table


def _read_csv(file: BinaryIO) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            file,
            encoding="utf-8",
            skipinitialspace=True,
            dtype=dict.fromkeys(_TEXT_COLUMNS, "str"),
            # A region may be called NA, so only values are ever read as missing.
            keep_default_na=False,
            na_values={"value": _NOT_KNOWN, CAPACITY: _NOT_KNOWN},
            low_memory=False,
        )
    except UnicodeDecodeError as error:
        raise UsageError(f"the file is not text in UTF-8: {error}") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UsageError(f"the file cannot be read as CSV: {error}") from error
    for sign, name in _OTHER_SIGNS.items():
        if len(table.columns) == 1 and sign in str(table.columns[0]):
            # Not guessed at: where semicolons divide columns, 1.234 may be a thousand, and 1,5 is no number here.
            raise UsageError(
                f"the columns are divided by {name}, where commas are wanted: write the file with commas, and its "
                "numbers with a point, as 1.5"
            )
    return table


def _read_json_lines(file: BinaryIO) -> pd.DataFrame:
    try:
        # As written: neither names nor times are guessed at.
        table = pd.read_json(
            file, lines=True, dtype=False, convert_dates=False, convert_axes=False, precise_float=True
        )
    except (
        ValueError,
        AttributeError,
        TypeError,
    ) as error:  # pandas' for bad JSON, and for lines that are no records
        file.seek(0)
        raise UsageError(_fault_of_json(file) or f"the file cannot be read as JSON lines: {error}") from error
    if isinstance(table.columns, pd.RangeIndex):
        raise UsageError("the file cannot be read as JSON lines: a line must be a record, {...}")
    for name in {*COLUMNS, CAPACITY, CENSORED} & set(table.columns):
        nested = table[name].map(lambda cell: isinstance(cell, list | dict)).to_numpy(dtype=bool)
        if nested.any():
            raise UsageError(
                f"column '{name}', row {int(nested.argmax()) + 1}: a list or a record; write one text or number"
            )
    return table


def _fault_of_json(file: BinaryIO) -> str:
    """Say which line is at fault; empty if none is found."""
    for number, line in enumerate(file, start=1):
        try:
            if line.strip() and not isinstance(json.loads(line), dict):
                return f"line {number} is no record; write one {{...}} a line"
        except UnicodeDecodeError as error:
            return f"the file is not text in UTF-8: line {number}: {error.reason}"
        except ValueError as error:
            return f"line {number} is not JSON: {error}"
    return ""
