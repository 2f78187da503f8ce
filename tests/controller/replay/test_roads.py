"""Delays: distributions as inverse functions, the same for every policy."""

import numpy as np
import pytest
from worlds import config_of

from controller.replay.roads import Roads, delays_of, roads_of


def test_delays_follow_from_the_uniform_numbers_alone():
    roads = Roads(lambda u: 100 * u, lambda u: 7.0, (lambda u: 5.0, lambda u: 60 * u))
    uniforms = np.array([[[0.1, 0.5], [0.2, 0.9]]] * 3)
    delays = delays_of(roads, uniforms)
    assert delays.review.tolist() == pytest.approx(np.array([[10, 50], [20, 90]]))
    assert delays.boot.tolist() == pytest.approx(np.array([[5, 5], [12, 54]]))
    assert delays.whole[1, 1] == pytest.approx(90 + 7 + 54)
    assert delays.of(slice(1, 2)).review.shape == (1, 2)


def test_a_time_with_a_tail_is_finite_at_both_ends():
    review = roads_of(config_of(lead_times="{review_minutes: {median: 240, p90: 600}}")).review
    assert review(0.5) == pytest.approx(240)
    assert review(0.9) == pytest.approx(600)
    assert 0 < review(0.0) < review(1.0) < np.inf


def test_a_configuration_says_how_long_things_take():
    roads = roads_of(config_of())
    assert roads.review(0.5) == pytest.approx(60)
    assert roads.ci(0.3) == 10
    assert [boot(0.9) for boot in roads.boot] == [5, 5]
