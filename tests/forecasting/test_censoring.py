from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from forecasting import dims
from forecasting.errors import ForecastingError, UsageError
from forecasting.repairs import notes
from forecasting.usage import before, digest, from_table

HOURS = 72


def table_of(**columns):
    times = pd.date_range("2026-04-06", periods=HOURS, freq="h", tz="UTC")
    labels = {"region": "eu", "group": "web", "resource": "cpu"}
    return pd.DataFrame({"timestamp": times, **labels, "value": 5.0, **columns})


def flagged(*hours):
    return np.isin(np.arange(HOURS), hours)


def test_without_marks_usage_is_what_it_was():
    plain = from_table(table_of())
    for table in (table_of(capacity=10.0), table_of(censored=False), table_of(capacity=np.nan, censored=None)):
        usage = from_table(table)
        assert dims.CENSORED not in usage
        assert usage.identical(plain)
        assert digest(usage) == digest(plain)


@pytest.mark.parametrize(
    ("capacity", "censored"),
    [(5.0, True), (5.1, True), (5.11, False), (4.0, True), (0.0, False), (-1.0, False), (np.inf, False)],
)
def test_usage_at_capacity_is_a_lower_bound(capacity, censored):
    usage = from_table(table_of(capacity=np.where(flagged(3), capacity, np.nan)))
    marked = usage[dims.CENSORED].values[0, 0].nonzero()[0].tolist() if dims.CENSORED in usage else []
    assert marked == ([3] if censored else [])


def test_a_flag_marks_an_hour_and_a_note_counts_them():
    usage = from_table(table_of(censored=flagged(3, 4)))
    dims.check_usage(usage, "from_table")
    assert usage[dims.CENSORED].values[0, 0].nonzero()[0].tolist() == [3, 4]
    assert notes(usage) == ["2 series-hours sat at capacity; they are lower bounds on demand"]
    assert (usage.demand == 5.0).all()


@pytest.mark.parametrize(
    "words", [("true", "false"), ("Yes", "no"), (1, 0), ("1", ""), (True, None), (1.0, np.nan)]
)
def test_flags_come_in_many_spellings(words):
    flags = pd.Series([words[0] if hour == 7 else words[1] for hour in range(HOURS)])
    assert from_table(table_of(censored=flags))[dims.CENSORED].values[0, 0].nonzero()[0].tolist() == [7]


def test_one_row_at_capacity_marks_its_hour_but_a_corrected_or_unknown_row_does_not():
    extra = table_of(censored=False).head(3)
    extra["timestamp"] += pd.Timedelta(minutes=30)
    extra["censored"] = [True, False, True]
    extra["value"] = [7.0, 7.0, np.nan]
    table = pd.concat([table_of(censored=flagged(1)), extra], ignore_index=True)
    table = pd.concat(
        [table, table_of(censored=False).iloc[1:2]], ignore_index=True
    )  # corrects the flag of hour 1
    usage = from_table(table)
    assert usage[dims.CENSORED].values[0, 0].nonzero()[0].tolist() == [0]
    assert usage.demand.values[0, 0, :3].tolist() == [6.0, 6.0, 5.0]


def test_the_digest_tells_marks_apart():
    digests = {digest(from_table(table_of(censored=flagged(*hours)))) for hours in ((), (1,), (2,), (1, 2))}
    assert len(digests) == 4


def test_what_is_over_keeps_its_marks_and_loses_those_of_later():
    usage = from_table(table_of(censored=flagged(50)))
    day = before(usage, datetime(2026, 4, 8, tzinfo=UTC))
    assert dims.CENSORED not in day
    assert digest(day) == digest(before(from_table(table_of()), datetime(2026, 4, 8, tzinfo=UTC)))
    later = before(usage, datetime(2026, 4, 8, 5, tzinfo=UTC))
    assert int(later[dims.CENSORED].sum()) == 1


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"censored": "maybe"}, r"column 'censored', row 1: 'maybe' is neither true nor false"),
        ({"capacity": "much"}, r"column 'capacity', row 1: 'much' is not a number"),
        ({"capacity": True}, r"column 'capacity' holds bool"),
    ],
)
def test_marks_that_cannot_be_read_are_refused(columns, said):
    with pytest.raises(UsageError, match=said):
        from_table(table_of(**columns))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x.astype(float), "censored is float64, wanted bool"),
        (lambda x: x.transpose("time", "group", "resource"), "censored has the dims"),
        (lambda x: x | True, "an hour that is not known is censored"),
    ],
)
def test_marks_that_do_not_fit_are_refused(change, said):
    usage = from_table(table_of(censored=flagged(5), value=np.where(flagged(9), np.nan, 5.0)))
    usage[dims.CENSORED] = change(usage[dims.CENSORED])
    with pytest.raises(ForecastingError, match=said):
        dims.check_usage(usage, "test")
