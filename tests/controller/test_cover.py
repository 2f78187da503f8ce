from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.cover import Window, cover


def cost_of(windows, nodes, held, level, review_cost):
    """Node-hours above each hour's own need, and the reviews."""
    alone = np.maximum(np.quantile(nodes, level, axis=0, method="inverted_cdf"), held)
    return sum(review_cost + np.maximum(w.floor - alone[w.start : w.stop], 0).sum() for w in windows)


def every_cover(hot, longest):
    """Every way to cut ascending hours into runs of at most `longest` hours, as (first, last) pairs."""
    if not hot:
        yield []
        return
    for n in range(1, len(hot) + 1):
        if hot[n - 1] - hot[0] < longest:
            for rest in every_cover(hot[n:], longest):
                yield [(hot[0], hot[n - 1] + 1), *rest]


def brute_force(nodes, held, hot, level, review_cost, longest):
    def priced(pairs):
        windows = []
        for start, stop in pairs:
            largest = nodes[:, start:stop].max(axis=1)
            windows.append(Window(start, stop, int(np.quantile(largest, level, method="inverted_cdf"))))
        return cost_of(windows, nodes, held, level, review_cost)

    return min(priced(pairs) for pairs in every_cover(list(hot), longest))


@given(
    nodes=st.lists(st.lists(st.integers(0, 12), min_size=7, max_size=7), min_size=1, max_size=6),
    held=st.integers(0, 4),
    marks=st.lists(st.booleans(), min_size=7, max_size=7),
    level=st.sampled_from([0.5, 0.8, 0.9, 0.99]),
    review_cost=st.sampled_from([0.0, 0.5, 2.0, 7.0, 40.0]),
    longest=st.integers(1, 7),
)
@settings(max_examples=300, deadline=None)
def test_the_programme_finds_what_trying_everything_finds(nodes, held, marks, level, review_cost, longest):
    nodes, held = np.array(nodes), np.full(7, held)
    hot = np.flatnonzero(marks)
    windows = cover(nodes, held, hot, level, review_cost, longest)
    assert cost_of(windows, nodes, held, level, review_cost) == pytest.approx(
        brute_force(nodes, held, hot, level, review_cost, longest)
    )
    covered = {t for w in windows for t in range(w.start, w.stop)}
    assert set(hot.tolist()) <= covered
    assert all(a.stop <= b.start for a, b in pairwise(windows))
    assert all(w.stop - w.start <= longest for w in windows)
    for w in windows:  # what is promised: the level of the window's largest need
        assert w.floor >= np.quantile(nodes[:, w.start : w.stop].max(axis=1), level, method="inverted_cdf")


@pytest.mark.parametrize(("review_cost", "expected"), [(1.0, 2), (6.0, 2), (8.0, 1)])
def test_a_gap_is_bridged_when_that_is_cheaper_than_another_review(review_cost, expected):
    # Hours 0, 1 need 5 nodes, hours 3, 4 too; bridging hour 2, which needs none, takes 5 node-hours.
    nodes = np.array([[5, 5, 0, 5, 5]] * 10)
    hot = np.array([0, 1, 3, 4])
    bridged = review_cost > 5
    windows = cover(nodes, np.zeros(5, int), hot, 0.9, review_cost, 48)
    assert len(windows) == (1 if bridged else 2) == (1 if review_cost > 5 else expected)


def test_a_peak_on_a_plateau_gets_its_own_window_when_nodes_are_dearer_than_reviews():
    nodes = np.array([[4] * 6 + [20] + [4] * 6] * 10)
    every = np.arange(13)
    assert cover(nodes, np.zeros(13, int), every, 0.9, 5.0, 48) == [
        Window(0, 6, 4), Window(6, 7, 20), Window(7, 13, 4)
    ]  # fmt: skip
    assert cover(nodes, np.zeros(13, int), every, 0.9, 500.0, 48) == [Window(0, 13, 20)]


def test_the_floor_is_of_the_windows_largest_need_and_not_of_its_hours():
    # Each draw peaks once, in another hour: no hour needs 9 at 80 %, the window does.
    nodes = np.where(np.eye(10, dtype=bool), 9, 1)
    (window,) = cover(nodes, np.zeros(10, int), np.arange(10), 0.8, 1000.0, 48)
    assert window == Window(0, 10, 9)


def test_nothing_hot_is_nothing_to_cover():
    assert cover(np.ones((3, 4), int), np.zeros(4, int), np.array([], int), 0.9, 1.0, 48) == []


def test_of_equal_covers_the_first_windows_are_longest():
    nodes = np.full((10, 13), 9)
    windows = cover(nodes, np.zeros(13, int), np.arange(13), 0.9, 1.0, 12)
    assert windows == [Window(0, 12, 9), Window(12, 13, 9)]
