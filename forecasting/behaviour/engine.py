"""A DuckDB of its own for one run: bounded memory, private encrypted spilling, errors without any row's words.

Place in the line: under everything of `behaviour` that runs SQL.

    with engine(memory_gib=2.5) as base:
        run(base, "counting rows", "SELECT count(*) FROM raw")
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from forecasting.behaviour.spelling import teach
from forecasting.errors import ForecastingError

_TOO_MUCH = (duckdb.OutOfMemoryException,)


@contextmanager
def engine(memory_gib: float = 2.5, threads: int = 2) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB in memory that spills, encrypted, into a directory that only we can enter and that goes away.

    Parameters
    ----------
    memory_gib
        What DuckDB may keep in memory, GiB; the process needs up to about 1 GiB beside it.
    threads
        Worker threads.
    """
    with tempfile.TemporaryDirectory(prefix="headroom-") as folder:  # mode 0700
        settings: dict[str, Any] = {
            "memory_limit": f"{int(memory_gib * 2**20)}KiB",
            "threads": threads,
            "temp_directory": folder,
            "temp_file_encryption": True,  # what spills may hold user ids
            # Without the extension httpfs, not in the wheel, its own cipher is the only one that writes; its
            # random numbers are weak, and it guards what the directory's mode and its end have not.
            "force_mbedtls_unsafe": True,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        base = duckdb.connect(":memory:", config=settings)
        try:
            base.execute("SET TimeZone = 'UTC'")
            base.execute("SET enable_progress_bar = false")
            teach(base)
            yield base
        finally:
            base.close()


def run(base: duckdb.DuckDBPyConnection, doing: str, sql: str, values: list[Any] | None = None) -> Any:
    """Execute SQL; what DuckDB says of a failure is not passed on, since it quotes rows.

    Raises
    ------
    ForecastingError
        Saying what was being done and of which kind the failure was.
    """
    try:
        return base.execute(sql, values)
    except _TOO_MUCH:
        message = f"{doing}: memory or space for temporary files ran out; raise --memory or free space"
    except duckdb.Error as error:
        message = f"{doing}: {type(error).__name__}; what DuckDB says of it is withheld, since it may quote rows"
    except RuntimeError:  # DuckDB's word for a signal whose handler raised while it was at work
        raise KeyboardInterrupt from None
    raise ForecastingError(message)  # outside of except, so that no chained error shows a row


def quoted(name: str) -> str:
    """A column's name as SQL may hold it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL may hold it, where no parameter is allowed (views)."""
    return "'" + text.replace("'", "''") + "'"
