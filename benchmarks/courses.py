"""The course of forecasts after a change: coverage by hours since it, CRPS, recovery; compared pair by pair.

>>> figures = {"taxi_requests": {"shift": summary([{"without": scores, "with": others}])}}
>>> show(figures)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import per_cent, table
from forecasting.feedback.record import Record
from forecasting.feedback.scopes import GROUP
from forecasting.feedback.surprise import surprises
from forecasting.score import crps_from_draws

WAYS = ("without", "with", "anew", "calm")
INTERVALS = (0.5, 0.8, 0.95)
JUDGED, NEAR = 0.8, 0.05
"""The interval that recovery is measured by, and how near it must come."""

_DAY = 24
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Scores:
    """One way through one change, by moment: hours since it, hours inside each interval and all, CRPS, usage."""

    hours: list[int] = field(default_factory=list)
    counts: list[Floats] = field(default_factory=list)
    crps: list[Floats] = field(default_factory=list)
    came: list[Floats] = field(default_factory=list)
    alarmed: list[float] = field(default_factory=list)
    learnt: int = 0

    def add(self, hours: int, draws: NDArray[np.float32], came: Floats) -> None:
        """Score draws ``(draw, group, resource, hour)`` by what came."""
        known = np.isfinite(came)
        ends = np.quantile(draws, [(1 + sign * x) / 2 for sign in (-1, 1) for x in INTERVALS], axis=0)
        low, high = np.split(ends, 2)
        inside = ((came >= low) & (came <= high) & known).sum(axis=(1, 2, 3))
        self.hours.append(hours)
        self.counts.append(np.append(inside, known.sum()).astype(np.float64))
        self.crps.append(np.nansum(crps_from_draws(draws, came), axis=(0, 2)))
        self.came.append(np.nansum(came, axis=(0, 2)))

    @property
    def loss(self) -> float:
        """Return CRPS as a share of what came: each resource counts by its own size."""
        lost, came = np.sum(self.crps, axis=0), np.sum(self.came, axis=0)
        return float(np.mean(lost[came > 0] / came[came > 0])) if (came > 0).any() else np.nan


def alarmed(record: Record | None, struck: NDArray[np.bool_]) -> float:
    """Return the share of the struck groups that are at an alarm, in any resource and to any side."""
    if record is None:
        return 0.0
    found = surprises(record)
    groups = found.isel(scope=np.flatnonzero(found["kind"].values == GROUP)).max(("side", "resource"))
    return float((groups.values[struck] >= 1).mean())


def summary(runs: Sequence[Mapping[str, Scores]]) -> dict[str, dict[str, Any]]:
    """Return figures of each way over runs, which are panels and moments; all of one kind of change."""
    without = [run["without"] for run in runs]
    return {way: _summary([run[way] for run in runs], without) for way in WAYS if way in runs[0]}


def _summary(runs: Sequence[Scores], without: Sequence[Scores]) -> dict[str, Any]:
    losses, others = (np.array([x.loss for x in some]) for some in (runs, without))
    hours = sorted({hour for run in runs for hour in run.hours})
    days = sorted({hour // _DAY * _DAY for hour in hours})
    held = [_held(runs, hour, hour + _DAY) for hour in hours if hour + _DAY <= hours[-1] + 1]
    back = [hour for hour, share in zip(hours, held, strict=False) if share >= JUDGED - NEAR]
    alarms = [x for run in runs for x in run.alarmed]
    return {
        "runs": len(runs),
        "coverage": {str(level): _held(runs, 0, hours[-1] + 1, level) for level in INTERVALS},
        "coverage_error": _error(np.array([_held([run], 0, hours[-1] + 1) for run in runs])),
        "coverage_80_by_hours": {f"{day}-{day + _DAY - 1}": _held(runs, day, day + _DAY) for day in days},
        "crps": float(np.exp(np.nanmean(np.log(losses)))),
        "crps_change": _compared(losses, others),
        "recovery_hours": back[0] if back else None,
        "alarmed": float(np.mean(alarms)) if alarms else np.nan,
        "learnt_anew": float(np.mean([run.learnt for run in runs])),
    }


def _held(runs: Sequence[Scores], first: int, end: int, level: float = JUDGED) -> float:
    """Return the share of hours inside, of forecasts made from one hour after the change to another."""
    counts = [
        count for run in runs for hour, count in zip(run.hours, run.counts, strict=True) if first <= hour < end
    ]
    total = np.sum(counts, axis=0)
    return float(total[INTERVALS.index(level)] / total[-1])


def _compared(losses: Floats, others: Floats) -> tuple[float, float]:
    """Return the mean difference of logarithms and its standard error."""
    apart = np.log(losses / others)
    return float(np.expm1(np.nanmean(apart))), _error(apart)


def _error(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else np.nan


def show(figures: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Print two tables: all hours, and the course of the 80 % intervals."""
    rows = [(name, case, way, x) for name, cases in figures.items() for case, ways in cases.items()
            for way, x in ways.items()]  # fmt: skip
    levels = [f"in {level:.0%}" for level in INTERVALS]
    table(
        ["set", "change", "way", *levels, "CRPS", "to without", "recovery", "learnt anew", "alarmed"],
        [
            [name, case, way, *(per_cent(x["coverage"][str(level)]) for level in INTERVALS), x["crps"],
             per_cent(*x["crps_change"]), "never" if x["recovery_hours"] is None else f"{x['recovery_hours']} h",
             x["learnt_anew"], per_cent(x["alarmed"]) if np.isfinite(x["alarmed"]) else ""]
            for name, case, way, x in rows
        ],
    )  # fmt: skip
    days = list(dict.fromkeys(day for *_, x in rows for day in x["coverage_80_by_hours"]))
    table(
        ["set", "change", "way", *(f"{day} h" for day in days)],
        [[name, case, way, *(per_cent(x["coverage_80_by_hours"].get(day, np.nan)) for day in days)]
         for name, case, way, x in rows],
    )  # fmt: skip
