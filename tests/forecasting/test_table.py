import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from forecasting.errors import UsageError
from forecasting.table import Labels, check_columns, decode_instants, decode_labels, decode_values, join_labels

FIRST = "2026-04-06T00:00:00+00:00"
MICROSECONDS = int(pd.Timestamp(FIRST).timestamp()) * 1_000_000


def test_missing_column_is_named_with_those_that_are_there():
    with pytest.raises(UsageError, match=r"column 'value' is missing; .*there: timestamp, region, Value, group"):
        check_columns(["timestamp", "region", "Value", "group", "resource"])


def test_column_that_is_there_twice_is_refused():
    with pytest.raises(UsageError, match="column 'group' is there more than once"):
        check_columns(["timestamp", "region", "group", "group", "resource", "value"])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["b", "a", "b"]),
        pd.Series(["b", "a", "b"], dtype="object"),
        pd.Series(["b", "a", "b"], dtype="string"),
        pd.Series(pd.Categorical(["b", "a", "b"], categories=["unused/\n", "b", "a"])),
    ],
)
def test_labels_are_sorted_whatever_holds_them(column):
    labels = decode_labels(column, "region", allow_slash=False)
    assert labels.names[labels.codes].tolist() == ["b", "a", "b"]
    assert sorted(labels.names) == labels.names.tolist()


def test_one_name_in_two_regions_makes_two_labels_each_with_its_pair():
    regions, names = (
        Labels(np.array([1, 0, 1]), np.array(["eu", "us"])),
        Labels(np.array([0, 0, 1]), np.array(["a", "b"])),
    )
    labels, pairs = join_labels(regions, names)
    assert labels.names[labels.codes].tolist() == ["us/a", "eu/a", "us/b"]
    assert [(pair // 2, pair % 2) for pair in pairs.tolist()] == [(0, 0), (1, 0), (1, 1)]


def test_whole_numbers_are_names_and_equal_texts_are_one_name():
    labels = decode_labels(pd.Series([7, "7", 12], dtype=object), "group")
    assert labels.names.tolist() == ["12", "7"]
    assert labels.codes.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("a\nb", "control or invisible"),
        ("a\x00", "control or invisible"),
        ("a\x1b[31m", "control or invisible"),
        ("a\u202eb", "control or invisible"),
        ("a\u200bb", "control or invisible"),
        ("a\u2028b", "control or invisible"),
        ("a\ud800", "control or invisible"),
        (True, "is not text"),
        (1.5, "is not text"),
        (b"a", "is not text"),
    ],
)
@pytest.mark.parametrize("column", ["region", "group", "resource"])
def test_unreadable_names_are_refused_by_row_and_shown_escaped(name, said, column):
    with pytest.raises(UsageError, match=rf"^column '{column}', row 3: .*{said}") as caught:
        decode_labels(pd.Series(["ok", "ok", name, name], dtype=object), column)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_name_is_refused_by_row(missing):
    with pytest.raises(UsageError, match=r"^column 'group', row 2: the group is missing"):
        decode_labels(pd.Series(["a", missing], dtype=object), "group")


def test_slash_divides_region_from_group_and_may_only_stand_in_the_group():
    assert decode_labels(pd.Series(["team/web"]), "group").names.tolist() == ["team/web"]
    with pytest.raises(UsageError, match=r"^column 'region', row 1: 'eu/west' holds a '/'"):
        decode_labels(pd.Series(["eu/west"]), "region", allow_slash=False)


