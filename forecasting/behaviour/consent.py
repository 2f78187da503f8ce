"""The consent gate: why a row may not be used, in SQL; everything that is not a clear yes is a no.

Place in the line: between `events` and everything else, which sees only what the view ``consented`` lets
through.

A row's own ``consent`` column and the consent file must both say yes where both are there. Who has withdrawn, in
any row or in the file, is out with all rows, whatever their time.
"""

from datetime import datetime
from pathlib import Path

import duckdb

from forecasting.behaviour.engine import literal, quoted, run
from forecasting.behaviour.events import open_files
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

_YES = "('true', 't', 'yes', 'y', '1', 'granted')"
_NO = "('false', 'f', 'no', 'n', '0', 'refused', 'denied')"
_GONE = "('withdrawn', 'revoked')"
_NOBODY = '"user" IS NULL OR trim("user") = \'\''


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
    try:
        open_files(base, path, "consent_raw", "consent")
    except OSError as error:
        raise UsageError(f"{doing}: {error.strerror}") from None
    described = run(base, doing, "DESCRIBE SELECT * FROM consent_raw").fetchall()
    kinds = {str(name).lower(): (str(name), str(kind)) for name, kind, *_ in described}
    missing = [x for x in FILE_COLUMNS if x not in kinds]
    if missing or len(kinds) < len(described):
        raise UsageError(f"consent: {path}: wanted, each once, {', '.join(FILE_COLUMNS)}; nothing is used")
    times, faults = [], [_NOBODY, "purpose IS NULL", "trim(purpose) = ''", "granted_s IS NULL"]
    for name in FILE_COLUMNS[2:]:
        column = quoted(kinds[name][0])
        short = name.removesuffix("_at")
        times += [f"TRY_CAST(floor(epoch(TRY_CAST({column} AS TIMESTAMPTZ))) AS BIGINT) AS {short}_s"]
        times += [f"nullif(trim(CAST({column} AS VARCHAR)), '') AS {short}_text"]
        faults += [f"({short}_text IS NOT NULL AND {short}_s IS NULL)"]
    user, what = (quoted(kinds[x][0]) for x in FILE_COLUMNS[:2])
    run(
        base,
        doing,
        f"""CREATE TEMP TABLE consents AS SELECT CAST({user} AS VARCHAR) AS "user",
        lower(trim(CAST({what} AS VARCHAR))) AS purpose, {", ".join(times)} FROM consent_raw""",
    )
    bad = run(base, doing, f"SELECT count(*) FROM consents WHERE {' OR '.join(faults)}").fetchone()[0]
    if bad:
        raise UsageError(
            f"consent: {path}: {bad:,} rows lack a user, a purpose or the time of the grant, or hold a time that "
            "cannot be read; mend them first: nothing is used"
        )
    # Whoever has withdrawn one purpose has not withdrawn all; a withdrawal that is dated ahead counts now.
    run(
        base,
        doing,
        f"""CREATE TEMP TABLE withdrawals AS SELECT DISTINCT "user" FROM consents
        WHERE withdrawn_s IS NOT NULL AND purpose IN ({literal(purpose.lower())}, '*');
        CREATE TEMP TABLE holders AS SELECT "user",
        bool_or(purpose IN ({literal(purpose.lower())}, '*')) AS covered,
        min(granted_s) FILTER (purpose IN ({literal(purpose.lower())}, '*')) AS granted_s
        FROM consents GROUP BY "user";
        CREATE TEMP TABLE spans AS SELECT DISTINCT "user", granted_s, max(coalesce(expires_s, 9e15::BIGINT))
        OVER (PARTITION BY "user" ORDER BY granted_s RANGE UNBOUNDED PRECEDING) AS expires_s
        FROM consents WHERE purpose IN ({literal(purpose.lower())}, '*')""",
    )


def gate(
    base: duckdb.DuckDBPyConnection, columns: frozenset[str], purpose: str, filed: bool, now: datetime
) -> None:
    """Make the view ``judged``: ``typed`` with ``no``, the reason why consent does not hold, NULL where it does.

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
    cases = [('t."user" IS NULL OR trim(t."user") = \'\'', "no_user")]
    joins = ""
    at = int(now.timestamp())
    if "consent" in columns:
        # In one pass of its own: a withdrawal in one row takes the rows of all files and times.
        run(
            base,
            "consent: the withdrawals of the events cannot be read",
            f"""CREATE TEMP TABLE gone AS SELECT DISTINCT "user" FROM typed
            WHERE consent IN {_GONE} AND "user" IS NOT NULL""",
        )
        joins += ' LEFT JOIN gone AS w ON w."user" = t."user"'
        cases += [
            ('w."user" IS NOT NULL', "withdrawn"),
            ("t.consent IS NULL OR t.consent = ''", "missing"),
            (f"t.consent IN {_NO}", "refused"),
            ("t.consent = 'expired'", "expired"),
            (f"t.consent NOT IN {_YES}", "unreadable"),
        ]
    if "consent_expires" in columns:
        cases += [
            ("nullif(trim(t.expires_text), '') IS NOT NULL AND t.expires_s IS NULL", "unreadable"),
            ("t.expires_s IS NOT NULL AND coalesce(t.started_s, " + str(at) + ") >= t.expires_s", "expired"),
        ]
    if "consent_purpose" in columns:
        wanted = literal(purpose.lower())
        named = "regexp_split_to_array(t.purpose, '[,; |]+')"
        cases += [(f"coalesce(NOT list_has_any({named}, [{wanted}, '*']), true)",
                   "purpose")]  # fmt: skip
    if filed:
        joins += ' LEFT JOIN withdrawals AS v ON v."user" = t."user" LEFT JOIN holders AS h ON h."user" = t."user"'
        # The last grant before the session; its end is the latest of all grants up to it, so that a gap is a gap.
        joins += ' ASOF LEFT JOIN spans AS g ON g."user" = t."user" AND t.started_s >= g.granted_s'
        cases += [
            ('v."user" IS NOT NULL', "withdrawn"),
            ('h."user" IS NULL', "missing"),
            ("NOT h.covered", "purpose"),
            ("t.started_s IS NULL", "expired"),
            ("t.started_s < h.granted_s", "not_yet"),
            ("g.expires_s IS NULL OR t.started_s >= g.expires_s", "expired"),
        ]
    whens = " ".join(f"WHEN {condition} THEN '{reason}'" for condition, reason in cases)
    run(base, "consent: the gate cannot be set up",
        f"CREATE TEMP VIEW judged AS SELECT t.*, CASE {whens} END AS no FROM typed AS t{joins}")  # fmt: skip
