from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting import dims
from forecasting import usage as usage_module
from forecasting.errors import ForecastingError, UsageError
from forecasting.repairs import notes
from forecasting.table import LARGEST
from forecasting.usage import before, digest, from_table, require_history

HOURS = 72


def table_of(hours=HOURS, value=2.0, **labels):
    labels = {"region": "eu-west", "group": "web", "resource": "cpu"} | labels
    times = pd.date_range("2026-04-06", periods=hours, freq="h", tz="UTC")
    return pd.DataFrame({"timestamp": times, **labels, "value": value})


def rows_of(*rows):
    """Rows of (hour, minute, value) of the series of `table_of`, after its first two days."""
    start = pd.Timestamp("2026-04-08", tz="UTC")
    times = [start + pd.Timedelta(hours=hour, minutes=minute) for hour, minute, _ in rows]
    extra = table_of(hours=len(rows)).assign(timestamp=times, value=[value for *_, value in rows])
    return pd.concat([table_of(hours=48), extra], ignore_index=True)


def after_two_days(usage):
    return usage.demand.values[0, 0, 48:]


def test_a_clean_table_becomes_a_sorted_labelled_grid_without_notes():
    parts = [
        table_of(value=3.0, region="us", group="b"),
        table_of(value=1.0, region="eu", group="b", resource="memory"),
        table_of(value=2.0, region="eu", group="a"),
    ]
    usage = from_table(pd.concat(parts, ignore_index=True))
    dims.check_usage(usage, "from_table")
    assert usage.group.values.tolist() == ["eu/a", "eu/b", "us/b"]
    assert usage.region.values.tolist() == ["eu", "eu", "us"]
    assert usage["name"].values.tolist() == ["a", "b", "b"]
    assert usage.resource.values.tolist() == ["cpu", "memory"]
    assert usage.unit.values.tolist() == ["cores", "GiB"]
    assert usage.time.values[[0, -1]].astype(str).tolist() == [
        "2026-04-06T00:00:00.000000000",
        "2026-04-08T23:00:00.000000000",
    ]
    assert (usage.demand.sel(group="eu/a", resource="cpu") == 2.0).all()
    assert (usage.demand.sel(group="us/b", resource="cpu") == 3.0).all()
    assert usage.demand.sel(group="us/b", resource="memory").isnull().all()
    assert usage.attrs["absent_series"] == 3
    assert notes(usage) == [
        "3 pairs of group and resource have no known value at all; taken as not used, where the group uses others"
    ]
    assert notes(from_table(table_of())) == []


def test_groups_are_sorted_by_label_where_regions_sort_otherwise():
    # '-' sorts before '/', so region "eu" comes before "eu-west" but its labels come after.
    regions = {"eu": 1.0, "eu-north": 2.0, "eu-west": 3.0}
    usage = from_table(pd.concat([table_of(region=region, value=value) for region, value in regions.items()]))
    dims.check_usage(usage, "from_table")
    assert usage.group.values.tolist() == ["eu-north/web", "eu-west/web", "eu/web"]
    assert usage.demand.values[:, 0, 0].tolist() == [2.0, 3.0, 1.0]


def test_labels_stay_apart_where_a_group_holds_a_slash():
    usage = from_table(pd.concat([table_of(region="a", group="b/c"), table_of(region="a", group="b")]))
    assert usage.group.values.tolist() == ["a/b", "a/b/c"]
    assert usage["name"].values.tolist() == ["b", "b/c"]


def test_units_are_those_given_then_those_known_then_empty():
    table = pd.concat([table_of(resource=resource) for resource in ("cpu", "network", "requests")])
    usage = from_table(table, units={"cpu": "GHz", "gpu": "cards"})
    assert dict(zip(usage.resource.values, usage.unit.values, strict=True)) == {
        "cpu": "GHz",
        "network": "Mbit/s",
        "requests": "",
    }


def test_of_duplicates_the_last_known_row_holds():
    usage = from_table(rows_of((0, 0, 5.0), (0, 0, 7.0), (0, 0, np.nan), (1, 0, 4.0)))
    assert after_two_days(usage).tolist() == [7.0, 4.0]
    assert usage.attrs["duplicates"] == 1
    assert "1 row repeats a timestamp of its series; the last known row holds" in notes(usage)


def test_rows_within_an_hour_become_their_mean():
    usage = from_table(rows_of((0, 0, 1.0), (0, 15, 2.0), (0, 30, 6.0), (0, 45, np.nan), (1, 59, 4.0)))
    assert after_two_days(usage).tolist() == [3.0, 4.0]
    assert usage.attrs["sub_hourly"] == 1
    assert "1 hour of a series has several rows; it holds the mean of its known values" in notes(usage)


