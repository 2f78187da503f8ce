"""The components that learn nothing: what they draw is the past, and of the past alone."""

from dataclasses import replace

import numpy as np
import pytest
from demand import chance_of, history, of_block

from forecasting.basis import LINEAR
from forecasting.components import EMPIRICAL
from forecasting.components.analogue import MOVED, shares_moved
from forecasting.components.days import SAME_WEEKDAY, choose, day_weights, days_ago
from forecasting.components.level import GAINS, levels
from forecasting.settings import COMPONENTS

AHEAD = 60
EVERY = np.arange(200)


def past_of(filled, ahead=AHEAD):
    """A history of one block that holds just these scores."""
    hours, series = filled.shape
    whole = history(np.ones((2 * series, 1, hours)), ahead)
    return replace(of_block(whole), scores=filled, filled=filled)


def drawn(name, filled, ahead=AHEAD, at=None):
    whole = past_of(filled, ahead)
    return EMPIRICAL[name](whole, chance_of(whole, ahead, at=at), EVERY, ahead)


def test_every_component_has_a_road():
    assert set(COMPONENTS) == set(LINEAR) | set(EMPIRICAL)


@pytest.mark.parametrize("name", EMPIRICAL)
@pytest.mark.parametrize(("hours", "ahead"), [(48, 168), (49, 1), (200, 24), (500, 200)])
def test_whatever_the_length_there_is_a_score_for_every_hour(name, hours, ahead):
    found = drawn(name, np.random.default_rng(1).normal(size=(hours, 3)), ahead)
    assert found.shape == (ahead, 200, 3)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", EMPIRICAL)
def test_hours_from_the_moment_on_are_not_looked_at(name):
    known = np.random.default_rng(1).normal(size=(400, 3))
    changed = known.copy()
    changed[340:] = 77.0
    np.testing.assert_array_equal(drawn(name, known, at=340), drawn(name, changed, at=340))


@pytest.mark.parametrize("name", EMPIRICAL)
def test_some_draws_are_the_same_as_among_all(name):
    filled = np.random.default_rng(1).normal(size=(400, 3))
    whole = past_of(filled)
    chance = chance_of(whole, AHEAD)
    some = np.array([150, 3, 77])
    all_of = EMPIRICAL[name](whole, chance, EVERY, AHEAD)
    np.testing.assert_array_equal(EMPIRICAL[name](whole, chance, some, 30), all_of[:30, some])


def test_draws_are_the_same_hours_of_days_of_the_past():
    at = 410
    rows = drawn("days", np.tile(np.arange(float(at))[:, None], 2)).round().astype(int)
    ahead = np.arange(at, at + AHEAD)[:, None, None]
    assert (rows % 24 == ahead % 24).all()
    assert (rows < at).all()
    assert (rows >= 0).all()
    for day in range(0, AHEAD, 24):  # one past day stands for a day ahead
        assert (np.diff(rows[day : day + 24], axis=0) == 1).all()
    assert len(np.unique(rows[0])) > 8


def test_one_day_is_taken_for_all_series_of_a_draw():
    rows = drawn("days", np.tile(np.arange(410.0)[:, None], 3))
    assert (rows == rows[:, :, :1]).all()
    assert (rows[30] - rows[2]).std() > 24  # but each day ahead has one of its own


def test_recent_days_are_likelier_and_the_same_weekday_is_likelier_still():
    ago = np.arange(1, 29)
    weight = day_weights(ago)
    other = weight[ago % 7 != 0]
    assert (np.diff(other) < 0).all()
    assert weight[6] == pytest.approx(SAME_WEEKDAY * np.sqrt(weight[5] * weight[7]))


def test_days_are_chosen_as_often_as_they_weigh():
    weight = np.array([[1.0, 0.0], [2.0, 1.0], [1.0, 3.0]])
    found = choose(weight, (np.arange(400) + 0.5) / 400)
    for series in range(2):
        share = np.bincount(found[:, series], minlength=3) / 400
        np.testing.assert_allclose(share, weight[:, series] / 4, atol=0.005)


@pytest.mark.parametrize("at", [48, 51, 100, 337])
@pytest.mark.parametrize("first", [0, 24, 144])
def test_a_day_of_the_past_is_whole_and_has_a_day_before_it_where_there_is_room(at, first):
    last = first + 23
    ago = days_ago(at, first, last)
    assert ago.size
    assert (at + last - 24 * ago < at).all()
    if at >= 337:
        assert (at + first - 24 * ago >= 24).all()


def test_past_days_are_moved_to_the_level_of_now_and_stay_there():
    filled = np.zeros((600, 2))
    filled[-100:, 0] = 4.0
    found = drawn("level", filled, ahead=20)
    # Of days from after the jump or from long before it, all is at the new level.
    assert np.median(np.abs(found[:, :, 0] - 4.0)) < 0.05
    assert (found[:, :, 1] == 0).all()


