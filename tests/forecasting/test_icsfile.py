from datetime import UTC, datetime

import pytest

from forecasting.errors import ForecastingError
from forecasting.icsfile import parse

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def calendar(*entries, head=""):
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", *head.splitlines()]
    for number, entry in enumerate(entries):
        lines += ["BEGIN:VEVENT", f"UID:{number}", "DTSTAMP:20260101T000000Z", *entry.splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def read(*entries, zone="UTC", head="", **zones):
    return [
        (x.kind, x.name, x.region, x.group, *(datetime.fromtimestamp(y / 1e6, UTC) for y in (x.start, x.end)))
        for x in parse(calendar(*entries, head=head), "team.ics", FIRST, LAST, {"*": zone, **zones})
    ]


def utc(month, day, hour=0, minute=0):
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_recurring_events_keep_their_local_time_and_leave_out_exceptions():
    found = read(
        "SUMMARY:Final\\, live\nCATEGORIES:Sports,TV\nDTSTART;TZID=Europe/Berlin:20260316T180000\nDURATION:PT2H\n"
        "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/Berlin:20260323T180000"
    )
    assert [x[:4] for x in found] == [("sports", "Final, live", "*", "")] * 3
    assert [x[4:] for x in found] == [
        (utc(3, 16, 17), utc(3, 16, 19)),
        (utc(3, 30, 16), utc(3, 30, 18)),  # summer time
        (utc(4, 6, 16), utc(4, 6, 18)),
    ]


def test_days_and_times_without_a_zone_are_those_of_the_zone_given():
    found = read(
        "SUMMARY:day\nDTSTART;VALUE=DATE:20260110",
        "SUMMARY:days\nDTSTART;VALUE=DATE:20260112\nDTEND;VALUE=DATE:20260114",
        "SUMMARY:instant\nDTSTART:20260120T100000",
        zone="Europe/Berlin",
    )
    assert {x[1]: x[4:] for x in found} == {
        "day": (utc(1, 9, 23), utc(1, 10, 23)),
        "days": (utc(1, 11, 23), utc(1, 13, 23)),
        "instant": (utc(1, 20, 9), utc(1, 20, 10)),  # no end: an hour
    }


def test_a_day_begins_in_each_region_by_its_own_zone():
    days = (
        "SUMMARY:here\nDTSTART;VALUE=DATE:20260110\nX-HEADROOM-REGIONS:eu\nRRULE:FREQ=WEEKLY;COUNT=2",
        "SUMMARY:all\nDTSTART;VALUE=DATE:20260112",
        "SUMMARY:instant\nDTSTART:20260120T100000Z",
    )
    found = read(*days, zone="UTC", eu="Europe/Berlin", us="America/New_York")
    assert sorted((x[1], x[2], x[4]) for x in found) == [
        ("all", "eu", utc(1, 11, 23)),
        ("all", "us", utc(1, 12, 5)),
        ("here", "eu", utc(1, 9, 23)),
        ("here", "eu", utc(1, 16, 23)),
        ("instant", "*", utc(1, 20, 10)),
    ]
    assert [x[2] for x in read(days[1], zone="Europe/Berlin", eu="Europe/Berlin")] == ["*"]


def test_regions_and_groups_are_named_by_properties_and_cancelled_ones_are_left_out():
    found = read(
        "SUMMARY:launch\nDTSTART:20260110T100000Z\nDTEND:20260110T120000Z\nX-HEADROOM-REGIONS:eu,us\n"
        "X-HEADROOM-GROUPS:web",
        "SUMMARY:off\nDTSTART:20260110T100000Z\nDTEND:20260110T120000Z\nSTATUS:CANCELLED",
    )
    assert [x[:4] for x in found] == [("launch", "launch", "eu", "web"), ("launch", "launch", "us", "web")]


def test_repetitions_without_an_end_stop_where_nobody_looks():
    found = read("SUMMARY:daily\nDTSTART:20200101T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY")
    assert len(found) == 151


def test_names_are_one_harmless_line():
    (found,) = read("SUMMARY:a\\nb\u202e\x07" + "x" * 200 + "\nDTSTART:20260110T100000Z\nDTEND:20260110T110000Z")
    assert found[1].startswith("a b x")
    assert len(found[1]) == 80


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=HOURLY", "FREQ=DAILY;BYMINUTE=1,2,3"])
def test_calendars_that_would_take_for_ever_are_refused(rule):
    with pytest.raises(ForecastingError, match=r"team.ics: entry 'tick': repeats by the hour, minute or second"):
        read(f"SUMMARY:tick\nDTSTART:20260110T100000Z\nDURATION:PT1M\nRRULE:{rule}")


@pytest.mark.parametrize(
    "rule",
    [
        "DAILY;BYMONTH=2;BYMONTHDAY=30", "YEARLY;BYMONTH=2;BYMONTHDAY=30", "MONTHLY;BYDAY=9MO",
        "YEARLY;BYWEEKNO=54", "MONTHLY;INTERVAL=12;BYMONTHDAY=31", "MONTHLY;BYDAY=MO;BYSETPOS=9",
        "DAILY;INTERVAL=0", "YEARLY;BYYEARDAY=366",
    ],
)  # fmt: skip
def test_rules_that_may_never_apply_are_refused(rule):
    with pytest.raises(ForecastingError, match="entry 'never': repeats in too special a way; write"):
        read(f"SUMMARY:never\nDTSTART:20260201T100000Z\nRRULE:FREQ={rule}")


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("MONTHLY;BYMONTHDAY=31", [(1, 31), (3, 31), (5, 31)]),
        ("MONTHLY;BYDAY=-1FR;COUNT=3", [(1, 30), (2, 27), (3, 27)]),
        ("MONTHLY;BYDAY=MO,TU;BYSETPOS=1;UNTIL=20260301T000000Z", [(1, 5), (2, 2)]),
        ("YEARLY;BYMONTH=5;BYDAY=2SU", [(5, 10)]),
        ("WEEKLY;INTERVAL=8;BYDAY=TH", [(1, 1), (2, 26), (4, 23)]),
    ],
)
def test_usual_rules_are_read(rule, days):
    found = read(f"SUMMARY:usual\nDTSTART:20260101T100000Z\nRRULE:FREQ={rule}")
    dates = [(x[4].month, x[4].day) for x in found]
    assert [x for x in dates if x != (1, 1) or x in days] == days