@pytest.mark.parametrize("value", [0.1, 1e-320, LARGEST])
def test_the_mean_of_equal_values_is_that_value_to_the_bit(value):
    usage = from_table(rows_of(*((0, minute, value) for minute in (0, 20, 40)), (1, 0, value)))
    assert after_two_days(usage).tolist() == [value, value]


def test_duplicates_are_taken_out_before_the_mean():
    usage = from_table(rows_of((0, 0, 100.0), (0, 0, 1.0), (0, 30, 3.0)))
    assert after_two_days(usage).tolist() == [2.0]
    assert (usage.attrs["duplicates"], usage.attrs["sub_hourly"]) == (1, 1)


def test_unsorted_rows_are_sorted_and_counted():
    usage = from_table(rows_of((2, 0, 3.0), (0, 0, 1.0), (1, 0, 2.0)))
    assert after_two_days(usage).tolist() == [1.0, 2.0, 3.0]
    assert usage.attrs["unsorted"] == 1
    assert any("sorted" in note for note in notes(usage))


def test_rows_of_several_series_may_alternate_without_counting_as_unsorted():
    table = pd.concat([table_of(group="a"), table_of(group="b")]).sort_values("timestamp", kind="stable")
    assert from_table(table).attrs["unsorted"] == 0


def test_gaps_are_hours_that_are_not_known():
    usage = from_table(rows_of((0, 0, 1.0), (3, 0, 4.0)))
    np.testing.assert_array_equal(after_two_days(usage), [1.0, np.nan, np.nan, 4.0])
    assert usage.attrs["missing_hours"] == 2
    assert "2 of 52 series-hours are not known, in 1 of 1 series; left open" in notes(usage)


def test_hours_are_counted_in_every_series_of_which_anything_is_known():
    parts = [
        table_of(48),
        table_of(47, group="batch"),
        table_of(1, group="batch", resource="memory", value=np.nan),
    ]
    usage = from_table(pd.concat(parts, ignore_index=True))
    assert "1 of 96 series-hours is not known, in 1 of 2 series; left open" in notes(usage)
    assert any(x.startswith("2 pairs of group and resource have no known value") for x in notes(usage))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_values_are_not_known(value):
    usage = from_table(rows_of((0, 0, value), (1, 0, 2.0)))
    np.testing.assert_array_equal(after_two_days(usage), [np.nan, 2.0])
    assert (usage.attrs["not_finite"], usage.attrs["negative"]) == (1, 0)
    assert "1 value is NaN or infinite; taken as not known" in notes(usage)


def test_negative_values_are_not_known():
    usage = from_table(rows_of((0, 0, -1.0), (1, 0, 0.0)))
    np.testing.assert_array_equal(after_two_days(usage), [np.nan, 0.0])
    assert (usage.attrs["not_finite"], usage.attrs["negative"]) == (0, 1)
    assert "1 value is negative; taken as not known" in notes(usage)


def test_naive_times_are_utc_and_said_to_be():
    table = table_of()
    table["timestamp"] = table["timestamp"].dt.tz_localize(None)
    usage = from_table(table)
    assert usage.time.values[0] == np.datetime64("2026-04-06")
    assert notes(usage) == ["72 of 72 rows have no timezone; taken as UTC"]


@pytest.mark.parametrize("column", ["timestamp", "region", "group", "resource", "value"])
def test_a_missing_column_is_named(column):
    with pytest.raises(UsageError, match=rf"column '{column}' is missing; .* there: "):
        from_table(table_of().drop(columns=column))


def test_other_columns_and_the_index_are_ignored():
    table = table_of().assign(owner="x").set_index(pd.Index(np.arange(HOURS)[::-1]))
    assert digest(from_table(table)) == digest(from_table(table_of()))


def test_an_empty_table_is_refused():
    with pytest.raises(UsageError, match="no rows"):
        from_table(table_of().head(0))


def test_under_48_hours_are_refused():
    from_table(table_of(hours=48))
    with pytest.raises(UsageError, match=r"hours with a known value .*: 47; .* 48"):
        from_table(table_of(hours=47))


def test_hours_without_a_known_value_do_not_count_as_history():
    with pytest.raises(UsageError, match="hours with a known value .*: 24;"):
        from_table(table_of().assign(value=np.where(np.arange(HOURS) < 24, 1.0, np.nan)))
    with pytest.raises(UsageError, match="hours with a known value .*: 0;"):
        from_table(table_of(value=-1.0))


def test_a_row_at_fault_is_named_by_column_and_row():
    table = table_of()
    table.loc[4, "region"] = "a/b"
    with pytest.raises(UsageError, match="column 'region', row 5: 'a/b'"):
        from_table(table)


def test_a_grid_that_is_too_large_is_refused_before_it_is_built(monkeypatch):
    monkeypatch.setattr(usage_module, "MOST_CELLS", 100)
    with pytest.raises(
        UsageError, match=r"2 groups × 1 resources × 72 hours are too many; times run from 2026-04-06"
    ):
        from_table(pd.concat([table_of(group="a"), table_of(group="b")]))


