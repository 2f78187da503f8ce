"""Proposals at scale: pushes, calls and time of a run over an environment of 1,000 pools and 2,000 lease files.

    python -m benchmarks.proposals --json proposals.json
    python -m benchmarks.proposals --forge gitlab --pools 100 --changes 10

A bare repository and a server that speaks as the forge does, in a thread of this process. First a run in which 50
pools need more than they hold, then one in which nothing has changed, then one in which those needs are gone. Of
each are counted pushes to the repository, calls that read, calls that write.
"""

import json
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import xarray as xr

from benchmarks.report import parser, table, write
from controller.edge.checkout import Checkout
from controller.lease import Lease, dump, lease_id, signed
from controller.workflow import place as place_module
from controller.workflow import propose
from forecasting.profile import DemandProfile

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS, DRAWS, BASE, PEAK = 72, 100, 2, 80.0


def profile_of(pools: int, surges: int) -> DemandProfile:
    """Make a profile of one group a pool, of which the first ``surges`` need more than the base for five hours."""
    rng = np.random.default_rng(1)
    level = np.full((pools, HOURS), 4.0)
    level[:surges, 24:29] = PEAK
    factor = np.exp(rng.normal(0, 0.05, (DRAWS, pools, 1)))
    cpu = (level * factor).astype(np.float32)[:, :, None, :]
    names = np.array([f"g{i:04d}" for i in range(pools)])
    times = np.datetime64(NOW.replace(tzinfo=None), "ns") + np.arange(HOURS) * np.timedelta64(1, "h")
    coords = {
        "group": ("group", np.char.add("eu/", names)),
        "region": ("group", np.full(pools, "eu")),
        "name": ("group", names),
        "resource": ("resource", np.array(["cpu"])),
        "unit": ("resource", np.array(["cores"])),
        "time": times,
    }
    attrs = {"issued": NOW.isoformat(), "seed": 1, "data_digest": "0123456789abcdef"}
    return DemandProfile(xr.Dataset({"demand": (("draw", "group", "resource", "time"), cpu)}, coords, attrs))


def repository(folder: Path, pools: int, leases: int, forge: str) -> tuple[Path, Path]:
    """Make a bare repository with the environment, and a checkout of it; two leases a pool, far in the future."""
    origin, work = folder / "origin.git", folder / "work"
    _git(folder, "init", "-q", "--bare", "-b", "main", str(origin))
    _git(folder, "clone", "-q", str(origin), str(work))
    environment = work / "environments" / "large"
    (environment / "leases").mkdir(parents=True)
    entry = "{kind: vm, groups: [eu/g%04d], base: %d, max: 40, node_capacity: {cpu: 10}, boot_minutes: 5}"
    text = [f"  p{i:04d}: {entry % (i, BASE)}" for i in range(pools)]
    own = f"environment: large\nrepository: {{forge: {forge}}}\ndecide: {{propose_ahead_hours: 72}}\npools:\n"
    (environment / "headroom.yaml").write_text(own + "\n".join(text) + "\n")
    for i in range(leases):
        pool, starts = f"p{i % pools:04d}", NOW + (200 + 24 * (i // pools)) * HOUR
        ends = starts + 6 * HOUR
        lease = Lease("large", pool, lease_id("large", pool, starts), starts, ends, ends + 24 * HOUR, 4, 1)
        path = environment / lease.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(signed(lease)))
    _git(work, "add", "-A")
    _git(work, "-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "-qm", "seed")
    _git(work, "push", "-q", "origin", "HEAD:main")
    return origin, environment


def measured(arguments: Namespace, folder: Path) -> list[dict[str, Any]]:
    """Run three times, and count."""
    sys.path.insert(0, str(ROOT / "tests"))
    from forges import SERVERS  # type: ignore[import-not-found]  # noqa: PLC0415
    from forges.fixtures import Clock, connected  # type: ignore[import-not-found]  # noqa: PLC0415

    origin, environment = repository(folder, arguments.pools, arguments.leases, arguments.forge)
    busy, calm = (profile_of(arguments.pools, n) for n in (arguments.changes, 0))
    rows = []
    with SERVERS[arguments.forge](origin) as server:
        for number in range(arguments.history):  # pull requests of people, closed long ago
            server.world.add(f"old {number}", "", f"feature/{number}", "main", "ada", state="closed")
        for name, profile in (("asks", busy), ("quiet", busy), ("withdraws", calm)):
            server.forget()
            pushes, push = [0], Checkout._push
            with (
                mock.patch.object(place_module, "connect", return_value=connected(server, Clock())),
                mock.patch.object(Checkout, "_push", _counting(push, pushes)),
            ):
                began = time.perf_counter()
                _, outcomes = propose(environment, profile, NOW)
                seconds = time.perf_counter() - began
            rows.append(
                {
                    "run": name,
                    "changes": len(outcomes),
                    "states": sorted({x.state for x in outcomes}),
                    "pushes": pushes[0],
                    "lists": len(server.lists),
                    "reads": len(server.reads),
                    "writes": len(server.writes),
                    "seconds": seconds,
                }
            )
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def _counting(push: Callable[..., bool], count: list[int]) -> Callable[..., bool]:
    def counted(*arguments: Any) -> bool:
        count[0] += 1
        return push(*arguments)

    return counted


def _git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)  # noqa: S603, S607


def main() -> None:
    """Measure, print and write."""
    options = parser(__doc__, data=False)
    options.add_argument("--forge", choices=["github", "gitlab", "gitea"], default="github")
    options.add_argument("--pools", type=int, default=1000)
    options.add_argument("--leases", type=int, default=2000)
    options.add_argument("--changes", type=int, default=50)
    options.add_argument("--history", type=int, default=500, help="closed pull requests that were there before")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(arguments, Path(folder))
    header = ["run", "changes", "pushes", "lists", "reads", "writes", "seconds"]
    table(header, [[x[k] for k in header] for x in rows])
    write(arguments.json, arguments, {"runs": rows})


if __name__ == "__main__":
    main()