@pytest.mark.parametrize("name", ["${var.x}", "../../etc", "a b", "$x$", "<script>", "grüße-東京", "it's", "-rf"])
def test_hostile_but_readable_names_stay_what_they_are(name):
    assert decode_labels(pd.Series([name]), "group").names.tolist() == [name]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([FIRST]),
        pd.Series(["2026-04-06 02:00+02:00"]),
        pd.Series(["2026-04-05T18:00:00.000-0600"]),
        pd.Series(["2026-04-06T00:00Z"], dtype="category"),
        pd.Series(pd.to_datetime([FIRST])),
        pd.Series(pd.to_datetime([FIRST])).dt.as_unit("ms").dt.tz_convert("Asia/Tokyo"),
        pd.Series([dt.datetime(2026, 4, 6, tzinfo=dt.UTC)], dtype=object),
    ],
)
def test_times_with_a_timezone_become_utc(column):
    instants = decode_instants(column)
    assert instants.microseconds.tolist() == [MICROSECONDS]
    assert instants.naive_rows == 0


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["2026-04-06"]),
        pd.Series(["2026-04-06 00:00:00"]),
        pd.Series(pd.to_datetime(["2026-04-06"])),
        pd.Series([dt.datetime(2026, 4, 6)], dtype=object),  # noqa: DTZ001
        pd.Series([dt.date(2026, 4, 6)], dtype=object),
    ],
)
def test_times_without_a_timezone_are_taken_as_utc_and_counted(column):
    instants = decode_instants(column)
    assert instants.microseconds.tolist() == [MICROSECONDS]
    assert instants.naive_rows == 1


def test_times_with_and_without_timezone_may_mix():
    instants = decode_instants(pd.Series([FIRST, "2026-04-06 00:00", FIRST, "2026-04-06"]))
    assert instants.microseconds.tolist() == [MICROSECONDS] * 4
    assert instants.naive_rows == 2


@pytest.mark.parametrize(
    "text",
    ["now", "today", "06/04/2026", "2026", "2026-13-01", "2026-04-06T25:00", "soon", "", None, "1775433600"],
)
def test_unreadable_time_is_refused_by_row(text):
    with pytest.raises(UsageError, match=r"^column 'timestamp', row 2: .* is not a time; write ISO 8601"):
        decode_instants(pd.Series([FIRST, text], dtype=object))


@pytest.mark.parametrize("text", ["1970-01-01T00:00:01Z", "0001-01-01", "2203-04-06", "9999-12-31"])
def test_time_that_is_far_off_is_refused_by_row(text):
    with pytest.raises(UsageError, match=r"^column 'timestamp', row 2: .*(outside|is not a time)"):
        decode_instants(pd.Series([FIRST, text]))


def test_numbers_are_not_guessed_to_be_times():
    with pytest.raises(UsageError, match=r"column 'timestamp' holds numbers.*unit='s'"):
        decode_instants(pd.Series([1_775_433_600]))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1.5, np.nan]),
        pd.Series([1.5, np.nan], dtype="float32"),
        pd.Series([1.5, pd.NA], dtype="Float64"),
        pd.Series(["1.5", "NaN"]),
        pd.Series(["1.5", None]),
        pd.Series([" 1.5 ", "n/a"], dtype=object),
        pd.Series([Decimal("1.5"), None], dtype=object),
    ],
)
def test_values_are_numbers_or_not_known(column):
    np.testing.assert_array_equal(decode_values(column), [1.5, np.nan])


@pytest.mark.parametrize("text", ["many", "1,5", "0x10", "1.5 cores"])
def test_value_that_is_no_number_is_refused_by_row(text):
    with pytest.raises(UsageError, match=rf"^column 'value', row 3: '{text}' is not a number"):
        decode_values(pd.Series(["1", "2", text, "x"]))


def test_a_comma_in_a_number_is_told_of():
    with pytest.raises(UsageError, match=r"'1,5' is not a number; write a point"):
        decode_values(pd.Series(["1,5"]))


def test_a_whole_number_beyond_all_floats_is_refused_by_row():
    with pytest.raises(UsageError, match=r"^column 'value', row 2: the number is beyond ±1.8e308"):
        decode_values(pd.Series([1, -(10**5000), None], dtype=object))


@pytest.mark.parametrize("column", [pd.Series([True]), pd.Series([1j]), pd.Series(pd.to_datetime([FIRST]))])
def test_values_of_another_kind_are_refused(column):
    with pytest.raises(UsageError, match=r"^column 'value' holds .*; wanted numbers"):
        decode_values(column)


def test_a_huge_value_at_fault_is_shown_cut_short():
    with pytest.raises(UsageError) as caught:
        decode_values(pd.Series(["x" * 10_000]))
    assert len(str(caught.value)) < 150
