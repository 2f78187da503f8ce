import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from forecasting.errors import ForecastingError
from forecasting.events import EVERYWHERE, Events, design, from_tables
from forecasting.occasions import occasions_of
from forecasting.places import public_holidays

NEW_YORK = {"us-east": "US-NY"}
ZONES = {"us-east": "America/New_York"}


def hours(first, count):
    return np.datetime64(first, "ns") + np.arange(count) * np.timedelta64(1, "h")


def regions(*names):
    return np.array(names)


def event(region="us-east", start="2017-11-24T00:00-05:00", end="2017-11-25T00:00-05:00", name="sale"):
    return {"region": region, "start": start, "end": end, "name": name}


def series(values, first="2026-04-06", region="us-east", name="temperature"):
    time = pd.date_range(first, periods=len(values), freq="h", tz="UTC")
    return pd.DataFrame({"timestamp": time, "region": region, "name": name, "value": values})


def feature(events, name, time, region="us-east", history=0):
    return design(events, regions(region), time, history)[0, :, events.names.index(name)]


def refused(said, *, holidays=None, zones=None, table=None, covariates=None):
    with pytest.raises(ForecastingError, match=said) as error:
        from_tables(holidays or {}, zones, table, covariates)
    assert "\n" not in str(error.value)


def happening(events, kind, time, region="us-east"):
    """Share of each hour that occasions of a kind cover."""
    first = int(time[0].astype("datetime64[h]").astype(int))
    found = occasions_of(events, np.array([f"{region}/team"]), regions(region), first, first + len(time))
    out = np.zeros(len(time))
    for x in found:
        if x.kind == kind:
            for place, share in enumerate(x.share[0]):
                if 0 <= x.first - first + place < len(time):
                    out[x.first - first + place] += share
    return out


def test_memorial_day_is_a_day_of_new_york():
    events = from_tables(NEW_YORK, ZONES)
    assert events.names == ()
    found = happening(events, "holiday", hours("2017-05-28T00", 72))
    assert np.flatnonzero(found).tolist() == list(range(28, 52))  # 29 May, four hours behind UTC


def test_without_a_zone_the_day_is_utc():
    found = happening(from_tables(NEW_YORK), "holiday", hours("2017-05-28T00", 72))
    assert np.flatnonzero(found).tolist() == list(range(24, 48))


def test_subdivisions_differ_and_observed_days_count():
    events = from_tables({"south": "DE-BY", "north": "DE-BE", "us": "US"})
    corpus_christi = hours("2026-06-04T00", 24)
    assert [happening(events, "holiday", corpus_christi, x).mean() for x in ("south", "north")] == [1, 0]
    assert happening(events, "holiday", hours("2021-12-31T00", 24), "us").all()  # 1 January 2022 is a Saturday


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [("America/New_York", "2026-03-08", 23), ("America/New_York", "2026-11-01", 25), ("UTC", "2026-03-08", 24)],
)
def test_day_on_which_clocks_change_has_the_hours_it_has(zone, day, length):
    midnight, next_midnight = pd.date_range(day, periods=2, tz=zone)
    table = pd.DataFrame([event(start=midnight, end=next_midnight)])
    first = np.datetime64(day, "h") - np.timedelta64(24, "h")
    found = happening(from_tables({}, None, table), "sale", hours(first, 72))
    assert found.sum() == length
    assert set(found) == {0, 1}


def test_holiday_on_which_clocks_change_has_the_hours_it_has():
    # Easter Sunday, a public holiday of Brandenburg: 2024-03-31, 23 hours long; Easter Monday follows.
    events = from_tables({"de": "DE-BB"}, {"de": "Europe/Berlin"})
    found = happening(events, "holiday", hours("2024-03-30T00", 96), "de")
    assert np.flatnonzero(found).tolist() == list(range(23, 23 + 23 + 24))


def test_days_of_zones_that_begin_at_half_past_cover_half_an_hour():
    # 26 January, Republic Day, begins at 18:30 UTC.
    found = happening(
        from_tables({"in": "IN"}, {"in": "Asia/Kolkata"}), "holiday", hours("2026-01-25T00", 48), "in"
    )
    assert np.flatnonzero(found).tolist() == list(range(18, 43))
    assert found[18] == found[42] == 0.5


def test_event_covers_its_share_of_an_hour_and_ends_before_its_end():
    table = pd.DataFrame([event(start="2026-04-06T01:30Z", end="2026-04-06T04:00+01:00")])
    found = happening(from_tables({}, None, table), "sale", hours("2026-04-06T00", 5))
    assert found.tolist() == [0, 0.5, 1, 0, 0]


