"""How much a cache saves: reading a real Prometheus for the first time, and an hour later.

    python -m benchmarks.sources --days 14 --groups 20

It needs ``prometheus`` and ``promtool`` on PATH, or lets the tests' script get them.
"""

import argparse
import importlib
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from forecasting.sources import fetch

START = datetime(2026, 3, 2, tzinfo=UTC)


def samples(days: int, groups: int) -> str:
    """Counters of CPU seconds, a sample a minute, in the form of OpenMetrics."""
    minutes = days * 24 * 60
    at = int(START.timestamp()) + 60 * np.arange(minutes + 1)
    rng = np.random.default_rng(1)
    text = ["# TYPE cpu_seconds counter\n"]
    for group in range(groups):
        total = np.cumsum(60 * rng.gamma(4.0, 1.0, minutes + 1))
        labels = f'region="eu",team="g{group}"'
        text += [f"cpu_seconds_total{{{labels}}} {v:.3f} {t}\n" for t, v in zip(at, total, strict=True)]
    return "".join(text)


def main() -> None:
    """Fill a server, read it twice, and print seconds, rows and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--groups", type=int, default=20)
    given = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    prometheus_server = importlib.import_module("prometheus_server")  # of the tests, found by the line above

    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        prometheus_server.fill(folder, samples(given.days, given.groups))
        with prometheus_server.serving(folder) as address:
            described = folder / "sources.yaml"
            described.write_text(
                f"cache: kept\nhistory_days: {given.days - 1}\nsources:\n- kind: prometheus\n  url: {address}\n"
                "  labels: {group: team}\n"
                "  queries: {cpu: {query: 'sum by (region, team) (rate(cpu_seconds_total[5m]))'}}\n",
                encoding="utf-8",
            )
            end = START + timedelta(days=given.days)
            taken = []
            for now in (end - timedelta(hours=1), end):
                began = time.perf_counter()
                part = fetch(described, now).parts[0]
                taken.append(time.perf_counter() - began)
                read, kept = part.hours_read, part.hours_kept
                print(f"{taken[-1]:6.2f} s  {part.rows:,} rows  {read:,.0f} h read  {kept:,.0f} h kept")
    print(f"the second run takes {taken[1] / taken[0]:.0%} of the first")


if __name__ == "__main__":
    main()
