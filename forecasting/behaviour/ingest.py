"""The composition: events → what groups do per hour, with counts of what was left out and why.

Place in the line: over all of `behaviour` but `footprints` and `sizing`; ``headroom ingest`` calls it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from forecasting.behaviour import noise, publish
from forecasting.behaviour.anonymity import Merging, merge_groups
from forecasting.behaviour.consent import gate, load_consent
from forecasting.behaviour.engine import engine
from forecasting.behaviour.events import OPTIONAL, WANTED, open_files, open_query, open_stream, type_rows
from forecasting.behaviour.features import Bound, Hours, aggregate
from forecasting.behaviour.pseudonyms import PERIODS, PseudonymKey, assign
from forecasting.behaviour.sieve import Intake, sieve
from forecasting.errors import ForecastingError, UsageError

LEAST_K = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a run, whatever the events are.

    Parameters
    ----------
    purpose
        What the data is used for; consents that name purposes must name it.
    k
        Fewest distinct people of whatever is published.
    period
        How long a pseudonym lasts: ``day``, ``week`` or ``month``.
    split
        Column that divides tenants into groups: ``team``, ``plan``, …
    longest_hours
        Sessions are cut at this length; at most a day.
    budget, cells_per_day, mib_per_cell
        Noise, and what one person adds at most to a day: group-hours, and MiB in each.
    """

    purpose: str = "capacity"
    k: int = 10
    period: str = "month"
    split: str = "team"
    longest_hours: int = 12
    budget: noise.Budget | None = None
    cells_per_day: int = 8
    mib_per_cell: float = 1024.0
    memory_gib: float = 2.5
    threads: int = 2

    def __post_init__(self) -> None:
        if self.k < LEAST_K:
            raise ForecastingError(f"k is {self.k}; with fewer than {LEAST_K} people a group is a person")
        if self.period not in PERIODS or not 1 <= self.longest_hours <= 24:
            raise ForecastingError("period is day, week or month; sessions last 1 to 24 hours at most")
        if self.split.strip().lower() in {*WANTED, *OPTIONAL} - {"team"}:
            raise ForecastingError(f"{self.split} does not divide tenants; name a column such as team or plan")
        if not 0 < self.memory_gib < 2**20:
            raise ForecastingError(f"memory of {self.memory_gib:g} GiB cannot be; give 0.25 or more")
        if not self.purpose.strip() or self.cells_per_day < 1 or not self.mib_per_cell > 0:
            raise ForecastingError("purpose must not be empty; what one person adds to a day must be above 0")


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of the events: only groups of ``k`` people and more.

    ``table`` has timestamp, region, group, resource, value; ``features`` one row for each group and hour;
    ``spent`` per feature the scale of its noise and the epsilon per person and day.
    """

    table: pd.DataFrame
    features: pd.DataFrame
    by_application: pd.DataFrame
    intake: Intake
    merging: Merging
    hours: Hours
    spent: dict[str, tuple[float, float]]


def ingest(
    source: Path | tuple[Path, str] | Any,
    consent: Path | None,
    key: PseudonymKey,
    now: datetime,
    rules: Rules | None = None,
    report: Callable[[str, float], None] = lambda _stage, _fraction: None,
) -> Ingested:
    """Turn events into activity of groups.

    Parameters
    ----------
    source
        A file or folder; a DuckDB file and a query; or a `pyarrow.RecordBatchReader`.
    consent
        File of consents; see `consent`.
    now
        Timezone-aware; nothing starts after it.

    Raises
    ------
    ForecastingError
        If anything cannot be read, or nothing may be published; no error quotes a row.
    """
    rules = rules or Rules()
    if rules.budget is not None:
        noise.opened()  # before the work
    with engine(rules.memory_gib, rules.threads) as base:
        report("consent", 0.0)
        if consent is not None:
            load_consent(base, consent, rules.purpose)
        _open(base, source)
        gate(base, type_rows(base, rules.split), rules.purpose, consent is not None, now)
        report("rows", 0.1)
        intake = sieve(base, now, rules.longest_hours)
        if not intake.rows:
            raise UsageError("events: there are no rows")
        report("pseudonyms", 0.4)
        assign(base, key, rules.period)
        report("groups", 0.45)
        merging = merge_groups(base, rules.k, rules.period)
        bound = None
        if rules.budget is not None:
            bound = Bound(rules.cells_per_day, int(rules.mib_per_cell * 2**20))
        hours = aggregate(base, rules.k, bound, lambda what, part: report(what, 0.5 + 0.5 * part))
        activity = publish.grid(base, rules.k, int(now.timestamp()))
        by_application = publish.applications(base, activity)
    if activity.empty:
        used = f"{intake.used:,} of {intake.rows:,} rows may be used"
        counts = intake.without_consent | intake.bad
        reasons = [f"{reason} {count:,}" for reason, count in counts.items() if count]
        if reasons:
            used += f"; left out: {', '.join(reasons)}"
        if bound is not None:
            used += f"; with noise a person counts in {rules.cells_per_day} hours of a day"
        raise UsageError(f"events: no group has {rules.k} people in any hour ({used}), so nothing is published")
    spent: dict[str, tuple[float, float]] = {}
    if rules.budget is not None:
        activity, spent = _with_noise(activity, rules, rules.budget)
        by_application = by_application.iloc[:0]
    table = publish.long_table(activity, None if rules.budget is not None else by_application)
    return Ingested(table, publish.features(activity), by_application, intake, merging, hours, spent)


def _open(base: duckdb.DuckDBPyConnection, source: Path | tuple[Path, str] | Any) -> None:
    if isinstance(source, Path):
        open_files(base, source, "raw", "events")
    elif isinstance(source, tuple):
        open_query(base, *source)
    else:
        open_stream(base, source)


def _with_noise(
    activity: pd.DataFrame, rules: Rules, budget: noise.Budget
) -> tuple[pd.DataFrame, dict[str, tuple[float, float]]]:
    """Add noise to the three features; how long sessions were is not told then."""
    most = {publish.USERS: 1.0, publish.SESSIONS: 1.0, publish.DATA: rules.mib_per_cell * 2**20 * 8 / 3600 / 1e6}
    activity = activity.assign(mean_session_minutes=float("nan"))
    spent = {}
    for name, largest in most.items():
        values, scale, epsilon = noise.noised(activity[name].to_numpy(), largest, rules.cells_per_day, budget)
        activity[name] = values
        spent[name] = (scale, epsilon)
    return activity, spent
