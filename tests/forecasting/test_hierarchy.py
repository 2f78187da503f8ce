"""The file of what was learnt: what goes in comes out, and nothing that is not whole is used."""

import os
from contextlib import suppress
from datetime import timedelta

import numpy as np
import pytest
import xarray as xr
from demand import made, moment, usage_of, waves

from forecasting.basis import basis_of
from forecasting.errors import HierarchyError, ProfileError
from forecasting.fitting import fit
from forecasting.forecast import forecast
from forecasting.hierarchy import KIND, Hierarchy
from forecasting.netcdf import CHECKSUM, write
from forecasting.past import past_of
from forecasting.profile import DemandProfile
from forecasting.settings import COMPONENTS

HOURS = 400
REMEDY = "learn anew with `headroom learn"


@pytest.fixture(scope="module")
def usage():
    return usage_of(waves(groups=4, resources=2, hours=HOURS))


@pytest.fixture(scope="module")
def hierarchy(usage):
    return made(usage)


@pytest.fixture
def path(tmp_path, hierarchy):
    path = tmp_path / "hierarchy.nc"
    hierarchy.save(path)
    return path


def changed(path, change, sealed=True):
    """Write the file again, changed by a function of its dataset; with a checksum that is right, or as it was."""
    with xr.open_dataset(path, engine="h5netcdf") as file:
        dataset = change(file.load())
    if sealed:
        write(dataset, path, KIND)
    else:
        dataset.to_netcdf(path, engine="h5netcdf")


# Weights of single groups


def with_own(hierarchy):
    """The hierarchy, where the first group follows nothing but its first component in r1."""
    own = hierarchy.dataset["own_weights"].copy()
    own[0, 1] = np.eye(own.sizes["component"])[0]
    return Hierarchy(hierarchy.dataset.assign(own_weights=own))


def test_groups_that_were_not_learnt_from_have_the_weights_of_their_block(hierarchy):
    found = with_own(hierarchy).own_weights("a", "r1", ["a/new", "a/g0", "a/g2"])
    block = hierarchy.weights("a", "r1")
    np.testing.assert_array_equal(found[..., 0], block)
    np.testing.assert_array_equal(found[..., 2], block)
    assert (found[:, 0, 1] == 1.0).all()


def test_where_groups_have_weights_of_their_own_is_told(hierarchy):
    assert not hierarchy.own_ranges("r1").any()
    assert with_own(hierarchy).own_ranges("r1").all()
    assert not with_own(hierarchy).own_ranges("r0").any()


def test_a_group_is_forecast_by_its_own_weights_and_other_blocks_as_before(usage, hierarchy):
    one, other = (forecast(usage, 12, seed=2, hierarchy=each).draws for each in (hierarchy, with_own(hierarchy)))
    moved = (one != other).any(["draw", "time"])
    assert moved.sel(group="a/g0", resource="r1")
    assert not moved.sel(resource="r0").any()
    assert not moved.sel(group=["b/g2", "b/g3"]).any()


# Round trip


def test_saved_and_loaded_it_gives_byte_identical_forecasts(usage, hierarchy, path):
    again = Hierarchy.load(path)
    one, two = (forecast(usage, 12, seed=2, hierarchy=each) for each in (hierarchy, again))
    assert one.draws.values.tobytes() == two.draws.values.tobytes()
    assert one.dataset.attrs == two.dataset.attrs


def test_every_value_comes_back(hierarchy, path):
    again = Hierarchy.load(str(path))
    assert set(again.dataset.data_vars) == set(hierarchy.dataset.data_vars)
    for name, values in hierarchy.dataset.data_vars.items():
        np.testing.assert_array_equal(again.dataset[name], values)
    assert again.components == COMPONENTS
    assert again.learnt_until == moment(HOURS)
    assert again.history_hours == HOURS
    assert again.events == ()


@pytest.mark.parametrize("events", [("sale",), ("holiday", "Black Friday: 50 %", "Fête nationale, Paris")])
def test_names_of_events_come_back(usage, tmp_path, events):
    made(usage, events=events).save(tmp_path / "h.nc")
    again = Hierarchy.load(tmp_path / "h.nc")
    assert again.events == events
    assert again.learnt("a", "r0")["ar"].basis == basis_of("ar", HOURS, events)


def test_it_replaces_what_is_there_and_leaves_nothing_else(hierarchy, tmp_path):
    path = tmp_path / "h.nc"
    path.write_text("something else")
    hierarchy.save(path)
    Hierarchy.load(path)
    assert [x.name for x in tmp_path.iterdir()] == ["h.nc"]


