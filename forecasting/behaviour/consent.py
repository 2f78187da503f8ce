"""The consent gate: why a row may not be used, in SQL; everything that is not a clear yes is a no.

Place in the line: between `events` and everything else, which sees only what the view ``consented`` lets
through.

A row's own ``consent`` column and the consent file must both say yes where both are there. Who has withdrawn, in
any row or in the file, is out with all rows, whatever their time, however the id is spelt.
Of a row that may not be used, nothing gets beyond the gate but the reason.
"""

from datetime import datetime
from os import SEEK_END
from pathlib import Path

import duckdb

from forecasting.behaviour.engine import literal, run
from forecasting.behaviour.events import Answer, as_text, open_files
from forecasting.behaviour.spelling import spelt
from forecasting.errors import UsageError

FILE_COLUMNS = ("user", "purpose", "granted_at", "expires_at", "withdrawn_at")
REASONS = {
    "no_user": "no user named",
    "missing": "consent missing",
    "refused": "consent refused",
    "withdrawn": "consent withdrawn",
    "unreadable": "consent unreadable",
    "expired": "consent expired",
    "not_yet": "before the consent",
    "purpose": "purpose not covered",
}
"""Reasons why a row is dropped, in the order in which they are tried, in words."""


def load_consent(base: duckdb.DuckDBPyConnection, path: Path, purpose: str) -> None:
    """Read the consent file into ``holders``, ``spans`` and ``withdrawals``; anything odd refuses all of it.

    Raises
    ------
    UsageError
        If a column is missing, or a row has no user, no purpose, or a time that cannot be read.
    ForecastingError
        If the file cannot be read.
    """
    doing = f"consent: nothing is used, since {path} cannot be read"
    for file in open_files(base, path, "consent_raw", "consent: nothing is used", alike=True):
        _check_end(file)
    described = run(base, doing, "DESCRIBE SELECT * FROM consent_raw").fetchall()
    kinds = {str(name).lower(): (str(name), str(kind)) for name, kind, *_ in described}
    missing = [x for x in FILE_COLUMNS if x not in kinds]
    if missing or len(kinds) < len(described):
        raise UsageError(f"consent: {path}: wanted, each once, {', '.join(FILE_COLUMNS)}; nothing is used")
    user, what = (as_text(*kinds[x]) for x in FILE_COLUMNS[:2])
    nobody = f"""coalesce({spelt('"user"')}, '') = ''"""
    times, faults = [], [nobody, "purpose IS NULL", "trim(purpose) = ''", "granted_s IS NULL"]
    for name in FILE_COLUMNS[2:]:
        column = as_text(*kinds[name])
        short = name.removesuffix("_at")
        times += [f"TRY_CAST(floor(epoch(TRY_CAST({column} AS TIMESTAMPTZ))) AS BIGINT) AS {short}_s"]
        times += [f"nullif(trim({column}), '') AS {short}_text"]
        faults += [f"({short}_text IS NOT NULL AND {short}_s IS NULL)"]
    run(
        base,
        doing,
        f"""CREATE TEMP TABLE consents AS SELECT trim({user}) AS "user",
        lower(trim({what})) AS purpose, {", ".join(times)} FROM consent_raw""",
    )
    bad = run(base, doing, f"SELECT count(*) FROM consents WHERE {' OR '.join(faults)}").fetchone()[0]
    if bad:
        raise UsageError(
            f"consent: {path}: {bad:,} rows lack a user, a purpose or the time of the grant, or hold a time that "
            "cannot be read; mend them first: nothing is used"
        )
    # Whoever has withdrawn one purpose has not withdrawn all; a withdrawal that is dated ahead counts now.
    covered = f"purpose IN ({literal(purpose.lower())}, '*')"
    run(
        base,
        doing,
        f"""CREATE TEMP TABLE withdrawals AS SELECT DISTINCT {spelt('"user"')} AS name FROM consents
        WHERE withdrawn_s IS NOT NULL AND {covered};
        CREATE TEMP TABLE holders AS SELECT "user", bool_or({covered}) AS covered,
        min(granted_s) FILTER ({covered}) AS granted_s FROM consents GROUP BY "user";
        CREATE TEMP TABLE spans AS WITH ends AS (SELECT "user", granted_s, coalesce(expires_s, 9e15::BIGINT) AS
          expires_s FROM consents WHERE {covered}),
        before AS (SELECT *, max(expires_s) OVER (PARTITION BY "user" ORDER BY granted_s, expires_s
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS known_s FROM ends),
        islands AS (SELECT *, count(*) FILTER (known_s IS NULL OR granted_s > known_s)
          OVER (PARTITION BY "user" ORDER BY granted_s, expires_s) AS island FROM before)
        SELECT "user", min(granted_s) AS granted_s, max(expires_s) AS expires_s FROM islands
        GROUP BY "user", island""",
    )


