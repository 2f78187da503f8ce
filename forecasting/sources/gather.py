"""The YAML file that describes sources → one long table, and what came from where.

Place in the line: it puts `described`, the sources and `cache` together.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd

from forecasting.errors import UsageError
from forecasting.sources import cloudwatch, files, prometheus
from forecasting.sources.answer import NAMES, Reader, UnreachableError
from forecasting.sources.cache import Terms, take
from forecasting.sources.described import Cloudwatch, Files, Prometheus, Sources, parse
from forecasting.sources.web import Web, read_headers

_NOT_IDENTITY = {"timeout_seconds", "patience_seconds", "most_series", "most_mib", "chunk"}
"""Settings on which the rows do not depend."""

_TENANT = "x-scope-orgid"
"""The header by which Mimir and others tell tenants apart: their rows must not mix in a cache; it is no secret."""


@dataclass(frozen=True, slots=True)
class Part:
    """What came from one source; hours are of the time axis, None where a source has no such axis."""

    title: str
    rows: int
    first: datetime | None
    last: datetime | None
    hours_read: float | None = None
    hours_kept: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The long table of all sources, in their order; what came from each, and what is to be told."""

    rows: pd.DataFrame
    parts: tuple[Part, ...]
    told: tuple[str, ...]


def gather(path: Path, now: datetime, report: Callable[[str, float], None] | None = None) -> Gathered:
    """Read all sources that a file describes.

    Parameters
    ----------
    path
        Of the YAML file; relative paths in it begin at its folder.
    now
        Timezone-aware; nothing after it is asked for. The cache counts what is late from it.
    report
        Is told what is read and how far, from 0 to 1.

    Raises
    ------
    UsageError
        Naming the file, and the source or the line at fault.
    """
    settings = _described(path)
    tables: list[pd.DataFrame] = []
    parts: list[Part] = []
    told: list[str] = []
    for number, source in enumerate(settings.sources, start=1):
        title = f"{number} {source.kind}"
        try:
            if isinstance(source, Files):
                place = _place_of(source, path.parent)
                if report:
                    report(title, 0.0)
                rows, part = whole(title, files.read_rows(place))
            else:
                reader = _reader(source, title, path.parent)
                rows, part, lines = _taken(reader, settings, path.parent, now, report)
                told += [f"source {title}: {line}" for line in lines]
        except UnreachableError as error:
            raise UnreachableError(f"{path}: source {title}: {error}") from error
        except UsageError as error:
            raise UsageError(f"{path}: source {title}: {error}") from error
        tables.append(rows)
        parts.append(part)
    return Gathered(_joined(tables), tuple(parts), tuple(told))


def places_of(path: Path) -> tuple[str, ...]:
    """Return the files, folders and addresses that a file which describes sources has read, and its cache.

    Raises
    ------
    UsageError
        If the file cannot be read, or describes no sources.
    """
    settings, home = _described(path), path.parent
    found = [_place_of(source, home) for source in settings.sources if isinstance(source, Files)]
    found += [str(home / x.headers_file) for x in settings.sources if isinstance(x, Prometheus) and x.headers_file]
    return (*found, *([str(home / settings.cache)] if settings.cache else ()))


def _described(path: Path) -> Sources:
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "the file is not text in UTF-8"
        raise UsageError(f"{path}: {said}") from error


def _place_of(source: Files, home: Path) -> str:
    return source.path if "://" in source.path else str(home / source.path)


def _reader(source: Prometheus | Cloudwatch, title: str, home: Path) -> Reader:
    identity = source.model_dump(mode="json", exclude=_NOT_IDENTITY)
    if isinstance(source, Prometheus):
        headers = read_headers(home / source.headers_file) if source.headers_file else {}
        identity["tenant"] = {k.lower(): v for k, v in headers.items()}.get(_TENANT)
        web = Web(source.url, headers, source.timeout_seconds, source.patience_seconds, source.most_mib << 20)
        read = partial(prometheus.read, source, web)
    else:
        read = partial(cloudwatch.read, source, cloudwatch.connect(source))
    return Reader(title, json.dumps(identity, sort_keys=True), source.step, read)


def _taken(
    reader: Reader, settings: Sources, home: Path, now: datetime, report: Callable[[str, float], None] | None
) -> tuple[pd.DataFrame, Part, tuple[str, ...]]:
    step = reader.step_seconds
    end = datetime.fromtimestamp(int(now.timestamp()) // step * step, UTC)
    start = (end - timedelta(days=settings.history_days)).replace(hour=0, minute=0, second=0, microsecond=0)
    folder = home / settings.cache if settings.cache else None
    terms = Terms(folder, start, end, now, settings.late_hours, settings.unreachable_hours)
    found = take(reader, terms, lambda share: report(reader.title, share) if report else None)
    rows, part = whole(reader.title, found.rows)
    return rows, Part(part.title, part.rows, part.first, part.last, found.hours_read, found.hours_kept), found.told


def whole(title: str, rows: pd.DataFrame) -> tuple[pd.DataFrame, Part]:
    """Return rows as they are, and from when to when they are; times that cannot be read count for nothing."""
    times = pd.to_datetime(rows["timestamp"], utc=True, format="ISO8601", errors="coerce").dropna()
    span = (
        (times.min().floor("s").to_pydatetime(), times.max().floor("s").to_pydatetime())
        if len(times)
        else (None, None)
    )
    return rows, Part(title, len(rows), *span)


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Join tables of different origin: names as text, for categories of two tables have different codes."""
    if len(tables) == 1:
        return tables[0]
    kinds = {str(table["timestamp"].dtype) for table in tables}
    alike = []
    for table in tables:
        changed = {x: table[x].astype("str") for x in NAMES if isinstance(table[x].dtype, pd.CategoricalDtype)}
        if len(kinds) > 1 and pd.api.types.is_datetime64_any_dtype(table["timestamp"].dtype):
            changed["timestamp"] = table["timestamp"].map(lambda x: x.isoformat())
        alike.append(table.assign(**changed))
    return pd.concat(alike, ignore_index=True)