def test_categories_give_the_same_usage_as_text():
    table = pd.concat([table_of(group="a"), table_of(group="b", value=3.0)], ignore_index=True)
    coded = table.astype({"region": "category", "group": "category", "resource": "category", "value": "float32"})
    assert digest(from_table(coded)) == digest(from_table(table))


def test_before_keeps_the_hours_that_are_over():
    usage = from_table(table_of())
    known = before(usage, datetime(2026, 4, 7, 10, 30, tzinfo=UTC))
    assert known.time.values[-1] == np.datetime64("2026-04-07T09")
    assert before(usage, datetime(2030, 1, 1, tzinfo=UTC)).sizes["time"] == HOURS
    dims.check_usage(known, "before")


def test_what_begins_later_is_not_there_yet():
    now = datetime(2026, 4, 8, 0, 30, tzinfo=UTC)
    past = table_of(hours=48)
    later = past.assign(timestamp=past["timestamp"] + pd.Timedelta(days=9))
    strangers = [later.assign(**{column: "new"}) for column in ("region", "group", "resource")]
    usage = from_table(pd.concat([*strangers, later.assign(value=-1.0), past], ignore_index=True), now=now)
    xr.testing.assert_identical(usage.drop_attrs(), from_table(past).drop_attrs())
    assert digest(usage) == digest(from_table(past))
    assert notes(usage) == notes(from_table(past))
    with pytest.raises(
        UsageError, match=r"no usage before 2026-04-06 00:00 UTC; it starts at .*: bring older usage"
    ):
        from_table(past, now=datetime(2026, 4, 6, 0, 30, tzinfo=UTC))


def test_before_refuses_a_time_before_everything_and_one_without_timezone():
    usage = from_table(table_of())
    with pytest.raises(UsageError, match="no usage before"):
        before(usage, datetime(2026, 4, 6, 0, 59, tzinfo=UTC))
    with pytest.raises(ForecastingError, match="timezone"):
        before(usage, datetime(2026, 4, 7))  # noqa: DTZ001


def test_require_history_looks_at_what_is_left():
    usage = from_table(table_of())
    require_history(usage)
    with pytest.raises(UsageError, match="known value .*: 24;"):
        require_history(before(usage, datetime(2026, 4, 7, tzinfo=UTC)))


def test_digest_follows_the_demand_and_the_labels_only():
    table = table_of()
    one = digest(from_table(table))
    assert one == digest(from_table(table.sample(frac=1, random_state=1)))
    assert len(one) == 64
    others = [
        table.assign(value=2.0000001),
        table.assign(group="web2"),
        table.assign(resource="memory"),
        table.assign(timestamp=table["timestamp"] + pd.Timedelta(hours=1)),
    ]
    assert len({one, digest(from_table(table, units={"cpu": "GHz"})), *map(digest, map(from_table, others))}) == 6


@pytest.mark.parametrize("text", [False, True])
def test_a_value_beyond_what_can_be_forecast_is_refused_with_its_row(text):
    values = np.full(HOURS, LARGEST)
    values[[2, 5, 6]] = np.inf, 1.01e15, 1e300
    table = table_of().assign(value=[repr(float(value)) for value in values] if text else values)
    with pytest.raises(UsageError, match=r"column 'value', row 6: 1\.01e\+15 is beyond 1e\+15.*larger unit"):
        from_table(table)
    assert from_table(table.drop(index=[5, 6])).attrs["not_finite"] == 1


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_known_rows_in_any_order_land_where_they_belong(data):
    hours = data.draw(st.lists(st.integers(0, 119), min_size=48, max_size=120, unique=True))
    groups = data.draw(st.lists(st.sampled_from(["a", "b", "a/b"]), min_size=len(hours), max_size=len(hours)))
    values = data.draw(st.lists(st.floats(0, LARGEST), min_size=len(hours), max_size=len(hours)))
    start = pd.Timestamp("2026-04-06", tz="UTC")
    rows = pd.DataFrame(
        {
            "timestamp": [start + pd.Timedelta(hours=hour) for hour in hours],
            "region": "eu",
            "group": groups,
            "resource": "cpu",
            "value": values,
        }
    )
    # The hours that are drawn may be every second one; these keep the resource hourly in half of its groups.
    regular = [table_of(region="eu", group=name) for name in ("x", "y", "z")]
    usage = from_table(pd.concat([rows, *regular]))
    dims.check_usage(usage, "from_table")
    assert int(usage.demand.notnull().sum()) == len(hours) + 3 * HOURS
    for hour, group, value in zip(hours, groups, values, strict=True):
        time = np.datetime64("2026-04-06", "ns") + hour * dims.HOUR
        assert float(usage.demand.sel(group=f"eu/{group}", resource="cpu", time=time)) == value
