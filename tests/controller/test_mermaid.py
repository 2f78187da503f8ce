"""The course of a need and its chart."""

import re
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import HOUR, NOW, config_of, profile_of, surge

from controller.decide import decide
from controller.mermaid import LEGEND, chart
from controller.need import Need
from controller.plan import Point


def need_of(hours: int, held: int = 3) -> Need:
    nodes = np.arange(10)[:, None, None] + np.arange(hours)
    times = tuple(NOW + i * HOUR for i in range(hours))
    return Need(("eu/a",), ("cpu",), nodes, times, np.full(hours, held))


def test_a_course_has_every_hour_of_a_short_window_and_some_around_it():
    course = need_of(48).course(slice(10, 20))
    assert [x.time for x in course] == [NOW + i * HOUR for i in range(4, 26)]
    assert course[0] == Point(NOW + 4 * HOUR, lower=4, median=8, upper=12, held=3)
    assert need_of(12).course(slice(2, 12))[-1].time == NOW + 11 * HOUR


@given(st.integers(1, 400), st.integers(0, 399))
def test_a_course_is_never_long_and_keeps_the_worst(hours, start):
    need = need_of(400)
    window = slice(start, min(400, start + hours))
    course = need.course(window)
    first, last = max(0, start - 6), min(400, window.stop + 6)
    assert 1 <= len(course) <= 72
    assert course[0].time == NOW + first * HOUR
    assert max(x.upper for x in course) == np.sort(need.nodes[:, last - 1])[8]


def test_a_chart_shows_the_proposal_in_its_window_only():
    course = need_of(48).course(slice(10, 20))
    text = chart(course, NOW + 10 * HOUR, NOW + 20 * HOUR, 25)
    (asked,) = re.findall(r'line "as proposed" \[(.*)\]', text)
    assert asked.split(", ") == ["3"] * 6 + ["25"] * 10 + ["3"] * 6
    assert 'x-axis "hours after Tue 24 Nov 22:00 UTC" -6 --> 15' in text
    assert len(re.findall(r"#[0-9a-f]{6}", text)) == text.count("  line ")
    assert all(x in LEGEND for x in ("median", "80 %", "held", "proposed"))


@pytest.mark.parametrize("points", [0, 1])
def test_too_short_a_course_has_no_chart(points):
    course = [Point(NOW, 1, 2, 3, 1)] * points
    assert chart(course, NOW, NOW + timedelta(hours=1), 4) == ""


def test_large_counts_and_nothing_needed_have_an_axis():
    large = [Point(NOW + i * HOUR, 0, 50_000, 100_000, 10) for i in range(3)]
    assert '"nodes" 0 --> 105000' in chart(large, NOW, NOW + HOUR, 4)
    none = [Point(NOW + i * HOUR, 0, 0, 0, 0) for i in range(3)]
    assert '"nodes" 0 --> 1' in chart(none, NOW, NOW + HOUR, 0)


def test_evidence_carries_the_course_of_its_window():
    plan = decide(profile_of({"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}), (), config_of(), NOW)
    (change,) = plan.changes
    inside = [x for x in change.evidence.course if change.lease.starts <= x.time < change.lease.ends]
    assert len(inside) == 5
    assert max(x.median for x in inside) == change.evidence.median
    assert {x.held for x in inside} == {change.evidence.held}
