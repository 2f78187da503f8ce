"""Seconds, processor seconds and memory of ingesting generated sessions, in a process of its own.

python -m benchmarks.ingest --folder DIR --millions 1 10 50
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

_ROWS = """COPY (SELECT 'person-' || u || '@example.org' AS "user", 'tenant' || (u % 20) AS tenant,
'team' || ((u // 20) % 10) AS team, ['eu-west', 'us-east', 'ap-south'][u % 3 + 1] AS region,
'app' || (hash(i) % 6) AS application, ts AS started, ts + to_seconds((60 - 1500 * ln(random()))::INT) AS ended,
(random() * 1e8)::BIGINT AS bytes_read, (random() * 1e7)::BIGINT AS bytes_written, hash(u) % 50 <> 0 AS consent
FROM (SELECT i, (random() * random() * $people)::BIGINT AS u,
TIMESTAMPTZ '2026-10-01 00:00:00+00' + to_seconds((random() * 86400 * 28)::INT) AS ts FROM range($rows) AS r(i)))
TO '$path' (FORMAT parquet)"""


def generate(path: Path, rows: int) -> None:
    """Write sessions of 28 days, 26 minutes long on average, of a fiftieth as many people."""
    sql = _ROWS.replace("$people", str(max(200, rows // 50))).replace("$rows", str(rows))
    with duckdb.connect(config={"threads": 2, "memory_limit": "3GiB", "preserve_insertion_order": False}) as base:
        base.execute(sql.replace("$path", str(path).replace("'", "''")))


def measure(path: Path) -> None:
    """Ingest one file in this process and print what it took."""
    from forecasting.behaviour.ingest import ingest  # noqa: PLC0415 - its time is not counted
    from forecasting.behaviour.pseudonyms import PseudonymKey  # noqa: PLC0415

    start = time.perf_counter()
    result = ingest(path, None, PseudonymKey(os.urandom(32)), datetime(2026, 11, 1, tzinfo=UTC))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{result.intake.rows:,} rows: {time.perf_counter() - start:.0f} s, "
        f"{used.ru_utime + used.ru_stime:.0f} s of processors, {used.ru_maxrss / 2**20:.2f} GiB; "
        f"{len(result.features):,} group-hours"
    )


def main() -> None:
    """Generate what is not there yet, and measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--millions", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    for millions in options.millions:
        path = options.folder / f"sessions-{millions}m.parquet"
        if not path.exists():
            generate(path, millions * 1_000_000)
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")
        command = [
            sys.executable,
            "-m",
            "benchmarks.ingest",
            "--folder",
            str(options.folder),
            "--measure",
            str(path),
        ]
        subprocess.run(command, check=True)  # noqa: S603 - ourselves


if __name__ == "__main__":
    main()