def test_where_it_cannot_be_written_what_was_there_stays(hierarchy, tmp_path):
    with pytest.raises(HierarchyError, match="cannot be written"):
        hierarchy.save(tmp_path / "no" / "h.nc")
    (tmp_path / "folder").mkdir()
    with pytest.raises(HierarchyError, match="cannot be written"):
        hierarchy.save(tmp_path / "folder")
    assert [x.name for x in tmp_path.iterdir()] == ["folder"]


# Files that are not whole


def refused(path, said):
    with pytest.raises(HierarchyError, match=said) as error:
        Hierarchy.load(path)
    assert str(path) in str(error.value)
    assert REMEDY in str(error.value)
    assert "\n" not in str(error.value).strip()


def test_no_file(tmp_path):
    refused(tmp_path / "none.nc", "no such hierarchy")
    refused(tmp_path, "no such hierarchy")


@pytest.mark.parametrize("content", [b"", b"not netCDF\n" * 100, b"\x89HDF\r\n\x1a\n" + os.urandom(500)])
def test_a_file_of_something_else(tmp_path, content, capfd):
    path = tmp_path / "h.nc"
    path.write_bytes(content)
    refused(path, "not a netCDF file, or damaged")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_truncated_file(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path, "not a netCDF file, or damaged")


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # h5netcdf closes what it never opened
@pytest.mark.parametrize("length", [1, 64, 4000])
def test_a_file_with_flipped_bytes_is_refused_or_read_as_it_was(path, hierarchy, length):
    whole = path.read_bytes()
    for place in range(200, len(whole) - length, len(whole) // 15):
        flipped = bytes(255 - byte for byte in whole[place : place + length])
        path.write_bytes(whole[:place] + flipped + whole[place + length :])
        with suppress(HierarchyError):  # bytes that are not of any value may be anything
            found = Hierarchy.load(path).dataset
            for name, values in hierarchy.dataset.variables.items():
                np.testing.assert_array_equal(found[name], values)


def test_flipped_bytes_within_a_value_are_damage(path, hierarchy):
    whole, inside = path.read_bytes(), hierarchy.dataset["ar_plain"].values.tobytes()
    place = whole.index(inside[:4000])
    path.write_bytes(whole[:place] + bytes(255 - byte for byte in inside[:4000]) + whole[place + 4000 :])
    refused(path, "damaged")
    weights = hierarchy.dataset["weights"].values.tobytes()
    place = whole.index(weights)
    path.write_bytes(whole[:place] + bytes([weights[0] ^ 1]) + whole[place + 1 :])  # the last bit of a float
    refused(path, "damaged")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.assign_attrs(seed=1),
        lambda d: d.assign_attrs(more="x"),
        lambda d: d.assign_coords(region=["b", "a"]),
        lambda d: d.assign(more=1.0),
        lambda d: d.assign(ar_scale=d["ar_scale"].astype("float32")),
        lambda d: d.assign_attrs({CHECKSUM: "0" * 64}),
    ],
    ids=["attribute", "new attribute", "names", "new variable", "dtype", "checksum"],
)
def test_whatever_is_changed_beside_the_checksum_is_damage(path, change):
    changed(path, change, sealed=False)
    refused(path, "damaged")


def test_without_a_checksum_it_is_refused(path):
    def without(dataset):
        del dataset.attrs[CHECKSUM]
        return dataset

    changed(path, without, sealed=False)
    refused(path, "damaged, or of an earlier release: it has no checksum")


def test_a_profile_has_a_checksum_too(usage, hierarchy, tmp_path):
    path = tmp_path / "profile.nc"
    profile = forecast(usage, 3, hierarchy=hierarchy)
    profile.save(path)
    assert DemandProfile.load(path).draws.values.tobytes() == profile.draws.values.tobytes()
    changed(path, lambda d: times(d, "demand", np.float32(1.01)), sealed=False)
    with pytest.raises(ProfileError, match="damaged: what it holds is not what was written; make it anew"):
        DemandProfile.load(path)


def test_another_version_and_none(path):
    changed(path, lambda dataset: dataset.assign_attrs(hierarchy_version=2), sealed=False)
    refused(path, "of version 2, where this release reads 5")
    changed(path, lambda dataset: dataset.drop_attrs(), sealed=False)
    refused(path, "of no version")


@pytest.mark.parametrize(
    "name",
    [
        "weights",
        "own_weights",
        "factors",
        "tilt",
        "diagnostics",
        "ar_plain",
        "weekly_region_mean",
        "seasonal_scale",
    ],
)
def test_a_missing_variable_is_named(path, name):
    changed(path, lambda dataset: dataset.drop_vars(name))
    refused(path, f"lacks {name}")


