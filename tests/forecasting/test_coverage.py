import numpy as np
import pytest

from forecasting.coverage import inside, pit_histogram, region_sums, reliability, window_maxima
from forecasting.errors import ForecastingError

NAN = float("nan")


def test_sums_are_within_each_draw_and_over_the_groups_of_a_region():
    draws = np.arange(12.0).reshape(2, 3, 2)
    actual = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    sums, totals = region_sums(draws, actual, ["b", "a", "b"])
    np.testing.assert_array_equal(sums, [[[2, 3], [4, 6]], [[8, 9], [16, 18]]])
    np.testing.assert_array_equal(totals, [[3, 4], [6, 8]])


def test_a_sum_with_an_unknown_member_is_not_known_and_one_that_was_never_there_is_no_member():
    draws = np.ones((4, 5, 2))
    actual = np.array([[1.0, NAN], [1.0, 1.0], [NAN, NAN], [NAN, NAN], [NAN, NAN]])
    sums, totals = region_sums(draws, actual, ["a", "a", "a", "b", "b"])
    np.testing.assert_array_equal(totals, [[2, NAN], [NAN, NAN]])
    np.testing.assert_array_equal(sums[:, 0], 2)


def test_windows_begin_at_the_first_hour_and_the_last_may_be_short():
    values = np.array([[1.0, 9, 2, 3, 4, 5, 6, 1], [1.0, 2, NAN, 4, 5, 6, 7, 8]])
    np.testing.assert_array_equal(window_maxima(values), [[9, 6], [NAN, 8]])
    assert window_maxima(np.ones((3, 2, 168))).shape == (3, 2, 28)


def test_inside_counts_what_is_known_with_both_ends():
    draws = np.linspace(0, 1, 101)[:, None] * np.ones(6)
    actual = np.array([0.25, 0.75, 0.76, 0.02, 2.0, NAN])
    assert inside(draws, actual, [0.5, 0.95, 0.99]).tolist() == [2, 3, 4]
    assert inside(draws, np.full(6, NAN), [0.5]).tolist() == [0]


def test_equal_is_equal_in_single_precision():
    draws = np.full((50, 3), 0.1, dtype=np.float32)
    assert inside(draws, np.full(3, 0.1), [0.5]).tolist() == [3]
    sums, totals = region_sums(draws[:, :, None] * np.ones(5, np.float32), np.full((3, 5), 0.1), ["a"] * 3)
    assert inside(sums, totals, [0.5]).tolist() == [5]


def test_the_histogram_of_a_calibrated_forecast_is_flat():
    rng = np.random.default_rng(1)
    draws, actual = rng.gamma(2, size=(30, 20_000)), rng.gamma(2, size=20_000)
    counts = pit_histogram(draws, actual, bins=10)
    assert counts.sum() == pytest.approx(20_000)
    np.testing.assert_allclose(counts, 2000, rtol=0.08)
    nominal, observed = reliability(counts)
    np.testing.assert_allclose(observed, nominal, atol=0.015)


def test_zeros_among_zeros_make_no_peak_and_unknown_counts_nothing():
    flat = pit_histogram(np.zeros((9, 2)), np.array([0.0, NAN]), bins=4)
    np.testing.assert_allclose(flat, 0.25)
    np.testing.assert_allclose(pit_histogram(np.arange(9.0)[:, None], np.array([100.0]), bins=5), [0, 0, 0, 0, 1])
    assert pit_histogram(np.zeros((9, 1)), np.array([NAN])).sum() == 0


def test_only_joint_draws_cover_sums_of_groups_that_move_together():
    rng = np.random.default_rng(2)

    def world(size):
        return rng.normal(size=(size, 1, 400)) + 0.3 * rng.normal(size=(size, 10, 400))

    actual, joint = world(1)[0], world(500)
    apart = rng.permuted(joint, axis=0)
    share = {}
    for name, draws in (("joint", joint), ("apart", apart)):
        sums, totals = region_sums(draws, actual, ["a"] * 10)
        share[name] = inside(sums, totals, [0.8])[0] / 400
        maxima = inside(window_maxima(sums), window_maxima(totals), [0.8])[0] / 67
        assert (maxima > 0.7) == (name == "joint")
        assert inside(draws, actual, [0.8])[0] / 4000 == pytest.approx(0.8, abs=0.07)
    assert share["joint"] == pytest.approx(0.8, abs=0.06)
    assert share["apart"] < 0.5


@pytest.mark.parametrize("level", [0.0, 1.0, NAN])
def test_levels_out_of_range_are_refused(level):
    with pytest.raises(ForecastingError, match="between 0 and 1"):
        inside(np.ones((3, 2)), np.ones(2), [level])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ForecastingError, match="draws of shape"):
        pit_histogram(np.ones((3, 2)), np.ones(3))
