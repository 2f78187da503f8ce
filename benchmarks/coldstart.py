"""Cold start: a quarter of the groups keep 72 h of six weeks, the rest of their blocks is whole.

    python -m benchmarks.coldstart --data DIR --json coldstart.json

CRPS of the cold groups 24 h ahead: Headroom with 72 h against Headroom with all of it, and against seasonal-naive
(24 h) and AutoETS given the same 72 h. The first ratio is of the CRPS of the draws; the others are of the mean
quantile loss over 19 levels, which all three have. Both are Σ score / Σ|actual| within a resource, then the mean.
"""

from argparse import Namespace
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks import product
from benchmarks.panels import Plan, Window, fill, load, plan, rows, windows
from benchmarks.peers import DAY, Floats, auto_ets, seasonal_naive
from benchmarks.report import parser, table, write
from benchmarks.scoring import LEVELS, by_series, tidy, wql
from forecasting import dims
from forecasting.score import crps_from_draws

_COLD, _WHOLE = "headroom, cold", "headroom, whole history"


def main() -> None:
    """Measure, print and write."""
    options = _options()
    figures: dict[str, Any] = {}
    for name in options.sets:
        scores: dict[str, list[pd.DataFrame]] = defaultdict(list)
        for label, panel in load(options.data, name, options.series, options.seed).items():
            laid = plan(
                label, panel.sizes[dims.TIME], options.history, options.horizon, options.origins, options.step
            )
            if laid is not None:
                _panel(panel, laid, options, scores)
        figures[name] = _summarise({model: pd.concat(parts) for model, parts in scores.items()})
    lines = [[name, *x["quantile_loss"].values(), *x["ratios"].values()] for name, x in figures.items()]
    if lines:
        first = next(iter(figures.values()))
        table(["set", *first["quantile_loss"], *first["ratios"]], lines)
    write(options.json, options, {"sets": figures})


def _panel(panel: xr.Dataset, laid: Plan, options: Namespace, scores: dict[str, list[pd.DataFrame]]) -> None:
    rng = np.random.default_rng([options.seed, 4])
    for window in windows(panel, laid):
        groups = window.usage.sizes[dims.GROUP]
        chosen = np.isin(np.arange(groups), rng.choice(groups, max(1, groups // 4), replace=False))
        lost = xr.DataArray(chosen, dims=dims.GROUP) & xr.DataArray(
            np.arange(laid.history) < laid.history - options.keep, dims=dims.TIME
        )
        cold = window.usage.assign({dims.DEMAND: window.usage[dims.DEMAND].where(~lost)})
        labels = window.usage[dims.GROUP].values[chosen]
        mine = window.train.columns.get_level_values(0) + "/" + window.train.columns.get_level_values(1)
        kept = np.asarray(mine.isin(labels))
        part = Window(window.origin, window.usage, window.train.loc[:, kept], window.actual[kept])
        for model, usage in ((_COLD, cold), (_WHOLE, window.usage)):
            profile = product.run(_known(usage), options.horizon, options.seed, now=window.origin)
            draws = profile.draws.reindex(
                group=window.usage[dims.GROUP], resource=window.usage[dims.RESOURCE]
            ).values
            quantiles = rows(part, np.quantile(draws, LEVELS, axis=0))
            crps = crps_from_draws(np.moveaxis(rows(part, draws), -1, 0), part.actual)
            scored = by_series(part, tidy(quantiles)[0])
            scores[model].append(scored.assign(crps=np.nansum(crps, axis=1)))
        short = fill(part.train.iloc[-options.keep :])
        made: dict[str, Floats] = {
            "seasonal-naive": seasonal_naive(short, options.horizon, LEVELS, season=DAY),
            "autoets": auto_ets(short, options.horizon, LEVELS),
        }
        for model, quantiles in made.items():
            scores[model].append(by_series(part, tidy(quantiles)[0]))
        print(f"{window.origin}: {int(chosen.sum())} of {groups} groups cold", flush=True)


def _summarise(scores: dict[str, pd.DataFrame]) -> dict[str, Any]:
    loss = {model: wql(part) for model, part in scores.items()}
    crps = {model: wql(scores[model].assign(loss=scores[model]["crps"])) for model in (_COLD, _WHOLE)}
    ratios = {"CRPS cold / whole": crps[_COLD] / crps[_WHOLE]}
    for peer in ("seasonal-naive", "autoets"):
        ratios[f"cold / {peer}"] = loss[_COLD] / loss[peer]
    return {"quantile_loss": loss, "crps": crps, "ratios": ratios, "series": len(scores[_COLD])}


def _known(usage: xr.Dataset) -> xr.Dataset:
    """Leave out resources that nobody has left: only a set of very few groups comes to that."""
    return usage.isel({dims.RESOURCE: usage[dims.DEMAND].notnull().any((dims.GROUP, dims.TIME)).values})


def _options() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", default=["vm_usage", "taxi_requests", "m4_hourly"], metavar="NAME")
    made.add_argument("--keep", type=int, default=72, help="hours that cold groups keep, 48 or more; default 72")
    for name, default in (("history", 1008), ("horizon", 24), ("origins", 3), ("step", 79)):
        made.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    options = made.parse_args()
    if not 2 * DAY <= options.keep < options.history:
        made.error("--keep must be 48 or more, for the peers, and less than --history")
    return options


if __name__ == "__main__":
    main()