def test_rows_of_one_name_that_overlap_are_one_occasion_and_everywhere_is_every_region():
    start = "2026-04-06T00:00Z"
    table = pd.DataFrame(
        [
            event(EVERYWHERE, start, "2026-04-06T02:00Z"),
            event("us-east", start, "2026-04-06T03:00Z"),
            event("elsewhere", start, "2026-04-06T04:00Z"),
            event("eu", "2026-04-07T00:00Z", "2026-04-07T02:00Z"),
        ]
    )
    events = from_tables({}, None, table)
    groups, where = np.array(["eu/a", "us-east/a", "us-east/b"]), regions("eu", "us-east", "us-east")
    first = int(np.datetime64("2026-04-06T00", "h").astype(int))
    one, next_day = occasions_of(events, groups, where, first, first + 48)
    assert one.share.tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    assert next_day.groups.tolist() == [0]


def test_events_may_be_about_one_group():
    rows = [event(name="launch") | {"group": "web"}, event(name="fair") | {"group": "us-east/db"}]
    events = from_tables({}, None, pd.DataFrame([*rows, event(name="all") | {"group": ""}]))
    groups, where = (
        np.array(["us-east/db", "us-east/web", "us-west/web"]),
        regions("us-east", "us-east", "us-west"),
    )
    first = int(np.datetime64("2017-11-24T00", "h").astype(int))
    found = {x.name: groups[x.groups].tolist() for x in occasions_of(events, groups, where, first, first + 48)}
    assert found == {"all": ["us-east/db", "us-east/web"], "fair": ["us-east/db"], "launch": ["us-east/web"]}


def test_kinds_are_the_names_where_none_is_written():
    rows = [event(name="Black Friday") | {"kind": "sale"}, event(name="audit") | {"kind": None}]
    assert [(x.name, x.kind) for x in from_tables({}, None, pd.DataFrame(rows)).events] == [
        ("Black Friday", "sale"), ("audit", "audit"),
    ]  # fmt: skip


def test_names_are_sorted_and_rows_may_come_in_any_order():
    table = pd.DataFrame([event(name="sale"), event(name="audit"), event(EVERYWHERE, name="sale"), event()])
    weather = pd.concat([series([1.0, 2, 4]), series([4.0, 2, 1], name="rain")])
    events = from_tables(NEW_YORK, ZONES, table, weather)
    assert events.names == ("rain", "temperature")
    again = from_tables(NEW_YORK, ZONES, table[::-1], weather[::-1])
    assert again.events == events.events
    assert len(events.events) == 3
    time = hours("2026-04-06", 3)
    np.testing.assert_array_equal(
        design(again, regions("us-east"), time, 2), design(events, regions("us-east"), time, 2)
    )


def test_nothing_known_makes_no_features():
    assert Events().names == from_tables({}).names == ()
    assert not Events().occur
    assert design(Events(), regions("a", "b"), hours("2026-04-06", 4), 2).shape == (2, 4, 0)
    empty = from_tables({}, {}, pd.DataFrame([event()])[:0], series([1.0])[:0])
    assert empty == Events()


def test_regions_without_anything_are_zero_and_no_hours_are_no_error():
    events = from_tables(NEW_YORK, ZONES, pd.DataFrame([event()]), series([1.0, 2, 3]))
    assert not design(events, regions("eu"), hours("2026-04-06", 24), 3).any()
    assert design(events, regions("us-east"), hours("2026-04-06", 0), 0).shape == (1, 0, 1)
    groups = np.array(["eu/team"])
    assert occasions_of(events, groups, regions("eu"), 420_000, 430_000) == []


def test_covariates_are_standardised_by_the_history_alone():
    values = np.array([10.0, 14, 12, 8, 20, 11])
    time = hours("2026-04-06", 6)
    found = feature(from_tables({}, None, None, series(values)), "temperature", time, history=4)
    np.testing.assert_allclose(found[:4], (values[:4] - 11) / values[:4].std())
    assert found[:4].mean() == pytest.approx(0)
    assert found[:4].std() == pytest.approx(1)
    assert found[4] == pytest.approx((20 - 11) / values[:4].std())
    assert found[5] == pytest.approx(0)
    other = feature(from_tables({}, None, None, series([*values[:4], 7, 7])), "temperature", time, history=4)
    np.testing.assert_array_equal(other[:4], found[:4])


def test_unknown_hours_of_the_past_are_the_mean():
    covariates = series([10.0, np.nan, 14, 12, 12]).drop(index=2)
    found = feature(from_tables({}, None, None, covariates), "temperature", hours("2026-04-06", 5), history=4)
    np.testing.assert_allclose(found, [-1, 0, 0, 1, 1])


def test_own_series_goes_before_that_of_everywhere():
    covariates = pd.concat([series([1.0, 3, 3], region=EVERYWHERE), series([3.0, 1, 1])])
    events = from_tables({}, None, None, covariates)
    found = design(events, regions("eu", "us-east"), hours("2026-04-06", 3), 2)
    np.testing.assert_allclose(found[:, :, 0], [[-1, 1, 1], [1, -1, -1]])


