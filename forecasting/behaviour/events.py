"""Where events come from → the view ``typed``: one row per event, in known types, with nothing judged yet.

Place in the line: the edge of `behaviour`; `consent` is the first that looks at its rows.

Wanted are the columns ``user, tenant, application, region, started, ended``; may be there are ``team``,
``bytes_read``, ``bytes_written``, ``consent``, ``consent_purpose`` and ``consent_expires``. Others are never
read.
"""

from enum import IntEnum
from pathlib import Path
from typing import Any

import duckdb

from forecasting.behaviour.engine import literal, quoted, run
from forecasting.errors import UsageError

WANTED = ("user", "tenant", "application", "region", "started", "ended")
OPTIONAL = ("team", "bytes_read", "bytes_written", "consent", "consent_purpose", "consent_expires")


class Answer(IntEnum):
    """What the column ``consent`` of a row says."""

    YES = 0
    NO = 1
    GONE = 2
    EXPIRED = 3
    MISSING = 4
    UNREADABLE = 5


_WORDS = {
    Answer.YES: ("true", "t", "yes", "y", "1", "granted"),
    Answer.NO: ("false", "f", "no", "n", "0", "refused", "denied"),
    Answer.GONE: ("withdrawn", "revoked"),
    Answer.EXPIRED: ("expired",),
    Answer.MISSING: ("",),
}

_READERS = {
    ".parquet": "read_parquet({paths}, union_by_name = {union})",
    ".csv": "read_csv({paths}, all_varchar = true, header = true, quote = '\"', escape = '\"', "
    "union_by_name = {union})",
    ".jsonl": "read_json({paths}, format = 'newline_delimited', records = true, sample_size = -1, "
    "union_by_name = true)",
}
# What is joined by name: a column that only some of the files have, an expiry say, counts in those.
_ENDINGS = {".parquet": ".parquet", ".csv": ".csv", ".jsonl": ".jsonl", ".ndjson": ".jsonl", ".json": ".jsonl"}


