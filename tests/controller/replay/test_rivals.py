"""What other policies plan, by hand, and that none but the oracle sees what is to come."""

import numpy as np
import pytest
from replays import delays_of_minutes, need_of_hours

from controller.replay import rivals
from controller.replay.need import WEEK

RNG = np.random.default_rng(5)
LONG = need_of_hours(
    RNG.gamma(2.0, 3.0, 3 * WEEK).tolist(), RNG.gamma(2.0, 3.0, 3 * WEEK).tolist(), first=2 * WEEK
)
SLOW = delays_of_minutes(LONG, review=90, ci=20, boot=10)


def test_static_peak_is_the_largest_need_before_the_replay():
    need = need_of_hours([3.0, np.nan, 7.0, 99.0], first=3)
    assert rivals.static_peak(need).nodes.ravel().tolist() == [7.0]


def test_the_schedule_is_the_same_hour_of_last_week_or_of_the_week_before():
    row = np.arange(3.0 * WEEK)
    row[2 * WEEK - 3] = np.nan
    plan = rivals.schedule(need_of_hours(row.tolist(), first=2 * WEEK)).nodes[0, 0]
    assert plan[2 * WEEK] == WEEK
    assert plan[3 * WEEK - 3] == WEEK - 3
    assert plan[3 * WEEK - 4] == 2 * WEEK - 4


def test_a_quantile_by_weight():
    values = np.array([1.0, 2.0, 3.0, np.nan])
    assert rivals.weighted_quantile(values, np.ones(4), 0.5) == 2.0
    assert rivals.weighted_quantile(values, np.array([1.0, 1.0, 18.0, 1.0]), 0.1) == 2.0
    assert rivals.weighted_quantile(values, np.array([1.0, 1.0, 18.0, 1.0]), 0.11) == 3.0
    assert rivals.weighted_quantile(np.full(3, np.nan), np.ones(3), 0.5) == 0.0


def test_the_histogram_forgets_by_half_in_a_day():
    # A day of ones after a day of tens, which weigh a third: the 60th percentile is a one, the 90th a ten.
    past = np.array([10.0] * 24 + [1.0] * 24)
    weights = 0.5 ** (np.arange(48, 0, -1) / 24)
    assert rivals.weighted_quantile(past, weights, 0.6) == 1.0
    assert rivals.weighted_quantile(past, weights, 0.9) == 10.0


def test_a_fortnight_that_repeats_is_forecast_as_it_is():
    week = RNG.gamma(2.0, 3.0, 24)
    need = need_of_hours(np.tile(week, 21).tolist(), first=2 * WEEK)
    made = rivals.aws_style(need)
    assert made.hours[:2].tolist() == [2 * WEEK, 2 * WEEK + 6]
    assert made.nodes[0, 0] == pytest.approx(np.tile(week, 2))
    assert made.nodes[1, 0, :6] == pytest.approx(week[6:12])


def test_a_forecast_follows_the_level_of_the_last_day():
    week = np.tile(RNG.gamma(2.0, 3.0, 24), 14)
    week[-24:] *= 2
    need = need_of_hours([*week, *week[:WEEK]], first=2 * WEEK)
    flat = need_of_hours([*np.tile(week[:24], 14), *week[:WEEK]], first=2 * WEEK)
    ratio = rivals.aws_style(need).nodes[0, 0, 0] / rivals.aws_style(flat).nodes[0, 0, 0]
    assert 1.5 < ratio < 2.2


def test_what_is_decided_takes_over_when_its_way_is_over():
    need = need_of_hours([0.0] * 12, first=0)
    delays = delays_of_minutes(need, review=90, ci=20, boot=10)
    made = rivals.Decisions(np.array([0, 6]), np.array([[[1.0, 2.0, 3.0]], [[10.0, 20.0, 30.0]]]))
    plan = rivals.in_effect(made, need, delays)[0]
    # 6:00 and two hours: until 8:00 the decision of midnight holds, whose last value goes on.
    assert plan[::12].tolist() == [1, 2, 3, 3, 3, 3, 3, 3, 30, 30, 30, 30]
    assert plan[8 * 12 - 1] == 3


def test_a_decision_that_was_overtaken_says_nothing_any_more():
    need = need_of_hours([0.0] * 6, first=0)
    delays = delays_of_minutes(need)
    delays.review[0, 1] = 240.0
    made = rivals.Decisions(np.array([0, 1, 2]), np.array([[[1.0]], [[2.0]], [[3.0]]]))
    assert rivals.in_effect(made, need, delays)[0][::12].tolist() == [1, 1, 3, 3, 3, 3]


@pytest.mark.parametrize("policy", ["static_peak", "schedule", "percentile", "aws_style"])
def test_nobody_sees_what_is_to_come(policy):
    def plan(need):
        made = rivals.percentile(need, 6) if policy == "percentile" else getattr(rivals, policy)(need)
        return rivals.in_effect(made, need, SLOW)

    moment = 2 * WEEK + 30
    other = LONG.nodes.copy()
    other[:, moment:] = RNG.gamma(2.0, 9.0, other[:, moment:].shape)
    changed = need_of_hours(*other.tolist(), first=2 * WEEK)
    same = (plan(LONG) == plan(changed))[:, : 30 * 12]
    assert same.all()


def test_the_oracle_sees_everything_at_once():
    plan = rivals.in_effect(rivals.oracle(LONG), LONG, SLOW)
    assert (plan[:, ::12] == LONG.nodes[:, LONG.first :]).all()


def test_refreshes_are_counted_where_whole_nodes_differ():
    need = need_of_hours([0.0] * 24, first=0)
    made = rivals.Decisions(np.array([0, 6, 12]), np.array([[[1.0]], [[1.9]], [[2.1]]]))
    assert rivals.refreshes(made, np.array([1.0, 0.1, 2.0]), need).tolist() == [2.0, 0.0, 2.0]
    assert rivals.refreshes(rivals.static_peak(LONG), np.array([1.0]), LONG).tolist() == [0.0]
    assert rivals.refreshes(rivals.schedule(LONG), np.array([1.0]), LONG).tolist() == [2.0]