@pytest.mark.parametrize("past", [[5.0, 5, 5], [0.1, 0.1, 0.1], [0.0, 0, 0], [1e300, 1e300, 1e300]])
def test_covariate_that_does_not_vary_says_nothing(past):
    events = from_tables({}, None, None, series([*past, 7.0]))
    assert not feature(events, "temperature", hours("2026-04-06", 4), history=3).any()
    assert not feature(events, "temperature", hours("2026-04-05", 4), history=4).any()  # no past at all


@pytest.mark.parametrize("values", [[-1e308, 1e308, 1e308], [1e-300, 2e-300, 1e308], [1.0, 2.0, -1e308]])
def test_covariates_stay_finite_and_near_what_was_seen(values):
    found = feature(from_tables({}, None, None, series(values)), "temperature", hours("2026-04-06", 3), history=2)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 4


def test_hours_ahead_that_are_missing_are_named():
    covariates = series(np.arange(10.0)).drop(index=[1, 5, 6, 9])
    events = from_tables({}, None, None, covariates)
    with pytest.raises(
        ForecastingError,
        match="covariate 'temperature' of region 'us-east' is not known for 3 of 6 hours ahead: "
        "2026-04-06T05:00Z to 2026-04-06T06:00Z, 2026-04-06T09:00Z; add them",
    ):
        design(events, regions("eu", "us-east"), hours("2026-04-06", 10), 4)
    with pytest.raises(ForecastingError, match="and 1 more;"):
        design(events, regions("us-east"), hours("2026-04-06T00", 12)[[0, 1, 2, 5, 7, 9, 11]], 0)
    design(events, regions("eu"), hours("2026-04-06", 10), 4)  # a region that does not need them


def test_features_of_a_region_do_not_depend_on_the_others():
    covariates = pd.concat([series([1.0, 3, 3]), series([30.0, 10, 10], region="eu")])
    events = from_tables(NEW_YORK | {"eu": "DE"}, ZONES, pd.DataFrame([event()]), covariates)
    both = design(events, regions("eu", "us-east"), hours("2026-04-06", 3), 2)
    np.testing.assert_array_equal(design(events, regions("us-east"), hours("2026-04-06", 3), 2), both[1:])


def test_everywhere_has_a_country_and_a_zone_too():
    events = from_tables({EVERYWHERE: "US-NY", "eu": "DE"}, {EVERYWHERE: "America/New_York"})
    day = hours("2017-05-29T00", 24)
    assert [happening(events, "holiday", day, x).sum() for x in ("eu", "us-west")] == [0, 20]


def test_travels_between_processes_and_holds_history_within_time():
    events = from_tables(NEW_YORK, ZONES, pd.DataFrame([event()]), series([1.0, 2, 3]))
    time = hours("2026-04-06", 3)
    copy = pickle.loads(pickle.dumps(events))  # noqa: S301 (our own bytes)
    np.testing.assert_array_equal(
        design(copy, regions("us-east"), time, 2), design(events, regions("us-east"), time, 2)
    )
    for history in (-1, 4):
        with pytest.raises(ForecastingError, match="hours of history out of 3; give 0 to 3"):
            design(events, regions("us-east"), time, history)


def test_holidays_are_imported_by_those_who_use_them():
    source = "import sys, forecasting.events; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False, timeout=60).returncode == 0


def test_years_for_which_holidays_are_known_in_part_are_no_error():
    assert 0 < len(public_holidays("IN", [2040])) < len(public_holidays("IN", [2026]))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("US-NYC", r"region 'a': holidays of 'US-NYC' are not known \(near it: .*US-NY.*\); write the ISO 3166"),
        ("de", r"near it: DE"),
        ("us-ny", r"near it: US-NY"),
        ("US_NY", r"near it: US-NY"),
        ("DEX", r"near it: .*DE"),
        ("DE-", "are not known"),
        ("HolidayBase", "are not known"),
        ("XNYS", "are not known"),
        ("", "'' is not a name"),
        (False, "False is not a name.*write 'NO'"),
        ("DE\n", "is not a name"),
    ],
)
def test_unknown_countries_are_refused_with_what_is_near(code, said):
    refused(said, holidays={"a": code})


@pytest.mark.parametrize("code", ["DE", "DEU", "GB-SCT", "UK", "US-NY", "DE-Bayern", "BR-São Paulo Capital"])
def test_codes_of_the_package_are_taken(code):
    assert from_tables({"a": code}).occur


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("America/New York", r"region 'a': 'America/New York' is no time zone \(near it: America/New_York"),
        ("europe/berlin", "near it: Europe/Berlin"),
        ("../../etc/passwd", "is no time zone; write an IANA name"),
        ("+01:00", "is no time zone"),
        (None, "None is not a name"),
    ],
)
def test_unknown_zones_are_refused_with_what_is_near(zone, said):
    refused(said, zones={"a": zone})


