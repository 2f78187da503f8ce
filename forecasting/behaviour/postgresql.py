"""Events from a query of PostgreSQL, as a stream of Arrow batches (ADBC); errors show neither row nor URI.

Place in the line: the edge of `behaviour`, beside `events`; needs the extra ``postgresql``.

    with opened(Path("uri"), "SELECT * FROM sessions") as stream:
        ingest(stream, None, key, now)
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forecasting.errors import ForecastingError, UsageError


@contextmanager
def opened(uri_file: Path, query: str) -> Iterator[Any]:
    """Run a query within a transaction that may only read; give a `pyarrow.RecordBatchReader`.

    Parameters
    ----------
    uri_file
        A file with ``postgresql://user:password@host/database``, which only its owner may read.

    Raises
    ------
    ForecastingError
        If ADBC is not there, the file cannot be used, or the database refuses.
    """
    try:
        from adbc_driver_manager import Error  # noqa: PLC0415 - an extra
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - an extra
    except ImportError:
        raise ForecastingError("PostgreSQL needs ADBC: pip install 'headroom[postgresql]'") from None
    try:
        if uri_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"{uri_file}: others than its owner may read it; chmod 600 it")
        uri = uri_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{uri_file}: the URI of the database cannot be read") from None
    failed = ""
    try:
        with dbapi.connect(uri) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            # As a sub-query, a second statement is an error of syntax.
            cursor.execute(f"SELECT * FROM ({query.strip().rstrip(';')}\n) AS events")
            yield cursor.fetch_record_batch()
    except Error as error:
        failed = type(error).__name__
    if failed:
        raise UsageError(
            f"events: PostgreSQL refused or broke off ({failed}); what it says is withheld, since it may quote "
            "rows. Try the query with psql"
        )
