"""What is written of events on the command line → events, and what of it changes nothing."""

from datetime import UTC, datetime

import pytest

from controller.cli.eventoptions import EventChoice
from forecasting.usage import from_table

CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
SUMMARY:day
DTSTART;VALUE=DATE:20260110
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def usage():
    import pandas as pd

    rows = [
        {"timestamp": x, "region": region, "group": "shop", "resource": "cpu", "value": 1.0}
        for region in ("eu", "us")
        for x in pd.date_range("2026-01-01", periods=48, freq="h", tz="UTC")
    ]
    return from_table(pd.DataFrame(rows))


def starts(events):
    return {x.region: datetime.fromtimestamp(x.start / 1e6, UTC).isoformat()[:16] for x in events.events}


def test_days_of_a_calendar_begin_by_the_zones_of_other_files_whatever_their_order(tmp_path, usage):
    (tmp_path / "team.ics").write_text(CALENDAR)
    (tmp_path / "events.yaml").write_text("zones: {eu: Europe/Berlin}")
    files = (tmp_path / "team.ics", tmp_path / "events.yaml")
    for given in (files, files[::-1]):
        found = EventChoice((), (), given, None).of(usage)
        assert starts(found) == {"eu": "2026-01-09T23:00", "us": "2026-01-10T00:00"}
    found = EventChoice((), (("*", "Europe/Berlin"),), files[:1], None).of(usage)
    assert starts(found) == {"*": "2026-01-09T23:00"}


def test_regions_and_groups_that_usage_does_not_have_are_told(tmp_path, usage):
    (tmp_path / "events.yaml").write_text("""events:
  - {name: a, start: 2026-01-10, zone: UTC, groups: [shop, eu/shop, absent]}
  - {name: b, start: 2026-01-11, zone: UTC, regions: [eu, mars], groups: [shop]}
  - {name: c, start: 2026-01-12, zone: UTC, regions: [us], groups: [eu/shop, us/other]}
""")
    said = []
    EventChoice((), (), (tmp_path / "events.yaml",), None).of(usage, said.append)
    assert said == [
        "the usage has no region mars: what is said of it changes nothing",
        "the usage has no group absent, us/other in the regions named: what is said of it has no effect",
    ]
