"""What leaves the house: activity of groups per hour as a long table, and the features beside it.

Place in the line: after `features` (and `noise`); from here on there are only groups of k people and more.
"""

import duckdb
import pandas as pd

from forecasting.behaviour.engine import run

USERS, SESSIONS, DATA = "active_users", "sessions", "data"
UNITS = {USERS: "users", SESSIONS: "sessions", DATA: "Mbit/s"}
"""Units of activity; ``sessions:<application>`` has that of sessions."""

_MBIT_S = "* 8 / 3600 / 1e6"
HOURS_PER_WEEK = 168


def grid(base: duckdb.DuckDBPyConnection, k: int, before_s: int) -> pd.DataFrame:
    """Give every group's hours from the first to the last with anybody in it, but those with 1 to k − 1 people.

    Parameters
    ----------
    before_s
        The hour that holds this instant, and later ones, are left out: they are not over.

    Returns
    -------
    pandas.DataFrame
        cell, region, group, hour (from 1970), active_users, sessions (mean number at once), data (Mbit/s),
        mean_session_minutes (of the sessions in the hour, by their whole length; NaN without any), ordered.
    """
    frame: pd.DataFrame = run(
        base,
        "publishing",
        f"""WITH span AS (SELECT min(hour) AS a, least(max(hour), {before_s // 3600 - 1}) AS b FROM cell_hours),
        hours AS (SELECT unnest(range(a, b + 1))::INTEGER AS hour FROM span)
        SELECT c.cell, c.region, c.name AS "group", h.hour, coalesce(x.people, 0)::DOUBLE AS active_users,
        coalesce(x.busy_s, 0) / 3600 AS sessions, coalesce(x.bytes, 0) {_MBIT_S} AS data,
        x.length_s / x.sessions / 60 AS mean_session_minutes
        FROM cells AS c CROSS JOIN hours AS h LEFT JOIN cell_hours AS x USING (cell, hour)
        WHERE x.people IS NULL OR x.people >= {k} ORDER BY c.cell, h.hour""",
    ).df()
    return frame


def applications(base: duckdb.DuckDBPyConnection, published: pd.DataFrame) -> pd.DataFrame:
    """Give concurrent sessions per group, hour and application: zero where nobody was, left out where folded.

    Parameters
    ----------
    published
        From `grid`.

    Returns
    -------
    pandas.DataFrame
        region, group, hour, application, sessions; ordered.
    """
    base.register("published", published[["cell", "region", "group", "hour"]])
    frame: pd.DataFrame = run(
        base,
        "publishing",
        """SELECT p.region, p."group", p.hour, n.application, coalesce(h.busy_s, 0) / 3600 AS sessions
        FROM published AS p JOIN (SELECT DISTINCT cell, app FROM app_hours WHERE NOT folded) AS s USING (cell)
        JOIN apps AS n USING (app) LEFT JOIN app_hours AS h ON h.cell = p.cell AND h.hour = p.hour AND h.app =
        s.app
        WHERE h.folded IS NULL OR NOT h.folded ORDER BY p.cell, p.hour, n.application""",
    ).df()
    base.unregister("published")
    return frame


def long_table(activity: pd.DataFrame, by_application: pd.DataFrame | None) -> pd.DataFrame:
    """Lay activity out as `forecasting.usage` reads it: timestamp, region, group, resource, value."""
    parts = [_long(activity, name, activity[name]) for name in (USERS, SESSIONS, DATA)]
    if by_application is not None:
        names = SESSIONS + ":" + by_application["application"]
        parts.append(_long(by_application, names, by_application["sessions"]))
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["region", "group", "resource", "timestamp"], ignore_index=True)


def features(activity: pd.DataFrame) -> pd.DataFrame:
    """Add what is read off the published numbers alone.

    Returns
    -------
    pandas.DataFrame
        As `grid`, with ``timestamp``, ``regional_share`` (of the published sessions of the region's hour) and
        ``habit``
        (mean sessions in this hour of the week ÷ mean of the group).
    """
    frame = activity.drop(columns="cell").rename(columns={"hour": "timestamp"})
    hours = activity["hour"]
    region = frame.groupby(["region", "timestamp"])[SESSIONS].transform("sum")
    frame["regional_share"] = frame[SESSIONS] / region.where(region > 0)
    weekly = frame.groupby(["region", "group", hours % HOURS_PER_WEEK])[SESSIONS].transform("mean")
    usual = frame.groupby(["region", "group"])[SESSIONS].transform("mean")
    frame["habit"] = weekly / usual.where(usual > 0)
    frame["timestamp"] = pd.to_datetime(hours * 3600, unit="s", utc=True)
    return frame


def _long(frame: pd.DataFrame, resource: "str | pd.Series[str]", values: "pd.Series[float]") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "timestamp": pd.to_datetime(frame["hour"].astype("int64") * 3600, unit="s", utc=True),
            "region": frame["region"],
            "group": frame["group"],
            "resource": resource,
            "value": values.astype(float),
        }
    )
