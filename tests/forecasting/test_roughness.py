"""One factor for smooth and rough series of a block, told apart by how much they change from hour to hour."""

import numpy as np
import pytest
from demand import history, waves

from forecasting.calibrate import LEVELS, MOST
from forecasting.roughness import leaning, roughness_of, tilted, tilts_of

ORIGINS, HOURS = 8, 24


def ratios(slope, rough, seed=1):
    """By origin, how far what came lay out, further in rough series: ``(level, hour, series)``."""
    rng = np.random.default_rng(seed)
    far = np.abs(rng.normal(size=(ORIGINS, len(LEVELS), HOURS, len(rough)))) / 1.28
    return list(far * np.exp(slope * rough))


def tilt_of(slope, series=60, seed=1):
    rough = np.random.default_rng(seed + 100).normal(-1.0, 0.5, series)
    return tilts_of({0: ratios(slope, rough, seed)}, {0: rough}, {0: 0})[0], rough


@pytest.mark.parametrize("slope", [0.3, -0.4])
def test_the_slope_is_found(slope):
    (found, centre), rough = tilt_of(slope)
    assert found == pytest.approx(slope, abs=0.06)
    assert centre == pytest.approx(np.median(rough))


def test_where_there_is_none_next_to_nothing_is_done():
    found = [tilt_of(0.0, seed=seed)[0][0] for seed in range(20)]
    assert np.abs(found).max() < 0.1
    assert sum(slope == 0.0 for slope in found) >= 5  # the positive part


def test_few_series_say_nothing():
    assert tilt_of(0.5, series=6)[0][0] == 0.0
    assert tilt_of(0.5, series=7)[0][0] != 0.0


def test_blocks_of_a_resource_share_a_slope_and_not_a_centre():
    rng = np.random.default_rng(1)
    rough = {0: rng.normal(-2.0, 0.5, 20), 1: rng.normal(0.0, 0.5, 20), 2: rng.normal(0.0, 0.5, 20)}
    of_block = {
        block: [x * (3.0 if block == 1 else 1.0) for x in ratios(0.3, rough[block], block)] for block in rough
    }
    found = tilts_of(of_block, rough, {0: 0, 1: 0, 2: 1})
    assert found[0][0] == found[1][0] == pytest.approx(0.3, abs=0.1)  # that one block lies further out is no slope
    assert found[0][1] == pytest.approx(np.median(rough[0]))
    assert found[1][1] == pytest.approx(np.median(rough[1]))


def test_series_of_which_nothing_came_do_not_count():
    rough = np.random.default_rng(1).normal(size=40)
    some = ratios(0.3, rough)
    for each in some:
        each[..., ::2] = np.nan
    wild = np.where(np.arange(40) % 2 == 0, 50.0, rough)
    found = tilts_of({0: some}, {0: wild}, {0: 0})[0]
    np.testing.assert_allclose(found, tilts_of({0: [x[..., 1::2] for x in some]}, {0: rough[1::2]}, {0: 0})[0])
    nobody = tilts_of({0: [np.full_like(x, np.nan) for x in some]}, {0: rough}, {0: 0})[0]
    np.testing.assert_array_equal(nobody, 0.0)


def test_what_misses_by_far_or_by_nothing_is_no_more_than_a_miss():
    rough = np.linspace(-1, 1, 40)
    some = ratios(0.0, rough)
    for each in some:
        each[..., -1] = 1e9
        each[..., 0] = 0.0
    assert abs(tilts_of({0: some}, {0: rough}, {0: 0})[0][0]) < 1.0


def test_factors_of_series_are_about_those_of_the_block():
    factors = np.random.default_rng(1).uniform(0.9, 1.2, (4, len(LEVELS)))
    rough = np.array([-1.5, -1.0, -0.5])
    found = tilted(factors, np.array([0.4, -1.0]), rough)
    assert found.shape == (4, len(LEVELS), 3)
    np.testing.assert_allclose(found[..., 1], factors)
    np.testing.assert_allclose(found[..., 2] / factors, np.exp(0.2))
    np.testing.assert_array_equal(leaning(np.array([0.0, -1.0]), rough), 1.0)


def test_no_factor_goes_too_far_whatever_a_file_says():
    for slope in (1e9, -1e9):
        found = tilted(np.ones((4, len(LEVELS))), np.array([slope, 0.0]), np.array([-5.0, 5.0]))
        assert sorted(found[0, 0]) == [1 / MOST, MOST]


def test_a_block_of_which_nothing_came_leans_as_others_do():
    rng = np.random.default_rng(1)
    rough = {0: rng.normal(-2.0, 0.5, 20), 1: rng.normal(-1.0, 0.5, 20), 2: rng.normal(-1.4, 0.5, 3)}
    of_block = {block: ratios(0.4, rough[block], block) for block in (0, 1)}
    of_block[2] = [np.full((len(LEVELS), HOURS, 3), np.nan) for _ in range(ORIGINS)]
    found = tilts_of(of_block, rough, dict.fromkeys(rough, 0))
    assert found[2][0] == found[0][0] > 0.3
    assert found[2][1] == pytest.approx((found[0][1] + found[1][1]) / 2)
    idle = {**of_block, **dict.fromkeys(range(3, 12), of_block[2])}
    more = {**rough, **dict.fromkeys(range(3, 12), rough[2])}
    assert tilts_of(idle, more, dict.fromkeys(idle, 0))[0][0] == found[0][0]  # they take no freedom away


def test_one_still_series_makes_no_slope():
    found = []
    for seed in range(20):
        rough = np.append(np.random.default_rng(seed).normal(-1.0, 0.3, 30), -6.5)
        some = ratios(0.0, rough, seed)
        for each in some:
            each[..., -1] *= np.exp(-1.5)
        found.append(tilts_of({0: some}, {0: rough}, {0: 0})[0])
    centre = np.mean(found, axis=0)[1]
    assert centre == pytest.approx(-1.0, abs=0.1)
    assert leaning(np.array([0.3, centre]), np.array([-6.5]))[0] > 0.6


def test_series_of_which_little_is_known_are_as_rough_as_their_block():
    demand = waves(groups=4, hours=400)
    demand[0, 0, :-100] = np.nan
    demand[1, 0, ::2] = np.nan
    found = roughness_of(history(demand, 24))
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2:]).all()
    np.testing.assert_array_equal(leaning(np.array([0.4, -1.0]), found)[:2], 1.0)


def test_roughness_is_how_much_scores_change():
    demand = waves(groups=4, hours=400)
    found = roughness_of(history(demand, 24))
    assert found.shape == (4,)
    noisy = demand + np.random.default_rng(1).uniform(0, 40, demand.shape)
    assert (roughness_of(history(noisy, 24)) > found).all()
    assert np.isfinite(roughness_of(history(np.full((2, 2, 400), 3.0), 24))).all()
