"""Speed: condition and draw for 100 to 10,000 groups on one core, learning on two, against MSTL and AutoETS.

    python -m benchmarks.speed --json speed.json

Usage is synthetic: 50 groups in each region, six weeks of hours, one resource. A forecast is 500 joint draws of
24 h of every group, stacked, with a hierarchy that was learned and saved before. Each number of groups runs in a
process of its own, which tells its largest memory. What counts is the fastest forecast after the first, as of a
service that has its code loaded; the first is told beside it. Peers run in the same way on a sample of the series.
"""

import resource
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import lfilter

from benchmarks import product
from benchmarks.peers import DAY, WEEK, auto_ets, mstl
from benchmarks.report import parser, table, write
from benchmarks.scoring import LEVELS
from forecasting.hierarchy import Hierarchy
from forecasting.simulate import simulate

GROUPS_OF_A_REGION = 50
HOURS = 6 * WEEK
HORIZON = 24
_UNITS = {"cpu": "cores", "memory": "GiB", "network": "Mbit/s", "storage": "GiB"}


def synthetic(regions: int, groups: int, resources: int = 1, seed: int = 1) -> xr.Dataset:
    """Make usage: a day and a week of each region, scales of each group, noise that persists and is partly shared.

    Returns
    -------
    xarray.Dataset
        ``demand(group, resource, time)`` as of `forecasting.usage.from_table`; ``groups`` in each region.
    """
    rng = np.random.default_rng([seed, regions, groups, resources])
    time_of = np.datetime64("2026-04-06", "ns") + np.arange(HOURS) * np.timedelta64(1, "h")
    hour = np.arange(HOURS)
    region = np.repeat(np.arange(regions), groups)
    count = len(region)
    phase = rng.uniform(0, 24, regions)[region] + rng.normal(0, 1, count)
    day = 0.6 * np.sin(2 * np.pi * (hour - phase[:, None]) / DAY)
    week = np.where(hour % WEEK >= 5 * DAY, -rng.uniform(0, 0.8, count)[:, None], 0.0)
    noise = 0.1 * _persistent(rng, regions)[region] + 0.15 * _persistent(rng, count)
    level = np.exp(rng.normal(2, 1.5, (count, resources)))
    demand = (
        level[:, :, None]
        * np.exp(day + week + noise)[:, None, :]
        * rng.gamma(50, 1 / 50, (count, resources, HOURS))
    )
    names = np.array([f"r{number:04d}" for number in range(regions)])[region]
    within = np.array([f"g{number:04d}" for number in range(groups)])[np.tile(np.arange(groups), regions)]
    kinds = sorted(_UNITS)[:resources]
    coords: dict[str, Any] = {
        "group": np.char.add(np.char.add(names, "/"), within),
        "region": ("group", names),
        "name": ("group", within),
        "resource": np.array(kinds),
        "unit": ("resource", np.array([_UNITS[kind] for kind in kinds])),
        "time": time_of,
    }
    return xr.Dataset({"demand": (("group", "resource", "time"), demand)}, coords=coords)


