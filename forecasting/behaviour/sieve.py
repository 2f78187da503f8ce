"""What is wrong with a row that has consent; what is left of the rows is numbers, in the table ``sessions``.

Place in the line: after `consent`, before `pseudonyms` and `anonymity`. Rows that fail are counted per reason,
not shown; of theirs only the reason is kept.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from forecasting.behaviour import consent
from forecasting.behaviour.engine import literal, run

REASONS = {
    "time": "start or end missing, or no time",
    "backwards": "ends before it starts",
    "ahead": "starts after now",
    "bytes": "bytes below zero or above 64 TiB",
    "unnamed": "tenant, application or region missing",
    "name": "a name that cannot be shown",
    "location": "region finer than a region",
}
"""Reasons why a row with consent is left out, in the order in which they are tried, in words."""

EARLIEST_S = 31_536_000
"""1971: earlier times are seconds taken for something else."""

LONGEST_NAME = 100
MOST_BYTES = 2**46  # read, or written, in one session; so that both, times the seconds of an hour, fit in 64 bits

_HIDDEN = r"[\p{C}\x{2028}\x{2029}]"
# Coordinates, addresses of machines, post codes of digits, addresses of mail.
_FINE = (
    r"^[-+0-9.,;:°\s]+$|[0-9]\s*°|[0-9][.,][0-9]|[0-9]{5}"
    r"|^[0-9a-fA-F]*:[0-9a-fA-F:]+$|^([0-9a-fA-F]{2}-){3}|@"
)
_NAMES = ("region", "tenant", "team", "application")


@dataclass(frozen=True, slots=True)
class Intake:
    """What came in: counts of rows, by reason where they were left out."""

    rows: int
    without_consent: dict[str, int]
    bad: dict[str, int]
    used: int
    naive_times: int
    cut_sessions: int
    cut_at_now: int


def sieve(base: duckdb.DuckDBPyConnection, now: datetime, longest_hours: int) -> Intake:
    """Make the tables ``sessions`` and ``members`` from the view ``judged``.

    ``sessions`` (fault, person, member, from_s, length_s, bytes, marks): fault is why a row is not
    used, and then nothing else is known of it. ``members`` (member, region, tenant, team, application) numbers the
    names that good rows have.

    Parameters
    ----------
    now
        Nothing starts after it; what ends after it is cut there.
    longest_hours
        Sessions are cut at this length, hours: a browser left open is not use.
    """
    at, longest = int(now.timestamp()), longest_hours * 3600
    every = {**consent.REASONS, **REASONS}
    faults = {
        "time": f"started_s IS NULL OR ended_s IS NULL OR least(started_s, ended_s) < {EARLIEST_S}",
        "backwards": "ended_s < started_s",
        "ahead": f"started_s >= {at}",
        "bytes": f"read_bytes NOT BETWEEN 0 AND {MOST_BYTES} OR written_bytes NOT BETWEEN 0 AND {MOST_BYTES}",
    }
    run(
        base,
        "events: the rows cannot be checked",
        f"CREATE TYPE fault AS ENUM ({', '.join(map(literal, every))}); {_names()}",
    )
    kept = {
        "person": "person",
        "member": "member",
        "from_s": "started_s::UINTEGER",
        "length_s": f"(least(ended_s, started_s + {longest}, {at}) - started_s)::UINTEGER",
        "bytes": "read_bytes + written_bytes",
        "marks": f"(naive::INTEGER + 2 * (ended_s - started_s > {longest})::INTEGER"
        f" + 4 * (ended_s > {at})::INTEGER)::UTINYINT",
    }
    fields = ", ".join(f"CASE WHEN fault IS NULL THEN {sql} END AS {name}" for name, sql in kept.items())
    joined = " AND ".join(f"j.{x} IS NOT DISTINCT FROM n.{x}" for x in _NAMES)
    run(
        base,
        "events: the rows cannot be checked",
        f"""CREATE TABLE sessions AS SELECT fault, {fields} FROM
        (SELECT j.*, n.member, coalesce(j.no::fault, {_case(faults)}, n.fault) AS fault
        FROM judged AS j JOIN names AS n ON {joined});
        CREATE TABLE members AS SELECT member, {", ".join(f"trim({x}) AS {x}" for x in _NAMES)} FROM names
        WHERE member IN (SELECT DISTINCT member FROM sessions);
        DROP TABLE names""",
    )
    return _account(base)


def _names() -> str:
    """SQL for the table ``names``: looked at once each, for there are far fewer than rows."""
    empty = " OR ".join(f"coalesce(trim({x}), '') = ''" for x in _NAMES if x != "team")
    odd = " OR ".join(
        [f"regexp_matches({x}, '{_HIDDEN}') OR length(trim({x})) > {LONGEST_NAME}" for x in _NAMES]
        + [f"contains({x}, '/')" for x in _NAMES if x != "application"]
    )
    named = {"unnamed": empty, "name": odd, "location": f"regexp_matches(region, '{_FINE}')"}
    return f"""CREATE TEMP TABLE names AS SELECT (row_number() OVER ())::INTEGER AS member, *,
        {_case(named)} AS fault FROM (SELECT DISTINCT {", ".join(_NAMES)} FROM typed)"""


def _account(base: duckdb.DuckDBPyConnection) -> Intake:
    counted = run(
        base,
        "events: the rows cannot be counted",
        """SELECT fault::VARCHAR, count(*), count(*) FILTER (marks & 1 > 0), count(*) FILTER (marks & 2 > 0),
        count(*) FILTER (marks & 4 > 0) FROM sessions GROUP BY fault""",
    ).fetchall()
    faults = {str(fault): int(n) for fault, n, *_ in counted if fault is not None}
    clean = next((row for row in counted if row[0] is None), (None, 0, 0, 0, 0))
    return Intake(
        rows=sum(int(row[1]) for row in counted),
        without_consent={x: faults[x] for x in consent.REASONS if x in faults},
        bad={x: faults[x] for x in REASONS if x in faults},
        used=int(clean[1]),
        naive_times=int(clean[2]),
        cut_sessions=int(clean[3]),
        cut_at_now=int(clean[4]),
    )


def _case(reasons: dict[str, str]) -> str:
    whens = " ".join(f"WHEN {condition} THEN '{reason}'::fault" for reason, condition in reasons.items())
    return f"CASE {whens} END"
