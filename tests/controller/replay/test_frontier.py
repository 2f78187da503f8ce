"""The front of cost and shortfall, and what is read off it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.replay.frontier import cost_at, front, share_of_saving

POINTS = st.lists(st.tuples(st.floats(0, 1), st.floats(1, 100)), min_size=1, max_size=12)


def test_between_two_settings_the_cost_is_a_line_over_the_logarithm():
    shares, costs = np.array([0.01, 0.0001]), np.array([100.0, 200.0])
    assert cost_at(0.001, shares, costs) == pytest.approx(150.0)


def test_a_setting_that_is_worse_in_both_is_passed_over():
    shares, costs = np.array([0.01, 0.0001, 0.001]), np.array([100.0, 200.0, 900.0])
    assert front(shares, costs).tolist() == [1, 0]
    assert cost_at(0.001, shares, costs) == pytest.approx(150.0)


def test_a_level_that_no_setting_keeps_is_not_reached():
    assert cost_at(0.001, np.array([0.02, 0.01]), np.array([10.0, 20.0])) is None


def test_a_policy_that_is_never_so_much_short_costs_what_its_cheapest_setting_does():
    assert cost_at(0.01, np.array([0.0, 0.0001]), np.array([30.0, 20.0])) == 20.0


def test_no_shortfall_at_all_counts_as_the_least_that_is_told():
    cost = cost_at(0.001, np.array([0.0, 0.1]), np.array([200.0, 100.0]))
    assert cost == pytest.approx(150.0)  # half way between 0.00001 and 0.1


@given(POINTS, st.floats(1e-4, 0.5))
def test_less_shortfall_never_costs_less(points, level):
    shares, costs = (np.array(x) for x in zip(*points, strict=True))
    tight, loose = cost_at(level, shares, costs), cost_at(level * 2, shares, costs)
    if tight is not None:
        assert loose is not None
        assert loose <= tight + 1e-9
        assert costs.min() - 1e-9 <= tight <= costs.max() + 1e-9


@given(POINTS)
def test_nothing_beats_the_front(points):
    shares, costs = (np.array(x) for x in zip(*points, strict=True))
    kept = front(shares, costs)
    for place in range(len(points)):
        better = (shares[kept] <= shares[place]) & (costs[kept] <= costs[place])
        assert better.any()


def test_share_of_saving_needs_all_three_and_something_to_save():
    assert share_of_saving(200.0, 100.0, 100.0) == 1.0
    assert share_of_saving(200.0, 250.0, 100.0) == -0.5
    assert share_of_saving(None, 100.0, 50.0) is None
    assert share_of_saving(200.0, None, 50.0) is None
    assert share_of_saving(100.0, 100.0, 100.0) is None
