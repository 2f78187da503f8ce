"""Pseudonyms: a keyed HMAC-SHA-256 of the user id, with another key for each period; the key shows nowhere.

Place in the line: after consent; user ids end here. Of each digest 64 bits are kept: a collision makes two
people one, so counts can only be too low, which k-anonymity errs on the side of.

Method: RFC 2104 (HMAC), subkeys by HMAC of the period's name as in the expand step of RFC 5869.

>>> key = PseudonymKey(b"0123456789abcdef0123456789abcdef")
>>> key
PseudonymKey(***)
"""

import hmac
import stat
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from forecasting.behaviour.engine import run
from forecasting.behaviour.spelling import spelt
from forecasting.errors import ForecastingError

ENVIRONMENT = "HEADROOM_PSEUDONYM_KEY"
SHORTEST_KEY_BYTES = 32
PERIODS = ("day", "week", "month")
_BATCH = 100_000


class PseudonymKey:
    """A key that shows nothing of itself; `digest` is the one use of it."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SHORTEST_KEY_BYTES:
            raise ForecastingError(
                f"the pseudonym key is shorter than {SHORTEST_KEY_BYTES} bytes; make one: `openssl rand -hex 32`"
            )
        if len(set(secret)) < 8:
            raise ForecastingError("the pseudonym key repeats a few bytes; make one: `openssl rand -hex 32`")
        self._secret = secret

    def __repr__(self) -> str:
        return "PseudonymKey(***)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a key is not written down")

    def subkey(self, period: str) -> bytes:
        """Key of one period; whoever holds it learns nothing of other periods' keys."""
        return hmac.digest(self._secret, b"headroom pseudonyms " + period.encode(), "sha256")


def read_key(path: Path | None, environment: str | None) -> PseudonymKey:
    """Make the key from a file, or from what the environment holds.

    Raises
    ------
    ForecastingError
        If there is none, it is short, or the file can be read by others than its owner.
    """
    if path is None:
        if not environment:
            raise ForecastingError(
                f"there is no pseudonym key: set {ENVIRONMENT}, or give --key-file; try `openssl rand -hex 32`"
            )
        return PseudonymKey(environment.strip().encode("utf-8", "surrogateescape"))
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            text = file.read(65536).strip()
    except OSError as error:
        raise ForecastingError(f"{path}: the key cannot be read: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ForecastingError(f"{path}: others than its owner may read the key; chmod 600 it, and make a new key")
    return PseudonymKey(text)


def assign(base: duckdb.DuckDBPyConnection, key: PseudonymKey, period: str) -> None:
    """Make the table ``codes`` (person, period, code) for whoever has sessions; drop ``people``, and ids with it.

    Parameters
    ----------
    base
        With the tables ``people`` and ``sessions``.
    period
        ``day``, ``week`` or ``month``; in the table, the date of its first day.
    """
    day = f"date_trunc('{period}', make_timestamp({{second}} * 1000000))::DATE"
    first, last = (
        day.format(second="from_s::BIGINT"),
        day.format(second="(from_s + greatest(length_s, 1) - 1)::BIGINT"),
    )
    # Not temporary: another cursor reads it while this one writes.
    run(
        base,
        "pseudonyms",
        f"""CREATE TABLE periods_of AS SELECT {spelt('"user"')} AS "user", person, period FROM (
        SELECT DISTINCT person, {first} AS period FROM sessions WHERE fault IS NULL
        UNION SELECT person, {last} FROM sessions WHERE fault IS NULL AND {last} <> {first})
        JOIN people USING (person);
        CREATE TABLE codes (person INTEGER, period DATE, code UBIGINT)""",
    )
    rows = run(base.cursor(), "pseudonyms", 'SELECT "user", person, period FROM periods_of')
    base.register("coded", pa.RecordBatchReader.from_batches(_SCHEMA, _coded(rows, key)))
    run(base, "pseudonyms", "INSERT INTO codes SELECT * FROM coded")
    base.unregister("coded")
    run(base, "pseudonyms", "DROP TABLE periods_of; DROP TABLE people")


def period_of(period: str, hour: str) -> str:
    """SQL for the first day of the period that an hour, counted from 1970, lies in; periods begin with an hour."""
    return f"date_trunc('{period}', make_timestamp({hour}::BIGINT * 3600000000))::DATE"


_SCHEMA = pa.schema([("person", pa.int32()), ("period", pa.date32()), ("code", pa.uint64())])


def _coded(rows: duckdb.DuckDBPyConnection, key: PseudonymKey) -> Iterator[pa.RecordBatch]:
    subkeys: dict[object, bytes] = {}
    while batch := rows.fetchmany(_BATCH):
        users, people, periods = zip(*batch, strict=True)
        for period in set(periods) - subkeys.keys():
            subkeys[period] = key.subkey(str(period))
        codes = [
            int.from_bytes(hmac.digest(subkeys[period], user.encode(), "sha256")[:8], "little")
            for user, period in zip(users, periods, strict=True)
        ]
        columns = [pa.array(x, field.type) for x, field in zip((people, periods, codes), _SCHEMA, strict=True)]
        yield pa.record_batch(columns, schema=_SCHEMA)
