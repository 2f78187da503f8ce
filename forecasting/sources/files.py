"""Usage from files: one, a folder of them, here or on an object store (any address that fsspec knows).

Place in the line: the edge before `usage`; it opens files, and adds their name to whatever is wrong with them.

    usage = read("usage.parquet", units={"cpu": "GHz"})
    usage = read("s3://metrics/usage/")
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

import fsspec
import pandas as pd
import xarray as xr

from forecasting.censoring import CAPACITY, CENSORED
from forecasting.errors import UsageError
from forecasting.sources.formats import ENDINGS, read_table
from forecasting.table import COLUMNS, check_columns
from forecasting.usage import from_table

MOST_FILES = 10_000
"""Most files of a folder that are read."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*(::|://)", re.IGNORECASE)
_PARTITION = re.compile(r"([^=/]+)=([^/]*)")
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def read(place: Path | str, units: Mapping[str, str] | None = None, now: datetime | None = None) -> xr.Dataset:
    """Read usage from a file, a folder or an address.

    Parameters
    ----------
    place
        A Parquet, CSV or JSON-lines file with the columns that `forecasting.usage.from_table` wants; a folder of
        such files (by their endings; names that begin with ``.`` or ``_`` are passed over), whose own folders may
        carry columns as ``region=eu-west``; or the fsspec address of either. CSV is UTF-8, divided by commas, with
        a header and times in ISO 8601.
    units
        Unit of each resource; see `forecasting.usage.from_table`.
    now
        Later rows are not looked at; see there.

    Returns
    -------
    xarray.Dataset
        Usage ``demand(group, resource, time)``.

    Raises
    ------
    UsageError
        Naming the file, and column and row where there are any.
    """
    table = read_rows(place)
    try:
        return from_table(table, units, now)
    except UsageError as error:
        raise UsageError(f"{shown(place)}: {error}") from error


def read_rows(place: Path | str) -> pd.DataFrame:
    """Read the long table of a file, a folder or an address; arguments and errors as of `read`."""
    text = str(place)
    with _naming(text):
        if not _URL.match(text):
            if Path(text).is_dir():
                return _read_folder(fsspec.filesystem("file"), Path(text).absolute().as_posix(), text)
            with Path(text).open("rb") as file:
                return read_table(file, text)
        system, path = fsspec.url_to_fs(text)
        if system.isdir(path):
            return _read_folder(system, path, text)
        with system.open(path, "rb") as file:
            return read_table(cast(BinaryIO, file), path)


def shown(place: Path | str) -> str:
    """Return a place as errors may show it: without the user and password, and the query, of an address."""
    text = str(place)
    if not _URL.match(text):
        return text
    return re.sub(r"://[^/@]*@", "://", text.split("?", maxsplit=1)[0])


def _read_folder(system: Any, root: str, place: str) -> pd.DataFrame:
    """Read every file under a folder, in the order of their names; later rows correct earlier ones."""
    found = sorted(path for path in system.find(root) if _taken(path, root))
    if not found:
        raise UsageError(f"there is no file in this folder that ends in {', '.join(ENDINGS)}")
    if len(found) > MOST_FILES:
        raise UsageError(f"{len(found):,} files are more than {MOST_FILES:,}; give fewer, or larger ones")
    tables = []
    for path in found:
        inside = _inside(path, root)
        try:
            with system.open(path, "rb") as file:
                table = read_table(file, path, check=False)
            for column, value in _partitions(inside).items():
                if column in table:
                    raise UsageError(f"column '{column}' is in the file and in its path; take one of them out")
                table[column] = value
            check_columns(table.columns)
        except UsageError as error:
            raise UsageError(f"{inside}: {error}") from error
        tables.append(table[[x for x in (*COLUMNS, CAPACITY, CENSORED) if x in table]])
    for table, path in zip(tables, found, strict=True):
        if str(table["timestamp"].dtype) != str(tables[0]["timestamp"].dtype):
            # Of mixed kinds, pandas would make one column of objects: text is what all of them can be.
            raise UsageError(
                f"{_inside(path, root)}: its times are {table['timestamp'].dtype}, those of "
                f"{_inside(found[0], root)} {tables[0]['timestamp'].dtype}; write all files alike"
            )
    return pd.concat(tables, ignore_index=True)


def _inside(path: str, root: str) -> str:
    return path.removeprefix(root).lstrip("/")


def _taken(path: str, root: str) -> bool:
    parts = PurePosixPath(_inside(path, root)).parts
    return not any(x.startswith((".", "_")) for x in parts) and parts[-1].lower().endswith(ENDINGS)


def _partitions(inside: str) -> dict[str, str | None]:
    """Columns that the folders of a path carry, as Hive writes them; other names are passed over."""
    pairs = (_PARTITION.fullmatch(part) for part in PurePosixPath(inside).parts[:-1])
    columns = {unquote(pair[1]): unquote(pair[2]) for pair in pairs if pair}
    return {k: None if v == _NO_PARTITION else v for k, v in columns.items() if k in COLUMNS}


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Name the place in every error, and say what to install for an address that needs more."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{shown(place)}: {error}") from error
    except ImportError as error:
        said = str(error)  # "Install s3fs to access S3", or "requires "requests" and "aiohttp" to be installed"
        needed = re.findall(r"[Ii]nstall (?:the )?[`'\"]?([a-z0-9_-]+)", said) or re.findall(
            r"\"([a-z0-9_-]+)\"", said
        )
        library = " ".join(needed) or "the library of fsspec for it"
        raise UsageError(f"{shown(place)}: to read such an address, pip install {library}") from error
    except ValueError as error:
        raise UsageError(f"{shown(place)}: this is no address that can be read: its kind is not known") from error
    except OSError as error:
        said = error.strerror or str(error).replace(place, shown(place))
        raise UsageError(f"{shown(place)}: {said}") from error
    except Exception as error:
        if not _URL.match(place):
            raise
        # Every store has errors of its own kinds; what they say may hold the address with its secrets.
        raise UsageError(
            f"{shown(place)}: the store cannot be read ({type(error).__name__}); "
            "is the address right, and are there credentials for it?"
        ) from error
