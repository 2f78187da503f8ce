"""Series of different worlds get weights of their own, alike ones keep those of their block."""

import numpy as np
import pytest

from forecasting.own_weights import own_weights
from forecasting.stacking import LEVELS, RANGES, terms_of

ORIGINS, SERIES, HOURS = 8, 20, 24
CUTS = tuple(range(300, 300 + 37 * ORIGINS, 37))
EVEN = np.full((len(RANGES), 2), 0.5)


def terms(better, seed=1, hours=HOURS, origins=ORIGINS):
    """Terms by origin of two forecasts; ``better`` is the one that is right of each series, the other is off."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(origins):
        actual = rng.normal(size=(hours, len(better)))
        off = 2.0 * (np.arange(2)[:, None] != np.asarray(better))  # (component, series)
        quantiles = np.sort(rng.normal(size=(2, len(LEVELS), hours, len(better))), axis=1)
        found.append(terms_of(quantiles + off[:, None, None], actual))
    return found


def own(better, cuts=CUTS, **how):
    return own_weights({0: terms(better, **how)}, cuts, {0: 0}, {0: EVEN})[0].now


def test_series_of_different_worlds_go_their_own_way():
    found = own([0, 1] * (SERIES // 2))
    assert found.shape == (len(RANGES), 2, SERIES)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found[:2, 0, ::2] > 0.7).all()
    assert (found[:2, 1, 1::2] > 0.7).all()
    np.testing.assert_array_equal(found[2:], 0.5)  # nothing was rehearsed there


@pytest.mark.parametrize("seed", range(5))
def test_alike_series_keep_the_weights_of_their_block(seed):
    rng = np.random.default_rng(seed)
    same = []
    for _ in range(ORIGINS):
        drawn = np.sort(rng.normal(size=(2, len(LEVELS), HOURS, SERIES)), axis=1)
        same.append(terms_of(drawn, rng.normal(size=(HOURS, SERIES))))
    np.testing.assert_array_equal(own_weights({0: same}, CUTS, {0: 0}, {0: EVEN})[0].now, 0.5)


def test_what_is_good_of_one_origin_alone_is_not_followed():
    by_origin = [terms([origin % 2, 1 - origin % 2] * (SERIES // 2), origins=1)[0] for origin in range(ORIGINS)]
    np.testing.assert_array_equal(own_weights({0: by_origin}, CUTS, {0: 0}, {0: EVEN})[0].now, 0.5)


def test_a_lone_series_is_its_block():
    np.testing.assert_array_equal(own([0]), 0.5)
    others = {0: terms([0]), 1: terms([1]), 2: terms([0, 1, 0], seed=2)}
    found = own_weights(others, CUTS, dict.fromkeys(others, 0), dict.fromkeys(others, EVEN))
    np.testing.assert_array_equal(found[0].now, 0.5)
    np.testing.assert_array_equal(found[1].without, 0.5)
    assert np.ptp(found[2].now) > 0.1


def test_origins_that_share_hours_are_no_evidence():
    worlds = [0, 1] * (SERIES // 2)
    assert np.ptp(own(worlds)[0]) > 0.1
    crowded = tuple(300 + origin for origin in range(ORIGINS))
    np.testing.assert_array_equal(own(worlds, crowded), 0.5)  # 8 hours apart in all: one look at 24
    few = own(worlds, CUTS[:3], origins=3)
    np.testing.assert_array_equal(few, 0.5)
    week = own(worlds, hours=168)
    assert np.ptp(week[2]) > 0.1
    np.testing.assert_array_equal(week[3], 0.5)  # 259 hours hold fewer than four of 96


def test_a_component_that_a_block_left_out_stays_out():
    prior = np.tile([1.0, 0.0], (len(RANGES), 1))
    found = own_weights({0: terms([0, 1] * 10)}, CUTS, {0: 0}, {0: prior})[0].now
    np.testing.assert_array_equal(found[:, 0], 1.0)


def test_blocks_of_a_resource_are_judged_together_and_keep_their_own():
    left, right = np.tile([0.6, 0.4], (len(RANGES), 1)), EVEN
    found = own_weights({0: terms([0, 1, 0]), 1: terms([1, 0], seed=2)}, CUTS, {0: 0, 1: 0}, {0: left, 1: right})
    assert found[0].now.shape[-1] == 3
    assert found[1].now.shape[-1] == 2
    assert (found[0].now[1, 0, [0, 2]] > 0.7).all()
    assert found[1].now[1, 1, 0] > 0.7


def test_series_of_which_nothing_came_keep_the_weights_of_their_block():
    some = terms([0, 1] * 10)
    for each in some:
        each.error[..., 3] = 0.0
        each.apart[..., 3] = 0.0
    found = own_weights({0: some}, CUTS, {0: 0}, {0: EVEN})[0].now
    np.testing.assert_array_equal(found[:2, :, 3], 0.5)
    assert np.ptp(found[1]) > 0.1


def test_the_less_is_known_of_a_series_the_closer_it_stays_to_its_block():
    some = terms([0, 1] * 10)
    whole = own_weights({0: some}, CUTS, {0: 0}, {0: EVEN})[0].now[1, 0, 0]
    for number, each in enumerate(some):  # one hour in one origin
        for values in (each.error, each.apart, each.known):
            values[..., 0] = values[..., 0] / 24 if number == 7 else 0.0
    little = own_weights({0: some}, CUTS, {0: 0}, {0: EVEN})[0].now[1, 0, 0]
    assert whole > 0.8
    assert 0.5 <= little < whole - 0.15


def test_each_origin_is_judged_by_weights_that_did_not_see_it():
    some = terms([0, 1] * 10)
    found = own_weights({0: some}, CUTS, {0: 0}, {0: EVEN})[0]
    assert found.without.shape == (ORIGINS, *found.now.shape)
    other = [*some[:3], terms([0, 1] * 10, seed=5, origins=1)[0], *some[4:]]
    changed = own_weights({0: other}, CUTS, {0: 0}, {0: EVEN})[0]
    np.testing.assert_allclose(changed.without[3, 1], found.without[3, 1])
    assert np.abs(changed.without[4, 1] - found.without[4, 1]).max() > 0.01