@pytest.mark.parametrize("region", ["a/b", "x" * 81])
def test_mappings_are_of_regions(region):
    refused("is no region; write one without '/'", holidays={region: "DE"})


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"start": "next Tuesday"}, "table of events, column 'start', row 2: 'next Tuesday' is not a time"),
        ({"end": "now"}, "column 'end', row 2: 'now' is not a time"),
        ({"start": None}, "column 'start', row 2: .*is not a time"),
        ({"start": "1969-01-01T00:00Z"}, "column 'start', row 2: .*outside of 1971 to 2200"),
        ({"start": "2017-11-24"}, "column 'start', row 2: 2017-11-24 has no timezone; write the offset"),
        ({"end": "2017-11-25T00:00"}, "column 'end', row 2: 2017-11-25T00:00 has no timezone"),
        ({"end": "2017-11-24T00:00-05:00"}, "row 2: the end, .*, does not come after the start"),
        ({"end": "2017-11-23T00:00-05:00"}, "row 2: the end, .* first moment after the event"),
        ({"name": ""}, "column 'name', row 2: '' is empty"),
        ({"name": None}, "column 'name', row 2: the name is missing"),
        ({"name": "a\x1b[31m"}, "row 2: .* holds a control or invisible character"),
        ({"name": "a\nb"}, "row 2: .* holds a control or invisible character"),
        ({"name": "x" * 81}, "column 'name', row 2: 81 characters; shorten it to 80"),
        ({"name": "holiday sine"}, "row 2: 'holiday sine' is what the holidays .*use another name"),
        ({"name": ["sale"]}, "table of events: a cell holds a list"),
        ({"region": ""}, "column 'region', row 2: '' is empty"),
        ({"region": "a/b"}, "column 'region', row 2: .*divides region from group"),
        ({"region": "x" * 81}, "column 'region', row 2: 81 characters"),
        ({"kind": 3}, "column 'kind', row 2: write text, or leave it empty"),
        ({"kind": "a\nb"}, "column 'kind', row 2: .* holds a control or invisible character"),
        ({"kind": "x" * 81}, "column 'kind', row 2: 81 characters"),
        ({"group": ["web"]}, "column 'group', row 2: write text"),
        ({"group": "x" * 162}, "column 'group', row 2: 162 characters"),
    ],
)
def test_bad_events_are_refused_by_row(row, said):
    refused(said, table=pd.DataFrame([event(), event() | row], dtype=object))


def test_longest_name_is_taken():
    (found,) = from_tables({}, None, pd.DataFrame([event(name="x" * 80)])).events
    assert found.name == "x" * 80


def test_columns_of_instants_hold_instants_with_a_zone():
    refused("column 'start' holds numbers", table=pd.DataFrame([event(start=1.5e9)]))
    refused(
        "column 'start', row 1: .*has no timezone", table=pd.DataFrame([event(start=pd.Timestamp("2017-01-01"))])
    )


def test_columns_must_be_there_once():
    table = pd.DataFrame([event()])
    refused("table of events: column 'end' is missing; wanted .*; there: ", table=table.drop(columns="end"))
    refused("column 'name' is there more than once", table=pd.concat([table, table["name"]], axis=1))
    refused("table of covariates: column 'timestamp' is missing", covariates=table)
    refused("there: none", table=pd.DataFrame())


def test_too_many_names_are_refused():
    table = pd.DataFrame([event(name=f"event {number}") for number in range(101)])
    refused("101 different names, and at most 100 .* the same name", table=table)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"timestamp": "soon"}, "table of covariates, column 'timestamp', row 3: 'soon' is not a time"),
        ({"value": np.inf}, "row 3: the value is infinite; leave it empty"),
        ({"value": "warm"}, "table of covariates, column 'value', row 3: 'warm' is not a number"),
        ({"name": " "}, "column 'name', row 3: ' ' is empty"),
        ({"name": "holiday"}, "row 3: 'holiday' is what the holidays"),
        ({"timestamp": "2026-04-06T01:45"}, "row 3: 'temperature' of region 'us-east' has a value for the hour "
         "2026-04-06T01:00Z already, in row 2; give one value an hour"),
        ({"name": "wind", "value": None}, "row 3: 'wind' of region 'us-east' has no value in any row"),
    ],
)  # fmt: skip
def test_bad_covariates_are_refused_by_row(row, said):
    rows = series([1.0, 2, 3]).astype(object)
    for column, value in row.items():
        rows.loc[2, column] = value
    refused(said, covariates=rows)
