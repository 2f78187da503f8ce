"""Rows of a source, kept as one Parquet file a day, so that a run reads only what is new or may be corrected.

Place in the line: between `gather` and the remote sources. All of it may be deleted at any time.

A day's file says until when it holds rows and when they were read. What was younger than ``late_hours`` then is
read again and replaced as a whole: late rows come in, corrected ones replace, withdrawn ones go. Files are
written beside and moved into place, so two runs at once leave one or the other's, both whole.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from forecasting.sources.answer import Reader, UnreachableError, empty

_META = b"headroom"
_DAY = timedelta(days=1)
_NAME = pa.dictionary(pa.int32(), pa.string())
_SCHEMA = pa.schema(
    {
        "timestamp": pa.timestamp("us", tz="UTC"),
        "region": _NAME,
        "group": _NAME,
        "resource": _NAME,
        "value": pa.float64(),
        "capacity": pa.float64(),
        "censored": pa.bool_(),
    }
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is wanted: ``[start, end)``, as seen at ``now``; ``folder`` None keeps nothing."""

    folder: Path | None
    start: datetime
    end: datetime
    now: datetime
    late_hours: int
    unreachable_hours: int


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """The rows, what is to be told of them, and of how many hours they were read anew or came from the cache."""

    rows: pd.DataFrame
    told: tuple[str, ...]
    hours_read: float
    hours_kept: float


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    rows: pa.Table
    until: datetime
    read_at: datetime


def take(reader: Reader, terms: Terms, report: Callable[[float], None]) -> Taken:
    """Take the rows of a source from its cache as far as they are settled, and from the source beyond that.

    Raises
    ------
    UnreachableError
        If the source does not answer and the cache ends more than ``unreachable_hours`` before the end.
    UsageError
        If the source refuses. What was read before is kept.
    """
    folder = terms.folder and terms.folder / hashlib.sha256(reader.identity.encode()).hexdigest()[:32]
    days = list(_days(terms.start, terms.end))
    told: dict[str, None] = {}
    tables = [_table(empty())]
    hours_read = hours_kept = 0.0
    silent = False
    for number, day in enumerate(days):
        report(number / len(days))
        stop = min(day + _DAY, terms.end)
        kept = _load(folder, day, told)
        since = _settled(kept, day, terms.late_hours)
        if since < stop and not silent:
            try:
                answer = reader.read(since, stop)
            except UnreachableError as error:
                reach = _reach(folder, days[number:], told)
                if reach <= day or terms.end - reach > timedelta(hours=terms.unreachable_hours):
                    raise
                silent = True
                told[f"{error} (going on with what the cache has, up to {reach:%Y-%m-%d %H:%M}Z)"] = None
            else:
                told |= dict.fromkeys(answer.told)
                kept = _replaced(kept, _table(answer.rows), since, stop, terms.now)
                _store(folder, day, kept, told)
                hours_read += (stop - since) / timedelta(hours=1)
                hours_kept -= (stop - since) / timedelta(hours=1)
        if kept is not None:
            tables.append(_between(kept.rows, terms.start, terms.end))
            hours_kept += (min(kept.until, stop) - day) / timedelta(hours=1)
    rows = pa.concat_tables(tables).unify_dictionaries().to_pandas(ignore_metadata=True)
    return Taken(rows, tuple(told), hours_read, max(0.0, hours_kept))


def _days(start: datetime, end: datetime) -> Iterator[datetime]:
    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        yield day
        day += _DAY


def _settled(kept: _Kept | None, day: datetime, late_hours: int) -> datetime:
    """First hour of a day that must be read."""
    if kept is None:
        return day
    settled = min(kept.until, kept.read_at - timedelta(hours=late_hours))
    return max(day, settled if settled == day + _DAY else settled.replace(minute=0, second=0, microsecond=0))


def _replaced(kept: _Kept | None, rows: pa.Table, since: datetime, stop: datetime, now: datetime) -> _Kept:
    if kept is None:
        return _Kept(rows, stop, now)
    before = _between(kept.rows, None, since)
    after = _between(kept.rows, stop, None)
    joined = pa.concat_tables([before, rows, after]).unify_dictionaries()
    return _Kept(joined, max(kept.until, stop), now if stop >= kept.until else kept.read_at)


def _between(rows: pa.Table, start: datetime | None, end: datetime | None) -> pa.Table:
    at = rows["timestamp"].to_pandas()
    wanted = pd.Series(True, index=at.index)
    if start is not None:
        wanted &= at >= start
    if end is not None:
        wanted &= at < end
    return rows.filter(pa.array(wanted))


def _reach(folder: Path | None, days: list[datetime], told: dict[str, None]) -> datetime:
    """Until when the cache holds rows without a gap, from the first of the days on."""
    reach = days[0]
    for day in days:
        kept = _load(folder, day, told) if reach == day else None
        reach = kept.until if kept else reach
    return reach


def _table(rows: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(rows, schema=_SCHEMA, preserve_index=False).replace_schema_metadata()


def _path(folder: Path, day: datetime) -> Path:
    return folder / f"{day:%Y-%m-%d}.parquet"


def _load(folder: Path | None, day: datetime, told: dict[str, None]) -> _Kept | None:
    if folder is None:
        return None
    path = _path(folder, day)
    try:
        written = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        told[f"{path}: this file of the cache cannot be read ({error.strerror}); its day is read again"] = None
        return None
    try:
        content = pq.read_table(pa.BufferReader(written), page_checksum_verification=True, use_threads=False)
        marks = json.loads(content.schema.metadata[_META])
        until, read_at = (datetime.fromisoformat(marks[name]).astimezone(UTC) for name in ("until", "read_at"))
        rows = content.replace_schema_metadata().cast(_SCHEMA)
        if not day < until <= day + _DAY or len(_between(rows, day, until)) != len(rows):
            raise ValueError(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        told[f"{path}: this file of the cache is damaged; it is deleted, and its day read again"] = None
        with suppress(OSError):
            path.unlink()
        return None
    return _Kept(rows, until, read_at)


def _store(folder: Path | None, day: datetime, kept: _Kept, told: dict[str, None]) -> None:
    """Write a day beside its place and move it there; a cache that cannot be written is told, and gone without."""
    if folder is None:
        return
    marks = json.dumps({"until": kept.until.isoformat(), "read_at": kept.read_at.isoformat()})
    beside = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            beside = Path(file.name)
            pq.write_table(
                kept.rows.replace_schema_metadata({_META: marks}),
                file,
                write_page_checksum=True,
                compression="zstd",
            )
        os.replace(beside, _path(folder, day))  # noqa: PTH105 - atomic, as Path.replace; said as such
        _sweep(folder, kept.read_at)
    except OSError as error:
        told[f"{folder}: the cache cannot be written ({error.strerror or error}); the next run reads again"] = None
        if beside is not None:
            with suppress(OSError):
                beside.unlink()


def _sweep(folder: Path, now: datetime) -> None:
    """Delete what runs that were killed left half written, a day later."""
    for path in folder.glob("*.part"):
        with suppress(OSError):  # another run has moved it into place, or swept as well
            if now.timestamp() - path.stat().st_mtime > _DAY.total_seconds():
                path.unlink()
