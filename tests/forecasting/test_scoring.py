"""Coverage of the benchmarks, and how far it can be believed."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.report import per_cent
from benchmarks.scoring import covered, covered_error


def scores(*origins):
    """Rows of one interval's counts: (origin, known, inside)."""
    rows = [{"origin": o, "known": k, "in50": i, "in80": i, "in95": i} for o, k, i in origins]
    return pd.DataFrame(rows)


def test_error_of_equal_origins_is_the_standard_error_of_their_mean():
    shares = np.array([0.7, 0.8, 0.9, 0.6])
    found = scores(*((number, 50, round(100 * share / 2)) for number, share in enumerate(shares) for _ in "ab"))
    assert covered(found)[80] == pytest.approx(shares.mean())
    assert covered_error(found)[80] == pytest.approx(shares.std(ddof=1) / 2)


def test_series_of_one_origin_do_not_count_as_more_evidence():
    once = scores((0, 10, 7), (1, 10, 9))
    assert covered_error(pd.concat([once] * 100)) == pytest.approx(covered_error(once))


def test_an_origin_of_which_nothing_came_does_not_count():
    two = scores((0, 10, 7), (1, 10, 9))
    assert covered_error(pd.concat([two, scores((2, 0, 0))])) == covered_error(two)


def test_a_single_origin_has_no_error_and_none_is_written():
    error = covered_error(scores((0, 10, 7)))[80]
    assert np.isnan(error)
    assert per_cent(0.7, error) == "70.0 %"
    assert per_cent(0.7, 0.021) == "70.0 ± 2.1 %"
