import math
from datetime import UTC, datetime

import pytest

from forecasting.errors import ForecastingError
from forecasting.eventfile import MOST_CHARACTERS, parse


def refused(text, said):
    with pytest.raises(ForecastingError, match=said):
        parse(text, "events.yaml")


def at(text):
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


WHOLE = """
holidays: {eu: DE-BY}
zones: {eu: Europe/Berlin}
events:
  - name: Black Friday
    kind: sale
    start: 2026-11-27T00:00:00+01:00
    end: 2026-11-28
    zone: Europe/Berlin
    regions: [eu, us]
    expected: {factor: 1.7, from: 1.4, to: 2.1}
  - {name: v2, start: 2026-05-04, zone: UTC, groups: [web, eu/api]}
"""


def test_a_file_is_read_whole():
    found = parse(WHOLE, "events.yaml")
    assert (found.holidays, found.zones) == ({"eu": "DE-BY"}, {"eu": "Europe/Berlin"})
    rows = [(x.name, x.kind, x.region, x.group, x.start, x.end) for x in found.events]
    friday = at("2026-11-27T00:00+01:00"), at("2026-11-28T00:00+01:00")
    day = at("2026-05-04T00:00Z"), at("2026-05-05T00:00Z")
    assert rows == [
        ("v2", "v2", "*", "eu/api", *day),
        ("v2", "v2", "*", "web", *day),
        ("Black Friday", "sale", "eu", "", *friday),
        ("Black Friday", "sale", "us", "", *friday),
    ]
    mean, sd = found.events[-1].expected
    assert mean == pytest.approx(math.log(1.7))
    assert math.exp(2 * 1.2816 * sd) == pytest.approx(2.1 / 1.4)
    assert found.events[0].expected == ()


def test_a_day_on_which_clocks_change_is_one_day():
    (found,) = parse("events: [{name: a, start: 2026-10-25, zone: Europe/Berlin}]", "events.yaml").events
    assert (found.end - found.start) / 3.6e9 == 25


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "{name: a, start: 2026-05-04}",
            r"events.yaml:2: events\[0\] \('a'\): the start, 2026-05-04, has no offset",
        ),
        ("{name: a, start: 2026-05-04T08:00Z}", "the end is missing; only a day"),
        ("{name: a, start: soon, end: later}", "'soon', is no time; write"),
        ("{name: a, start: 2026-05-05, end: 2026-05-05, zone: UTC}", "does not come after the start"),
        ("{name: a, start: 1970-05-05, zone: UTC}", "outside of 1971 to 2200"),
        ("{name: a, start: 2026-05-05, zone: Mars/Base}", "'Mars/Base' is no time zone"),
        ("{name: '', start: 2026-05-05, zone: UTC}", r"events\[0\]\.name: is empty"),
        (
            r'{name: "a\x1b[31m", start: 2026-05-05, zone: UTC}',
            r"events\[0\]\.name \('a\\x1b\[31m'\): holds a control",
        ),
        ("{start: 2026-05-05, zone: UTC}", r"events\[0\]\.name: is missing"),
        (
            "{name: a, start: 2026-05-05, zone: UTC, regions: [a/b]}",
            r"events\[0\]\.regions\[0\] \('a'\): a region has no '/'",
        ),
        ("{name: a, start: 2026-05-05, zone: UTC, regions: []}", "is an empty list"),
        (
            "{name: a, start: 2026-05-05, zone: UTC, until: b}",
            r"until \('a'\): unknown key; allowed here: name, kind, start",
        ),
        (
            "{name: a, start: 2026-05-05, zone: UTC, expected: {factor: 0}}",
            r"expected\.factor \('a'\): .*greater than 0",
        ),
        ("{name: a, start: 2026-05-05, zone: UTC, expected: {factor: nan}}", r"expected\.factor"),
        ("{name: a, start: 2026-05-05, zone: UTC, expected: {factor: 2, from: 3, to: 4}}", "from < factor < to"),
        ("{name: a, start: 2026-05-05, zone: UTC, expected: {factor: 2, from: 1}}", "or neither"),
        (
            "{name: a, start: 2026-05-05, zone: UTC, expected: {factor: 2, sd: 1}}",
            "allowed here: factor, from, to",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(entry, said):
    refused(f"events:\n  - {entry}\n", said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty, or not a mapping"),
        ("- a", "not a mapping; it starts with: events:"),
        ("zones: {}\nevents: [}", r":2: not YAML: [^\n]+$"),
        ("event: []", "event: unknown key; allowed here: events, holidays, zones"),
        ("events: [{name: &a b, start: *a}]", "aliases .* are not read"),
        ("a" * (MOST_CHARACTERS + 1), "at most 2,000,000 are read"),
        ("[" * 5000, "not YAML|aliases"),
        ("events: !!python/object/apply:os.system [id]", "must be a mapping"),
    ],
)
def test_hostile_files_are_refused(text, said):
    refused(text, said)


def test_many_regions_times_groups_are_too_many():
    names = ", ".join(f"n{i}" for i in range(200))
    refused(
        f"events: [{{name: a, start: 2026-05-05, zone: UTC, regions: [{names}], groups: [{names}]}}]", "40,000"
    )


def test_instants_are_those_written():
    (found,) = parse("events: [{name: a, start: 2026-05-04T08:30+02:00, end: 2026-05-04T09:00Z}]", "e").events
    assert datetime.fromtimestamp(found.start / 1e6, UTC) == datetime(2026, 5, 4, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("events: 5", "events.yaml:1: events: must be a list$"),
        ("events: []\nevents: []", "events.yaml:2: 'events' stands here a second time$"),
        ("zones: [1]", "events.yaml:1: zones: must be a mapping$"),
        (
            "events:\n- {name: a, start: 2026-01-01, zone: UTC}\n- {name: b, kind: [], start: 2026-01-01}",
            r"events.yaml:3: events\[1\]\.kind \('b'\): must be text$",
        ),
        ("events: [x]", r"events.yaml:1: events\[0\]: must be a mapping$"),
        ("events: [{start: 2026-01-01, zone: UTC}]", r"events.yaml:1: events\[0\].name: is missing$"),
    ],
)
def test_what_has_the_wrong_form_is_told_in_words_of_yaml(text, said):
    with pytest.raises(ForecastingError, match=said):
        parse(text, "events.yaml")
