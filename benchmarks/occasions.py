"""What is made of events: simulated usage with known effects, forecast with and without the list of events.

    python -m benchmarks.occasions --json occasions.json

Groups of two regions, with habits and noise, have sales (one kind, each of its own size, felt by all groups of a
region, by each in its own way), maintenance (demand falls), and a launch that is the first of its kind. Each
panel is forecast from the eve of a sale, of a maintenance and of the launch, the last with nothing expected,
with the truth expected, and without any event. In the hours of the event: the share of what came within the 80
and 95 % intervals, of groups and of region sums, the WQL, and the mean of the forecast's median over what came.
"""

from argparse import Namespace
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.report import parser, table, write
from forecasting.events import Events
from forecasting.eventtable import Event
from forecasting.forecast import forecast
from forecasting.score import pinball
from forecasting.usage import from_table

START = datetime(2026, 1, 5, tzinfo=UTC)
WEEKS, GROUPS = 20, 8
SALE, REPAIR = (0.5, 0.15), (-0.7, 0.1)
"""Mean and spread over occasions of the log factor of a kind."""
LAUNCH = 0.53  # 1.7 times
OWN, REST = 0.15, 0.05  # spread over groups, and of what is left


def world(seed: int) -> tuple[pd.DataFrame, list[Event], dict[str, datetime]]:
    """Make usage, all events, and the moments at which one of each kind lies ahead."""
    rng = np.random.default_rng(seed)
    hours = WEEKS * 168
    clock = np.arange(hours)
    events, logs = [], np.zeros((2, GROUPS, hours))
    own = {kind: rng.normal(0, OWN, (2, GROUPS)) for kind in ("sale", "maintenance", "launch")}

    def happen(kind: str, name: str, region: int, begin: int, length: int, log: float) -> None:
        at = slice(begin, begin + length)
        logs[region, :, at] += (log + own[kind][region] + rng.normal(0, REST, GROUPS))[:, None]
        start, stop = (START + timedelta(hours=x) for x in (begin, begin + length))
        start_at, end_at = (int(x.timestamp()) * 1_000_000 for x in (start, stop))
        events.append(Event(f"r{region}", start_at, end_at, name, kind))

    for number, week in enumerate(range(2, WEEKS, 3)):
        log = rng.normal(*SALE)
        for region in range(2):
            happen("sale", f"sale {number}", region, week * 168 + 24 * int(rng.integers(0, 7)) + 8, 14, log)
    for number, week in enumerate(range(1, WEEKS, 4)):
        happen("maintenance", f"work {number}", number % 2, week * 168 + 24 * 2 + 1, 6, rng.normal(*REPAIR))
    last = (WEEKS - 1) * 168
    happen("launch", "version 2", 0, last + 24 * 4 + 9, 48, LAUNCH)
    level = rng.lognormal(3.0, 0.7, (2, GROUPS, 1))
    day = np.exp(0.5 * np.sin(2 * np.pi * (clock - 9) / 24)) * np.where(clock // 24 % 7 >= 5, 0.7, 1.0)
    slow = np.zeros((2, GROUPS, hours))
    shock = rng.normal(0, 0.06, (2, GROUPS, hours)) + rng.normal(0, 0.04, (2, 1, hours))
    for hour in range(1, hours):
        slow[..., hour] = 0.9 * slow[..., hour - 1] + shock[..., hour]
    demand = level * day * np.exp(slow + logs)
    parts = []
    for region in range(2):
        for group in range(GROUPS):
            stamp = pd.date_range(START, periods=hours, freq="h")
            parts.append(
                pd.DataFrame(
                    {"timestamp": stamp, "region": f"r{region}", "group": f"g{group}", "resource": "cpu",
                     "value": demand[region, group]}
                )
            )  # fmt: skip
    eves = {}
    for kind in ("sale", "maintenance", "launch"):
        latest = max(x.start for x in events if x.kind == kind)
        begin = datetime.fromtimestamp(latest // 1_000_000, UTC)
        eves[kind] = begin.replace(hour=0) - timedelta(hours=4)
    return pd.concat(parts), events, eves


def score(
    usage: xr.Dataset, now: datetime, about: list[Event], known: Events | None, seed: int
) -> dict[str, float]:
    """Forecast the three days after a moment, and judge the hours of the events they hold."""
    made = forecast(usage, 72, now, seed, events=known)
    came = usage["demand"].sel(time=made.draws["time"]).values[:, 0]
    draws, regions = made.draws.values[:, :, 0], usage["region"].values
    time = made.draws["time"].values.astype("datetime64[us]").astype(np.int64)
    hit = np.zeros(came.shape, dtype=bool)
    for x in about:
        hit |= (regions == x.region)[:, None] & ((time >= x.start) & (time < x.end))[None]
    out: dict[str, float] = {}
    for level in (80, 95):
        low, high = np.quantile(draws, [0.5 - level / 200, 0.5 + level / 200], axis=0)
        out[f"in {level} %"] = float(((came >= low) & (came <= high))[hit].mean())
    sums = []
    for region in sorted({x.region for x in about}):
        member = regions == region
        hours = hit[member].any(axis=0)
        low, high = np.quantile(draws[:, member].sum(axis=1), [0.1, 0.9], axis=0)
        total = came[member].sum(axis=0)
        sums.append(((total >= low) & (total <= high))[hours])
    out["sums in 80 %"] = float(np.concatenate(sums).mean())
    levels = np.arange(1, 20) / 20
    quantiles = np.quantile(draws, levels, axis=0)
    loss = pinball(came, quantiles, levels[:, None, None]).mean(axis=0)
    out["WQL"] = float(2 * loss[hit].sum() / came[hit].sum())
    out["median / actual"] = float(np.median(draws, axis=0)[hit].sum() / came[hit].sum())
    return out


def main() -> None:
    """Measure, print and write."""
    options = _options()
    found: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for world_number in range(options.worlds):
        rows, events, eves = world(options.seed + world_number)
        usage = from_table(rows)
        for kind, now in eves.items():
            micro = int(now.timestamp()) * 1_000_000
            about = [x for x in events if x.kind == kind and micro <= x.start < micro + 72 * 3_600_000_000]
            ways: dict[str, Events | None] = {"told": Events(events=tuple(sorted(events))), "not told": None}
            if kind == "launch":
                truth = [Event(x.region, x.start, x.end, x.name, x.kind, x.group, (LAUNCH, 0.1)) for x in events
                         if x.kind == kind]  # fmt: skip
                others = [x for x in events if x.kind != kind]
                ways["told, with its size"] = Events(events=tuple(sorted([*others, *truth])))
            for way, known in ways.items():
                found[kind, way].append(score(usage, now, about, known, options.seed))
        print(f"world {world_number + 1} of {options.worlds}", flush=True)
    figures: dict[str, Any] = {}
    for (kind, way), scores in found.items():
        figures[f"{kind}, {way}"] = {name: float(np.mean([x[name] for x in scores])) for name in scores[0]}
    names = list(next(iter(figures.values())))
    table(["event", *names], [[what, *(f"{x[name]:.3f}" for name in names)] for what, x in figures.items()])
    write(options.json, options, {"events": figures})


def _options() -> Namespace:
    made = parser(__doc__, data=False)
    made.add_argument("--worlds", type=int, default=10, metavar="N", help="panels, default 10")
    return made.parse_args()


if __name__ == "__main__":
    main()
