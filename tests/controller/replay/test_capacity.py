"""The reactive loop in steps of five minutes, by hand and by its laws."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from replays import delays_of_minutes, need_of_hours

from controller.replay.capacity import STEPS_PER_HOUR, desired, running, stabilised

HOURLY = st.lists(st.floats(0, 20), min_size=2, max_size=6)


def test_a_rise_is_seen_after_five_minutes_and_takes_load_after_its_boot():
    need = need_of_hours([2.0, 2.0, 4.5], first=1)
    up = running(None, desired(need, np.array([0.0])), need, delays_of_minutes(need, boot=10))[0, 0]
    # The hour of 4.5 starts at step 12; the metric shows it at 13, and 10 minutes later there are 5 nodes.
    assert up.tolist() == [2] * 15 + [5] * 9


def test_a_fall_waits_for_the_cool_down_and_is_then_immediate():
    need = need_of_hours([4.0, 4.0, 1.0], first=1)
    up = running(None, desired(need, np.array([0.0])), need, delays_of_minutes(need, boot=10))[0, 0]
    assert up.tolist() == [4] * (12 + 1 + 3) + [1] * (12 - 4)


def test_the_margin_scales_the_ask():
    need = need_of_hours([2.0, 2.0], first=1)
    assert desired(need, np.array([0.0, 0.1, 1.0]))[:, 0, 0].tolist() == [2, 3, 4]


def test_a_node_that_runs_for_the_plan_needs_no_boot_when_the_loop_keeps_it():
    need = need_of_hours([3.0, 3.0, 3.0], first=1)
    floors = np.array([[[5] * 12 + [0] * 12]])
    asked = desired(need, np.array([0.0]))
    up = running(floors, asked, need, delays_of_minutes(need, boot=30))[0, 0]
    assert up.tolist() == [5] * 12 + [3] * 12


def test_a_node_that_is_let_go_while_it_boots_has_booted_for_nothing():
    need = need_of_hours([1.0, 1.0, 1.0], first=1)
    asked = np.array([[[1] * 4 + [3] + [1] * 5 + [3] * 14]])
    up = running(None, asked, need, delays_of_minutes(need, boot=25))[0, 0]
    # Asked for at step 4 and, by the cool-down, until 7; asked for again at 10, up at 15.
    assert up.tolist() == [1] * 15 + [3] * 9


def test_base_and_max_bound_everything():
    need = need_of_hours([9.0, 9.0, 0.0], first=1, base=2, most=5)
    asked = desired(need, np.array([0.0]))
    up = running(np.full((1, 1, 24), 50), asked, need, delays_of_minutes(need))
    assert up.max() == 5
    low = running(None, asked, need, delays_of_minutes(need))[0, 0]
    assert low[0] == 5
    assert low[-1] == 2
    assert running(np.zeros((1, 1, 24), dtype=int), None, need, delays_of_minutes(need)).tolist() == [[[2] * 24]]


@given(hours=HOURLY, boot=st.integers(0, 60), floor=st.integers(0, 25))
@settings(max_examples=60, deadline=None)
def test_capacity_lies_between_what_is_planned_and_what_is_wanted(hours, boot, floor):
    need = need_of_hours([0.0, *hours], first=1)
    asked = desired(need, np.array([0.0, 0.3]))
    floors = np.full((1, 1, asked.shape[-1]), floor)
    delays = delays_of_minutes(need, boot=boot)
    up = running(floors, asked, need, delays)
    assert (up >= floor).all()
    assert (up <= np.maximum(stabilised(asked), floor)).all()
    assert (up >= running(None, asked, need, delays)).all()  # a plan never takes anything away
    assert (up[1] >= up[0]).all()  # nor does a larger margin


@given(hours=HOURLY, boot=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_a_slower_boot_never_has_more_running(hours, boot):
    need = need_of_hours([0.0, *hours], first=1)
    asked = desired(need, np.array([0.0]))
    fast, slow = (running(None, asked, need, delays_of_minutes(need, boot=x)) for x in (boot, boot + 7))
    assert (slow <= fast).all()


@given(asked=st.lists(st.integers(0, 9), min_size=5, max_size=30))
@settings(max_examples=60, deadline=None)
def test_holding_never_falls_below_the_ask(asked):
    values = np.array([[asked]])
    assert (stabilised(values) >= values).all()
    assert stabilised(values).max() == values.max()


def test_with_no_boot_and_no_margin_only_the_first_five_minutes_of_a_rise_are_short():
    need = need_of_hours([1.0, 1.0, 3.0, 7.0, 2.0], first=1)
    up = running(None, desired(need, np.array([0.0])), need, delays_of_minutes(need))[0, 0]
    wanted = np.repeat(need.nodes[0, 1:], STEPS_PER_HOUR)
    assert np.flatnonzero(up < wanted).tolist() == [12, 24]
