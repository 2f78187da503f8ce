"""Newcomers: a few days are placed on the scale of their block, and lent a past by those who were like them."""

import numpy as np
import pytest

from forecasting.newcomers import LEAST_LENDERS, WHOLE_HOURS, lent, newcomers, placed
from forecasting.transform import standardise

HOURS = 6 * 168
TIME = np.arange(HOURS)
WEEKEND = TIME % 168 >= 120


def busy():
    """Demand of a shape with calm nights and calmer weekends; the start is a Monday."""
    return (10 + 6 * np.sin(2 * np.pi * (TIME - 8) / 24)) * np.where(WEEKEND, 0.3, 1.0)


def block(groups=8, level=3.0, then=None):
    """Demand ``(group, 1, time)`` of a block; the last group is ``level`` times the first, known in part."""
    noise = np.random.default_rng(1).normal(1, 0.05, (groups, HOURS))
    demand = busy() * noise * np.linspace(0.5, 2, groups)[:, None]
    demand[-1] = level * demand[0]
    if then is not None:
        demand[-1, ~then] = np.nan
    return demand[:, None]


def scale_of(demand):
    """Centre, spread and peak of the root of demand of the last group, in the root of the unit."""
    _, found = standardise(demand, np.zeros(len(demand), dtype=np.intp))
    peak = found.centre + found.spread * found.highest
    return np.array([part[-1, 0] * np.sqrt(found.mean[-1, 0]) for part in (found.centre, found.spread, peak)])


PARTS = {
    "weekend": (TIME >= HOURS - 48) & WEEKEND,
    "nights": (TIME >= HOURS - 168) & ((TIME % 24 < 6) | (TIME % 24 >= 22)) & ~WEEKEND,
    "days": (TIME >= HOURS - 168) & (TIME % 24 >= 10) & (TIME % 24 < 20) & ~WEEKEND,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("level", [0.1, 3.0, 40.0])
def test_a_newcomer_known_in_part_is_placed_on_the_scale_of_its_block(part, level):
    then = PARTS[part]
    whole, found = scale_of(block(level=level)), scale_of(block(level=level, then=then))
    known = np.sqrt(block(level=level)[-1, 0, then])
    plain = np.array([known.mean(), known.std()])
    np.testing.assert_allclose(found, whole, rtol=0.2)
    # Each is nearer than what the known hours say by themselves, and one of those is far off.
    assert (np.abs(found[:2] - whole[:2]) < np.abs(plain - whole[:2])).all()
    assert (np.abs(plain / whole[:2] - 1) > 0.25).any()


def test_whole_series_and_those_without_a_block_to_lean_on_keep_theirs():
    root = np.sqrt(block())
    root = np.moveaxis(root, 2, 0)
    root[:-40, 3] = np.nan  # a newcomer, alone in its region
    known = np.nanmean(root, axis=0), np.nanstd(root, axis=0), np.nanmax(root, axis=0)
    regions = np.where(np.arange(root.shape[1]) == 3, 1, 0)
    for before, after in zip(known, placed(root, *known, regions), strict=True):
        np.testing.assert_array_equal(before, after)
    for before, after in zip(known, placed(root, *known, np.zeros_like(regions)), strict=True):
        same = np.arange(root.shape[1]) != 3
        np.testing.assert_array_equal(before[same], after[same])


def test_who_has_too_little_history_is_named():
    demand = np.ones((3, 2, HOURS))
    demand[1, 1, : HOURS - WHOLE_HOURS + 1] = np.nan  # one hour under two weeks, of one resource
    demand[2, 0, : HOURS - WHOLE_HOURS] = np.nan
    assert newcomers(demand).tolist() == [False, True, False]
    demand = np.ones((3, 2, 1008))
    demand[1, 1] = demand[2] = np.nan  # not used, and a group of which nothing is known
    assert newcomers(demand).tolist() == [False, False, True]
    assert not newcomers(np.ones((2, 1, 72))).any()  # where nobody has more, nobody is new


def test_a_flat_newcomer_in_a_block_that_is_busy_is_finite():
    demand = block(then=PARTS["weekend"])
    demand[-1, 0, PARTS["weekend"]] = [1.0] * 47 + [2.0]
    assert (scale_of(demand) > 0).all()


# Lending


def two_kinds(whole=LEAST_LENDERS, known_hours=72):
    """Scores of lenders that are alternately early and late in the day, and of a newcomer that is late."""
    shift = np.where(np.arange(whole + 1) % 2, 12, 0)
    shift[-1] = 12
    scores = np.sin(2 * np.pi * (TIME[:, None] - shift) / 24)
    scores += 0.1 * np.random.default_rng(2).normal(size=scores.shape)
    truth = scores[:, -1].copy()
    scores[: HOURS - known_hours, -1] = np.nan
    return scores, truth


def test_a_newcomer_is_lent_by_those_who_were_like_it():
    scores, truth = two_kinds()
    known = np.isfinite(scores)
    found = lent(scores, known)
    np.testing.assert_array_equal(found[known], scores[known])
    assert np.isfinite(found).all()
    gap = ~known[:, -1]
    assert np.sqrt(np.mean((found[gap, -1] - truth[gap]) ** 2)) < 0.2
    assert np.sqrt(np.mean((scores[gap, :-1].mean(axis=1) - truth[gap]) ** 2)) > 0.5


def test_one_that_shares_no_hour_with_the_newcomer_does_not_lend():
    scores, truth = two_kinds(LEAST_LENDERS + 1)
    scores[HOURS - 72 :, 0] = np.nan  # was gone before the newcomer came
    scores[: HOURS - 72, 0] = 30.0
    found = lent(scores, np.isfinite(scores))
    gap = slice(0, HOURS - 72)
    assert np.sqrt(np.mean((found[gap, -1] - truth[gap]) ** 2)) < 0.2


def test_where_none_shares_an_hour_nothing_is_lent():
    scores, _ = two_kinds()
    scores[HOURS - 72 :, :-1] = np.nan
    found = lent(scores, np.isfinite(scores))
    np.testing.assert_array_equal(found, scores)


def test_of_few_lenders_and_to_whole_histories_nothing_is_lent():
    for scores in (two_kinds(LEAST_LENDERS - 1)[0], two_kinds(known_hours=WHOLE_HOURS)[0]):
        np.testing.assert_array_equal(lent(scores, np.isfinite(scores)), scores)
