"""Usage from a file: Parquet or CSV, told apart by what the file holds and then by its name.

Place in the line: the edge before `usage`; it opens the file, and adds its name to whatever is wrong with it.

    usage = read(Path("usage.parquet"), units={"cpu": "GHz"})
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from forecasting.errors import UsageError
from forecasting.table import COLUMNS, check_columns
from forecasting.usage import from_table

_PARQUET_MAGIC = b"PAR1"
_TEXT_COLUMNS = ("timestamp", "region", "group", "resource")
_NOT_KNOWN = ["", "NaN", "nan", "NA", "N/A", "null", "NULL", "None"]


def read(path: Path | str, units: Mapping[str, str] | None = None) -> xr.Dataset:
    """Read usage from a Parquet or CSV file.

    Parameters
    ----------
    path
        The file, with the columns that `forecasting.usage.from_table` wants. CSV is UTF-8, divided by commas,
        with a header and times in ISO 8601.
    units
        Unit of each resource; see `forecasting.usage.from_table`.

    Returns
    -------
    xarray.Dataset
        Usage ``demand(group, resource, time)``.

    Raises
    ------
    UsageError
        Naming the file, and column and row where there are any.
    """
    path = Path(path)
    try:
        return from_table(_read_table(path), units)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _read_table(path: Path) -> pd.DataFrame:
    with path.open("rb") as file:
        start = file.read(len(_PARQUET_MAGIC))
    if not start:
        raise UsageError("the file is empty")
    if start == _PARQUET_MAGIC:
        return _read_parquet(path)
    if path.suffix.lower() == ".csv":
        return _read_csv(path)
    raise UsageError("this is not a Parquet file; give Parquet, or CSV with a name that ends in .csv")


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        check_columns(pq.read_schema(path).names)
        # The metadata of pandas is ignored: it could turn a column into the index.
        table: pd.DataFrame = pq.read_table(path, columns=list(COLUMNS)).to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"the Parquet file is damaged or cut short: {error}") from error
    return table


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(
            path,
            encoding="utf-8",
            skipinitialspace=True,
            dtype=dict.fromkeys(_TEXT_COLUMNS, "str"),
            # A region may be called NA, so only values are ever read as missing.
            keep_default_na=False,
            na_values={"value": _NOT_KNOWN},
            low_memory=False,
        )
    except UnicodeDecodeError as error:
        raise UsageError(f"the file is not text in UTF-8: {error}") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UsageError(f"the file cannot be read as CSV: {error}") from error
