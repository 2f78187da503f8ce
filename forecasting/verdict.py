"""Tallies of replayed cutoffs → what a backtest says of accuracy, coverage and calibration, ready for JSON.

Place in the line: under `backtest`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.coverage import SCOPES
from forecasting.replay import Tally, total

STEPS = (6, 24, 72, 168)
"""Last steps ahead, in hours, of the ranges for which accuracy is told; what lies beyond is one more range."""


def summarise(
    tallies: Sequence[dict[str, Tally]], resources: Sequence[str], levels: Sequence[float]
) -> dict[str, Any]:
    """Return scores by model, overall and by resource.

    Parameters
    ----------
    tallies
        For each cutoff, the tally of each model.
    resources
        Their names, in the tallies' order.
    levels
        Shares of the central intervals, in the tallies' order.

    Returns
    -------
    dict
        ``overall`` and ``resources.<name>``, by model; a score that nothing known was there for is None:

        - ``wql`` and ``crps``, the latter per mean |actual|; overall the mean over resources;
        - ``wql_by_steps``: WQL by range of steps ahead, ``"1-6"`` and so on in hours;
        - ``coverage``: share of actuals within the intervals ``"50 %"`` and so on; overall that of all series;
        - ``coverage_by``: the same at each of `coverage.SCOPES`; ``checks``: how many values it is the share of;
        - ``pit``, overall only: at each scope, the share of values in each of the bins of the PIT histogram.

        ``seconds_per_origin``: wall time of the forecasts, by model.
    """
    totals = {name: total([tally[name] for tally in tallies]) for name in tallies[0]}
    every = np.arange(len(resources))
    return {
        "overall": {name: _scores(tally, every, levels) | _pit(tally) for name, tally in totals.items()},
        "resources": {
            resource: {name: _scores(tally, every[[r]], levels) for name, tally in totals.items()}
            for r, resource in enumerate(resources)
        },
        "seconds_per_origin": {name: round(tally.seconds / len(tallies), 3) for name, tally in totals.items()},
    }


def percent(level: float) -> str:
    """Name an interval by its share: ``50 %``."""
    return f"{100 * level:.6g} %"


def ranges(hours: int) -> dict[str, slice]:
    """Divide steps ahead at `STEPS`: ``1-6``, ``7-24``, … up to a horizon, each with its place in time."""
    ends = [end for end in STEPS if end < hours] + [hours]
    starts = [0, *ends[:-1]]
    return {f"{start + 1}-{end}": slice(start, end) for start, end in zip(starts, ends, strict=True)}


def _scores(tally: Tally, of: NDArray[np.intp], levels: Sequence[float]) -> dict[str, Any]:
    counts, known = tally.inside[of].sum(axis=0), tally.known[of].sum(axis=0)
    covered = {
        scope: {percent(level): _ratio(counts[s, i], known[s]) for i, level in enumerate(levels)}
        for s, scope in enumerate(SCOPES)
    }
    steps = ranges(tally.loss.shape[1])
    return {
        "wql": _relative(tally.loss[of], tally.absolute[of]),
        "crps": _relative(tally.crps[of], tally.absolute[of]),
        "wql_by_steps": {
            name: _relative(tally.loss[of, part], tally.absolute[of, part]) for name, part in steps.items()
        },
        "coverage": covered["group"],
        "coverage_by": covered,
        "checks": {scope: int(known[s]) for s, scope in enumerate(SCOPES)},
    }


def _pit(tally: Tally) -> dict[str, Any]:
    counts = tally.pit.sum(axis=0)
    return {
        "pit": {
            scope: (counts[s] / counts[s].sum()).round(6).tolist() if counts[s].any() else None
            for s, scope in enumerate(SCOPES)
        }
    }


def _relative(score: NDArray[np.float64], absolute: NDArray[np.float64]) -> float | None:
    """Return the mean over resources that are not idle of Σ score / Σ |actual|; both are ``(resource, time)``."""
    sums, scales = score.sum(axis=1), absolute.sum(axis=1)
    used = scales > 0
    return float((sums[used] / scales[used]).mean()) if used.any() else None


def _ratio(count: np.int64, known: np.int64) -> float | None:
    return float(count / known) if known else None