def test_repetitions_that_go_back_too_far_are_refused():
    with pytest.raises(ForecastingError, match="repeats too often for too long"):
        read(*["SUMMARY:old\nDTSTART:19710101T100000Z\nRRULE:FREQ=DAILY"] * 20)


def test_whole_days_repeat_until_nobody_looks():
    found = read("SUMMARY:fair\nDTSTART;VALUE=DATE:20250101\nRRULE:FREQ=MONTHLY")
    assert [x[4].month for x in found] == [1, 2, 3, 4, 5]


def test_too_many_are_refused():
    hours = ",".join(map(str, range(24)))
    entry = f"SUMMARY:x{{}}\nDTSTART:20260101T000000Z\nDURATION:PT1M\nRRULE:FREQ=DAILY;BYHOUR={hours}"
    with pytest.raises(ForecastingError, match="over 20,000 events"):
        read(*(entry.format(i) for i in range(30)))
    with pytest.raises(ForecastingError, match="5,001 entries; at most 5,000"):
        read(*["SUMMARY:a\nDTSTART:20260101T000000Z"] * 5001)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not an iCalendar file"),
        ("hello", "not an iCalendar file"),
        (calendar("SUMMARY:a\nDTSTART:20260110T100000Z\nDTEND:20260109T100000Z"), "'a': from .* no time; mend"),
        (calendar("SUMMARY:a\nDTSTART:19000110T100000Z"), "entry 'a': from .* is no time"),
        (calendar("SUMMARY:a"), "entry 'a': "),
        (calendar("SUMMARY:a\nDTSTART:20260110T100000Z\nDTEND:20260110T110000Z\nX-HEADROOM-REGIONS:a/b"),
         "X-HEADROOM-REGIONS: 'a/b' holds a '/'"),
        ("x" * 2_000_001, "at most 2,000,000"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(text, said):
    with pytest.raises(ForecastingError, match=said):
        parse(text, "team.ics", FIRST, LAST)


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(ForecastingError, match="entry 'x': 'Nowhere/Land' is no time zone"):
        read("SUMMARY:x\nDTSTART;TZID=Nowhere/Land:20260110T100000")
