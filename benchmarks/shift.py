"""Level shift: a fifth of the groups double at one moment; whether the intervals hold again 24 h later.

    python -m benchmarks.shift --data DIR --json shift.json

The shift is injected into history and actuals alike, 24 h before each origin. Forecasts of the next 24 h are made
with a hierarchy learned before the shift and one learned at the origin. Beside coverage of the shifted groups is
that of the others, and that of the same groups at the same origin without a shift.
"""

from argparse import Namespace
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks import product
from benchmarks.panels import Plan, Window, load, plan, rows, windows
from benchmarks.peers import Floats
from benchmarks.report import parser, per_cent, table, write
from benchmarks.scoring import INTERVALS, LEVELS, by_series, covered, tidy, wql
from forecasting import dims
from forecasting.hierarchy import Hierarchy

_BEFORE, _AFTER = "before the shift", "at the origin"
_OTHERS, _CONTROL = "not shifted", "the same, no shift"


def main() -> None:
    """Measure, print and write."""
    options = _options()
    shifted = f"shifted {options.factor:g}×"
    figures: dict[str, Any] = {}
    for name in options.sets:
        scores: dict[tuple[str, str], list[pd.DataFrame]] = defaultdict(list)
        for label, panel in load(options.data, name, options.series, options.seed).items():
            laid = plan(
                label, panel.sizes[dims.TIME], options.history, options.horizon, options.origins, options.step
            )
            if laid is not None:
                _panel(panel, laid, options, shifted, scores)
        figures[name] = {
            f"{learned} | {groups}": {"coverage": covered(pd.concat(parts)), "wql": wql(pd.concat(parts))}
            for (learned, groups), parts in scores.items()
        }
    lines = []
    for name, rows_of in figures.items():
        for key, x in rows_of.items():
            farthest = max((share - percent / 100 for percent, share in x["coverage"].items()), key=abs)
            shares = [per_cent(x["coverage"][percent]) for percent in INTERVALS]
            lines.append([name, *key.split(" | "), *shares, f"{100 * farthest:+.1f}", x["wql"]])
    levels = [f"in {percent} %" for percent in INTERVALS]
    table(["set", "learned", "groups", *levels, "farthest, points", "WQL"], lines)
    write(options.json, options, {"sets": figures})


def _panel(
    panel: xr.Dataset,
    laid: Plan,
    options: Namespace,
    shifted: str,
    scores: dict[tuple[str, str], list[pd.DataFrame]],
) -> None:
    rng = np.random.default_rng([options.seed, 5])
    for window in windows(panel, laid):
        groups = window.usage.sizes[dims.GROUP]
        chosen = np.isin(np.arange(groups), rng.choice(groups, max(1, groups // 5), replace=False))
        labels = window.train.columns.get_level_values(0) + "/" + window.train.columns.get_level_values(1)
        moved = np.asarray(labels.isin(window.usage[dims.GROUP].values[chosen]))
        since = np.arange(laid.history) >= laid.history - options.since
        factor = np.where(chosen[:, None] & since, options.factor, 1.0)
        usage = _times(window.usage, factor)
        came = replace(window, actual=window.actual * np.where(moved, options.factor, 1.0)[:, None])
        early = usage.isel({dims.TIME: slice(0, laid.history - options.since)})
        for learned, known in ((_BEFORE, early), (_AFTER, usage)):
            hierarchy = product.learn(known, options.horizon, options.seed, options.model, options.jobs)
            scored = _forecast(came, usage, hierarchy, options)
            scores[learned, shifted].append(scored[moved])
            scores[learned, _OTHERS].append(scored[~moved])
            if learned == _BEFORE:
                control = _forecast(window, window.usage, hierarchy, options)
                scores[learned, _CONTROL].append(control[moved])
        print(
            f"{window.origin}: {int(chosen.sum())} of {groups} groups shifted {options.since} h before", flush=True
        )


def _forecast(window: Window, usage: xr.Dataset, hierarchy: Hierarchy, options: Namespace) -> pd.DataFrame:
    profile = product.run(usage, options.horizon, options.seed, options.model, hierarchy, window.origin)
    return by_series(window, tidy(rows(window, product.grid_of(profile, LEVELS)))[0])


def _times(usage: xr.Dataset, factor: Floats) -> xr.Dataset:
    return usage.assign({dims.DEMAND: usage[dims.DEMAND] * factor[:, None, :]})


def _options() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", default=["vm_usage", "taxi_requests"], metavar="NAME")
    made.add_argument("--model", default=product.NAME, help="headroom or a variant, such as headroom-uncalibrated")
    made.add_argument("--factor", type=float, default=2.0, help="height of the shift; default 2")
    made.add_argument("--since", type=int, default=24, help="hours from the shift to the origin; default 24")
    made.add_argument("--jobs", type=int, default=1, help="processes that learn")
    for name, default in (("history", 1008), ("horizon", 24), ("origins", 3), ("step", 79)):
        made.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    return made.parse_args()


if __name__ == "__main__":
    main()
