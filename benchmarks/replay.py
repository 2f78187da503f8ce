"""Decisions replayed over real usage, beside what other policies would have done: cost and shortfall.

Writes an environment for each set into a folder of its own that is gone afterwards: pools whose peak is some 30
nodes, a base near the tenth percentile of the weeks before the replay, everything else as it is by default.

    python -m benchmarks.replay --data DIR --sets vm_usage taxi_requests bike_requests --jobs 2
"""

import json
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report import parser, per_cent, table, write
from controller.replay.capacity import METRIC_STEPS, STEP_MINUTES
from controller.replay.need import WARM_UP_HOURS, WEEK

SETS = {"vm_usage": ("cpu", "memory"), "taxi_requests": ("requests",), "bike_requests": ("requests",)}
"""Sets, and the resources that their pools are about."""
PEAK_NODES = 30.0
UTILISATION = 0.75
_MOST = 4  # times the peak of the weeks before: room for what nobody has seen


def main() -> None:
    """Replay each set and print its tables."""
    arguments = _parse()
    figures = {}
    with TemporaryDirectory() as folder:
        for name in arguments.sets:
            place = Path(folder) / name
            place.mkdir()
            (place / "headroom.yaml").write_text(environment(name, arguments.data, arguments.weeks, arguments))
            started = time.perf_counter()
            summary = _replay(place, arguments.data / f"{name}.parquet", arguments)
            seconds = time.perf_counter() - started
            _print(name, summary, seconds)
            figures[name] = summary | {"seconds": seconds}
    arguments.plots = arguments.plots is not None  # JSON knows no paths
    write(arguments.json, arguments, {"sets": figures})


def environment(name: str, data: Path, weeks: int, arguments: Namespace) -> str:
    """Write the settings of a set: one pool a region; a node is of such a size that the peak is `PEAK_NODES`."""
    usage = pd.read_parquet(data / f"{name}.parquet")
    usage = usage[usage["resource"].isin(SETS[name])]
    sums = usage.groupby(["region", "resource", "timestamp"], observed=True)["value"].sum(min_count=1)
    end = usage["timestamp"].max() + pd.Timedelta(hours=1)
    before = end - pd.Timedelta(hours=weeks * WEEK + WARM_UP_HOURS)
    lines = [f"environment: {name.replace('_', '-')}"]
    review = f"{{median: {arguments.review}, p90: {2.2 * arguments.review:.0f}}}"
    lines += [f"lead_times: {{review_minutes: {review}, ci_minutes: 15, merge: {arguments.merge}}}"]
    lines += [
        f"decide: {{review_cost: {arguments.review_cost}, expiry_margin_hours: {arguments.expiry}}}",
        "pools:",
    ]
    for region in sorted(usage["region"].unique()):
        of_region = sums.loc[region]
        peaks = {resource: float(of_region.loc[resource].max()) for resource in SETS[name]}
        capacity = {x: round(peak / PEAK_NODES / UTILISATION, 4) for x, peak in peaks.items()}
        past = [
            of_region.loc[resource].loc[lambda x: x.index < before] / capacity[resource] / UTILISATION
            for resource in SETS[name]
        ]
        need = np.ceil(pd.concat(past, axis=1).max(axis=1).dropna())
        base = max(1, int(need.quantile(0.1)))
        sizes = ", ".join(f"{x}: {value}" for x, value in capacity.items())
        lines.append(
            f"  {region}: {{kind: vm, groups: ['{region}/*'], base: {base}, max: {int(_MOST * PEAK_NODES)}, "
            f"node_capacity: {{{sizes}}}, target_utilisation: {UTILISATION}, boot_minutes: {arguments.boot}, "
            f"autoscaler_minutes: {arguments.boot + METRIC_STEPS * STEP_MINUTES}, "
            "price_per_hour: 1.0}"
        )
    return "\n".join(lines) + "\n"


def _replay(place: Path, usage: Path, arguments: Namespace) -> dict[str, Any]:
    command = [sys.executable, "-c", "from controller.cli import main; main()", "replay"]
    command += ["--usage", str(usage), "--env", str(place)]
    command += ["--weeks", str(arguments.weeks), "--jobs", str(arguments.jobs), "--seed", str(arguments.seed)]
    command += ["-o", "json"]
    if arguments.plots:
        command += ["--plot", str(arguments.plots / f"{place.name}.png")]
    if arguments.policies:
        command += ["--policies", ",".join(arguments.policies)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def _print(name: str, summary: dict[str, Any], seconds: float) -> None:
    print(f"\n### {name}: {summary['needed_node_hours']:,.0f} node-hours needed, {seconds:.0f} s")
    labels = list(next(iter(summary["policies"].values()))["at"])
    for label in labels:
        rows = []
        for policy, found in summary["policies"].items():
            at = found["at"][label]
            if at["nearest"] is None:
                rows.append((policy, "not reached", *[""] * 9))
                continue
            best = found["settings"][at["nearest"]]
            saving, notice = at["share_of_oracle_saving"], best["minutes_to_merge_by"]
            rows.append(
                (
                    policy,
                    f"{at['cost']:,.0f}",
                    "" if saving is None else per_cent(saving),
                    f"{best['node_hours']:,.0f}",
                    f"{best['short_share']:.2%}",
                    f"{best['hours_short_share']:.1%}",
                    f"{best['worst_shortfall_nodes']:.1f}",
                    f"{best['steps_per_week']:.0f}",
                    f"{best['pull_requests_per_week']:.1f}",
                    "" if notice is None else f"{notice:.0f}",
                    f"{best['plan']} / {best['reactive_margin']}{' / told' if best['told_of_autoscaler'] else ''}",
                )
            )
        headings: tuple[str, ...] = (
            f"at {label} short",
            "cost",
            "share of the oracle's saving",
            "node-hours",
            "demand-hours short",
        )
        headings += (
            "hours short",
            "worst, nodes",
            "steps/week",
            "pull requests/week",
            "minutes to merge-by",
            "knobs",
        )
        table(headings, rows)


def _parse() -> Namespace:
    made = parser(__doc__)
    made.add_argument("--sets", nargs="+", choices=tuple(SETS), default=list(SETS))
    made.add_argument("--policies", nargs="+")
    made.add_argument("--weeks", type=int, default=8)
    made.add_argument("--review", type=float, default=240, help="usual minutes of a review")
    made.add_argument("--boot", type=float, default=5, help="minutes that a node boots")
    made.add_argument("--merge", choices=("on-approval", "when-due"), default="when-due")
    made.add_argument("--review-cost", type=float, default=4, help="of a window, in node-hours")
    made.add_argument("--expiry", type=float, default=0, help="hours from the end of a window to its expiry")
    made.add_argument("--jobs", type=int, default=2)
    made.add_argument("--plots", type=Path, metavar="DIR", help="draw the frontiers there")
    arguments = made.parse_args()
    arguments.data = arguments.data.resolve()
    return arguments


if __name__ == "__main__":
    main()
