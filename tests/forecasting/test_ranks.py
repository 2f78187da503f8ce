"""Ranks of draws with ties, against SciPy."""

import numpy as np
from scipy.stats import rankdata

from forecasting.ranks import twice_middle_ranks


def test_they_are_the_average_ranks_of_scipy():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        ordered = np.sort(rng.integers(0, rng.integers(1, 40), (3, rng.integers(1, 30), 2)).astype(float), axis=1)
        expected = 2 * (rankdata(ordered, axis=1) - 1)
        np.testing.assert_array_equal(twice_middle_ranks(ordered), expected)
