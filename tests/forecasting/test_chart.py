import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from matplotlib.dates import HourLocator
from matplotlib.figure import Figure

from forecasting import dims
from forecasting.chart import FAN_LEVELS, MOST_GROUPS, fan, fan_axes, largest_peaks, legend
from forecasting.errors import ForecastingError
from forecasting.panel import from_zero, row_label
from forecasting.profile import DemandProfile

HOURS = 48
TIME = np.datetime64("2026-05-18", "ns") + np.arange(HOURS) * dims.HOUR
PNG = b"\x89PNG\r\n\x1a\n"


def profile_of(names=("a", "b", "c", "d", "e"), resources=("cpu", "memory")):
    rng = np.random.default_rng(0)
    demand = rng.gamma(20, 0.1, size=(100, len(names), len(resources), HOURS))
    demand[:, 3, :, 20:26] *= 40  # the largest coming peak
    coords = {
        "group": [f"eu/{name}" for name in names],
        "region": ("group", ["eu"] * len(names)),
        "name": ("group", list(names)),
        "resource": list(resources),
        "unit": ("resource", ["cores", "Gi$B"]),
        "time": TIME,
    }
    dataset = xr.Dataset(
        {"demand": (dims.PROFILE_DIMS, demand.astype("float32"))},
        coords,
        {"issued": f"{TIME[0]}Z"[:19] + "Z"},
    )
    return DemandProfile(dataset)


def usage_of(profile, hours, value=2.0):
    start = profile.dataset.drop_dims("draw").drop_vars("time")
    demand = np.full((profile.draws.sizes["group"], profile.draws.sizes["resource"], len(hours)), value)
    return start.assign_coords(time=hours).assign(demand=(dims.USAGE_DIMS, demand))


@pytest.fixture
def ax():
    return Figure().subplots()


def fan_of(hours=HOURS):
    return np.linspace(1, 7, len(FAN_LEVELS))[:, np.newaxis] * np.ones(hours)


def test_a_fan_has_its_bands_its_median_and_its_lines(ax):
    steps = (TIME[[0, 10, 30]], np.array([3.0, 9.0, 3.0]))
    fan_axes(
        ax,
        TIME,
        fan_of(),
        unit="nodes",
        actual=(TIME[:5], np.full(5, 8.0)),
        capacity=steps,
        warm=(steps[0], steps[1] + 2),
        issued=TIME[0],
    )
    names = ax.get_legend_handles_labels()[1]
    assert sorted(names) == sorted(["50 %", "80 %", "95 %", "median", "held", "warm", "used", "issued"])
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert set(lines["median"].get_ydata()) == {4.0}
    assert lines["held"].get_drawstyle() == "steps-post"
    assert lines["held"].get_ydata().tolist() == [3.0, 9.0, 3.0]
    bands = {band.get_label(): band.get_datalim(ax.transData).intervaly.tolist() for band in ax.collections}
    assert bands == {"50 %": [3, 5], "80 %": [2, 6], "95 %": [1, 7], "warm": [3, 11]}
    assert ax.get_ylabel() == "nodes"
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > 11


def test_a_fan_alone_draws_nothing_else(ax):
    fan_axes(ax, TIME, fan_of())
    assert ax.get_legend_handles_labels()[1] == ["95 %", "80 %", "50 %", "median"]


def test_levels_far_from_zero_are_not_flattened(ax):
    fan_axes(ax, TIME, 1000 + fan_of())
    assert ax.get_ylim()[0] > 900


def test_quantiles_of_another_shape_are_refused(ax):
    with pytest.raises(ForecastingError, match="wanted"):
        fan_axes(ax, TIME, fan_of()[1:])


def test_the_legend_names_what_is_drawn_in_one_order():
    figure = Figure()
    ax = figure.subplots()
    fan_axes(ax, TIME, fan_of(), capacity=(TIME, np.ones(HOURS)), issued=TIME[0])
    legend(figure, ax)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["issued", "median", "50 %", "80 %", "95 %", "held"]


def written(path):
    content = path.read_bytes()
    assert content[:8] == PNG
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def test_fan_writes_a_picture_of_the_groups_that_matter(tmp_path):
    profile = profile_of()
    path = tmp_path / "fan.png"
    before = usage_of(profile, TIME[0] + np.arange(-100, 0) * dims.HOUR)
    fan(profile, path, history=before, actuals=usage_of(profile, TIME[:10], np.nan))
    width, height = written(path)
    assert width == 1400
    assert height == 42 + 250 * MOST_GROUPS
    fan(profile, path, groups=["eu/d"])
    assert written(path) == (1400, 292)