def main() -> None:
    """Measure, print and write."""
    options = _options()
    figures: dict[str, Any] = {"condition": {}, "learn": {}}
    with tempfile.TemporaryDirectory() as folder:
        if "peers" in options.parts:
            figures["peers"] = alone(_peers, options.groups[0], options.sample, options.seed)
            table(["peer", "s/series"], figures["peers"].items())
        if "condition" in options.parts:
            for groups in options.groups:
                saved = Path(folder) / f"{groups}.nc"
                learned = alone(_learn, _regions(groups), groups // _regions(groups), 1, options.seed, 1, saved)
                run = alone(_condition, groups, options.seed, saved, options.repeats)
                figures["condition"][groups] = run | {"learn_seconds": learned}
            _show_condition(figures["condition"], figures.get("peers", {}))
        if "learn" in options.parts:
            for regions, groups, resources in ((5, 50, 4), (20, 50, 1)):
                name = f"{regions * groups} groups × {resources} in {regions * resources} blocks"
                saved = Path(folder) / "learned.nc"
                figures["learn"][name] = alone(
                    _learn, regions, groups, resources, options.seed, options.jobs, saved
                )
            table(["learn", f"s, {options.jobs} jobs"], figures["learn"].items())
        if "newcomer" in options.parts:
            figures["newcomer_seconds"] = _newcomer(Path(folder), options.seed)
            table(["headroom forecast, nothing learned", "s"], [["12 groups × 4", figures["newcomer_seconds"]]])
    write(options.json, options, figures)


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a fresh process, whose largest memory is then that of the function and the imports."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _regions(groups: int) -> int:
    return max(1, groups // GROUPS_OF_A_REGION)


def _learn(regions: int, groups: int, resources: int, seed: int, jobs: int, saved: Path) -> float:
    usage = synthetic(regions, groups, resources, seed)
    started = time.perf_counter()
    hierarchy = product.learn(usage, HORIZON, seed, jobs=jobs)
    seconds = time.perf_counter() - started
    hierarchy.save(saved)
    return seconds


def _condition(groups: int, seed: int, saved: Path, repeats: int) -> dict[str, float]:
    usage = synthetic(_regions(groups), groups // _regions(groups), 1, seed)
    hierarchy = Hierarchy.load(saved)
    took = []
    for number in range(repeats):
        started = time.perf_counter()
        draws = product.run(usage, HORIZON, seed + number, hierarchy=hierarchy).draws.shape
        took.append(time.perf_counter() - started)
    assert draws[1:] == (usage.sizes["group"], 1, HORIZON), draws
    series = usage.sizes["group"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux
    again = min(took[1:]) if repeats > 1 else took[0]
    return {"first": took[0] / series, "again": again / series, "peak_gib": peak, "draws": draws[0]}


def _peers(groups: int, sample: int, seed: int) -> dict[str, float]:
    usage = synthetic(_regions(groups), groups // _regions(groups), 1, seed)
    values = usage["demand"].values[:, 0].T
    picked = np.random.default_rng(seed).choice(values.shape[1], min(sample, values.shape[1]), replace=False)
    train = pd.DataFrame(values[:, picked], index=pd.DatetimeIndex(usage["time"].values))
    seconds = {}
    for name, peer in {"mstl": mstl, "autoets": auto_ets}.items():
        peer(train.iloc[:, :1], HORIZON, LEVELS)  # imports, and what is compiled at first use
        started = time.perf_counter()
        peer(train, HORIZON, LEVELS)
        seconds[name] = (time.perf_counter() - started) / train.shape[1]
    return seconds


def _newcomer(folder: Path, seed: int) -> float:
    """Seconds of the command line on simulated usage, the start of Python and the imports included."""
    usage, out = folder / "usage.parquet", folder / "profile.nc"
    simulate(seed=seed).table.to_parquet(usage)
    command = [sys.executable, "-c", "from controller.cli import main; main()", "forecast"]
    started = time.perf_counter()
    subprocess.run([*command, "--usage", usage, "--out", out], check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - started


def _show_condition(figures: dict[int, dict[str, float]], peers: dict[str, float]) -> None:
    rows = []
    for groups, x in figures.items():
        faster = [f"{peers[name] / x['again']:.0f} ×" if name in peers else "" for name in ("mstl", "autoets")]
        rows.append([groups, x["again"], x["first"], x["peak_gib"], *faster, x["learn_seconds"]])
    table(["groups", "s/series", "the first", "peak GiB", "MSTL takes", "AutoETS takes", "learn, s, 1 job"], rows)


def _options() -> Namespace:
    parts = ["peers", "condition", "learn", "newcomer"]
    made = parser(__doc__, data=False)
    made.add_argument("--parts", nargs="+", choices=parts, default=parts)
    made.add_argument("--groups", nargs="+", type=int, default=[100, 1000, 10_000], metavar="N")
    made.add_argument("--sample", type=int, default=20, help="series that peers are timed on; default 20")
    made.add_argument("--repeats", type=int, default=3, help="forecasts of each number of groups; default 3")
    made.add_argument("--jobs", type=int, default=2, help="processes that learn the 1,000 series; default 2")
    return made.parse_args()


def _persistent(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.asarray(lfilter([0.44], [1, -0.9], rng.normal(size=(count, HOURS)), axis=1))


if __name__ == "__main__":
    main()
