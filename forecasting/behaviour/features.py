"""Sessions → activity per group and hour: people, concurrent sessions, length, data, applications; all in SQL.

Place in the line: after `anonymity`. Sums are of whole numbers, so the order in which threads add them changes
nothing.

An hour of a group with fewer than ``k`` people is left out; an hour without anybody is zero. An application with
fewer than ``k`` people in an hour is counted in `other` of that hour; were those still fewer, all applications
of the hour are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import duckdb

from forecasting.behaviour.engine import run

CHUNK_SESSIONS = 5_000_000
"""Sessions that are looked at at once: about half a GB of (person, group, application, hour)."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What one person can add in one day, for noise: cells (group and hour), and bytes in each."""

    cells_per_day: int
    bytes_per_cell: int


@dataclass(frozen=True, slots=True)
class Hours:
    """Counts of group-hours."""

    sessions: int
    duplicates: int
    published: int
    suppressed: int
    folded: int
    bounded: int


def aggregate(
    base: duckdb.DuckDBPyConnection,
    k: int,
    bound: Bound | None,
    report: Callable[[str, float], None],
) -> Hours:
    """Make the tables ``cell_hours`` and ``app_hours`` from ``sessions``, some days of a period at a time.

    ``cell_hours`` (cell, hour, people, busy_s, bytes, length_s, sessions): hour counts from 1970, busy_s is the
    time that sessions took of the hour, length_s the sum of their whole lengths. ``app_hours`` (cell, hour, app,
    busy_s, folded).
    """
    run(
        base,
        "hours",
        "CREATE TABLE cell_hours (cell INTEGER, hour INTEGER, people INTEGER, busy_s HUGEINT, bytes HUGEINT, "
        "length_s HUGEINT, sessions HUGEINT); "
        "CREATE TABLE app_hours (cell INTEGER, hour INTEGER, app INTEGER, busy_s HUGEINT, folded BOOLEAN)",
    )
    sessions = duplicates = bounded = 0
    chunks = _chunks(base)
    for done, (period, first, end) in enumerate(chunks):
        report("hours", done / len(chunks))
        some = _chunk(base, k, bound, period, first * 24, end * 24)
        sessions, duplicates, bounded = sessions + some[0], duplicates + some[1], bounded + some[2]
    published, suppressed = run(
        base, "hours", f"SELECT count(*) FILTER (people >= {k}), count(*) FILTER (people < {k}) FROM cell_hours"
    ).fetchone()
    folded = run(base, "hours", "SELECT count(*) FROM app_hours WHERE folded").fetchone()[0]
    return Hours(sessions, duplicates, published, suppressed, folded, bounded)


def _chunks(base: duckdb.DuckDBPyConnection) -> list[tuple[date, int, int]]:
    """Cut what sessions span into runs of days within one period: its first day, first day and end of the run."""
    count, low, high = run(
        base,
        "hours",
        """SELECT count(*), min(from_s)::BIGINT // 86400,
        max(from_s + greatest(length_s, 1) - 1)::BIGINT // 86400 + 1 FROM sessions WHERE fault IS NULL""",
    ).fetchone()
    if not count:
        return []
    step = max(1, int((high - low) * CHUNK_SESSIONS / count))
    begins = [x for (x,) in run(base, "hours", "SELECT DISTINCT period FROM codes ORDER BY period").fetchall()]
    days = [(x - date(1970, 1, 1)).days for x in begins]
    return [
        (period, day, min(day + step, end, high))
        for period, begin, end in zip(begins, days, [*days[1:], high], strict=True)
        for day in range(max(begin, low), min(end, high), step)
    ]


