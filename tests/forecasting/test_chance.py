import numpy as np
import pytest
from demand import chance_of, history, waves

from forecasting.chance import BLOCK_HOURS, bootstrap_rows, chance_at

HOURS = np.datetime64("2026-01-05T00", "ns") + np.arange(1200) * np.timedelta64(1, "h")


def rows_of(at, hours, draws=300, seed=1):
    return bootstrap_rows(HOURS, at, hours, draws, np.random.default_rng(seed))


def test_rows_are_runs_from_about_the_same_hour():
    rows = rows_of(900, 49)
    assert rows.shape == (300, 49)
    ahead, then = np.arange(900, 949) % 24, rows % 24  # history starts at midnight
    assert (np.minimum((then - ahead) % 24, (ahead - then) % 24) <= 1).all()
    assert (np.diff(rows[:, :BLOCK_HOURS]) == 1).all()
    assert (np.diff(rows[:, :48].reshape(300, 8, 6), axis=2) == 1).all()
    assert (rows > 450).mean() > 0.5  # the recent half is met more often


@pytest.mark.parametrize("at", [24, 48, 50, 170, 400, 1000])
def test_rows_are_of_the_past_and_leave_out_its_first_days_or_half(at):
    rows = rows_of(at, 31)
    assert rows.min() >= min(8 * 24, at // 2)
    assert rows.max() < at


def test_runs_differ_from_draw_to_draw_and_within_a_draw():
    rows = rows_of(900, 48)
    assert len(np.unique(rows[:, 0])) > 20
    assert len(np.unique(rows[:, 6] - rows[:, 0])) > 20


def test_the_same_key_is_the_same_chance_and_another_is_another():
    one, same, other = (chance_at(HOURS, 900, 30, 50, key) for key in ((1, 900), (1, 900), (2, 900)))
    for name in ("rows", "days", "component"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))
    assert one.hours == 30
    assert one.days.shape == (50, 2)


def test_components_are_spread_evenly():
    chance = chance_of(history(waves(hours=300), ahead=24), 24, draws=40)
    np.testing.assert_allclose(np.sort(chance.component), (np.arange(40) + 0.5) / 40)
