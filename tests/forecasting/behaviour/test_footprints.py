"""Footprints given and learnt; activity turned into resources, of the past and draw by draw."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from forecasting import dims
from forecasting.behaviour.footprints import Footprints, load, made
from forecasting.behaviour.learning import learn
from forecasting.behaviour.sizing import sized_demand, sized_profile, sized_usage
from forecasting.errors import FitError, ForecastingError
from forecasting.profile import DemandProfile

GIVEN = "applications:\n  shop: {cpu: 0.5, memory: {mean: 2, spread: 0.3}}\n  batch: {cpu: 4}\n"


def activity(hours=200, seed=1):
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame({"region": "eu", "group": group, "hour": 490_000 + np.arange(hours),
                      "application": application,
                      "sessions": mean * rng.gamma(4, 0.25, hours)})
        for group in ("a", "b") for application, mean in (("shop", 20), ("batch", 3))
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def profile(resources=("sessions:batch", "sessions:shop"), draws=3000):
    rng = np.random.default_rng(2)
    shape = (draws, 1, len(resources), 2)
    return DemandProfile(
        xr.Dataset(
            {dims.DEMAND: (dims.PROFILE_DIMS, rng.gamma(100, 0.1, shape).astype(np.float32))},
            coords={
                "group": ["eu/a"], "region": ("group", ["eu"]), "name": ("group", ["a"]),
                "resource": list(resources), "unit": ("resource", ["sessions"] * len(resources)),
                "time": np.array(["2026-10-01T00", "2026-10-01T01"], "datetime64[ns]"),
            },
            attrs={"issued": datetime(2026, 10, 1, tzinfo=UTC).isoformat()},
        )
    )  # fmt: skip


def given(tmp_path, text=GIVEN):
    (tmp_path / "f.yaml").write_text(text)
    return load(tmp_path / "f.yaml")


def test_given_footprints_keep_their_means_and_spreads(tmp_path):
    draws = given(tmp_path).dataset["footprint"]
    memory = draws.sel(application="shop", resource="memory").values
    assert memory.mean() == pytest.approx(2, rel=0.05)
    assert np.log(memory).std() == pytest.approx(0.3, rel=0.1)
    assert (draws.sel(application="batch", resource="cpu") == 4).all()
    assert (draws.sel(application="batch", resource="memory") == 0).all()


@pytest.mark.parametrize(
    "text",
    ["", "applications: {}", "a: 1", "applications: {a: {cpu: -1}}", "applications: {a: {cpu: true}}",
     "applications: {a: {cpu: .nan}}", "applications: {a: {cpu: {spread: 1}}}", "applications: {a: {cpu: 1e99}}",
     "applications: [a", "applications: {a: {}}", "applications: {a: {cpu: {mean: 1, spread: 9}}}"],
)  # fmt: skip
def test_footprints_that_are_none_are_refused_by_name(tmp_path, text):
    with pytest.raises(ForecastingError, match=r"f\.yaml"):
        given(tmp_path, text)


def test_usage_is_the_sum_of_sessions_times_footprints(tmp_path):
    acts = activity()
    table, notes = sized_usage(acts, given(tmp_path))
    assert notes == []
    wide = acts.pivot(index=["region", "group", "hour"], columns="application", values="sessions")
    cpu = table[table["resource"] == "cpu"]["value"].to_numpy()
    np.testing.assert_allclose(cpu, (0.5 * wide["shop"] + 4 * wide["batch"]).to_numpy())
    assert list(table.columns) == ["timestamp", "region", "group", "resource", "value"]


def test_an_unknown_application_takes_that_of_other_or_is_left_out_and_told(tmp_path):
    acts = activity()
    shop = "applications:\n  shop: {cpu: 0.5}\n"
    alone, notes = sized_usage(acts, given(tmp_path, shop))
    assert "batch: 1" in notes[0]  # some ten per cent
    with_other, none = sized_usage(acts, given(tmp_path, shop + "  other: {cpu: 1}\n"))
    assert none == []
    batch = acts[acts["application"] == "batch"]["sessions"].sum()
    assert with_other["value"].sum() - alone["value"].sum() == pytest.approx(batch)


def test_the_draws_of_a_profile_carry_the_uncertainty_of_footprints(tmp_path):
    sized, notes = sized_profile(profile(), given(tmp_path), seed=1)
    assert notes == []
    memory = sized.draws.sel(resource="memory").values
    assert memory.mean() == pytest.approx(20, rel=0.03)
    # relative variances of independent factors: gamma(100) is 0.01, the log-normal exp(0.09) - 1
    expected = (1 + 0.01) * np.exp(0.09) - 1
    assert memory.var() / memory.mean() ** 2 == pytest.approx(expected, rel=0.1)
    hours = memory[:, 0, :]
    assert np.corrcoef(hours.T)[0, 1] > 0.8  # one footprint holds for all hours of a draw
    assert sized.draws["unit"].values.tolist() == ["cores", "GiB"]
    again, _ = sized_profile(profile(), given(tmp_path), seed=1)
    assert (again.draws == sized.draws).all()


def test_a_profile_without_sessions_per_application_is_refused(tmp_path):
    with pytest.raises(ForecastingError, match="headroom ingest"):
        sized_profile(profile(("cpu",)), given(tmp_path), seed=1)


def test_footprints_are_kept_in_a_file(tmp_path):
    rng = np.random.default_rng(1)
    footprints = made(rng.random((5, 2, 2)), rng.random((5, 2)), ["b", "a"], ["memory", "cpu"])
    footprints.save(tmp_path / "f.nc")
    xr.testing.assert_equal(load(tmp_path / "f.nc").dataset, footprints.dataset)
    assert footprints.applications == ["a", "b"]
    with pytest.raises(ForecastingError):
        Footprints(footprints.dataset - 5)


@pytest.mark.slow
def test_learnt_footprints_hold_the_truth_and_size_a_group_that_was_never_measured():
    acts = activity(hours=300)
    wide = acts.pivot(index=["region", "group", "hour"], columns="application", values="sessions").reset_index()
    rng = np.random.default_rng(5)
    cpu = 2 + 0.5 * wide["shop"] + 4 * wide["batch"] + rng.normal(0, 1.5, len(wide))
    memory = 8 + 2 * wide["shop"] + rng.normal(0, 3, len(wide))  # batch takes none
    labels = ["eu/a", "eu/b"]
    demand = np.stack([x.to_numpy().reshape(2, 300) for x in (cpu, memory)], axis=1)
    time = (np.arange(300) + 490_000).astype("datetime64[h]").astype("datetime64[ns]")
    usage = xr.Dataset(
        {dims.DEMAND: (dims.USAGE_DIMS, demand)},
        coords={"group": labels, "resource": ["cpu", "memory"], "time": time},
    )
    footprints, notes = learn(acts, usage)
    assert "600 group-hours" in notes[0]
    truth = {("shop", "cpu"): 0.5, ("batch", "cpu"): 4.0, ("shop", "memory"): 2.0}
    for (application, resource), expected in truth.items():
        draws = footprints.dataset["footprint"].sel(application=application, resource=resource).values
        assert abs(draws.mean() - expected) < 4 * draws.std()
        assert draws.std() < 0.1 * expected
    none = footprints.dataset["footprint"].sel(application="batch", resource="memory").values
    assert none.mean() < 0.5
    newcomer = activity(hours=50, seed=9).assign(group="new")
    newcomer = newcomer.groupby(["region", "group", "hour", "application"], as_index=False).first()
    table, _ = sized_usage(newcomer, footprints)
    wide = newcomer.pivot(index="hour", columns="application", values="sessions")
    expected = 2 + 0.5 * wide["shop"] + 4 * wide["batch"]
    np.testing.assert_allclose(table[table["resource"] == "cpu"]["value"], expected, rtol=0.05)


@pytest.mark.slow
def test_resources_that_never_move_or_follow_exactly_are_learnt_too():
    acts = activity(hours=100)
    wide = acts.pivot(index=["region", "group", "hour"], columns="application", values="sessions")
    exact = (1 + 0.5 * wide["shop"]).to_numpy().reshape(2, 100)
    demand = np.stack([exact, np.full((2, 100), 7.0), np.zeros((2, 100))], axis=1)
    time = (np.arange(100) + 490_000).astype("datetime64[h]").astype("datetime64[ns]")
    usage = xr.Dataset(
        {dims.DEMAND: (dims.USAGE_DIMS, demand)},
        coords={"group": ["eu/a", "eu/b"], "resource": ["cpu", "memory", "network"], "time": time},
    )
    footprints, notes = learn(acts, usage)
    assert "network was never used" in notes[-1]
    found = footprints.dataset.mean("draw")
    assert abs(found["footprint"].sel(application="shop", resource="cpu") - 0.5) < 0.01
    assert abs(found["idle"].sel(resource="memory") - 7) < 0.1
    assert (footprints.dataset["footprint"].sel(resource="network") == 0).all()
    with pytest.raises(FitError, match="all that was measured is zero"):
        learn(acts, usage.isel(resource=[2]))


def test_groups_that_are_called_otherwise_in_usage_teach_nothing():
    usage = xr.Dataset(
        {dims.DEMAND: (dims.USAGE_DIMS, np.ones((1, 1, 2)))},
        coords={"group": ["x/y"], "resource": ["cpu"], "time": np.array([0, 1], "datetime64[h]").astype("M8[ns]")},
    )
    with pytest.raises(FitError, match="called the same"):
        learn(activity(), usage)


def test_an_application_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(ForecastingError, match=r":3: 'shop' stands here a second time"):
        given(tmp_path, "applications:\n  shop: {cpu: 1}\n  shop: {cpu: 2}\n")


def test_what_was_measured_stays_and_the_rest_is_what_sessions_take(tmp_path):
    hours = np.array([0, 1, 2], "datetime64[h]").astype("M8[ns]")
    nan = np.nan
    demand = np.array([
        [[1, 2, nan], [3, 3, 3], [9, nan, nan]],  # cpu measured for an hour
        [[4, 4, 4], [nan, nan, nan], [nan, nan, nan]],  # never a batch
        [[nan, nan, nan], [nan, nan, nan], [5, 5, 5]],  # no sessions at all
    ])  # fmt: skip
    usage = xr.Dataset(
        {dims.DEMAND: (dims.USAGE_DIMS, demand)},
        coords={
            "group": ["eu/a", "eu/b", "eu/c"], "region": ("group", ["eu"] * 3), "name": ("group", ["a", "b", "c"]),
            "resource": ["sessions:shop", "sessions:batch", "cpu"], "time": hours,
            "unit": ("resource", ["", "", "other cores"]),
        },
    )  # fmt: skip
    text = "applications:\n  shop: {cpu: 0.5}\n  batch: {cpu: 4}\n"
    found = sized_demand(usage, given(tmp_path, text))
    assert list(found["resource"].values) == ["cpu"]
    assert list(found["unit"].values) == ["cores"]
    expected = [[9, 13, nan], [2, 2, 2], [5, 5, 5]]
    np.testing.assert_allclose(found["demand"].sel(resource="cpu").values, expected, rtol=0.02)
