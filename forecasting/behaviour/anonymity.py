"""k-anonymity of groups: which group each team's sessions are counted in, and what is not shown at all.

Place in the line: after `pseudonyms`; `features.aggregate` holds k once more, in every hour, and is what
protects.

A team stands by itself if `STANDS` of its person-hours are in hours with ``k`` people or more. Others are
counted in ``tenant/other`` if that stands, else in the region's ``other``, and what never reaches ``k`` there is
suppressed. Groups do not overlap and no sum over them is published, so none can be found as the difference of
others.

Method: generalisation and suppression of Sweeney, k-anonymity (2002).
"""

from dataclasses import dataclass
from math import ceil, gcd

import duckdb

from forecasting.behaviour.engine import run
from forecasting.behaviour.pseudonyms import period_of

OTHER = "other"
STANDS = 0.8
"""Share of a group's person-hours that must be publishable; with less, merging keeps more of them."""

LOOKED_AT_SESSIONS = 8_000_000
"""About how many sessions decide where groups stand: those in every n-th hour, n prime to the 168 of a week."""


@dataclass(frozen=True, slots=True)
class Merging:
    """What was merged and suppressed: teams, pieces of sessions, regions, applications of groups."""

    teams: int
    merged_teams: int
    suppressed_sessions: int
    suppressed_regions: int
    merged_applications: int


def merge_groups(base: duckdb.DuckDBPyConnection, k: int, period: str) -> Merging:
    """Make the tables ``cells`` (cell, region, name), ``apps`` and ``placed`` from ``members`` and ``sessions``.

    ``placed`` (member, region, tenant, team, application, cell, app) says where the sessions of each combination
    are
    counted; cell is NULL where they are suppressed. App 0 is `OTHER`.

    Parameters
    ----------
    k
        Fewest distinct people in an hour.
    period
        Of pseudonyms: ``day``, ``week`` or ``month``.
    """

    def share(by: str, of: str) -> str:
        return (
            f"SELECT {by}, coalesce(sum(people) FILTER (people >= {k}), 0) / sum(people) AS share FROM "
            f"(SELECT {by}, hour, count(DISTINCT code) AS people FROM {of} GROUP BY ALL) GROUP BY ALL"
        )

    count = run(base, "groups", "SELECT count(*) FROM sessions WHERE fault IS NULL").fetchone()[0]
    step = max(1, ceil(count / LOOKED_AT_SESSIONS))
    while gcd(step, 168) > 1:
        step += 1
    homeless = "(SELECT * FROM looked WHERE name IS NULL)"
    run(
        base,
        "groups",
        f"""CREATE TEMP TABLE seen AS WITH span AS (SELECT member, person, from_s::BIGINT // 3600 AS a,
          (from_s + greatest(length_s, 1) - 1)::BIGINT // 3600 AS b FROM sessions WHERE fault IS NULL),
        hit AS (SELECT DISTINCT member, person, unnest(range((a + {step - 1}) // {step} * {step}, b + 1, {step}))
          AS hour FROM span WHERE b // {step} > (a - 1) // {step})
        SELECT m.region, m.tenant, m.team, m.application, h.hour, c.code FROM hit AS h
        JOIN members AS m USING (member)
        JOIN codes AS c ON c.person = h.person AND c.period = {period_of(period, "h.hour")};
        CREATE TEMP TABLE teams AS SELECT m.region, m.tenant, m.team, coalesce(s.share, 0) AS share,
        CASE WHEN s.share >= {STANDS} THEN m.tenant || CASE WHEN m.team = '' THEN '' ELSE '/' || m.team END END
        AS name
        FROM (SELECT DISTINCT region, tenant, team FROM members) AS m
        LEFT JOIN ({share("region, tenant, team", "seen")}) AS s USING (region, tenant, team);
        CREATE TEMP VIEW looked AS SELECT s.*, t.name FROM seen AS s JOIN teams AS t USING (region, tenant, team);
        UPDATE teams SET name = teams.tenant || '/{OTHER}' FROM ({share("region, tenant", homeless)}) AS u
        WHERE teams.name IS NULL AND u.region = teams.region AND u.tenant = teams.tenant AND u.share >= {STANDS};
        UPDATE teams SET name = '{OTHER}' FROM ({share("region", homeless)}) AS u
        WHERE teams.name IS NULL AND u.region = teams.region AND u.share > 0;
        CREATE TEMP TABLE cells AS SELECT (row_number() OVER (ORDER BY region, name))::INTEGER AS cell, region,
        name
        FROM (SELECT DISTINCT region, name FROM teams WHERE name IS NOT NULL);
        CREATE TEMP TABLE named AS
        {share("region, name, application", "(SELECT * FROM looked WHERE name IS NOT NULL)")};
        CREATE TEMP TABLE apps AS SELECT (row_number() OVER (ORDER BY application))::INTEGER AS app, application
        FROM (SELECT DISTINCT application FROM named WHERE share >= {STANDS} AND application <> '{OTHER}')
        UNION ALL SELECT 0, '{OTHER}';
        CREATE TEMP TABLE placed AS SELECT m.*, c.cell,
        CASE WHEN n.share >= {STANDS} THEN coalesce(a.app, 0) ELSE 0 END AS app FROM members AS m
        JOIN teams AS t USING (region, tenant, team) LEFT JOIN cells AS c ON c.region = t.region AND c.name =
        t.name
        LEFT JOIN named AS n ON n.region = t.region AND n.name = t.name AND n.application = m.application
        LEFT JOIN apps AS a ON a.application = m.application;
        DROP TABLE seen""",
    )

    def number(sql: str) -> int:
        return int(run(base, "groups", sql).fetchone()[0] or 0)

    return Merging(
        teams=number("SELECT count(*) FROM teams"),
        merged_teams=number(f"SELECT count(*) FROM teams WHERE share < {STANDS}"),
        suppressed_sessions=number("SELECT count(*) FROM sessions JOIN placed USING (member) WHERE cell IS NULL"),
        suppressed_regions=number(
            "SELECT count(DISTINCT region) FROM teams WHERE region NOT IN (SELECT region FROM cells)"
        ),
        merged_applications=number(f"SELECT count(*) FROM named WHERE share < {STANDS}"),
    )