def test_a_level_follows_as_quickly_as_foretold_the_next_day_best():
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.normal(size=900))
    noise = rng.normal(size=900)
    found = levels(np.stack([walk, noise], axis=1))
    np.testing.assert_allclose(found[-1, 0], walk[-1], atol=2.0)
    assert found[200:, 1].std() < 0.3  # the slowest gain averages over noise
    slow = levels(np.tile(noise[:, None], 2))[-1]
    assert abs(slow[0]) < 3 * np.sqrt(GAINS[0] / 2)


def test_recent_hours_come_again_whatever_the_hour_of_the_day():
    at = 400
    rows = drawn("recent", np.tile(np.arange(float(at))[:, None], 2)).round().astype(int)
    assert (rows == rows[:, :, :1]).all()  # the same runs in every series
    assert (np.diff(rows[:6], axis=0) == 1).all()
    assert at - 60 < np.median(rows) < at
    assert len(np.unique(rows[0, :, 0] % 24)) == 24


def test_an_analogue_is_moved_part_of_the_way_to_the_level_of_now():
    filled = np.tile(np.sin(np.arange(24) * 2 * np.pi / 24), 20)[:, None] + np.zeros((480, 2))
    filled[-24:, 0] += 5.0
    found = drawn("analogue", filled, ahead=12)
    moved = found[:, :, 0] - filled[:12, 0][:, None]
    last = np.isclose(moved, (1 + MOVED) * 5.0, atol=1e-4)  # the last day itself, from the level before it
    np.testing.assert_allclose(moved[~last], MOVED * 5.0, atol=1e-4)
    assert last.mean() < 0.3
    np.testing.assert_allclose(found[:, :, 1], np.tile(filled[:12, 1][:, None], (1, 200)), atol=1e-5)


def test_days_of_a_series_that_grows_are_moved_all_the_way_and_those_of_noise_less_than_usual():
    rng = np.random.default_rng(1)
    time = np.arange(21 * 24)
    grows, falls = 0.04 * time / 24, -0.04 * time / 24
    noise = rng.normal(0, 0.05, (2, len(time)))
    level = np.repeat(np.cumsum(rng.normal(0, 1, 21)), 24)  # a new one each day, that nobody knows of before
    past = np.stack([grows + noise[0], falls + noise[1], rng.normal(0, 1, len(time)), level], axis=1)
    shares = shares_moved(past + np.sin(time * 2 * np.pi / 24)[:, None])
    assert (shares[:2] > 0.9).all()
    assert shares[3] > MOVED
    assert ((shares >= 0) & (shares <= 1)).all()
    of_noise = shares_moved(rng.normal(0, 1, (21 * 24, 200)))  # of which a day keeps nothing
    assert (of_noise <= MOVED).mean() > 0.95
    assert of_noise.mean() < 0.75 * MOVED


@pytest.mark.parametrize("hours", [0, 30, 9 * 24])
def test_days_of_a_short_past_are_moved_as_usual(hours):
    assert (shares_moved(np.cumsum(np.ones((hours, 2)), axis=0)) == MOVED).all()


def test_an_analogue_of_a_series_that_grows_goes_on_growing():
    time = np.arange(28 * 24)
    filled = (np.sin(time * 2 * np.pi / 24) + 0.05 * time / 24)[:, None]
    filled += np.random.default_rng(1).normal(0, 0.02, filled.shape)
    found = np.median(drawn("analogue", filled[: 27 * 24], ahead=24), axis=1)
    np.testing.assert_allclose(found.mean(), filled[27 * 24 :].mean(), atol=0.03)


def test_analogues_know_working_days_from_others_by_the_usual_week():
    working = np.repeat((np.arange(70) % 7 < 5).astype(float), 24)
    filled = np.tile(working[:, None] * 3.0, 2) + np.random.default_rng(1).normal(0, 0.1, (70 * 24, 2))
    found = drawn("analogue", filled[: 68 * 24], ahead=24)  # the first of two days off is ahead
    assert np.median(found) < 0.5


def test_analogues_follow_days_like_the_last_one():
    """High and low days in no order; the first hour of a day tells what the day before was."""
    rng = np.random.default_rng(5)
    kind = rng.integers(0, 2, 40)
    kind[-1] = 1
    after = np.concatenate([[0], kind[:-1]])
    level = np.where(after == 1, 5.0, -5.0)
    filled = np.repeat(kind * 2.0, 24)
    filled[::24] = level
    found = drawn("analogue", np.stack([filled, filled], axis=1), ahead=24)
    plain = drawn("days", np.stack([filled, filled], axis=1), ahead=24)
    assert 0.2 < (plain[0] == 5.0).mean() < 0.7
    assert (found[0] == 5.0).mean() > (plain[0] == 5.0).mean() + 0.2
