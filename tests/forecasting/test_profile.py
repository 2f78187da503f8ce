import json
import subprocess
import sys
from datetime import UTC, datetime

import h5py
import numpy as np
import pytest
import xarray as xr

from forecasting import dims
from forecasting.errors import ForecastingError, ProfileError
from forecasting.netcdf import write
from forecasting.profile import KIND, DemandProfile

DRAWS, HOURS = 200, 30
GROUPS = ["eu/a/b", "eu/web", "grüße-東京/${x}"]
ATTRS = {
    "issued": "2026-05-18T02:30:00+02:00",
    "seed": 7,
    "inference": "laplace",
    "diagnostics": json.dumps({"r_hat": 1.01, "text": "ünïcode"}),
    "data_digest": "0" * 64,
    "versions": json.dumps({"numpy": np.__version__}),
}


@pytest.fixture
def profile():
    demand = np.random.default_rng(1).gamma(3, 4, size=(DRAWS, 3, 2, HOURS)).astype("float32")
    region, name = zip(*(group.split("/", 1) for group in GROUPS), strict=True)
    return DemandProfile(
        xr.Dataset(
            {"demand": (dims.PROFILE_DIMS, demand)},
            coords={
                "group": GROUPS,
                "region": ("group", list(region)),
                "name": ("group", list(name)),
                "resource": ["cpu", "requests"],
                "unit": ("resource", ["cores", ""]),
                "time": np.datetime64("2026-05-18", "ns") + np.arange(HOURS) * dims.HOUR,
            },
            attrs=ATTRS,
        )
    )


def test_what_is_read_off_it(profile):
    assert profile.draws.dims == dims.PROFILE_DIMS
    assert profile.horizon_hours == HOURS
    assert profile.issued == datetime(2026, 5, 18, 0, 30, tzinfo=UTC)
    assert profile.issued.tzinfo is UTC


def test_quantiles_are_those_of_the_draws_with_their_labels(profile):
    levels = [0.05, 0.5, 0.975]
    quantiles = profile.quantile(levels)
    assert quantiles.dims == ("quantile", "group", "resource", "time")
    assert quantiles["quantile"].values.tolist() == levels
    np.testing.assert_allclose(quantiles.values, np.quantile(profile.draws.values, levels, axis=0), rtol=1e-5)
    assert quantiles.unit.values.tolist() == ["cores", ""]
    assert quantiles.region.values.tolist() == ["eu", "eu", "grüße-東京"]
    assert (profile.quantile(0.5).squeeze("quantile") == quantiles.sel(quantile=0.5)).all()


def test_reading_does_not_change_the_draws(profile):
    before = profile.draws.values.copy()
    profile.quantile([0.1, 0.9])
    np.testing.assert_array_equal(profile.draws.values, before)


@pytest.mark.parametrize("levels", [[], 0, 1, [0.5, 1.2], [-0.1], float("nan"), [[0.5]]])
def test_levels_outside_are_refused(profile, levels):
    with pytest.raises(ForecastingError, match="between 0 and 1"):
        profile.quantile(levels)


def test_interval_is_central(profile):
    interval = profile.interval(0.8)
    assert interval.dims == ("bound", "group", "resource", "time")
    assert interval["bound"].values.tolist() == ["lower", "upper"]
    np.testing.assert_allclose(interval.values, profile.quantile([0.1, 0.9]).values)
    inside = (profile.draws >= interval.sel(bound="lower")) & (profile.draws <= interval.sel(bound="upper"))
    assert abs(float(inside.mean()) - 0.8) < 0.01


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.5, float("nan")])
def test_interval_levels_outside_are_refused(profile, level):
    with pytest.raises(ForecastingError, match="between 0 and 1"):
        profile.interval(level)


def test_exceedance_is_the_share_of_draws_above(profile):
    share = profile.exceedance(12.0)
    assert share.dims == dims.USAGE_DIMS
    np.testing.assert_allclose(share.values, (profile.draws.values > 12.0).mean(axis=0))
    assert float(profile.exceedance(0.0).min()) == 1.0
    assert float(profile.exceedance(profile.draws.max("draw")).max()) == 0.0  # a draw does not exceed itself
    assert float(profile.exceedance(1e9).max()) == 0.0


def test_exceedance_of_a_threshold_along_dims(profile):
    per_resource = xr.DataArray([12.0, 1e9], dims="resource", coords={"resource": ["cpu", "requests"]})
    share = profile.exceedance(per_resource)
    assert share.dims == dims.USAGE_DIMS
    assert (share.sel(resource="cpu") == profile.exceedance(12.0).sel(resource="cpu")).all()
    assert (share.sel(resource="requests") == 0).all()


