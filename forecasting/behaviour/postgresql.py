"""Events from a query of PostgreSQL, as a stream of Arrow batches (ADBC); errors show neither row nor password.

Place in the line: the edge of `behaviour`, beside `events`; needs the extra ``postgresql``.

    with opened(Path("uri"), "SELECT * FROM sessions") as stream:
        ingest(stream, None, key, now)
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from forecasting.errors import ForecastingError, UsageError

CONNECT_SECONDS = 20
"""How long is waited for a server, unless the URI says ``connect_timeout``."""

_WITHHELD = "what it says is withheld, since it may quote rows; try the query with psql"
_STATES = {
    "42501": "the user may not read this; GRANT SELECT on it",
    "42601": "the query is no single SELECT; mend its syntax",
    "42703": "the query names a column that is not there",
    "42P01": "the query names a table that is not there",
    "25006": "the query would write; it may only read",
    "57014": "the query was cancelled, by a time limit of the server, say",
}
_REFUSALS = {
    "authentication failed": "it refuses the user or the password",
    "no password supplied": "it wants a password; write it into the URI",
    "no pg_hba.conf entry": "it lets this user in neither from here nor so (pg_hba.conf)",
    "could not translate host name": "there is no host of that name",
    "Connection refused": "nothing listens there",
    "timeout expired": "it does not answer",
    "unreachable": "no way leads there",
    "No such file": "no server of this machine listens on a socket",
    "SSL": "no encrypted connection could be agreed on (sslmode)",
    "too many": "it has no connection left",
    "does not exist": "there is no such database or user",
}


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
        import pyarrow as pa  # noqa: PLC0415 - for those who use it
        from adbc_driver_manager import Error  # noqa: PLC0415 - an extra
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - an extra
    except ImportError:
        said = "PostgreSQL needs ADBC: `pip install '.[postgresql]'` in a checkout of Headroom"
        raise ForecastingError(said) from None
    uri, place = _address(uri_file)
    broke = ""

    def guarded(reader: Any) -> Iterator[Any]:
        """Batches; what goes wrong between two of them, and may quote rows, is kept from whoever reads."""
        nonlocal broke
        try:
            yield from reader
        except (OSError, Error, pa.ArrowException) as error:
            broke = f"events: {place}: the query broke off ({type(error).__name__}); {_WITHHELD}"
        if broke:
            raise OSError("the stream ended early")

    failed = ""
    try:
        with dbapi.connect(uri) as connection:
            with connection.cursor() as cursor:
                failed = "query"
                cursor.execute("SET TRANSACTION READ ONLY")
                # As a sub-query, a second statement is an error of syntax.
                cursor.execute(f"SELECT * FROM ({query.strip().rstrip(';')}\n) AS events")
                reader = cursor.fetch_record_batch()
                yield pa.RecordBatchReader.from_batches(reader.schema, guarded(reader))
            failed = ""
    except Error as error:
        failed = _refused(place, error) if failed else _unreachable(place, error)
    except ForecastingError:
        if not broke:
            raise
        failed = broke
    if failed:
        raise UsageError(failed)


def _address(uri_file: Path) -> tuple[str, str]:
    """The URI of a file, and the host and port of it: all that errors may show."""
    try:
        if uri_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"{uri_file}: others than its owner may read it; chmod 600 it")
        uri = uri_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{uri_file}: the URI of the database cannot be read") from None
    odd = f"{uri_file}: this is no URI of PostgreSQL; write one line, postgresql://user:password@host/database"
    try:
        parts = urlsplit(uri)
        place = f"PostgreSQL at {parts.hostname or 'this machine'}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        raise UsageError(odd) from None
    torn = "@" in f"{parts.path}{parts.query}" or parts.fragment  # a password with / or # in it
    if parts.scheme not in {"postgresql", "postgres"} or torn or not uri.isprintable() or " " in uri:
        raise UsageError(f"{odd}, and in a password %20 for a space, %2F for /, %23 for #, %40 for @")
    if "connect_timeout=" not in parts.query:
        uri += f"{'&' if parts.query else '?'}connect_timeout={CONNECT_SECONDS}"
    return uri, place


def _unreachable(place: str, error: Exception) -> str:
    """Say why there is no connection, in words of our own: libpq may quote the URI."""
    why = next((words for part, words in _REFUSALS.items() if part in str(error)), "")
    return f"events: {place} cannot be asked: {why or 'is the URI right?'}"


def _refused(place: str, error: Exception) -> str:
    state = str(getattr(error, "sqlstate", None) or "")
    why = _STATES.get(state) or f"it refuses the query ({state or type(error).__name__}); {_WITHHELD}"
    return f"events: {place}: {why}"