def open_files(
    base: duckdb.DuckDBPyConnection, path: Path, view: str, doing: str, alike: bool = False
) -> list[Path]:
    """Make a view over a file, or over all files of one form in a folder and the folders below it; return them.

    Parameters
    ----------
    alike
        Whether columns that only some of the files have are an error; else they are NULL in the others.

    Raises
    ------
    UsageError
        If there is no file, none of a known form, or files of several forms.
    """
    try:
        there = path.exists()
        files = sorted(x for x in path.rglob("*") if x.is_file()) if path.is_dir() else [path]
    except OSError as error:
        raise UsageError(f"{doing}: {path} cannot be read: {error.strerror}") from None
    files = [x for x in files if not x.name.startswith((".", "_"))]
    forms = {_ENDINGS.get(x.suffix.lower(), "") for x in files}
    if not there or not files:
        raise UsageError(f"{doing}: {path} is not there or holds no files; give a file or a folder of files")
    if len(forms) > 1 or "" in forms:
        raise UsageError(
            f"{doing}: {path} holds files of other or several forms; wanted are only .parquet, only .csv, or only "
            ".jsonl files"
        )
    if any(x.stat().st_size == 0 for x in files):
        raise UsageError(f"{doing}: {path} is empty or has an empty file in it; take that away")
    # A name with * or [ in it is a name, not a pattern.
    names = (_unglobbed(str(x.resolve())) for x in files)
    paths = "[" + ", ".join(literal(x) for x in names) + "]"
    reader = _READERS[forms.pop()].format(paths=paths, union=str(not alike).lower())
    run(base, f"{doing}: {path} cannot be read", f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM {reader}")
    return files


def open_query(base: duckdb.DuckDBPyConnection, database: Path, query: str) -> None:
    """Copy what a query of a DuckDB file gives into the table ``raw``; the file is opened for reading only.

    Raises
    ------
    ForecastingError
        If the file or the query is not one that DuckDB can read.
    """
    if not database.is_file():
        raise UsageError(f"events: there is no database {database}")
    doing = f"events: the query of {database} cannot be run"
    run(base, doing, f"ATTACH {literal(str(database))} AS given (READ_ONLY)")
    run(base, doing, "USE given")
    # As a sub-query, a second statement is an error of syntax.
    run(base, doing, f"CREATE TEMP TABLE raw AS SELECT * FROM ({query.strip().rstrip(';')}\n)")
    run(base, doing, "USE memory")


def open_stream(base: duckdb.DuckDBPyConnection, reader: Any) -> None:
    """Copy a stream of Arrow batches (what ADBC gives of PostgreSQL) into the table ``raw``."""
    base.register("stream", reader)
    run(base, "events: the stream broke off", "CREATE TEMP TABLE raw AS SELECT * FROM stream")
    base.unregister("stream")


def type_rows(base: duckdb.DuckDBPyConnection, split: str = "team") -> frozenset[str]:
    """Make the view ``typed`` over ``raw``; return which of the optional columns are there.

    ``started_s`` and ``ended_s`` are whole seconds since 1970, NULL where the text is no time; times without an
    offset are UTC, and ``naive`` says whether a row's start came without one. ``answer`` is an `Answer`.

    Parameters
    ----------
    split
        Column that divides tenants into groups; ``team`` may be missing, others must be there.

    Raises
    ------
    UsageError
        Naming the columns that are missing or given twice, or times that are given as numbers.
    """
    described = run(base, "events: the columns cannot be read", "DESCRIBE SELECT * FROM raw").fetchall()
    kinds = {str(name).strip().lower(): (str(name), str(kind)) for name, kind, *_ in described}
    twice = [x for x in (*WANTED, *OPTIONAL) if f"{x}_1" in kinds]  # what DuckDB calls the second one of a file
    if len(kinds) < len(described) or twice:
        what = twice[0] if twice else "but for upper and lower case"
        raise UsageError(f"events: two columns have the same name, {what}; rename one")
    needed = [*WANTED, *([] if split.lower() == "team" else [split.lower()])]
    missing = [x for x in needed if x not in kinds]
    if missing:
        raise UsageError(f"events: column {', '.join(missing)} is missing; wanted {', '.join(needed)}")
    for name in ("started", "ended"):
        if any(x in kinds[name][1] for x in ("INT", "DOUBLE", "FLOAT", "DECIMAL")):
            raise UsageError(f"events: column {name} holds numbers; write times as ISO 8601 or convert them first")

    def text(name: str) -> str:
        return as_text(*kinds[name]) if name in kinds else "NULL::VARCHAR"

    def seconds(name: str) -> str:
        return _seconds(*kinds[name]) if name in kinds else "NULL::BIGINT"

    def whole(name: str) -> str:
        return _whole(*kinds[name]) if name in kinds else "0::BIGINT"

    naive = "false"
    if kinds["started"][1] in {"VARCHAR", "JSON"}:
        naive = rf"NOT regexp_matches({text('started')}, '[Tt :].*([Zz]|[+-]\d\d(:?\d\d)?)\s*$')"
    elif "TIME ZONE" not in kinds["started"][1]:
        naive = "true"
    run(
        base,
        "events: the rows cannot be typed",
        f"""CREATE TEMP VIEW typed AS SELECT {text("user")} AS "user", {text("tenant")} AS tenant,
        coalesce({text(split.lower())}, '') AS team, {text("application")} AS application,
        {text("region")} AS region,
        {seconds("started")} AS started_s, {seconds("ended")} AS ended_s, {whole("bytes_read")} AS read_bytes,
        {whole("bytes_written")} AS written_bytes, {_answer(*kinds.get("consent", ("", "")))} AS answer,
        lower(trim({text("consent_purpose")})) AS purpose, {text("consent_expires")} AS expires_text,
        {seconds("consent_expires")} AS expires_s, {naive} AS naive FROM raw""",
    )
    return frozenset(x for x in OPTIONAL if x in kinds)


def as_text(column: str, kind: str) -> str:
    """SQL for the words of a column; of JSON, which columns of several kinds are, without its quotation marks."""
    if kind == "JSON":
        return f"({quoted(column)} ->> '$')"
    return quoted(column) if kind == "VARCHAR" else f"CAST({quoted(column)} AS VARCHAR)"


def _seconds(column: str, kind: str) -> str:
    """SQL for whole seconds since 1970; NULL for what is no time or endless."""
    if not kind.startswith("TIMESTAMP"):
        given = as_text(column, kind) if kind == "JSON" else quoted(column)
        return f"TRY_CAST(floor(epoch(TRY_CAST({given} AS TIMESTAMPTZ))) AS BIGINT)"
    time = quoted(column) if kind in {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"} else f"{quoted(column)}::TIMESTAMP"
    return f"CASE WHEN isfinite({time}) THEN epoch_us({time}) // 1000000 END"


def _whole(column: str, kind: str) -> str:
    """SQL for a whole number; 0 for what is none; too much, or below zero, for what 64 bits do not hold."""
    given = as_text(column, kind) if kind == "JSON" else quoted(column)
    number = f"TRY_CAST({given} AS DOUBLE)"
    beyond = f"CASE WHEN isnan({number}) THEN 0 WHEN {number} > 0 THEN {2**62} WHEN {number} < 0 THEN -1 END"
    return f"coalesce(TRY_CAST({given} AS BIGINT), {beyond}, 0)"


def _answer(column: str, kind: str) -> str:
    """SQL for what a row itself says of consent; a truth value is taken as such, which is many times faster."""
    if not kind:
        return "NULL::TINYINT"
    if kind == "BOOLEAN":
        cases = [(quoted(column), Answer.YES), (f"NOT {quoted(column)}", Answer.NO)]
        unknown = Answer.MISSING
    else:
        word = f"lower(trim({as_text(column, kind)}))"
        cases = [(f"{word} IN ({', '.join(map(literal, words))})", answer) for answer, words in _WORDS.items()]
        cases += [(f"{word} IS NULL", Answer.MISSING)]
        # Whatever else is written around it: who may have withdrawn, has.
        cases += [(f"regexp_matches({word}, 'withdr[ae]w|revoke')", Answer.GONE)]
        unknown = Answer.UNREADABLE
    whens = " ".join(f"WHEN {condition} THEN {answer:d}" for condition, answer in cases)
    return f"(CASE {whens} ELSE {unknown:d} END)::TINYINT"


def _unglobbed(path: str) -> str:
    return "".join(f"[{x}]" if x in "*?[" else x for x in path)
