"""Accuracy: rolling origins of every set, Headroom against its peers, as ratios of the WQL to the best peer's.

    python -m benchmarks.accuracy --data DIR --json accuracy.json                # 24 h ahead
    python -m benchmarks.accuracy --data DIR --horizon 168 --json week.json
    python -m benchmarks.accuracy --data DIR --sets bike_requests --models headroom headroom-uncalibrated mstl

Every model is given the same series, history and hours; peers have gaps filled. Series that are known less than
70 % of their history, or do not move in it, are left out for all. Prophet runs on a subset and is compared on it.
Coverage of region sums and window maxima, and of 99 %, is of Headroom alone: peers have no joint draws. Standard
errors of coverage are clustered by origin. Seconds are with imports and, for Headroom, with learning;
`benchmarks.speed` tells them apart.
"""

import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks import product
from benchmarks.panels import SETS, Plan, Window, grid, load, plan, rows, windows
from benchmarks.peers import PEERS, Floats
from benchmarks.report import parser, per_cent, table, write
from benchmarks.scoring import (
    INTERVALS,
    LEVELS,
    OF_DRAWS,
    aggregates,
    by_series,
    covered,
    covered_error,
    tidy,
    wql,
)
from forecasting.hierarchy import Hierarchy

_SUBSET = "prophet"


class Run:
    """Scores of one set, gathered over its panels and origins."""

    def __init__(self, options: Namespace) -> None:
        self.options = options
        self.scores: dict[str, list[pd.DataFrame]] = defaultdict(list)
        self.joint: dict[str, list[pd.DataFrame]] = defaultdict(list)
        self.seconds: dict[str, float] = defaultdict(float)
        self.notes: list[str] = []

    def panel(self, name: str, panel: xr.Dataset, laid: Plan) -> None:
        """Run every model at every origin of one panel."""
        hierarchies: dict[str, Hierarchy] = {}
        for window in windows(panel, laid):
            if not np.isfinite(window.actual).any():
                self.notes.append(f"{name} at {window.origin}: no series with a past and a future")
                continue
            for model in self.options.models:
                started = time.perf_counter()
                try:
                    quantiles, part = self._forecast(model, window, laid.horizon, hierarchies)
                except Exception as error:
                    self.notes.append(f"{name} at {window.origin}: {model}: {type(error).__name__}: {error}")
                    continue
                self.seconds[model] += time.perf_counter() - started
                clean, broken = tidy(quantiles)
                if broken:
                    self.notes.append(f"{name} at {window.origin}: {model}: {broken} series not finite, 0 used")
                self.scores[model].append(by_series(part, clean).assign(panel=name))

    def _forecast(
        self, model: str, window: Window, horizon: int, hierarchies: dict[str, Hierarchy]
    ) -> tuple[Floats, Window]:
        options = self.options
        if not product.is_ours(model):
            part = _first(window, options.prophet_series) if model == _SUBSET else window
            return PEERS[model](part.train, horizon, LEVELS), part
        usage = window.filled if options.filled else window.usage
        if options.learn == "first" and model not in hierarchies:
            hierarchies[model] = product.learn(usage, horizon, options.seed, model)
        profile = product.run(usage, horizon, options.seed, model, hierarchies.get(model))
        regions = window.usage["region"].values
        found = aggregates(profile.draws.values, grid(window, window.actual), regions)
        self.joint[model].append(found.assign(origin=window.origin))
        return rows(window, product.grid_of(profile, LEVELS)), window


def main() -> None:
    """Measure, print and write."""
    options = _options()
    figures: dict[str, Any] = {}
    for name in options.sets:
        run = Run(options)
        panels = load(options.data, name, options.series, options.seed)
        for label, panel in panels.items():
            laid = plan(name, panel.sizes["time"], options.history, options.horizon, options.origins, options.step)
            if laid is None:
                run.notes.append(f"{label}: too short for {options.horizon} h ahead; left out")
                continue
            print(f"{label}: {len(laid.origins)} origins, {laid.history} h of history", flush=True)
            run.panel(label, panel, laid)
        figures[name] = _summarise(run)
        _show(name, figures[name])
    ratios = {name: x["ratio"] for name, x in figures.items() if np.isfinite(x["ratio"])}
    mean = _geometric(ratios.values())
    table(
        ["set", "headroom / best peer", "best peer"],
        [
            *((name, ratio, figures[name]["best_peer"]) for name, ratio in ratios.items()),
            ("geometric mean", mean, ""),
        ],
    )
    write(options.json, options, {"sets": figures, "geometric_mean": mean})


