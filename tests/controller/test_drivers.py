import json
from datetime import UTC, datetime, timedelta

import pytest

from controller.drivers import MOST, drivers

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=6)


def event(**changes):
    record = {
        "kind": "sale", "name": "spring", "start": "2026-04-01T10:00:00+00:00", "end": "2026-04-01T16:00:00+02:00",
        "regions": ["eu"], "groups": [""], "new": False, "factor": {"cpu": [1.4, 1.7, 2.1]},
    }  # fmt: skip
    return record | changes


def found(*records, groups=("eu/web",), resource="cpu"):
    return drivers(json.dumps(records), groups, resource, NOON, LATER)


def test_an_event_drives_what_it_touches():
    (driver,) = found(event())
    assert driver.words == "sale: spring (1.7 times the usual, 1.4 to 2.1)"
    assert driver.ends == datetime(2026, 4, 1, 14, tzinfo=UTC)
    (new,) = found(event(new=True, name="sale"))
    assert new.words == "sale (1.7 times the usual, 1.4 to 2.1, the first of its kind)"


@pytest.mark.parametrize(
    "changes",
    [
        {"end": "2026-04-01T12:00:00+00:00"},  # over when the window begins
        {"start": "2026-04-01T18:00:00+00:00", "end": "2026-04-02T00:00:00+00:00"},
        {"regions": ["us"]},
        {"groups": ["db", "us/web"]},
        {"factor": {"memory": [1, 2, 3]}},
        {"factor": {"cpu": [1, "x", 3]}},
        {"factor": {"cpu": [0, 1, 2]}},
        {"factor": {"cpu": [3, 2, 1]}},
        {"factor": {"cpu": [1, 2, float("inf")]}},
        {"factor": None},
        {"start": "2026-04-01T10:00:00"},
        {"start": 4},
        {"regions": "eu"},
        {"name": "\n"},
    ],
)
def test_what_does_not_touch_or_is_no_event_is_passed_over(changes):
    assert found(event(**changes)) == ()


@pytest.mark.parametrize(
    "told", [None, 3, "", "no JSON", "[" * 100_000, "{}", "[3]", '[{"name": "a"}]', "[" + "1," * 10**6]
)
def test_a_profile_from_anywhere_does_no_harm(told):
    assert drivers(told, ("eu/web",), "cpu", NOON, LATER) == ()


@pytest.mark.parametrize("limits", [{"regions": ["*"]}, {"groups": ["web"]}, {"groups": ["eu/web"]}])
def test_limits_that_hold(limits):
    assert len(found(event(**limits))) == 1


def test_the_strongest_come_first_and_names_are_one_line():
    many = [event(name=f"n{i}", factor={"cpu": [0.1, 1 + i / 10, 9]}) for i in range(MOST + 3)]
    down = event(name="a\u202eb\n`c`", factor={"cpu": [0.05, 0.1, 0.2]})
    names = [x.name for x in found(*many, down)]
    assert len(names) == MOST
    assert names[:2] == ["a b `c`", f"n{MOST + 2}"]