@pytest.mark.parametrize("name", ["learnt_until", "history_hours", "components", "data_digest"])
def test_a_missing_attribute_is_named(path, name):
    def without(dataset):
        del dataset.attrs[name]
        return dataset

    changed(path, without)
    refused(path, f"lacks {name}")


@pytest.mark.parametrize("name", ["weights", "factors", "ar_plain", "ar_region_mean", "weekly_scale"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(path, name, value):
    def broken(dataset):
        dataset[name].values.flat[0] = value
        return dataset

    changed(path, broken)
    refused(path, "not finite")


def test_diagnostics_may_be_unknown(path):
    def unknown(dataset):
        dataset["diagnostics"].values[:] = np.nan
        return dataset

    changed(path, unknown)
    Hierarchy.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.assign_attrs(learnt_until="yesterday"),
        lambda d: d.assign_attrs(learnt_until="2026-01-20T00:00:00"),
        lambda d: d.assign_attrs(history_hours="many"),
        lambda d: d.assign_attrs(components="ar sorcery"),
        lambda d: d.assign_attrs(components="ar"),
        lambda d: d.isel(ar_theta=slice(3)),
        lambda d: d.drop_vars("region"),
        lambda d: d.isel(range=slice(2)),
    ],
    ids=["until", "naive until", "hours", "component", "fewer components", "size", "regions", "ranges"],
)
def test_what_is_there_but_makes_no_sense(path, change):
    changed(path, change)
    refused(path, "not a whole hierarchy|no")


def times(dataset, name, factor):
    return dataset.assign({name: dataset[name] * factor})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: times(d, "weights", -1), "'weights' are not shares"),
        (lambda d: times(d, "weights", 1.001), "'weights' are not shares"),
        (lambda d: times(d, "own_weights", -1), "'own_weights' are not shares"),
        (lambda d: d.assign(own_weights=d["own_weights"].isel(range=0, drop=True)), "'own_weights' has the shape"),
        (lambda d: d.assign(own_weights=d["own_weights"].rename(group="g").isel(g=slice(3))), "'own_weights' has"),
        (lambda d: d.assign_coords(group=["a/g0", "a/g0", "b/g2", "b/g3"]), "a group is there twice"),
        (lambda d: d.assign_coords(term=["centre", "slope"]), "'tilt' is not of slope, centre"),
        (lambda d: d.drop_vars("group"), "groups, regions or resources have no names"),
        (lambda d: d.isel(term=[0]), "'tilt' has the shape"),
        (lambda d: d.assign(tilt=d["tilt"] + 1e200), "'tilt' holds values beyond"),
        (lambda d: times(d, "factors", -1), "'factors' holds values that are not above 0"),
        (lambda d: times(d, "lasting", -1), "'lasting' are not shares of at most one whole"),
        (lambda d: times(d, "lasting", 3), "'lasting' are not shares of at most one whole"),
        (lambda d: d.isel(part=slice(2)), "'lasting' has the shape"),
        (lambda d: d.assign(alone=d["alone"] + 2), "'alone' is not 0 or 1 of each resource"),
        (lambda d: d.assign(alone=d["alone"] + 1), "'ar_plain' is not of 21 features"),
        (lambda d: times(d, "ar_scale", -1), "'ar_scale' holds values that are not above 0"),
        (lambda d: times(d, "weekly_scale", 0), "'weekly_scale' holds values that are not above 0"),
        (lambda d: times(d, "ar_region_mean", 1e200), "'ar_region_mean' holds values beyond"),
        (lambda d: d.assign_attrs(horizon_hours="x"), "'horizon_hours' is 'x', wanted an integer"),
        (lambda d: d.assign_attrs(history_hours=400.5), "'history_hours' is .*400.5.*, wanted an integer"),
        (lambda d: d.assign_attrs(origins="few"), "'origins' is 'few', wanted an integer"),
        (lambda d: d.assign_attrs(origins=-3), "'origins' is .*-3.*, wanted an integer"),
    ],
)
def test_values_that_make_no_sense(path, change, said):
    changed(path, change)
    refused(path, said)


# How it fits usage


def test_blocks_are_found_by_name_and_draws_of_each_differ(hierarchy):
    data = hierarchy.dataset
    found = hierarchy.learnt("b", "r1")
    assert set(found) == {"ar", "seasonal", "weekly"}
    np.testing.assert_array_equal(found["ar"].centre, data["ar_region_mean"].sel(region="b", resource="r1"))
    np.testing.assert_array_equal(
        found["ar"].noise, data["ar_scale"].sel(region="b", resource="r1", scale="noise")
    )
    np.testing.assert_array_equal(
        found["ar"].likeness, data["ar_scale"].sel(region="b", resource="r1", scale="likeness")
    )
    np.testing.assert_array_equal(
        found["ar"].between_groups, data["ar_scale"].sel(region="b", resource="r1", scale="between_groups")
    )
    np.testing.assert_array_equal(hierarchy.weights("b", "r1"), data["weights"].sel(region="b", resource="r1"))
    np.testing.assert_array_equal(hierarchy.factors("b", "r1"), data["factors"].sel(region="b", resource="r1"))
    np.testing.assert_array_equal(hierarchy.lasting("b", "r1"), data["lasting"].sel(region="b", resource="r1"))


