import numpy as np
import pytest
from worlds import CONFIG, HOUR, NOW, profile_of, surge

from controller.configtext import parse
from controller.decide import decide
from controller.rises import worth_holding


def test_only_the_foot_of_a_rise_outruns_an_autoscaler():
    nodes = np.array([[4, 4, 9, 9, 5, 5, 7]] * 10)
    assert np.flatnonzero(worth_holding(nodes, np.full(7, 2), 0.9, 10)).tolist() == [2, 6]


def test_what_is_held_already_is_not_worth_holding():
    nodes = np.array([[4, 4, 9, 9]] * 10)
    assert not worth_holding(nodes, np.full(4, 9), 0.9, 10).any()


@pytest.mark.parametrize(("level", "lag", "worth"), [(0.9, 30, True), (0.9, 3, False), (0.6, 30, False)])
def test_an_uncertain_rise_is_held_if_short_hours_are_dear_and_the_autoscaler_is_slow(level, lag, worth):
    # From 4 to 10 nodes in a share of the draws; the floor is the quantile of them.
    share = 0.2 if level == 0.9 else 0.45
    rises = np.arange(20) < 20 * share
    nodes = np.stack([np.full(20, 4), np.where(rises, 10, 4)], axis=1)
    # Held: 10 at .9, and 10 or 4 at .6. Saved: 6 · share · lag/60 · q; idle: 6 · (1 − share) · (1 − q).
    floor = 10 if level > 1 - share else 4
    saved = (floor - 4) * share * lag / 60 * level
    idle = (floor - 4) * (1 - share) * (1 - level)
    assert (saved > idle) == worth
    assert bool(worth_holding(nodes, np.full(2, 2), level, lag)[1]) == worth


def test_beside_an_autoscaler_a_plateau_is_a_lease_at_its_foot_only():
    followed = CONFIG.replace("price_per_hour: 0.5,", "price_per_hour: 0.5, autoscaler_minutes: 10,")
    profile = profile_of({"eu/shop": surge(6, 38, 24, 10), "us/etl": [4.0] * 72})
    (whole,) = decide(profile, (), parse(CONFIG, "headroom.yaml"), NOW).changes
    (foot,) = decide(profile, (), parse(followed, "headroom.yaml"), NOW).changes
    assert (whole.lease.ends - whole.lease.starts) == 10 * HOUR
    assert (foot.lease.starts, foot.lease.ends) == (whole.lease.starts, whole.lease.starts + HOUR)
    assert foot.lease.floor == whole.lease.floor
