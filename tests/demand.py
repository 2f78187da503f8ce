"""Small usage with a daily wave, for the forecaster's tests."""

import numpy as np
import xarray as xr


def usage_of(demand: np.ndarray) -> xr.Dataset:
    groups, resources, hours = demand.shape
    regions = ["a"] * ((groups + 1) // 2) + ["b"] * (groups // 2)
    names = [f"g{i}" for i in range(groups)]
    return xr.Dataset(
        {"demand": (("group", "resource", "time"), demand)},
        coords={
            "group": [f"{r}/{n}" for r, n in zip(regions, names, strict=True)],
            "region": ("group", regions),
            "name": ("group", names),
            "resource": [f"r{i}" for i in range(resources)],
            "unit": ("resource", ["unit"] * resources),
            "time": np.datetime64("2026-01-05T00", "ns") + np.arange(hours) * np.timedelta64(1, "h"),
        },
    )


def waves(groups=2, resources=1, hours=500) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 0.5, (groups, resources, hours))
    return (10 + 5 * np.sin(2 * np.pi * np.arange(hours) / 24) + noise).clip(0)
