"""Level shifts: the past is moved to a new level, however long ago it was found, and nothing else is."""

import numpy as np
import pytest
from demand import history, usage_of

from forecasting.forecast import forecast
from forecasting.history import history_of
from forecasting.past import past_of
from forecasting.shifts import rebased
from forecasting.transform import HIGHEST

HOURS = 1008


def days(groups, seed=1, hours=HOURS):
    """Demand ``(group, 1, time)`` with a day and a week, and 10 % noise."""
    rng = np.random.default_rng(seed)
    hour = np.arange(hours)
    shape = (1 + 0.5 * np.sin(2 * np.pi * hour / 24)) * np.where(hour % 168 < 120, 1.0, 0.7)
    return 10.0 * np.arange(1, groups + 1)[:, None, None] * shape * rng.normal(1, 0.1, (groups, 1, hours))


def looked_at(demand):
    """History of one region."""
    names = [f"a/g{number}" for number in range(len(demand))]
    usage = usage_of(demand).assign_coords(group=names, region=("group", ["a"] * len(demand)))
    past, _ = past_of(usage, None)
    return history_of(past, 24)


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("factor", [2.0, 10.0, 0.1])
@pytest.mark.parametrize("since", [24, 27, 36, 48, 72, 120, 160, 168])
def test_a_jump_is_found_for_a_week_and_the_past_moved_with_it(groups, factor, since):
    demand = days(groups)
    demand[0, 0, -since:] *= factor
    found, transform = looked_at(demand)
    assert found.shifted[0]
    assert not found.shifted[1:].any()
    assert found.began[0] == pytest.approx(HOURS - since, abs=6)
    assert found.level_since[0] == found.time[found.began[0] + 24]
    assert (found.level_since[1:] == found.time[0]).all()
    now, before = (
        transform.of_series(np.array([0])).demand_of(found.filled[part, :1]).mean()
        for part in (slice(-24, None), slice(-since - 168, -since))
    )
    assert before == pytest.approx(days(groups)[0, 0, -since - 168 : -since].mean() * factor, rel=0.1)
    assert now == pytest.approx(demand[0, 0, -24:].mean(), rel=1e-6)
    bound = transform.of_series(np.array([0])).demand_of(found.highest[:1])[0]
    at_the_new_level = days(groups)[0].max() * max(factor, 1.0)
    assert bound < 1.3 * HIGHEST * at_the_new_level
    seen = transform.of_series(np.array([0])).demand_of(found.filled[:, :1]).max()
    assert bound >= (1 - 1e-6) * HIGHEST * seen


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_what_comes_back_within_a_day_and_what_moves_all_is_no_shift(groups):
    burst = days(groups)
    burst[0, 0, -20:-5] *= 5.0
    assert not looked_at(burst)[0].shifted.any()
    calm = days(groups)
    assert not looked_at(calm)[0].shifted.any()
    if groups > 1:
        holiday = days(groups)
        holiday[:, :, -30:] *= 0.3
        assert not looked_at(holiday)[0].shifted.any()


def test_what_struck_all_before_hides_no_shift_of_one():
    demand = days(6)
    demand[:, :, 500:530] *= 0.1
    demand[0, 0, -30:] *= 2.0
    assert looked_at(demand)[0].shifted.tolist() == [True, *[False] * 5]


def test_one_that_stays_while_the_others_move_has_not_shifted():
    demand = days(6)
    demand[1:, :, -30:] *= 3.0
    assert not looked_at(demand)[0].shifted[0]


def test_a_series_that_was_as_far_out_before_has_not_shifted():
    demand = days(1)
    demand[0, 0, 400:500] *= 3.0
    demand[0, 0, -40:] *= 3.0
    assert not looked_at(demand)[0].shifted.any()


