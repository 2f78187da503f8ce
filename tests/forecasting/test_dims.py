from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
import xarray as xr

from forecasting import dims
from forecasting.errors import ForecastingError


def usage_of(demand=None):
    time = np.datetime64("2026-04-06", "ns") + np.arange(3) * dims.HOUR
    demand = np.array([[[1.0, np.nan, 0.0]], [[2.0, 3.0, 4.0]]]) if demand is None else demand
    return xr.Dataset(
        {"demand": (dims.USAGE_DIMS, demand)},
        coords={
            "group": ["eu/a", "eu/b"],
            "region": ("group", ["eu", "eu"]),
            "name": ("group", ["a", "b"]),
            "resource": ["cpu"],
            "unit": ("resource", ["cores"]),
            "time": time,
        },
    )


def profile_of(demand=None):
    usage = usage_of()
    demand = np.ones((5, 2, 1, 3), dtype="float32") if demand is None else demand
    return usage.drop_vars("demand").assign(demand=(dims.PROFILE_DIMS, demand))


def test_usage_and_profile_that_are_right_pass():
    dims.check_usage(usage_of(), "test")
    dims.check_profile(profile_of(), "test")


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda u: u.rename(demand="load"), "no variable 'demand'"),
        (lambda u: u.transpose("time", "group", "resource"), "dims"),
        (lambda u: u.astype("float32"), "float32, wanted float64"),
        (lambda u: u.isel(group=slice(0, 0)), "empty"),
        (lambda u: u.drop_vars("region"), "no coordinate 'region'"),
        (lambda u: u.assign_coords(unit=("resource", [1])), "'unit' must hold strings"),
        (lambda u: u.assign_coords(unit=("group", ["a", "b"])), "'unit' must lie along 'resource'"),
        (lambda u: u.isel(group=[1, 0]), "'group' must be sorted"),
        (lambda u: u.assign_coords(name=("group", ["a", "c"])), "group must be region/name"),
        (lambda u: u.isel(time=[0, 2]), "one hour"),
        (lambda u: u.assign_coords(time=u.time + np.timedelta64(1, "m")), "starts of hours"),
        (lambda u: u.assign_coords(time=u.time.astype("datetime64[s]")), "datetime64"),
        (lambda u: -u, "≥ 0 or NaN"),
        (lambda u: u + np.inf, "≥ 0 or NaN"),
    ],
)
def test_usage_that_is_wrong_names_the_producer_and_the_fault(break_it, said):
    with pytest.raises(ForecastingError, match=f"^maker: .*{said}"):
        dims.check_usage(break_it(usage_of()), "maker")


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda p: p.astype("float64"), "float64, wanted float32"),
        (lambda p: p.isel(draw=0), "dims"),
        (lambda p: p.where(p.time > p.time[0]), "finite"),
        (lambda p: -p, "≥ 0"),
    ],
)
def test_profile_that_is_wrong_names_the_producer_and_the_fault(break_it, said):
    with pytest.raises(ForecastingError, match=f"^maker: .*{said}"):
        dims.check_profile(break_it(profile_of()), "maker")


def test_hour_of_floors_and_converts_to_utc():
    there = timezone(timedelta(hours=5, minutes=30))
    assert dims.hour_of(datetime(2026, 4, 6, 13, 59, 59, 999999, tzinfo=there)) == np.datetime64("2026-04-06T08")
    assert dims.hour_of(datetime(2026, 4, 6, 13, tzinfo=UTC)).dtype == "datetime64[ns]"


def test_hour_of_refuses_an_instant_without_timezone():
    with pytest.raises(ForecastingError, match="no timezone"):
        dims.hour_of(datetime(2026, 4, 6, 13))  # noqa: DTZ001
