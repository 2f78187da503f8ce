"""Demand that is cut off at a capacity: forecasts of what was wanted, with the hours marked, without, and uncut.

    python -m benchmarks.capped --json capped.json

Simulated demand of groups with habits, slow noise and growth is cut at a quantile of its last four weeks, so
that about that share of hours sits at capacity, nearly all of them peaks. Forecasts of 48 hours are held against
what was wanted: WQL, coverage of the 80 % interval, the mean of the median over what came, and all of it in the
hours above the capacity.
"""

from argparse import Namespace
from collections import defaultdict
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.report import parser, table, write
from forecasting.forecast import forecast
from forecasting.score import pinball

WEEKS, GROUPS, AHEAD = 8, 10, 48
LEVELS = np.arange(1, 20) / 20


def world(seed: int) -> np.ndarray:
    """Return demand ``(group, 1, time)`` of eight weeks and the hours ahead."""
    rng = np.random.default_rng(seed)
    hours = np.arange(WEEKS * 168 + AHEAD)
    day = 0.6 * np.sin(2 * np.pi * (hours - 9) / 24) + np.where(hours // 24 % 7 >= 5, -0.4, 0.0)
    growth = rng.uniform(0.0, 0.5, (GROUPS, 1)) * hours / len(hours)
    shock = rng.normal(0, 0.07, (GROUPS, len(hours))) + rng.normal(0, 0.04, (1, len(hours)))
    slow = np.zeros_like(shock)
    for hour in range(1, len(hours)):
        slow[:, hour] = 0.9 * slow[:, hour - 1] + shock[:, hour]
    return (rng.lognormal(3, 0.6, (GROUPS, 1)) * np.exp(day * rng.uniform(0.6, 1.2, (GROUPS, 1)) + growth + slow))[
        :, None
    ]


def usage_of(demand: np.ndarray, censored: np.ndarray | None) -> xr.Dataset:
    """Put demand into the form of usage."""
    names = [f"g{i}" for i in range(len(demand))]
    regions = ["a" if 2 * i < len(demand) else "b" for i in range(len(demand))]
    made = xr.Dataset(
        {"demand": (("group", "resource", "time"), demand)},
        coords={
            "group": [f"{r}/{n}" for r, n in zip(regions, names, strict=True)],
            "region": ("group", regions),
            "name": ("group", names),
            "resource": ["cpu"],
            "unit": ("resource", ["cores"]),
            "time": np.datetime64("2026-01-05T00", "ns") + np.arange(demand.shape[2]) * np.timedelta64(1, "h"),
        },
    )
    if censored is not None:
        made["censored"] = (("group", "resource", "time"), censored)
    return made


def main() -> None:
    """Measure, print and write."""
    options = _options()
    found: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for number in range(options.worlds):
        whole = world(options.seed + number)
        truth, came = whole[..., :-AHEAD], whole[..., -AHEAD:]
        for share in options.shares:
            cap = np.quantile(truth[..., -672:], 1 - share, axis=2, keepdims=True)
            cut = np.minimum(truth, cap)
            ways = {
                "uncut": usage_of(truth, None),
                "cut, not marked": usage_of(cut, None),
                "cut, marked": usage_of(cut, truth >= cap),
            }
            for way, usage in ways.items():
                draws = forecast(usage, AHEAD, seed=options.seed).draws.values
                found[f"{share:.0%}", way].append(_score(draws, came, came > cap))
        print(f"world {number + 1} of {options.worlds}", flush=True)
    figures: dict[str, Any] = {}
    for (share, way), scores in found.items():
        figures[f"{share} at capacity, {way}"] = {x: float(np.nanmean([y[x] for y in scores])) for x in scores[0]}
    names = list(next(iter(figures.values())))
    table(["hours", *names], [[what, *(f"{x[name]:.3f}" for name in names)] for what, x in figures.items()])
    write(options.json, options, {"capped": figures})


def _score(draws: np.ndarray, came: np.ndarray, above: np.ndarray) -> dict[str, float]:
    quantiles = np.quantile(draws, LEVELS, axis=0)
    loss = 2 * pinball(came, quantiles, LEVELS[:, None, None, None]).mean(axis=0)
    low, high = np.quantile(draws, [0.1, 0.9], axis=0)
    held, middle = (came >= low) & (came <= high), np.median(draws, axis=0)
    out = {}
    for name, hours in (("", np.ones_like(above)), (", above capacity", above)):
        out[f"WQL{name}"] = float(loss[hours].sum() / came[hours].sum())
        out[f"in 80 %{name}"] = float(held[hours].mean())
        out[f"median / wanted{name}"] = float(middle[hours].sum() / came[hours].sum())
    return out


def _options() -> Namespace:
    made = parser(__doc__, data=False)
    made.add_argument("--worlds", type=int, default=10, metavar="N", help="panels, default 10")
    made.add_argument("--shares", type=float, nargs="+", default=[0.05, 0.15, 0.3], metavar="SHARE")
    return made.parse_args()


if __name__ == "__main__":
    main()