def _chunk(
    base: duckdb.DuckDBPyConnection, k: int, bound: Bound | None, period: date, first: int, end: int
) -> tuple[int, int, int]:
    """Aggregate hours ``first`` to ``end`` of one period; return sessions that begin there, repeats, bounded."""
    low, high = first * 3600, end * 3600
    run(
        base,
        "hours",
        f"""CREATE OR REPLACE TABLE chosen AS SELECT person, member, from_s, length_s, bytes,
        count(*)::UINTEGER AS times FROM sessions
        WHERE fault IS NULL AND from_s < {high} AND from_s + greatest(length_s, 1) > {low} GROUP BY ALL;
        CREATE OR REPLACE TABLE active AS WITH spread AS (
          SELECT cell, app, code, from_s::BIGINT AS from_s, from_s::BIGINT + length_s AS until_s, bytes, length_s,
          unnest(range(greatest(from_s::BIGINT // 3600, {first}),
            least((from_s::BIGINT + greatest(length_s, 1) - 1) // 3600 + 1, {end})))::INTEGER AS hour FROM chosen
          JOIN (SELECT member, cell, app FROM placed WHERE cell IS NOT NULL) USING (member)
          JOIN (SELECT person, code FROM codes WHERE period = DATE '{period}') USING (person))
        SELECT cell, app, hour, code, length_s, 1::UTINYINT AS sessions,
        (least(until_s, (hour::BIGINT + 1) * 3600) - greatest(from_s, hour::BIGINT * 3600))::INTEGER AS busy_s,
        CASE WHEN length_s = 0 THEN bytes ELSE bytes * busy_s // length_s END AS bytes FROM spread""",
    )
    rows, distinct = run(
        base,
        "hours",
        f"SELECT coalesce(sum(times), 0)::BIGINT, count(*) FROM chosen WHERE from_s >= {low} AND from_s < {high}",
    ).fetchone()
    over = 0
    if bound is not None:
        over = _bound(base, bound)
    run(
        base,
        "hours",
        f"""CREATE OR REPLACE TABLE persons AS SELECT cell, hour, code, min(app) AS first_app, max(app) AS last_app
        FROM active GROUP BY ALL;
        CREATE OR REPLACE TABLE per_app AS WITH several AS (SELECT DISTINCT cell, hour, app, code FROM active
          SEMI JOIN (SELECT * FROM persons WHERE first_app <> last_app) USING (cell, hour, code)),
        counted AS (SELECT cell, hour, app, count(*) AS people FROM
          (SELECT cell, hour, first_app AS app FROM persons WHERE first_app = last_app
          UNION ALL SELECT cell, hour, app FROM several) GROUP BY ALL)
        SELECT cell, hour, app, people, busy_s, bytes, length_s, sessions FROM counted
        JOIN (SELECT cell, hour, app, sum(busy_s) AS busy_s, sum(bytes) AS bytes, sum(length_s) AS length_s,
          sum(sessions) AS sessions FROM active GROUP BY ALL) USING (cell, hour, app);
        INSERT INTO cell_hours SELECT cell, hour, p.people, sum(busy_s), sum(bytes), sum(length_s), sum(sessions)
        FROM per_app JOIN (SELECT cell, hour, count(*) AS people FROM persons GROUP BY ALL) AS p
        USING (cell, hour) GROUP BY ALL;
        CREATE OR REPLACE TABLE rest AS SELECT cell, hour, count(DISTINCT a.code) AS people FROM active AS a
        JOIN (SELECT cell, hour, app FROM per_app WHERE people < {k} OR app = 0) USING (cell, hour, app)
        GROUP BY ALL;
        INSERT INTO app_hours WITH judged_apps AS (SELECT p.*, r.people < {k} AS all_folded,
          coalesce(r.people < {k}, false) OR p.people < {k} AND p.app <> 0 AS fold
          FROM per_app AS p LEFT JOIN rest AS r USING (cell, hour)
          JOIN (SELECT cell, hour FROM cell_hours WHERE people >= {k}) USING (cell, hour))
        SELECT cell, hour, app, busy_s, false FROM judged_apps WHERE NOT fold AND app <> 0
        UNION ALL SELECT cell, hour, app, NULL, true FROM judged_apps WHERE fold AND app <> 0
        UNION ALL SELECT cell, hour, 0, sum(busy_s), false FROM judged_apps WHERE fold OR app = 0
        GROUP BY cell, hour;
        DROP TABLE chosen; DROP TABLE active; DROP TABLE persons""",
    )
    return distinct, rows - distinct, over


def _bound(base: duckdb.DuckDBPyConnection, bound: Bound) -> int:
    """Keep of each person and day so many cells, whichever have the lowest hash, and clip what is in them."""
    before = run(base, "bounds", "SELECT count(*) FROM active").fetchone()[0]
    run(
        base,
        "bounds",
        f"""CREATE OR REPLACE TABLE active AS SELECT cell, 0 AS app, hour, code, least(sum(busy_s), 3600)::BIGINT
        AS busy_s,
        least(sum(bytes), {bound.bytes_per_cell})::BIGINT AS bytes, sum(length_s)::BIGINT AS length_s,
        sum(sessions)::BIGINT AS sessions FROM active GROUP BY cell, hour, code
        QUALIFY row_number() OVER (PARTITION BY code, hour // 24 ORDER BY hash(code, cell, hour), cell, hour)
          <= {bound.cells_per_day}""",
    )
    return int(before - run(base, "bounds", "SELECT count(*) FROM active").fetchone()[0])