def test_save_and_load_give_back_exactly_what_was_saved(profile, tmp_path):
    path = tmp_path / "profile.nc"
    profile.save(path)
    loaded = DemandProfile.load(path)
    assert loaded.dataset.drop_attrs().identical(profile.dataset.drop_attrs())
    assert {name: array.dtype for name, array in loaded.dataset.variables.items()} == {
        name: array.dtype for name, array in profile.dataset.variables.items()
    }
    assert loaded.dataset.attrs == {**ATTRS, "profile_version": KIND.version}
    assert loaded.issued == profile.issued
    loaded.save(path)
    assert DemandProfile.load(path).dataset.identical(loaded.dataset)


def test_same_profile_same_bytes(profile, tmp_path):
    profile.save(tmp_path / "one.nc")
    profile.save(tmp_path / "two.nc")
    assert (tmp_path / "one.nc").read_bytes() == (tmp_path / "two.nc").read_bytes()


def test_saving_replaces_and_leaves_nothing_beside(profile, tmp_path):
    path = tmp_path / "profile.nc"
    path.write_text("old")
    profile.save(path)
    DemandProfile.load(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_save_that_fails_says_so_and_keeps_what_was_there(profile, tmp_path):
    with pytest.raises(ProfileError, match=r"none.profile.nc: the profile cannot be written"):
        profile.save(tmp_path / "none" / "profile.nc")
    folder = tmp_path / "folder.nc"
    folder.mkdir()
    with pytest.raises(ProfileError, match=r"folder.nc: the profile cannot be written"):
        profile.save(folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_no_file_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(
        ProfileError, match=r"none.nc: there is no such profile; make it anew with `headroom forecast"
    ):
        DemandProfile.load(tmp_path / "none.nc")


@pytest.mark.parametrize("content", [b"", b"not netCDF", b"\x89HDF\r\n\x1a\n" + b"\0" * 200])
def test_a_file_that_is_not_netcdf_is_refused(content, tmp_path):
    path = tmp_path / "profile.nc"
    path.write_bytes(content)
    with pytest.raises(ProfileError, match=r"profile.nc: not a netCDF file, or damaged; make it anew"):
        DemandProfile.load(path)


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_file_that_is_cut_short_is_refused(profile, kept, tmp_path):
    path = tmp_path / "profile.nc"
    profile.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ProfileError, match=r"profile.nc: not a netCDF file, or damaged"):
        DemandProfile.load(path)


def test_another_version_and_no_version_are_refused(profile, tmp_path):
    path = tmp_path / "profile.nc"
    profile.dataset.assign_attrs(profile_version=KIND.version + 1).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(
        ProfileError, match=rf"profile of version {KIND.version + 1}, where this release reads {KIND.version}"
    ):
        DemandProfile.load(path)
    xr.Dataset({"x": 1}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ProfileError, match="profile of no version"):
        DemandProfile.load(path)


def test_a_file_with_something_missing_is_refused(profile, tmp_path):
    path = tmp_path / "profile.nc"
    write(profile.dataset.drop_vars("unit"), path, KIND)
    with pytest.raises(ProfileError, match=r"not a whole profile: .*no coordinate 'unit'"):
        DemandProfile.load(path)


def test_a_stream_has_the_same_draws_and_reads_them_when_asked(profile, tmp_path):
    path = tmp_path / "profile.nc"
    profile.save(path)
    with DemandProfile.stream(path) as stream:
        assert stream.issued == profile.issued
        assert stream.dataset["group"].dtype.kind == "U"
        for i in range(profile.draws.sizes["group"]):
            np.testing.assert_array_equal(stream.draws.isel(group=i).values, profile.draws.isel(group=i).values)


def test_damage_in_a_stream_is_noticed_where_it_is_read(tmp_path, profile):
    path = tmp_path / "profile.nc"
    profile.save(path)
    with h5py.File(path) as file:
        stored = file["demand"].id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(stored.byte_offset + stored.size // 2)
        byte = raw.read(1)
        raw.seek(-1, 1)
        raw.write(bytes([byte[0] ^ 0xFF]))
    with DemandProfile.stream(path) as stream, pytest.raises(OSError, match=r"[Cc]an't"):
        stream.draws.isel(group=0).to_numpy()


@pytest.mark.parametrize("content", [None, b"", b"no netCDF"])
def test_a_stream_of_what_is_no_profile_is_refused(content, tmp_path):
    path = tmp_path / "profile.nc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProfileError, match=r"profile.nc"), DemandProfile.stream(path):
        pass


@pytest.mark.parametrize("issued", [None, "yesterday", "2026-05-18T00:00:00"])
def test_a_profile_without_its_instant_is_refused(profile, issued):
    dataset = profile.dataset.assign_attrs(issued=issued)
    with pytest.raises(ForecastingError, match="issued"):
        DemandProfile(dataset)


def test_a_profile_can_be_read_where_pymc_cannot_be_imported(profile, tmp_path):
    path = tmp_path / "profile.nc"
    profile.save(path)
    code = (
        "import sys; sys.modules['pymc'] = sys.modules['matplotlib'] = None\n"
        "from forecasting.profile import DemandProfile\n"
        f"print(DemandProfile.load({str(path)!r}).horizon_hours)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, f"{HOURS}\n"), run.stderr
