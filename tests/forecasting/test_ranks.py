"""Ranks of draws with ties, against SciPy."""

import numpy as np
from scipy.stats import rankdata

from forecasting.ranks import dealt_out, twice_middle_ranks


def test_they_are_the_average_ranks_of_scipy():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        ordered = np.sort(rng.integers(0, rng.integers(1, 40), (3, rng.integers(1, 30), 2)).astype(float), axis=1)
        expected = 2 * (rankdata(ordered, axis=1) - 1)
        np.testing.assert_array_equal(twice_middle_ranks(ordered), expected)


def test_values_are_dealt_out_in_the_order_of_others():
    by = np.array([[3.0, 1.0, 2.0, 2.0], [0.0, 0.0, 0.0, -1.0]], dtype=np.float32)[..., None]
    ordered = np.array([[10, 20, 30, 40], [1, 2, 3, 4]], dtype=np.float32)[..., None]
    found = dealt_out(ordered, by)[..., 0]
    np.testing.assert_array_equal(found, [[40, 10, 20, 30], [2, 3, 4, 1]])  # of equal ones, as they stand
