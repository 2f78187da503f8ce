"""Sessions → activity per group and hour: people, concurrent sessions, length, data, applications; all in SQL.

Place in the line: after `anonymity`. Sums are of whole numbers, so the order in which threads add them changes
nothing.

An hour of a group with fewer than ``k`` people is left out; an hour without anybody is zero. An application with
fewer than ``k`` people in an hour is counted in `other` of that hour; were those still fewer, all applications
of the hour are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from forecasting.behaviour.engine import run

CHUNK_PIECES = 6_000_000
"""Pieces of sessions that are looked at at once: about 1 GB of (person, group, application, hour)."""


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


def stage(base: duckdb.DuckDBPyConnection) -> None:
    """Make the table ``pieces`` (member, code, from_s, until_s, bytes, length_s, part) from ``good``.

    A session over the border of two periods is cut there, for the person has another pseudonym after it.
    """
    border = "epoch(last_period::TIMESTAMP)::BIGINT"
    fields = "m.member, c.code, {a}::BIGINT AS from_s, {b}::BIGINT AS until_s, g.bytes, g.until_s - g.started_s " \
        "AS length_s, {part}::TINYINT AS part"  # fmt: skip
    joined = "FROM good AS g JOIN members AS m USING (region, tenant, team, application) JOIN codes AS c " \
        "ON c.\"user\" = g.\"user\" AND c.period = g.{p} WHERE g.fault IS NULL"  # fmt: skip
    whole = fields.format(
        a="g.started_s", b=f"CASE WHEN first_period = last_period THEN g.until_s ELSE {border} END", part=0
    )
    rest = fields.format(a=border, b="g.until_s", part=1)
    run(
        base,
        "sessions",
        f"""CREATE TABLE pieces AS SELECT {whole} {joined.format(p="first_period")}
        UNION ALL SELECT {rest} {joined.format(p="last_period")} AND first_period <> last_period""",
    )
    run(base, "sessions", "DROP TABLE codes; DROP TABLE people; DROP TABLE membership")


def aggregate(
    base: duckdb.DuckDBPyConnection, k: int, bound: Bound | None, report: Callable[[str, float], None]
) -> Hours:
    """Make the tables ``cell_hours`` and ``app_hours`` from ``pieces``, some days at a time.

    ``cell_hours`` (cell, hour, people, busy_s, bytes, length_s, sessions): hour counts from 1970, busy_s is the
    time that
    sessions took of the hour, length_s the sum of their whole lengths. ``app_hours`` (cell, hour, app, busy_s,
    folded).
    """
    run(
        base,
        "hours",
        "CREATE TABLE cell_hours (cell INTEGER, hour INTEGER, people INTEGER, busy_s BIGINT, bytes BIGINT, "
        "length_s BIGINT, sessions BIGINT); "
        "CREATE TABLE app_hours (cell INTEGER, hour INTEGER, app INTEGER, busy_s BIGINT, folded BOOLEAN)",
    )
    count, first, last = run(
        base, "hours", "SELECT count(*), min(from_s) // 86400, max(until_s) // 86400 FROM pieces"
    ).fetchone()
    if not count:
        return Hours(0, 0, 0, 0, 0, 0)
    days = last - first + 1
    step = max(1, int(days * CHUNK_PIECES / count))
    sessions = duplicates = bounded = 0
    for start in range(first, last + 1, step):
        report("hours", (start - first) / days)
        some = _chunk(base, k, bound, start * 24, min(start + step, last + 1) * 24)
        sessions, duplicates, bounded = sessions + some[0], duplicates + some[1], bounded + some[2]
    published, suppressed = run(
        base, "hours", f"SELECT count(*) FILTER (people >= {k}), count(*) FILTER (people < {k}) FROM cell_hours"
    ).fetchone()
    folded = run(base, "hours", "SELECT count(*) FROM app_hours WHERE folded").fetchone()[0]
    return Hours(sessions, duplicates, published, suppressed, folded, bounded)


def _chunk(
    base: duckdb.DuckDBPyConnection, k: int, bound: Bound | None, first: int, end: int
) -> tuple[int, int, int]:
    """Aggregate hours ``first`` to ``end``; return sessions that start in them, duplicates, rows beyond bounds."""
    low, high = first * 3600, end * 3600
    began = f"part = 0 AND from_s >= {low} AND from_s < {high}"
    rows = run(base, "hours", f"SELECT count(*) FROM pieces WHERE {began}").fetchone()[0]
    run(
        base,
        "hours",
        f"""CREATE OR REPLACE TABLE chosen AS SELECT DISTINCT * FROM pieces
        WHERE from_s < {high} AND greatest(until_s, from_s + 1) > {low};
        CREATE OR REPLACE TABLE active AS WITH spread AS (
          SELECT cell, app, code, from_s, until_s, bytes, length_s,
          unnest(range(greatest(from_s // 3600, {first}),
            least((greatest(until_s, from_s + 1) - 1) // 3600 + 1, {end})))::INTEGER AS hour
          FROM chosen JOIN (SELECT member, cell, app FROM placed WHERE cell IS NOT NULL) USING (member)),
        part AS (SELECT *, least(until_s, (hour::BIGINT + 1) * 3600) - greatest(from_s, hour::BIGINT * 3600) AS
        busy_s
          FROM spread)
        SELECT cell, app, hour, code, sum(busy_s)::BIGINT AS busy_s,
        sum(CASE WHEN length_s = 0 THEN bytes ELSE (bytes::HUGEINT * busy_s // length_s)::BIGINT END)::BIGINT AS
        bytes,
        sum(length_s)::BIGINT AS length_s, count(*) AS sessions FROM part GROUP BY ALL""",
    )
    distinct = run(base, "hours", f"SELECT count(*) FROM chosen WHERE {began}").fetchone()[0]
    over = 0
    if bound is not None:
        over = _bound(base, bound)
    run(
        base,
        "hours",
        f"""INSERT INTO cell_hours SELECT cell, hour, count(DISTINCT code), sum(busy_s), sum(bytes), sum(length_s),
        sum(sessions) FROM active GROUP BY ALL;
        CREATE OR REPLACE TABLE per_app AS SELECT cell, hour, app, count(*) AS people, sum(busy_s) AS busy_s
        FROM active GROUP BY ALL;
        CREATE OR REPLACE TABLE rest AS SELECT cell, hour, count(DISTINCT a.code) AS people FROM active AS a
        JOIN (SELECT cell, hour, app FROM per_app WHERE people < {k} OR app = 0) USING (cell, hour, app) GROUP BY
        ALL;
        INSERT INTO app_hours WITH judged_apps AS (SELECT p.*, r.people < {k} AS all_folded,
          coalesce(r.people < {k}, false) OR p.people < {k} AND p.app <> 0 AS fold
          FROM per_app AS p LEFT JOIN rest AS r USING (cell, hour)
          JOIN (SELECT cell, hour FROM cell_hours WHERE people >= {k}) USING (cell, hour))
        SELECT cell, hour, app, busy_s, false FROM judged_apps WHERE NOT fold AND app <> 0
        UNION ALL SELECT cell, hour, app, NULL, true FROM judged_apps WHERE fold AND app <> 0
        UNION ALL SELECT cell, hour, 0, sum(busy_s), false FROM judged_apps WHERE fold OR app = 0 GROUP BY cell,
        hour;
        DROP TABLE chosen; DROP TABLE active""",
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
