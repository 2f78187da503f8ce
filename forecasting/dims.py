"""Dim names, units and shape checks: the one place where they are written down.

Place in the line: under everything; each stage checks what it is given, by `check_usage` or `check_profile`.

>>> label("eu-west", "analytics")
'eu-west/analytics'
"""

from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
import xarray as xr

from forecasting.errors import ForecastingError

GROUP = "group"
RESOURCE = "resource"
TIME = "time"
DRAW = "draw"
QUANTILE = "quantile"
BOUND = "bound"
"""Ends of an interval: ``lower`` and ``upper``."""

DEMAND = "demand"
CENSORED = "censored"
"""Optional beside usage's demand, bool: whether the hour sat at capacity, so that its demand is a lower bound."""

REGION = "region"
NAME = "name"
UNIT = "unit"

USAGE_DIMS = (GROUP, RESOURCE, TIME)
PROFILE_DIMS = (DRAW, GROUP, RESOURCE, TIME)

UNITS = MappingProxyType({"cpu": "cores", "memory": "GiB", "storage": "GiB", "network": "Mbit/s"})
"""Unit of each resource that the package knows by name; others bring their own."""

HOUR = np.timedelta64(1, "h")

_COORDINATES = {GROUP: GROUP, REGION: GROUP, NAME: GROUP, RESOURCE: RESOURCE, UNIT: RESOURCE}


def label(region: str, name: str) -> str:
    """Return the group label ``region/name``.

    A region holds no ``/`` (`forecasting.usage` refuses it), so the first one divides the two.
    """
    return f"{region}/{name}"


def hour_of(now: datetime) -> np.datetime64:
    """Return the start of the hour that holds an instant.

    Parameters
    ----------
    now
        A timezone-aware instant.

    Returns
    -------
    numpy.datetime64
        Naive UTC at nanoseconds, as in the ``time`` coordinate.

    Raises
    ------
    ForecastingError
        If ``now`` has no timezone: an hour that is off by a timezone looks plausible and is wrong.
    """
    if now.utcoffset() is None:
        raise ForecastingError(f"now = {now.isoformat()} has no timezone; give it one, such as +00:00")
    hour = now.astimezone(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    return np.datetime64(hour, "ns")


def check_usage(usage: xr.Dataset, producer: str) -> None:
    """Hold that a dataset is usage: ``demand(group, resource, time)``, float64, ≥ 0 or NaN, hourly.

    Where there is a variable ``censored``, it is bool, of the same dims, and true at known hours only.

    Parameters
    ----------
    usage
        The dataset to check.
    producer
        Who made it; named in the error.

    Raises
    ------
    ForecastingError
        At the first thing that does not hold.
    """
    _check_demand(usage, producer, USAGE_DIMS, "float64")
    demand = usage[DEMAND].values
    _require(not np.isinf(demand).any() and not (demand < 0).any(), producer, "demand must be ≥ 0 or NaN")
    if CENSORED in usage.data_vars:
        censored = usage[CENSORED]
        _require(
            censored.dims == USAGE_DIMS, producer, f"censored has the dims {censored.dims}, wanted {USAGE_DIMS}"
        )
        _require(censored.dtype == bool, producer, f"censored is {censored.dtype}, wanted bool")
        _require(not (censored.values & np.isnan(demand)).any(), producer, "an hour that is not known is censored")


def check_profile(profile: xr.Dataset, producer: str, values: bool = True) -> None:
    """Hold that a dataset is a profile: ``demand(draw, group, resource, time)``, float32, ≥ 0, hourly.

    Parameters
    ----------
    profile
        The dataset to check.
    producer
        Who made it; named in the error.
    values
        Whether the draws themselves are looked at, which reads them all.

    Raises
    ------
    ForecastingError
        At the first thing that does not hold.
    """
    _check_demand(profile, producer, PROFILE_DIMS, "float32")
    if not values:
        return
    demand = profile[DEMAND].values
    _require(bool(np.isfinite(demand).all()), producer, "draws must be finite")
    _require(not (demand < 0).any(), producer, "draws must be ≥ 0")


def _check_demand(dataset: xr.Dataset, producer: str, dims: tuple[str, ...], dtype: str) -> None:
    _require(DEMAND in dataset.data_vars, producer, f"no variable '{DEMAND}'")
    demand = dataset[DEMAND]
    _require(demand.dims == dims, producer, f"demand has the dims {demand.dims}, wanted {dims}")
    _require(demand.dtype == dtype, producer, f"demand is {demand.dtype}, wanted {dtype}")
    _require(all(demand.sizes[dim] > 0 for dim in dims), producer, f"demand is empty: {dict(demand.sizes)}")
    for name, along in _COORDINATES.items():
        _require(name in dataset.coords, producer, f"no coordinate '{name}'")
        _require(dataset[name].dims == (along,), producer, f"coordinate '{name}' must lie along '{along}'")
        _require(dataset[name].dtype.kind == "U", producer, f"coordinate '{name}' must hold strings")
    for name in (GROUP, RESOURCE):
        values = dataset[name].values
        _require(bool((values[1:] > values[:-1]).all()), producer, f"'{name}' must be sorted and unique")
    labels = [label(*pair) for pair in zip(dataset[REGION].values, dataset[NAME].values, strict=True)]
    _require(labels == dataset[GROUP].values.tolist(), producer, "group must be region/name")
    _check_time(dataset, producer)


def _check_time(dataset: xr.Dataset, producer: str) -> None:
    _require(TIME in dataset.coords, producer, f"no coordinate '{TIME}'")
    time = dataset[TIME].values
    _require(time.dtype == "datetime64[ns]", producer, f"time is {time.dtype}, wanted datetime64[ns] (UTC)")
    _require(bool((np.diff(time) == HOUR).all()), producer, "time must go on by one hour")
    _require(time[0] == time[0].astype("datetime64[h]"), producer, "time must hold starts of hours")


def _require(holds: bool, producer: str, message: str) -> None:
    if not holds:
        raise ForecastingError(f"{producer}: {message}")