def test_a_new_region_has_what_the_others_have_in_common(hierarchy):
    data = hierarchy.dataset
    np.testing.assert_allclose(
        hierarchy.learnt("c", "r0")["ar"].centre, data["ar_region_mean"].sel(resource="r0").mean("region")
    )
    np.testing.assert_allclose(hierarchy.weights("c", "r0").sum(axis=1), 1)


def renamed(usage, **names):
    """Usage with a region or a group of another name, sorted again."""
    region = [names.get(x, x) for x in usage["region"].values]
    name = [names.get(x, x) for x in usage["name"].values]
    group = [f"{r}/{n}" for r, n in zip(region, name, strict=True)]
    again = usage.assign_coords(group=group, region=("group", region), name=("group", name))
    return again.isel(group=np.argsort(group))


def notes_of(usage, hierarchy, **also):
    profile = forecast(usage, 3, hierarchy=hierarchy, **also)
    assert np.isfinite(profile.draws.values).all()
    return profile.dataset.attrs["notes"]


def test_usage_that_fits_needs_no_note(usage, hierarchy):
    assert notes_of(usage, hierarchy) == ""


def test_a_new_region_and_a_new_group_are_noted(usage, hierarchy):
    assert notes_of(renamed(usage, g3="newcomer"), hierarchy) == (
        "1 groups were not met in learning and lean on their block: b/newcomer"
    )
    found = notes_of(renamed(usage, b="c"), hierarchy)
    assert "new regions, forecast from what the others have in common: c" in found
    assert "2 groups were not met" in found


def test_many_new_groups_are_not_all_named(hierarchy):
    found = notes_of(usage_of(waves(groups=10, resources=2, hours=HOURS)), hierarchy)
    assert "8 groups were not met" in found  # of the ten, a/g2 to a/g4 and all of b but none of a/g0, a/g1
    assert "…" in found


def test_groups_that_are_gone_and_resources_that_are_not_asked_for_are_no_matter(usage, hierarchy):
    assert notes_of(usage.isel(group=[0, 3], resource=[1]), hierarchy) == ""


def test_an_unknown_resource_is_an_error_that_names_it(usage, hierarchy):
    strange = usage.assign_coords(resource=["r0", "tape"])
    with pytest.raises(HierarchyError, match=f"nothing was learnt of tape; {REMEDY}"):
        forecast(strange, 3, hierarchy=hierarchy)


def test_an_old_hierarchy_is_noted_from_a_fortnight_on(usage, hierarchy):
    past, _ = past_of(usage, None)
    assert not any("old" in note for note in fit(hierarchy, past, moment(HOURS) + timedelta(days=14), None, 1))
    later = fit(hierarchy, past, moment(HOURS) + timedelta(days=14, hours=1), None, 1)
    assert any("14 days old; learn anew" in note for note in later)


def test_a_hierarchy_from_the_future_of_a_replay_is_noted(usage, hierarchy):
    assert "sees its own future" in notes_of(usage, hierarchy, now=moment(HOURS - 20))


def test_a_short_history_is_an_error_that_says_how_much_is_needed(usage, hierarchy):
    with pytest.raises(HierarchyError, match="has 337 hours .* needs 338: bring more history"):
        forecast(usage.isel(time=slice(337)), 3, hierarchy=hierarchy)
    assert "future" in notes_of(usage.isel(time=slice(338)), hierarchy)


def test_what_was_learnt_of_little_history_serves_little_history():
    short = usage_of(waves(groups=4, hours=60))
    assert notes_of(short, made(short)).split("\n")[1:] == []  # but that 60 hours are short
    longer = usage_of(waves(groups=4, hours=390))
    assert notes_of(longer, made(short)) == ""
    with pytest.raises(HierarchyError, match="needs 60"):
        forecast(short.isel(time=slice(59)), 3, hierarchy=made(short))


def test_other_covariates_are_an_error_that_names_both(usage):
    with pytest.raises(HierarchyError, match="with the covariates sale, and these are given: none; give the same"):
        forecast(usage, 3, hierarchy=made(usage, events=("sale",)))
