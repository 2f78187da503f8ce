from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from forecasting import dims
from forecasting.errors import ForecastingError
from forecasting.repairs import notes
from forecasting.simulate import START, Absence, simulate
from forecasting.usage import digest, from_table

END = START + timedelta(weeks=6)


@pytest.fixture(scope="module")
def simulation():
    return simulate(seed=0)


def test_the_defaults_are_twelve_groups_in_two_regions_for_six_weeks(simulation):
    usage = from_table(simulation.table)
    assert notes(usage) == []
    assert dict(usage.sizes) == {"group": 12, "resource": 4, "time": 6 * 168}
    assert set(usage.region.values) == {"eu-west", "us-east"}
    assert usage.unit.values.tolist() == ["cores", "GiB", "Mbit/s", "GiB"]
    assert float(usage.demand.min()) >= 0


def test_truth_lies_on_the_grid_of_usage(simulation):
    usage = from_table(simulation.table)
    truth = simulation.truth
    dims.check_usage(truth, "simulate")
    xr_coords = {name: usage[name] for name in usage.coords}
    assert truth.coords.to_dataset().identical(usage.drop_vars("demand").drop_attrs().assign_coords(xr_coords))
    share = (usage.demand.sum("time") / truth.demand.sum("time")).values
    np.testing.assert_allclose(share, 1, atol=0.05)
    assert truth.intensity.dims == ("group", "time")


def test_the_seed_decides(simulation):
    assert simulate(seed=0).table.equals(simulation.table)
    assert digest(from_table(simulate(seed=1).table)) != digest(from_table(simulation.table))


def test_more_hours_only_add_rows(simulation):
    longer = simulate(seed=0, weeks=7, extra_hours=30)
    assert len(longer.table) == 12 * 4 * (7 * 168 + 30)
    pd.testing.assert_frame_equal(longer.table.head(len(simulation.table)), simulation.table)
    before = {"time": slice(0, 6 * 168)}
    assert longer.truth.isel(before).identical(simulation.truth)


def test_more_groups_or_regions_leave_the_others_as_they_are(simulation):
    usage = from_table(simulation.table).demand
    more = from_table(simulate(seed=0, groups_per_region=8).table)
    assert more.sizes["group"] == 16
    assert "us-east/build-farm-2" in more.group
    assert more.demand.sel(group=usage.group).equals(usage)
    third = from_table(simulate(seed=0, regions=("eu-west", "ap-south", "us-east")).table)
    assert third.demand.sel(group="eu-west/analytics").equals(usage.sel(group="eu-west/analytics"))


@pytest.mark.parametrize("place", [0, 1])
def test_each_region_has_a_surge_that_dominates_it_on_the_same_day_every_week(simulation, place):
    surge = simulation.surges[place]
    assert surge.group == ("eu-west/analytics", "us-east/build-farm")[place]
    usage = from_table(simulation.table).demand.sel(resource="cpu")
    region = usage.where(usage.region == surge.group.split("/")[0], drop=True).sum("group").values.reshape(6, 168)
    begin = 24 * surge.weekday + surge.hour
    within = np.zeros(168, dtype=bool)
    within[begin : begin + surge.hours + 3] = True
    event = np.zeros((6, 168), dtype=bool)
    event[2, 3 * 24 + 16 : 4 * 24] = place == 1
    usual = region[~(within | event)].max()
    peaks = region[:, within].max(axis=1)
    # The figures that the docstring gives to whoever sizes a pool.
    assert usual < 95
    assert (peaks > 195).all()
    assert (peaks < 280).all()
    own = usage.sel(group=surge.group).values.reshape(6, 168)[:, within].max(axis=1)
    assert (own > 0.6 * peaks).all()


def test_the_event_and_the_holiday_are_in_the_truth(simulation):
    intensity = simulation.truth.intensity.sel(group="us-east/search").values.reshape(42, 24)
    assert (intensity[17, 16:22] / intensity[10, 16:22]).min() > 1.6
    europe = simulation.truth.intensity.sel(group="eu-west/office").values.reshape(42, 24)
    assert europe[25, 8:16].sum() < 0.3 * europe[18, 8:16].sum()


def test_an_absence_takes_out_its_surge_and_nothing_else():
    away = Absence("us-east/build-farm", END, END + timedelta(weeks=1))
    usual = simulate(seed=0, weeks=8)
    without = simulate(seed=0, weeks=8, absences=[away])
    with_surge, no_surge = (from_table(made.table).demand for made in (usual, without))
    others = [group for group in with_surge.group.values if group != away.group]
    assert no_surge.sel(group=others).equals(with_surge.sel(group=others))

    cpu = {"group": away.group, "resource": "cpu"}
    gone = (with_surge.sel(cpu) - no_surge.sel(cpu)).values.reshape(8, 168)
    surge = usual.surges[1]
    begin = 24 * surge.weekday + surge.hour
    assert np.flatnonzero(gone[[0, 1, 2, 3, 4, 5, 7]]).size == 0
    assert gone[6, :begin].max() == 0
    assert gone[6, begin + 1 : begin + surge.hours].min() > 80
    assert no_surge.sel(cpu).values.reshape(8, 168)[6].max() < 70
    assert without.truth.demand.sel(cpu).values.reshape(8, 168)[6].max() < 70


def test_weekdays_follow_the_clock_and_not_the_start():
    made = simulate(seed=0, weeks=2, start=datetime(2026, 4, 9, tzinfo=UTC))  # a Thursday
    cpu = made.truth.demand.sel(resource="cpu", group="eu-west/analytics")
    assert pd.Timestamp(cpu.time.values[cpu.values[:168].argmax()]).weekday() == 1


def test_a_start_in_another_timezone_is_the_same_instant():
    there = datetime(2026, 4, 6, 2, tzinfo=timezone(timedelta(hours=2)))
    assert simulate(seed=0, weeks=1, start=there).table.equals(simulate(seed=0, weeks=1).table)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"regions": ()}, "at least one"),
        ({"regions": ("eu", "eu")}, "each region once"),
        ({"groups_per_region": 0}, "at least one"),
        ({"weeks": 0}, "at least one"),
        ({"start": datetime(2026, 4, 6, 0, 30, tzinfo=UTC)}, "start of an hour"),
        ({"start": datetime(2026, 4, 6)}, "timezone"),  # noqa: DTZ001
        (
            {"absences": [Absence("eu-west/media", START, END)]},
            "eu-west/media has no surge.*eu-west/analytics",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments, said):
    with pytest.raises(ForecastingError, match=said):
        simulate(**arguments)