def gate(
    base: duckdb.DuckDBPyConnection, columns: frozenset[str], purpose: str, filed: bool, now: datetime
) -> None:
    """Make the table ``people``, and the view ``judged``: ``typed`` with ``person`` and ``no``, a reason or NULL.

    ``people`` ("user", person, out, unfiled) numbers whoever is named in any row, and says who is out altogether.

    Parameters
    ----------
    columns
        Optional columns that the events have.
    purpose
        What the data is used for; a consent that names purposes must name it, or ``*``.
    filed
        Whether `load_consent` has been called.

    Raises
    ------
    UsageError
        If neither events nor a file say who has consented.
    """
    if "consent" not in columns and not filed:
        raise UsageError("events: no column consent and no --consent file: nobody has agreed, so nothing is used")
    run(base, "consent", f"CREATE TYPE reason AS ENUM ({', '.join(map(literal, REASONS))})")
    _people(base, filed)
    cases = [("p.person IS NULL", "no_user"), ("p.out IS NOT NULL", "withdrawn")]
    joins = ' LEFT JOIN people AS p ON p."user" = t."user"'
    if "consent" in columns:
        cases += [
            (f"t.answer = {Answer.MISSING:d}", "missing"),
            (f"t.answer = {Answer.NO:d}", "refused"),
            (f"t.answer = {Answer.EXPIRED:d}", "expired"),
            (f"t.answer <> {Answer.YES:d}", "unreadable"),
        ]
    if "consent_expires" in columns:
        at = f"coalesce(t.started_s, {int(now.timestamp())})"
        cases += [
            ("nullif(trim(t.expires_text), '') IS NOT NULL AND t.expires_s IS NULL", "unreadable"),
            (f"t.expires_s IS NOT NULL AND {at} >= t.expires_s", "expired"),
        ]
    if "consent_purpose" in columns:
        wanted = literal(purpose.lower())
        named = "regexp_split_to_array(t.purpose, '[,; |]+')"
        cases += [(f"coalesce(NOT list_has_any({named}, [{wanted}, '*']), true)", "purpose")]
    if filed:
        # Spans of one person do not overlap, so that there is one or none.
        joins += " LEFT JOIN spans_of AS g ON g.person = p.person AND t.started_s >= g.granted_s " \
            "AND t.started_s < g.expires_s"  # fmt: skip
        cases += [(f"p.unfiled = '{reason}'", reason) for reason in ("withdrawn", "missing", "purpose")]
        cases += [
            ("t.started_s IS NULL", "expired"),
            ("t.started_s < p.granted_s", "not_yet"),
            ("g.person IS NULL", "expired"),
        ]
    whens = " ".join(f"WHEN {condition} THEN '{reason}'::reason" for condition, reason in cases)
    run(
        base,
        "consent: the gate cannot be set up",
        f"CREATE TEMP VIEW judged AS SELECT t.*, p.person, CASE {whens} END AS no FROM typed AS t{joins}",
    )


def _people(base: duckdb.DuckDBPyConnection, filed: bool) -> None:
    """Make ``people``, and ``spans_of`` (person, granted_s, expires_s) if there is a file of consents."""
    # In a pass of its own: a withdrawal in one row takes the rows of all files and times.
    run(
        base,
        "consent: who is named in the events cannot be read",
        f"""CREATE TEMP TABLE named AS SELECT "user", bool_or(coalesce(answer = {Answer.GONE:d}, false)) AS gone
        FROM typed GROUP BY "user";
        CREATE TEMP TABLE gone AS SELECT DISTINCT {spelt('"user"')} AS name FROM named WHERE gone""",
    )
    joined = ""
    if filed:
        of_file = """CASE WHEN v.name IS NOT NULL THEN 'withdrawn' WHEN h."user" IS NULL THEN 'missing'
        WHEN NOT h.covered THEN 'purpose' END::reason AS unfiled, h.granted_s"""
        joined = 'LEFT JOIN withdrawals AS v ON v.name = n.name ' \
            'LEFT JOIN holders AS h ON h."user" = trim(n."user")'  # fmt: skip
    else:
        of_file = "NULL::reason AS unfiled, NULL::BIGINT AS granted_s"
    run(
        base,
        "consent: the people cannot be numbered",
        f"""CREATE TABLE people AS SELECT n."user", (row_number() OVER ())::INTEGER AS person,
        CASE WHEN w.name IS NOT NULL THEN true END AS out, {of_file}
        FROM (SELECT *, {spelt('"user"')} AS name FROM named) AS n
        LEFT JOIN gone AS w ON w.name = n.name {joined} WHERE n.name <> '';
        DROP TABLE named; DROP TABLE gone""",
    )
    if filed:
        run(base, "consent: the spans cannot be joined", """CREATE TEMP TABLE spans_of AS
        SELECT person, s.granted_s, s.expires_s FROM spans AS s JOIN people AS p
        ON s."user" = trim(p."user")""")  # fmt: skip


def _check_end(file: Path) -> None:
    """Refuse a CSV whose last row does not end: the time of a withdrawal may be what is cut off."""
    if file.suffix.lower() == ".csv":
        with file.open("rb") as stream:
            stream.seek(-1, SEEK_END)
            if stream.read(1) not in b"\r\n":
                raise UsageError(
                    f"consent: {file}: the last row does not end, so it may be half written: nothing is used; "
                    "let it end with a newline"
                )