def _summarise(run: Run) -> dict[str, Any]:
    """Figures of one set: the WQL of several panels is their geometric mean, so that each counts alike."""
    models: dict[str, Any] = {}
    ours = pd.concat(run.scores[product.NAME]) if run.scores.get(product.NAME) else None
    for model, parts in run.scores.items():
        scores = pd.concat(parts)
        panels = _by_panel(scores)
        same = None
        if ours is not None and model == _SUBSET and len(scores) < len(ours):
            same = _geometric(_by_panel(_same_rows(ours, scores)).values())
        models[model] = {
            "wql": _geometric(panels.values()),
            "panels": panels,
            "coverage": covered(scores),
            "coverage_error": covered_error(scores),
            "series": len(scores.drop_duplicates(["panel", "region", "name", "resource"])),
            "forecasts": len(scores),
            "seconds_per_series": run.seconds[model] / len(scores),
            "headroom_on_the_same": same,
            "joint": _joint(run.joint[model], covered) if run.joint.get(model) else None,
            "joint_error": _joint(run.joint[model], covered_error) if run.joint.get(model) else None,
        }
    # A peer that failed at some origin was not asked the same, so that it cannot be the best.
    most = max((x["forecasts"] for x in models.values()), default=0)
    peers = {m: x["wql"] for m, x in models.items() if not product.is_ours(m) and x["forecasts"] == most}
    best = min(peers, key=lambda model: peers[model]) if peers else None
    mine = models.get(product.NAME)
    ratio = mine["wql"] / peers[best] if mine and best else float("nan")
    return {"models": models, "best_peer": best, "ratio": ratio, "notes": run.notes}


def _show(name: str, figures: dict[str, Any]) -> None:
    for note in figures["notes"]:
        print("note:", note)
    levels = [f"in {percent} %" for percent in INTERVALS]
    best = figures["models"][figures["best_peer"]]["wql"] if figures["best_peer"] else float("nan")
    lines, joint = [], []
    for model, x in figures["models"].items():
        same = x["headroom_on_the_same"]
        label = model if same is None else f"{model} ({x['series']} series; headroom on them {same:.4f})"
        shares = [per_cent(x["coverage"][percent], x["coverage_error"][percent]) for percent in INTERVALS]
        ratio = float("nan") if same is not None else x["wql"] / best
        lines.append([name, label, x["forecasts"], x["wql"], ratio, *shares, x["seconds_per_series"]])
        for of, held in (x["joint"] or {}).items():
            joint.append([name, model, of, *map(per_cent, held.values(), x["joint_error"][of].values())])
    table(["set", "model", "forecasts", "WQL", "to best peer", *levels, "s/series"], lines)
    if joint:
        table(["set", "model", "of", *(f"in {percent} %" for percent in OF_DRAWS)], joint)
    panels = next(iter(figures["models"].values()))["panels"] if figures["models"] else {}
    if len(panels) > 1:
        each = {model: x["panels"] for model, x in figures["models"].items()}
        lines = []
        for panel in panels:
            here = {model: x.get(panel, float("nan")) for model, x in each.items()}
            peers = [x for model, x in here.items() if not product.is_ours(model) and np.isfinite(x)]
            ratio = here.get(product.NAME, float("nan")) / min(peers, default=float("nan"))
            lines.append([panel, *here.values(), ratio])
        table(["WQL of", *each, "headroom / best peer"], lines)


def _geometric(values: Iterable[float]) -> float:
    known = [max(x, 1e-9) for x in values if np.isfinite(x)]
    return float(np.exp(np.mean(np.log(known)))) if known else float("nan")


def _by_panel(scores: pd.DataFrame) -> dict[str, float]:
    return {str(panel): wql(part) for panel, part in scores.groupby("panel", sort=False)}


def _same_rows(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    keys = ["panel", "origin", "region", "name", "resource"]
    return ours.merge(theirs[keys], on=keys)


def _joint(
    parts: list[pd.DataFrame], figure: Callable[[pd.DataFrame], dict[int, float]]
) -> dict[str, dict[int, float]]:
    return {str(of): figure(part) for of, part in pd.concat(parts).groupby("of", sort=False)}


def _first(window: Window, series: int) -> Window:
    return Window(window.origin, window.usage, window.train.iloc[:, :series], window.actual[:series])


def _options() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    models = [product.NAME, *PEERS]
    made.add_argument("--models", nargs="+", default=models, metavar="MODEL", help=f"of {', '.join(models)}")
    for name, default in (("history", 1008), ("horizon", 24), ("origins", 5), ("step", 79)):
        made.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    made.add_argument("--prophet-series", type=int, default=8, metavar="N", help="series that Prophet is run on")
    made.add_argument("--learn", choices=("each", "first"), default="each", help="learn at each origin, or once")
    made.add_argument("--filled", action="store_true", help="give Headroom the filled gaps that peers get")
    options = made.parse_args()
    unknown = [m for m in options.models if m not in PEERS and not product.is_ours(m)]
    if unknown:
        made.error(f"no such model: {', '.join(unknown)}; there are {', '.join(models)}")
    return options


if __name__ == "__main__":
    main()
