"""Data sets of a folder → panels on one time axis → the windows that every forecaster is given alike.

A set is a file ``NAME.parquet`` with the columns ``timestamp``, ``region``, ``group``, ``resource``, ``value``. A
panel is usage, as of `forecasting.usage.from_table`. The set ``web_services`` is one panel for each region, since
its services are of different years.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.peers import DAY, WEEK, Floats
from forecasting import dims
from forecasting.usage import from_table

SETS = ("vm_usage", "taxi_requests", "bike_requests", "web_services", "m4_hourly")
SPLIT_BY_REGION = ("web_services",)
SERIES = (dims.REGION, dims.NAME, dims.RESOURCE)
_SHORT = {"m4_hourly": 504}
"""History in hours of sets whose series are shorter than the rest."""
_LEAST_HISTORY = 10 * DAY
_LEAST_HORIZONS = 3
_LEAST_KNOWN = 0.7


@dataclass(frozen=True, slots=True)
class Plan:
    """Which hours are forecast from which: ``origins`` are positions of first hours that are not known."""

    history: int
    horizon: int
    origins: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """One origin of a panel: what is known, and what came.

    Parameters
    ----------
    origin
        First hour that is not known, naive UTC.
    usage
        What is known, NaN where it is not: series that are scored, no group or resource without one.
    train
        The same for peers, hours × series without NaN, columns (region, group name, resource).
    actual
        ``(series, hour)``, in the order of the columns of ``train``; NaN where not known.
    """

    origin: np.datetime64
    usage: xr.Dataset
    train: pd.DataFrame
    actual: Floats

    @property
    def filled(self) -> xr.Dataset:
        """``usage`` with the values of ``train``: gaps filled as peers have them."""
        return self.usage.assign({dims.DEMAND: (dims.USAGE_DIMS, grid(self, self.train.to_numpy().T))})


def load(folder: Path, name: str, series: int | None = None, seed: int = 1) -> dict[str, xr.Dataset]:
    """Read a set as panels by name.

    Parameters
    ----------
    folder, name
        Where the file ``NAME.parquet`` is.
    series
        Most series of a panel; whole groups are drawn by the seed. All by default.
    seed
        Of that.
    """
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise SystemExit(
            f"{path}: there is no such file; --data names the folder, --sets the files without .parquet"
        )
    table = pd.read_parquet(path)
    if name not in SPLIT_BY_REGION:
        return {name: _some(from_table(table), series, seed)}
    parts = table.groupby("region", observed=True)
    return {f"{name}/{region}": _some(from_table(part), series, seed) for region, part in parts}


def plan(name: str, hours: int, history: int, horizon: int, origins: int, step: int) -> Plan | None:
    """Lay origins ``step`` apart, the last ``horizon`` before the end; None where not even one fits.

    A span that is too short for them gives up history first, down to ten days or three horizons, then origins,
    with a step of no more than the horizon.
    """
    if name in _SHORT:
        history = min(history, _SHORT[name])
    last = hours - horizon
    room = last - (origins - 1) * step
    if room < history:
        least = max(_LEAST_HISTORY, _LEAST_HORIZONS * horizon)
        history = min(history, max(room, least))
        if room < history:
            step = min(step, horizon)
            origins = min(origins, (last - history) // step + 1)
    if origins < 1:
        return None
    return Plan(history, horizon, tuple(last - back * step for back in reversed(range(origins))))


def windows(panel: xr.Dataset, laid: Plan) -> Iterator[Window]:
    """Cut a panel at each origin, leaving out series that are mostly unknown or do not move in their history."""
    for origin in laid.origins:
        past = panel.isel({dims.TIME: slice(origin - laid.history, origin)})
        ahead = panel.isel({dims.TIME: slice(origin, origin + laid.horizon)})
        known = past[dims.DEMAND].notnull().mean(dims.TIME) > _LEAST_KNOWN
        moves = past[dims.DEMAND].fillna(0.0).std(dims.TIME) > 0
        yield cut(past, ahead[dims.DEMAND], (known & moves).values)


def cut(past: xr.Dataset, ahead: xr.DataArray, kept: np.ndarray) -> Window:
    """Make a window of the series that are kept, ``(group, resource)``."""
    chosen = {dims.GROUP: kept.any(axis=1), dims.RESOURCE: kept.any(axis=0)}
    mask = xr.DataArray(kept, dims=(dims.GROUP, dims.RESOURCE))
    usage = past.assign({dims.DEMAND: past[dims.DEMAND].where(mask)}).isel(chosen)
    group, resource = np.nonzero(kept)
    columns = pd.MultiIndex.from_arrays(
        [past[dims.REGION].values[group], past[dims.NAME].values[group], past[dims.RESOURCE].values[resource]],
        names=SERIES,
    )
    values = past[dims.DEMAND].values[group, resource].T
    index = pd.DatetimeIndex(past[dims.TIME].values)
    train = fill(pd.DataFrame(values, index=index, columns=columns))
    return Window(ahead[dims.TIME].values[0], usage, train, ahead.values[group, resource])


def rows(window: Window, values: Floats) -> Floats:
    """Take the series of a window from an array ``(…, group, resource, hour)`` → ``(series, hour, …)``."""
    group, resource = _places(window)
    return np.moveaxis(values[..., group, resource, :], (-2, -1), (0, 1))


def grid(window: Window, values: Floats) -> Floats:
    """Lay ``(series, hour)`` out as ``(group, resource, hour)`` of the window's usage; NaN elsewhere."""
    group, resource = _places(window)
    out = np.full((window.usage.sizes[dims.GROUP], window.usage.sizes[dims.RESOURCE], values.shape[1]), np.nan)
    out[group, resource] = values
    return out


def fill(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill gaps with the same hour a week, then two weeks before, then between neighbours."""
    for back in (WEEK, 2 * WEEK):
        frame = frame.fillna(frame.shift(back))
    return frame.interpolate(limit_direction="both").fillna(0.0)


def _places(window: Window) -> tuple[np.ndarray, np.ndarray]:
    region, name, resource = (window.train.columns.get_level_values(level).astype(str) for level in range(3))
    groups = pd.Index(window.usage[dims.GROUP].values)
    resources = pd.Index(window.usage[dims.RESOURCE].values)
    return groups.get_indexer(region + "/" + name), resources.get_indexer(resource)


def _some(panel: xr.Dataset, series: int | None, seed: int) -> xr.Dataset:
    if series is None:
        return panel
    demand = panel[dims.DEMAND]
    usable = ((demand.std(dims.TIME) > 0) & (demand.isnull().mean(dims.TIME) < 0.2)).sum(dims.RESOURCE).values
    taken: list[int] = []
    for group in np.random.default_rng(seed).permutation(len(usable)):
        if usable[group] and usable[taken].sum() + usable[group] <= series:
            taken.append(int(group))
    return panel.isel({dims.GROUP: sorted(taken)})
