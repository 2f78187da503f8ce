"""Patterns of labels, quantities with units and freezes, against brute force and by hand."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.config import Freeze, Limits, Quota
from controller.config.fields import matches, overlap
from controller.config.quantity import STANDARD, UNITS, amount
from controller.lease import LONGEST

# All labels of up to six letters of two: patterns of three characters that share a label share one of these.
LABELS = ["".join(x) for n in range(7) for x in itertools.product("a/", repeat=n)]
PATTERNS = st.text(alphabet="a/*", max_size=3)


def by_hand(label: str, pattern: str) -> bool:
    if not pattern:
        return not label
    if pattern[0] == "*":
        return any(by_hand(label[i:], pattern[1:]) for i in range(len(label) + 1))
    return label[:1] == pattern[0] and by_hand(label[1:], pattern[1:])


@given(st.text(alphabet="a/.*\n", max_size=6), st.text(alphabet="a/.*\n", max_size=5))
def test_a_star_stands_for_any_text(label, pattern):
    assert matches(label, pattern) == by_hand(label, pattern)


@settings(deadline=None)
@given(PATTERNS, PATTERNS)
def test_patterns_overlap_where_some_label_matches_both(one, other):
    assert overlap(one, other) == any(matches(x, one) and matches(x, other) for x in LABELS)
    assert overlap(one, other) == overlap(other, one)


@given(st.sampled_from(sorted(UNITS)), st.floats(1e-3, 1e5), st.data())
def test_a_unit_is_a_factor(resource, number, data):
    unit = data.draw(st.sampled_from(sorted(UNITS[resource])))
    text = f"{number!r} {unit}"
    assert amount(resource, text) == pytest.approx(number * UNITS[resource][unit])
    assert amount(resource, f"{number!r}{STANDARD[resource]}") == number == amount(resource, number)


@pytest.mark.parametrize(
    ("resource", "value", "said"),
    [
        ("memory", "16 XB", "unknown unit 'XB'; known for memory are GiB"),
        ("memory", "16 cores", "unknown unit 'cores'"),
        ("gpu", "2 cards", "plain numbers only"),
        ("cpu", "many", "finite number above 0"),
        ("cpu", "-1", "finite number above 0"),
        ("cpu", 0, "finite number above 0"),
        ("cpu", float("inf"), "finite number above 0"),
        ("cpu", "1e999", "finite number above 0"),
        ("cpu", True, "write a number"),
        ("cpu", None, "write a number"),
        ("cpu", [4], "write a number"),
    ],
)
def test_what_is_no_amount_is_refused(resource, value, said):
    with pytest.raises(ValueError, match=said):
        amount(resource, value)


def test_plain_numbers_are_in_the_unit_of_the_usage():
    assert amount("gpu", 2) == 2 == amount("gpu", "2")


@pytest.mark.parametrize("hour", range(-3, 30))
def test_a_freeze_lasts_its_hours(hour):
    freeze = Freeze(cron="0 18 * * FRI", hours=12, timezone="Europe/Berlin")
    begins = datetime(2026, 11, 27, 18, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    expected = begins + timedelta(hours=12) if 0 <= hour < 12 else None
    assert freeze.until(begins + timedelta(hours=hour)) == expected


def test_freezes_that_follow_one_another_end_with_the_last():
    nightly = Freeze(cron="0 0,6 * * *", hours=7)  # from midnight to 7, and from 6 to 13
    day = datetime(2026, 11, 27, tzinfo=UTC)
    assert nightly.until(day + timedelta(hours=2)) == day + timedelta(hours=13)
    endless = Freeze(cron="* * * * *", hours=5).until(day)
    assert endless is not None
    assert endless >= day + LONGEST


def test_a_freeze_over_the_end_of_summer_time_lasts_its_hours():
    freeze = Freeze(cron="0 20 * * SAT", hours=12, timezone="Europe/Berlin")
    now = datetime(2026, 10, 25, 3, tzinfo=UTC)
    assert freeze.until(now) == datetime(2026, 10, 25, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"freezes": [{"cron": "every day", "hours": 3}]},
        {"freezes": [{"cron": "0 1 * * *", "hours": 3, "timezone": "Mars/Olympus"}]},
        {"freezes": [{"cron": "0 1 * * *", "hours": 0}]},
        {"freezes": [{"cron": "0 1 * * *", "hours": 1, "except_above": 1}]},
        {"quotas": [{"family": "m5", "nodes": -1}]},
        {"quotas": [{"family": "m5"}]},
        {"budget_per_day": -1},
        {"budget_per_day": float("nan")},
        {"step_up_percent": 0},
        {"open_proposals": 0},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        Limits.model_validate(wrong)


def test_a_quota_without_family_or_region_stands_for_all():
    assert Quota(nodes=1).covers("m5", None)
    assert Quota(family="m5", nodes=1).covers("m5", "eu")
    assert not Quota(family="m5", region="us", nodes=1).covers("m5", "eu")
    assert not Quota(family="m5", nodes=1).covers(None, "eu")
