"""Small worlds for the pure rooms: a configuration of two pools, and profiles with a surge of known size."""

from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import numpy as np
import xarray as xr

from controller.config import Config
from controller.configtext import parse
from controller.lease import Lease
from forecasting.profile import DemandProfile

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

CONFIG = """\
environment: demo
decide: {confidence_threshold: 0.8, service_level: 0.9, propose_ahead_hours: 72, profile_age_hours: 72}
lead_times: {review_minutes: 60, ci_minutes: 10}
decay: {usage_threshold: 0.7, half_life_hours: 2, grace_hours: 2, minimum_step_nodes: 2}
pools:
  batch:
    {kind: node, groups: ["us/*"], base: 2, max: 12, node_capacity: {cpu: 10, memory: 40},
     target_utilisation: 0.5, boot_minutes: 5, price_per_hour: 1.0}
  web:
    {kind: vm, groups: ["eu/*"], base: 3, base_warm: 1, max: 14, node_capacity: {cpu: 10, memory: 40},
     target_utilisation: 0.5, boot_minutes: 5, price_per_hour: 0.5, warm_price_per_hour: 0.1}
"""


def config_of(**changes: str) -> Config:
    """The configuration above, with lines replaced: ``decide`` replaces the line of that key."""
    lines = [
        f"{line.split(':')[0]}: {changes[line.split(':')[0]]}" if line.split(":")[0] in changes else line
        for line in CONFIG.splitlines()
    ]
    return parse("\n".join(lines), "headroom.yaml")


def lease_of(
    pool: str = "web", floor: int = 8, warm: int = 2, start: int = 18, hours: int = 6, margin: int = 24, **kw
) -> Lease:
    """A lease whose window starts ``start`` hours after NOW."""
    starts = NOW + start * HOUR
    ends = starts + hours * HOUR
    return Lease("demo", pool, kw.get("id", "a-lease"), starts, ends, ends + margin * HOUR, floor, warm)


def usage_of(cores: dict[str, list[float]], start: datetime) -> xr.Dataset:
    """Usage of the groups ``{label: cores per hour}`` from ``start`` on; memory never binds."""
    groups = sorted(cores)
    cpu = np.array([cores[g] for g in groups], dtype=float)
    demand = np.stack([cpu, cpu / 10 * 4], axis=1)
    times = np.datetime64(start.replace(tzinfo=None), "ns") + np.arange(cpu.shape[1]) * np.timedelta64(1, "h")
    return xr.Dataset(
        {"demand": (("group", "resource", "time"), demand)},
        coords=_coordinates(groups, times),
    )


def profile_of(
    cores: dict[str, list[float]],
    spread: float = 0.05,
    draws: int = 400,
    start: datetime = NOW,
    seed: int = 1,
) -> DemandProfile:
    """Make a profile from median cores per group and hour; the draws differ by one log-normal factor each."""
    groups = sorted(cores)
    median = np.array([cores[g] for g in groups])
    # One factor a draw for all groups and hours: the dependence that quantiles of single groups would lose.
    # Equally likely steps through the distribution, so that quantiles are known and nothing is left to luck.
    normal = NormalDist()
    steps = np.array([normal.inv_cdf((i + 0.5) / draws) for i in range(draws)])
    factor = np.exp(spread * steps)
    cpu = factor[:, None, None] * median
    demand = np.stack([cpu, cpu / 10 * 4], axis=2).astype(np.float32)
    times = np.datetime64(start.replace(tzinfo=None), "ns") + np.arange(median.shape[1]) * np.timedelta64(1, "h")
    return DemandProfile(
        xr.Dataset(
            {"demand": (("draw", "group", "resource", "time"), demand)},
            coords=_coordinates(groups, times),
            attrs={"issued": start.isoformat(), "seed": 1, "data_digest": "0123456789abcdef"},
        )
    )


def surge(level: float, peak: float, start: int, hours: int, horizon: int = 72) -> list[float]:
    """Cores per hour: ``level``, and ``peak`` for ``hours`` hours from ``start`` on."""
    return [peak if start <= t < start + hours else level for t in range(horizon)]


def _coordinates(groups: list[str], times: np.ndarray) -> dict[str, object]:
    return {
        "group": ("group", np.array(groups)),
        "region": ("group", np.array([g.split("/")[0] for g in groups])),
        "name": ("group", np.array([g.split("/", 1)[1] for g in groups])),
        "resource": ("resource", np.array(["cpu", "memory"])),
        "unit": ("resource", np.array(["cores", "GiB"])),
        "time": times,
    }
