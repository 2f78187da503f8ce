"""What is wrong with a row that has consent, and the rows of which each person and group has how many.

Place in the line: after `consent`, before `pseudonyms` and `anonymity`. Rows that fail are counted per reason,
not shown.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from forecasting.behaviour import consent
from forecasting.behaviour.engine import run

REASONS = {
    "time": "start or end missing, or no time",
    "backwards": "ends before it starts",
    "ahead": "starts after now",
    "bytes": "bytes below zero",
    "unnamed": "tenant, application or region missing",
    "name": "a name that cannot be shown",
    "location": "region finer than a region",
}
"""Reasons why a row with consent is left out, in the order in which they are tried, in words."""

EARLIEST_S = 31_536_000
"""1971: earlier times are seconds taken for something else."""

LONGEST_NAME = 100

_HIDDEN = r"[\p{C}\x{2028}\x{2029}]"
# Coordinates, addresses of machines, post codes of digits.
_FINE = r"^[-+0-9.,;:°\s]+$|^[0-9a-fA-F]*:[0-9a-fA-F:]+$|@"


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


def sieve(base: duckdb.DuckDBPyConnection, now: datetime, period: str, longest_hours: int) -> Intake:
    """Make the view ``good`` and the tables ``people``, ``members`` and ``membership`` from the view ``judged``.

    Parameters
    ----------
    now
        Nothing starts after it; what ends after it is cut there.
    period
        ``day``, ``week`` or ``month``: for how long a pseudonym lasts.
    longest_hours
        Sessions are cut at this length, hours: a browser left open is not use.
    """
    at = int(now.timestamp())
    names = ("tenant", "team", "application", "region")
    empty = " OR ".join(f"coalesce(trim({x}), '') = ''" for x in names if x != "team")
    odd = " OR ".join(
        [f"regexp_matches({x}, '{_HIDDEN}') OR length({x}) > {LONGEST_NAME}" for x in names]
        + [f"contains({x}, '/')" for x in names if x != "application"]
    )
    timed = {
        "time": f"started_s IS NULL OR ended_s IS NULL OR least(started_s, ended_s) < {EARLIEST_S}",
        "backwards": "ended_s < started_s",
        "ahead": f"started_s >= {at}",
        "bytes": "read_bytes < 0 OR written_bytes < 0",
    }
    named = {"unnamed": empty, "name": odd, "location": f"regexp_matches(region, '{_FINE}')"}
    seconds = longest_hours * 3600
    run(
        base,
        "events: the rows cannot be checked",
        f"""CREATE TEMP VIEW sieved AS SELECT *, coalesce(no, {_case(timed)}) AS fault,
        least(ended_s, started_s + {seconds}, {at}) AS until_s FROM judged;
        CREATE TEMP VIEW good AS SELECT "user", region, tenant, team, application, started_s, until_s,
        read_bytes + written_bytes AS bytes,
        date_trunc('{period}', make_timestamp(started_s * 1000000))::DATE AS first_period,
        date_trunc('{period}', make_timestamp(greatest(until_s - 1, started_s) * 1000000))::DATE AS last_period,
        fault, naive, ended_s FROM sieved""",
    )
    keys = ("region", "tenant", "team", "application")
    columns = ", ".join(f"CASE WHEN fault IS NULL THEN {x} END AS {x}" for x in keys)
    # Names are looked at once each, not by row; people by themselves, for people × names are as many as rows.
    run(
        base,
        "events: the rows cannot be counted",
        f"""CREATE TABLE membership AS SELECT * REPLACE (coalesce(fault, {_case(named)}) AS fault) FROM
        (SELECT fault, {columns}, count(*) AS n, count(*) FILTER (naive) AS naive,
        count(*) FILTER (ended_s - started_s > {seconds}) AS long, count(*) FILTER (ended_s > {at}) AS open
        FROM good GROUP BY ALL);
        CREATE TABLE people AS SELECT DISTINCT "user", first_period AS period FROM good WHERE fault IS NULL;
        INSERT INTO people SELECT DISTINCT "user", last_period FROM good WHERE fault IS NULL
        AND first_period <> last_period EXCEPT SELECT * FROM people;
        CREATE TABLE members AS SELECT (row_number() OVER ())::INTEGER AS member, region, tenant, team, application
        FROM membership WHERE fault IS NULL""",
    )
    counted = run(
        base,
        "events: the rows cannot be counted",
        "SELECT fault, sum(n)::BIGINT, sum(naive)::BIGINT, sum(long)::BIGINT, sum(open)::BIGINT "
        "FROM membership GROUP BY fault",
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
    return (
        "CASE " + " ".join(f"WHEN {condition} THEN '{reason}'" for reason, condition in reasons.items()) + " END"
    )
