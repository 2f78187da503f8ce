"""Decisions: how long `decide` and the guards take for 100 to 10,000 pools, how that grows, and how much memory.

    python -m benchmarks.decide --json decide.json
    python -m benchmarks.decide --pools 100 1000 --file     # draws read from a profile on disk, pool by pool

Each pool serves one group with CPU and memory, 500 joint draws of 168 h; every one of them has hours that need
more than its base, so that none is passed over. Draws are not kept: each group's are made, or read, as they are
asked for. A number of pools runs in a process of its own, which tells its largest memory. With ``--file`` the
profile is made in memory first, to be saved: 0.7 GiB for 1,000 pools.
"""

import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends.common import BackendArray
from xarray.core.indexing import (
    ExplicitIndexer,
    IndexingSupport,
    LazilyIndexedArray,
    explicit_indexing_adapter,
)

from benchmarks.report import parser, table, write
from controller.config import Config
from controller.decide import decide
from controller.guardrails import guard
from forecasting.profile import DemandProfile

DRAWS, HOURS = 500, 168
RESOURCES = {"cpu": 16.0, "memory": 64.0}
_NOW = datetime(2026, 11, 24, tzinfo=UTC)
_KINDS = 64  # different patterns of demand; each pool has one of them at a scale of its own


class Draws(BackendArray):
    """Draws of demand (draw, group, resource, time) that are made for the groups that are asked for."""

    def __init__(self, groups: int, seed: int) -> None:
        self.shape = (DRAWS, groups, len(RESOURCES), HOURS)
        self.dtype = np.dtype(np.float32)
        rng = np.random.default_rng(seed)
        hour = np.arange(HOURS)
        phase = rng.uniform(0, 24, (_KINDS, 1))
        day = 1 + 0.5 * np.sin(2 * np.pi * (hour - phase) / 24) - 0.3 * (hour % 168 >= 120)
        noise = rng.normal(0, 0.1, (_KINDS, DRAWS, 1)) + rng.normal(0, 0.08, (_KINDS, DRAWS, HOURS))
        self.kinds = (60 * day[:, None] * np.exp(noise)).astype(np.float32)
        self.scales = np.exp(rng.normal(0, 0.5, groups)).astype(np.float32)

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._made)

    def _made(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        draw, group, kind, hour = key
        chosen = np.atleast_1d(np.arange(self.shape[1])[group])
        cpu = np.stack([self.kinds[i % _KINDS] * self.scales[i] for i in chosen], axis=1)
        both = np.stack([cpu, cpu * np.float32(3.5)], axis=2)
        found: np.ndarray[Any, Any] = both[draw][:, :, kind][..., hour]
        return found[:, 0] if np.ndim(np.arange(self.shape[1])[group]) == 0 else found


def profile_of(pools: int, seed: int) -> DemandProfile:
    """Make a profile whose draws are made as they are asked for."""
    names = np.array([f"g{i:05d}" for i in range(pools)])
    variable = xr.Variable(("draw", "group", "resource", "time"), LazilyIndexedArray(Draws(pools, seed)))
    first = np.datetime64(_NOW.replace(tzinfo=None), "ns")
    dataset = xr.Dataset(
        {"demand": variable},
        coords={
            "group": ("group", np.char.add("eu/", names)),
            "region": ("group", np.full(pools, "eu")),
            "name": ("group", names),
            "resource": ("resource", np.array(list(RESOURCES))),
            "unit": ("resource", np.array(["cores", "GiB"])),
            "time": first + np.arange(HOURS) * np.timedelta64(1, "h"),
        },
        attrs={"issued": _NOW.isoformat(), "data_digest": "0" * 64},
    )
    return DemandProfile(dataset, streamed=True)


def config_of(pools: int) -> Config:
    """Make an environment of so many pools, each with a base below its usual need."""
    return Config.model_validate(
        {
            "environment": "bench",
            "pools": {
                f"p{i:05d}": {
                    "kind": "vm", "groups": [f"eu/g{i:05d}"], "base": 2, "max": 400, "node_capacity": RESOURCES,
                    "price_per_hour": 1.0,
                }
                for i in range(pools)
            },
        }
    )  # fmt: skip


def main() -> None:
    """Measure, print and write."""
    options = _options()
    if options.one:
        _one(options)
        return
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for pools in options.pools:
            command = [sys.executable, "-m", "benchmarks.decide", "--one", str(pools), "--seed", str(options.seed)]
            if options.file:
                path = Path(folder) / f"{pools}.nc"
                DemandProfile(profile_of(pools, options.seed).dataset.load()).save(path)
                command += ["--path", str(path)]
            run = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603
            seconds, gib, changes = (float(x) for x in run.stdout.split())
            figures.append({"pools": pools, "seconds": seconds, "gib": gib, "changes": int(changes)})
    table(
        ["pools", "s", "ms a pool", "GiB at most", "changes"],
        [(x["pools"], x["seconds"], 1000 * x["seconds"] / x["pools"], x["gib"], x["changes"]) for x in figures],
    )
    write(options.json, options, {"decide": figures})


def _one(options: Namespace) -> None:
    """Decide once, and print seconds, the largest memory in GiB, and how many changes there are."""
    config, now = config_of(options.one), _NOW + timedelta(minutes=20)
    with (
        DemandProfile.stream(options.path)
        if options.path
        else nullcontext(profile_of(options.one, options.seed)) as profile
    ):
        started = time.perf_counter()
        plan = guard(decide(profile, (), config, now), config)
        seconds = time.perf_counter() - started
    print(seconds, _peak_gib(), len(plan.changes))


def _peak_gib() -> float:
    """Largest memory of this program; what getrusage tells is, after exec, that of its parent if that had more."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def _options() -> Namespace:
    made = parser(__doc__, data=False)
    made.add_argument("--pools", type=int, nargs="+", default=[100, 1000, 10_000], metavar="N")
    made.add_argument("--file", action="store_true", help="read the draws from profiles on disk")
    made.add_argument("--one", type=int, metavar="N", help="run one number of pools, in this process")
    made.add_argument("--path", type=Path, metavar="FILE", help="of its profile")
    return made.parse_args()


if __name__ == "__main__":
    main()
