"""Usage from a Prometheus server: range queries in PromQL, in chunks, at whole steps.

Place in the line: an edge before `usage`; `cache` asks it for the hours that it does not have.

A value that Prometheus gives for the instant t speaks of the step that ends there (``rate(x[5m])`` looks back), so
its row is stamped with the step's start. Of an hour with steps of 5 minutes, the values at :05 to :00 count.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from forecasting.censoring import CAPACITY, CENSORED
from forecasting.errors import UsageError
from forecasting.sources.answer import Answer, UnreachableError, fault_of_name, plain, rows_of
from forecasting.sources.described import Prometheus, Query
from forecasting.sources.web import Web

_PATH = "/api/v1/query_range"
Key = tuple[str, str]
Series = Mapping[Key, "pd.Series[float]"]


@dataclass(frozen=True, slots=True)
class _Found:
    series: Series
    told: tuple[str, ...]


def read(settings: Prometheus, web: Web, start: datetime, end: datetime) -> Answer:
    """Read the rows of ``[start, end)``, both at whole steps.

    Raises
    ------
    UnreachableError
        If the server does not answer, or not well.
    UsageError
        If it refuses a query, gives a part of the answer or too much, or series that cannot be told apart.
    """
    parts: list[dict[str, Any]] = []
    told: dict[str, None] = {}
    at = start
    while at < end:
        stop = min(at + timedelta(seconds=settings.chunk), end)
        for resource, query in settings.queries.items():
            part, said = _resource(settings, web, resource, query, at, stop)
            parts += part
            told |= dict.fromkeys(said)
        at = stop
    given = {x["resource"] for x in parts}
    sized = {x["resource"] for x in parts if not np.isnan(x[CAPACITY]).all()}
    for resource, query in settings.queries.items():
        if resource not in given or (query.capacity is not None and resource not in sized):
            what = "" if resource not in given else " (capacity)"
            told[f"{web.host}, query of {resource}{what}: no series; has its name or its label set changed?"] = (
                None
            )
    return Answer(rows_of(parts), tuple(told))


def _resource(
    settings: Prometheus, web: Web, resource: str, query: Query, start: datetime, end: datetime
) -> tuple[list[dict[str, Any]], list[str]]:
    def ask(text: str, what: str) -> _Found:
        return _ask(settings, web, text, f"query of {resource}{what}", start, end)

    usage = ask(query.query, "")
    told = list(usage.told)
    capacity: Series | float = np.nan
    censored: Series = {}
    if isinstance(query.capacity, str):
        found = ask(query.capacity, " (capacity)")
        capacity, told = found.series, [*told, *found.told]
    elif query.capacity is not None:
        capacity = query.capacity
    if query.censored:
        found = ask(query.censored, " (censored)")
        censored, told = found.series, [*told, *found.told]
    parts = []
    for key, values in usage.series.items():
        at = values.index
        if isinstance(capacity, float | int):
            room: Any = np.full(len(at), capacity)
        else:
            known = capacity[key].reindex(at).to_numpy() if key in capacity else np.full(len(at), np.nan)
            room = known * query.scale
        flags = censored[key].reindex(at).to_numpy() if key in censored else np.zeros(len(at))
        parts.append(
            {
                "timestamp": pd.to_datetime(at.to_numpy() - settings.step, unit="s", utc=True),
                "region": key[0],
                "group": key[1],
                "resource": resource,
                "value": values.to_numpy() * query.scale,
                CAPACITY: room,
                CENSORED: np.nan_to_num(flags, nan=0.0) > 0,
            }
        )
    return parts, told


def _ask(settings: Prometheus, web: Web, text: str, what: str, start: datetime, end: datetime) -> _Found:
    step = settings.step
    form = {
        "query": text,
        "start": str(int(start.timestamp()) + step),
        "end": str(int(end.timestamp())),
        "step": str(step),
        "timeout": f"{settings.timeout_seconds:g}s",
    }
    status, body = web.post(_PATH, form)
    where = f"{web.host}, {what}"
    result = _matrix(status, body, where, web)
    if len(result) > settings.most_series:
        raise UsageError(
            f"{where}: {len(result):,} series are more than {settings.most_series:,}; sum by region and group in "
            "the query (or raise most_series)"
        )
    return _by_group(settings, result, where)


def _matrix(status: int, body: bytes, where: str, web: Web) -> list[Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        if status == 200:
            raise UnreachableError(
                f"{where}: the answer is cut short, or no JSON; nothing of it is used"
            ) from None
        raise UsageError(f"{where}: status {status}; {_advice(status)}") from None
    if not isinstance(answer, dict):
        raise UsageError(f"{where}: this is no answer of Prometheus; is the address right?")
    if status != 200 or answer.get("status") != "success":
        said = plain(web.redact(str(answer.get("error", "no reason given"))))
        raise UsageError(f"{where}: status {status}: {said}; {_advice(status)}")
    if warnings := answer.get("warnings"):
        shown = warnings[:3] if isinstance(warnings, list) else [warnings]
        said = "; ".join(plain(web.redact(str(x))) for x in shown)
        raise UnreachableError(f"{where}: only a part of the answer came ({said}); nothing of it is used")
    data = answer.get("data")
    if (
        not isinstance(data, dict)
        or data.get("resultType") != "matrix"
        or not isinstance(data.get("result"), list)
    ):
        raise UsageError(f"{where}: this is no matrix of Prometheus; is the address right?")
    return list(data["result"])


def _advice(status: int) -> str:
    if status in {401, 403}:
        return "are the headers in headers_file right?"
    if status == 404:
        return "is url the address before /api/v1?"
    return "mend the query, or ask for less at once (chunk, step)"


def _by_group(settings: Prometheus, result: list[Any], where: str) -> _Found:
    """Series of one answer by region and group; replicas of the same are made one, unlike series are refused."""
    labels = settings.labels
    kept: dict[Key, list[tuple[dict[str, str], pd.Series[float]]]] = {}
    missing, hostile, fault = 0, 0, ""
    for entry in result:
        metric, values = _series(entry, where)
        region = settings.region or metric.get(labels.region, "")
        group = metric.get(labels.group, "")
        if not region or not group:
            missing += 1
            continue
        region = settings.regions.get(region, region)
        wrong = fault_of_name(region, allow_slash=False) or fault_of_name(group, allow_slash=True)
        if wrong:
            hostile, fault = hostile + 1, fault or wrong
            continue
        kept.setdefault((region, group), []).append((metric, values))
    if missing and not kept:
        there = sorted({x for entry in result for x in entry["metric"]})
        raise UsageError(
            f"{where}: none of {len(result)} series has the labels '{labels.region}' and '{labels.group}' (there: "
            f"{plain(', '.join(there)) or 'none'}); has the label set changed? Mend labels, or sum by "
            "them in the query"
        )
    told = []
    if missing:
        told.append(f"{where}: series without the label of region or group were left out, up to {missing} at once")
    if hostile:
        told.append(f"{where}: series whose labels cannot be names were left out ({plain(fault)})")
    return _Found({key: _one(settings, key, found, where) for key, found in kept.items()}, tuple(told))


def _one(
    settings: Prometheus, key: Key, found: list[tuple[dict[str, str], "pd.Series[float]"]], where: str
) -> Any:
    if len(found) == 1:
        return found[0][1]
    bare = [{k: v for k, v in metric.items() if k != settings.replica} for metric, _ in found]
    if any(other != bare[0] for other in bare[1:]):
        names = sorted({k for x in bare for k in x if any(x.get(k) != y.get(k) for y in bare)})
        raise UsageError(
            f"{where}: {len(found)} series of group '{plain('/'.join(key))}' differ in {plain(', '.join(names))}; "
            "sum by region and group in the query, or name the label of replicas of the same (replica)"
        )
    together = pd.concat([values for _, values in found], axis=1)
    # What a replica missed, another has: a value that is not known counts for nothing.
    return together.max(axis=1) if settings.replicas == "max" else together.mean(axis=1)


def _series(entry: Any, where: str) -> tuple[dict[str, str], "pd.Series[float]"]:
    try:
        metric = {str(k): str(v) for k, v in entry["metric"].items()}
        at = np.array([int(float(pair[0])) for pair in entry["values"]], dtype=np.int64)
        values = np.array([float(pair[1]) for pair in entry["values"]], dtype=np.float64)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
        # Histograms have no values; anything else is not Prometheus.
        raise UsageError(f"{where}: a series holds no numbers; is it a native histogram?") from None
    return metric, pd.Series(values, index=at)
