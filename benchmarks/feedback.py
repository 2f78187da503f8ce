"""Feedback: coverage and CRPS with and without it, where something changes and where nothing does.

    python -m benchmarks.feedback --data DIR --json feedback.json

A hierarchy is learnt a week before the change; then every six hours a day ahead is forecast, with and without the
record of the forecasts before. From the moment of the change on: ``shift``, a fifth of the groups grow by a factor
and stay; ``outage``, the groups of one region (a fifth, where there is but one) are down to 2 % for twelve hours;
``newcomer``, a tenth of the groups begin three days before. ``nothing`` is the set as it is. Scored are the groups
that are struck. CRPS is Σ over Σ|actual|; recovery is the first moment after the change from which on the 80 %
intervals of two days of forecasts hold 75 % or more.
"""

from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.panels import load
from benchmarks.report import parser, per_cent, table, write
from forecasting import dims
from forecasting.feedback.record import Record
from forecasting.forecast import forecast
from forecasting.judging import advance
from forecasting.learn import learn
from forecasting.score import crps_from_draws

CASES = ("nothing", "shift", "outage", "newcomer")
LEVELS = (0.5, 0.8, 0.95)
_STEP, _AHEAD = 6, 24
_DAY = 24


def main() -> None:
    """Measure, print and write."""
    options = _options()
    work = [(name, case, options) for name in options.sets for case in options.cases]
    with ProcessPoolExecutor(options.jobs) as run:
        found = list(run.map(_case, work))
    figures: dict[str, Any] = {}
    lines = []
    for (name, case, _), rows in zip(work, found, strict=True):
        figures.setdefault(name, {})[case] = rows
        for way in ("without", "with"):
            x = rows[way]
            lines.append([name, case, way, *(per_cent(x["coverage"][str(level)]) for level in LEVELS), x["crps"],
                          "–" if x["recovery_hours"] is None else f"{x['recovery_hours']} h"])  # fmt: skip
    table(["set", "change", "feedback", *(f"in {level:.0%}" for level in LEVELS), "CRPS", "recovery"], lines)
    write(options.json, options, {"sets": figures})


def _case(work: tuple[str, str, Namespace]) -> dict[str, Any]:
    name, case, options = work
    (panel,) = load(options.data, name, options.series, options.seed).values()
    hours = panel.sizes[dims.TIME]
    change = hours - options.days * _DAY
    usage, struck = changed(panel.isel({dims.TIME: slice(max(0, change - 1344), hours)}), options, case)
    change -= max(0, change - 1344)
    # Learnt before the change, from a past that has no newcomer: as a controller would have it.
    hierarchy = learn(
        panel.isel({dims.TIME: slice(0, hours - options.days * _DAY - 7 * _DAY)}), horizon_hours=_AHEAD
    )
    record: Record | None = None
    rows: dict[str, list[tuple[int, Any, Any]]] = {"without": [], "with": []}
    for moment in range(change - 7 * _DAY, usage.sizes[dims.TIME] - _AHEAD + 1, _STEP):
        past = usage.isel({dims.TIME: slice(0, moment)})
        record = advance(record, past, hierarchy)
        if moment < change:
            continue
        came = usage[dims.DEMAND].values[struck, :, moment : moment + _AHEAD]
        for way, given in (("without", None), ("with", record)):
            draws = forecast(past, _AHEAD, hierarchy=hierarchy, record=given).draws.values[:, struck]
            rows[way].append((moment - change, *_scored(draws, came)))
    return {way: _summary(found) for way, found in rows.items()} | {"groups": int(struck.sum())}


def changed(usage: xr.Dataset, options: Namespace, case: str) -> tuple[xr.Dataset, np.ndarray]:
    """Return usage with a change in its last days, and which groups it strikes, ``(group,)``; all for nothing."""
    demand = usage[dims.DEMAND].values.copy()
    begin = usage.sizes[dims.TIME] - options.days * _DAY
    rng = np.random.default_rng([options.seed, 8])
    groups = len(demand)
    struck = np.zeros(groups, dtype=np.bool_)
    if case == "nothing":
        return usage, ~struck
    regions = np.unique(usage[dims.REGION].values)
    if case == "outage" and len(regions) > 1:
        struck = usage[dims.REGION].values == rng.choice(regions)
    else:
        share = 10 if case == "newcomer" else 5
        struck[rng.choice(groups, max(1, groups // share), replace=False)] = True
    if case == "shift":
        demand[struck, :, begin:] *= options.factor
    elif case == "outage":
        demand[struck, :, begin : begin + 12] *= 0.02
    else:
        demand[struck, :, : begin - 3 * _DAY] = np.nan
    return usage.assign({dims.DEMAND: (dims.USAGE_DIMS, demand)}), struck


def _scored(draws: np.ndarray, came: np.ndarray) -> tuple[np.ndarray, float]:
    """Return hours within each level and all of them ``(level + 1,)``, and CRPS over Σ|actual|."""
    known = np.isfinite(came)
    inside = []
    for level in LEVELS:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        inside.append(float(((came >= low) & (came <= high))[known].sum()))
    crps = crps_from_draws(draws, came)
    # Resources have units of their own: each counts by its own size.
    parts = [np.nansum(crps[:, i]) / max(np.nansum(came[:, i]), 1e-9) for i in range(came.shape[1])]
    return np.array([*inside, float(known.sum())]), float(np.mean(parts))


def _summary(rows: list[tuple[int, np.ndarray, float]]) -> dict[str, Any]:
    counts = np.stack([row[1] for row in rows])
    total = counts.sum(axis=0)
    shares = counts[:, LEVELS.index(0.8)] / np.maximum(counts[:, -1], 1)
    recovered = [
        rows[i][0]
        for i in range(len(rows) - 2 * _DAY // _STEP)
        if shares[i : i + 2 * _DAY // _STEP].mean() >= 0.8 - 0.05
    ]
    return {
        "coverage": {str(level): float(total[i] / total[-1]) for i, level in enumerate(LEVELS)},
        "crps": float(np.mean([row[2] for row in rows])),
        "recovery_hours": recovered[0] if recovered else None,
        "coverage_80_by_hours": {str(row[0]): float(share) for row, share in zip(rows, shares, strict=True)},
    }


def _options() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", default=["vm_usage", "taxi_requests", "bike_requests"], metavar="NAME")
    made.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    made.add_argument("--days", type=int, default=7, help="days from the change on; default 7")
    made.add_argument("--factor", type=float, default=1.5, help="height of the shift; default 1.5")
    made.add_argument("--jobs", type=int, default=1, help="cases at once")
    return made.parse_args()


if __name__ == "__main__":
    main()