@pytest.mark.parametrize("since", [24, 48, 96])
def test_a_series_that_was_not_where_it_was_expected_is_found_to_move_on(since):
    demand = days(6)
    demand[0, 0, -HOURS // 4 :] *= 1.25
    demand[0, 0, -since:] *= 2.0
    found, transform = looked_at(demand)
    assert found.began[0] == pytest.approx(HOURS - since, abs=3)
    moved = transform.of_series(np.array([0])).demand_of(found.filled[:, :1])[: HOURS - since]
    assert moved.sum() == pytest.approx(2 * demand[0, 0, : HOURS - since].sum(), rel=0.1)


def test_hours_in_which_it_was_off_before_say_nothing_of_its_level():
    demand = days(1)
    demand[0, 0, -64:-52] = 0.0
    demand[0, 0, -40:] *= 3.0
    found, transform = looked_at(demand)
    assert found.began[0] == HOURS - 40
    moved = transform.of_series(np.array([0])).demand_of(found.filled[:, :1])[: HOURS - 64]
    assert moved.sum() == pytest.approx(3 * demand[0, 0, : HOURS - 64].sum(), rel=0.08)


@pytest.mark.parametrize("since", [26, 60, 150])
def test_what_falls_to_nothing_is_off_and_has_no_new_level(since):
    demand = days(6)
    demand[0, 0, -since:] = 0.0
    assert not looked_at(demand)[0].shifted.any()
    demand[0, 0, -since:] = days(6)[0, 0, -since:] * 0.05
    assert looked_at(demand)[0].shifted[0]


def two_resources(first, second, since=30):
    """Six groups of cpu and memory; those of the first one are multiplied by these, ``since`` hours ago."""
    demand = np.concatenate([days(6), days(6, seed=2)], axis=1)
    for group in range(6):  # how far out memory was ever: a day four times as high, of each group another one
        demand[group, 1, 400 + 48 * group : 424 + 48 * group] *= 4.0
    demand[0, 0, -since:] *= first
    demand[0, 1, -since:] *= second
    return demand


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (2.5, 2.5, [True, True]),
        (2.5, 1.6, [True, False]),  # out by a quarter of what it was ever
        (2.5, 0.4, [True, False]),
        (0.3, 0.3, [True, True]),
        (1.0, 2.5, [False, False]),
        (2.5, np.r_[np.full(18, 3.5), np.ones(12)][-30:], [True, False]),  # it has come back
        (0.3, 0.0, [True, False]),
    ],
)
def test_a_resource_goes_along_with_another_of_its_group(first, second, found):
    looked, _ = looked_at(two_resources(first, second))
    assert looked.shifted.reshape(6, 2)[0].tolist() == found
    assert not looked.shifted.reshape(6, 2)[1:].any()
    assert set(looked.began[looked.shifted]) <= {looked.began[0]}


def test_it_goes_along_with_no_shift_that_is_not_believed_and_not_with_its_block():
    demand = two_resources(8.0, 2.5)
    demand[0, 0, 300] *= 300.0
    assert not looked_at(demand)[0].shifted.any()
    demand = two_resources(2.5, 2.5)
    demand[1:, 1, -30:] *= 2.5
    assert looked_at(demand)[0].shifted.reshape(6, 2)[0].tolist() == [True, False]


def test_a_past_is_not_moved_to_where_demand_never_was_by_far():
    demand = days(1)
    demand[0, 0, -30:] *= 8.0
    assert looked_at(demand)[0].shifted.all()
    demand[0, 0, 500] *= 100.0  # one hour, which is no measure of days
    assert not looked_at(demand)[0].shifted.any()


@pytest.mark.parametrize("hours", [100, 215, 240, 400, 530])
def test_whatever_the_length_a_calm_past_is_left_alone(hours):
    whole = history(days(4, hours=hours))
    filled, began = rebased(whole.filled, np.arange(4), whole.block, whole.moves, whole.lowest)
    assert not began.any()
    np.testing.assert_array_equal(filled, whole.filled)


def test_a_short_history_knows_a_jump_by_its_days():
    demand = days(1, hours=300)
    demand[0, 0, -30:] *= 8.0
    assert looked_at(demand)[0].shifted[0]


@pytest.mark.slow
@pytest.mark.parametrize("since", [30, 72])
def test_the_forecast_stays_at_the_new_level(since):
    demand = days(6, hours=HOURS + 24)
    demand[0, 0, HOURS - since :] *= 10.0
    usage = usage_of(demand[:, :, :HOURS])
    draws = forecast(usage, 24, seed=1).draws.isel(group=0, resource=0).values
    came = demand[0, 0, HOURS:]
    assert np.median(draws, axis=0).mean() == pytest.approx(came.mean(), rel=0.15)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    assert ((came >= low) & (came <= high)).mean() > 0.7
    assert np.quantile(draws.max(axis=1), 0.98) < 1.6 * came.max()