def test_the_largest_peaks_are_those_above_the_usual_and_not_the_largest_groups():
    profile = profile_of()
    size = xr.DataArray([1.0, 1.0, 30.0, 1.0, 1.0], dims="group")
    flat = profile.draws.where(profile.draws.group != "eu/c", 1.0)
    scaled = DemandProfile(
        (flat * size).astype("float32").to_dataset(name="demand").assign_attrs(profile.dataset.attrs)
    )
    assert largest_peaks(scaled, 1) == ["eu/d"]
    assert largest_peaks(scaled, 4) == ["eu/a", "eu/b", "eu/d", "eu/e"]


def test_fan_is_the_same_for_the_same_profile(tmp_path):
    for name in ("one.png", "two.png"):
        fan(profile_of(), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("near", [0.0, 900.0])
def test_axes_of_one_column_begin_at_zero_unless_all_are_far_from_it(near):
    column = Figure().subplots(2)
    for ax, lowest in zip(column, (1000.0, near), strict=True):
        fan_axes(ax, TIME, lowest + fan_of())
    from_zero(column)
    assert [ax.get_ylim()[0] == 0 for ax in column] == [near == 0] * 2
    assert column[0].get_ylim()[1] > 1007


@pytest.mark.parametrize("name", ["us-east/build-farm-of-everything-else-1234567890", "a" * 60, "a/b"])
def test_the_label_of_a_row_is_no_longer_than_the_row_is_high(name):
    figure = Figure(figsize=(4, 4), dpi=120)
    text = figure.text(0, 0, row_label(name), fontsize=9.5, fontweight="bold")
    assert text.get_window_extent().width < 250
    assert row_label("eu-west/web") == "eu-west/web"
    assert row_label("us-east/build-farm-of-everything-else").split("\n") == ["us-east/", "build-farm-of-everyth…"]


def test_names_that_look_like_mathematics_or_lack_glyphs_are_drawn(tmp_path):
    names = ("$\\frac{$", "a$b$c", "東京-" * 30, "z", "{}")
    fan(profile_of(sorted(names)), tmp_path / "fan.png", groups=[f"eu/{name}" for name in names])
    written(tmp_path / "fan.png")


@pytest.mark.parametrize(("used", "said"), [(0.0, 2), (np.nan, 2), (1.0, 1)])
def test_where_nothing_is_expected_the_panel_says_so_unless_it_was_used(used, said, tmp_path):
    profile = profile_of()
    profile.draws[:, :2, 0] = 0.0
    history = usage_of(profile, TIME - HOURS * dims.HOUR, 0.0)
    history["demand"][0, 0] = used
    fan(profile, tmp_path / "fan.svg", history=history, groups=["eu/a", "eu/b"])
    assert (tmp_path / "fan.svg").read_text().count("none expected") == said


def test_axes_of_panels_without_demand_begin_at_zero():
    figure = Figure()
    panels = figure.subplots(2)
    for ax in panels:
        ax.plot([0, 1], [0, 0])
    from_zero(panels)
    assert [ax.get_ylim() for ax in panels] == [(0, 1)] * 2


def test_usage_that_lacks_a_group_is_no_obstacle(tmp_path):
    profile = profile_of()
    history = usage_of(profile, TIME - HOURS * dims.HOUR).isel(group=[0], resource=[1])
    fan(profile, tmp_path / "fan.png", history=history, groups=["eu/a", "eu/b"])
    written(tmp_path / "fan.png")


@pytest.mark.parametrize("groups", [["eu/a", "eu/none"], []])
def test_groups_that_are_not_there_are_refused(groups, tmp_path):
    with pytest.raises(ForecastingError, match=r"not in the profile: .*; there: eu/a, eu/b"):
        fan(profile_of(), tmp_path / "fan.png", groups=groups)


def test_a_picture_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(ForecastingError, match=r"there is no directory .*none; make it first"):
        fan(profile_of(), tmp_path / "none" / "fan.png")
    (tmp_path / "fan.png").mkdir()
    with pytest.raises(ForecastingError, match=r"fan.png: this is a directory; name a file in it"):
        fan(profile_of(), tmp_path / "fan.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "none" / "fan.png")
    with pytest.raises(ForecastingError, match=r"lost.png: the chart cannot be written"):
        fan(profile_of(), tmp_path / "lost.png")


def test_the_ending_says_the_form(tmp_path):
    for name in ("one.svg", "two.svg"):
        fan(profile_of(), tmp_path / name, groups=["eu/a"])
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    with pytest.raises(ForecastingError, match=r"ends in \.png or \.svg"):
        fan(profile_of(), tmp_path / "fan.gif")


def test_ticks_tell_midday_from_the_day(ax):
    fan_axes(ax, TIME, fan_of())
    ax.xaxis.set_major_locator(HourLocator(range(0, 24, 12)))
    ax.figure.draw_without_rendering()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels[:3] == ["Mon 18", "12h", "Tue 19"]


def test_matplotlib_waits_until_something_is_drawn():
    code = "import sys, forecasting.chart; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
