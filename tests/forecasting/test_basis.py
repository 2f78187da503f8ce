import numpy as np
import pytest

from forecasting.basis import calendar, choose_basis, memory

HOURS = np.datetime64("2026-01-05T00", "ns") + np.arange(500) * np.timedelta64(1, "h")


@pytest.mark.parametrize(
    ("history", "weekly", "lags", "means"),
    [(48, 0, (1, 2, 24), ()), (168, 0, (1, 2, 24, 25), (24,)), (1008, 3, (1, 2, 24, 25, 168, 169), (24, 168))],
)
def test_a_history_bears_only_what_it_has_seen_twice(history, weekly, lags, means):
    basis = choose_basis(history)
    assert basis.weekly_harmonics == weekly
    assert basis.lag_hours == lags
    assert set(basis.mean_hours) <= set(means) | {24}
    assert len(basis.names) == basis.size


def test_the_calendar_repeats_by_day_and_week_and_starts_with_a_level():
    shape = calendar(HOURS, choose_basis(1008))
    assert (shape[:, 0] == 1).all()
    np.testing.assert_allclose(shape[:300], shape[168:468], atol=1e-9)
    daily = shape[:, 1:17]
    np.testing.assert_allclose(daily[:300], daily[24:324], atol=1e-9)
    gram = shape[:336].T @ shape[:336] / 336
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-9)


def test_memory_reads_only_hours_before():
    basis = choose_basis(1008)
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(500, 2, 1))
    changed = scores.copy()
    changed[400:] += 9.0
    before, after = memory(scores, basis), memory(changed, basis)
    np.testing.assert_array_equal(before[:401], after[:401])
    assert not np.allclose(before[401], after[401])


def test_memory_is_the_lags_and_the_means():
    basis = choose_basis(1008)
    scores = np.arange(500.0)[:, None, None]
    found = dict(zip(basis.names[basis.calendar_size :], memory(scores, basis)[300, 0, 0], strict=True))
    assert found["1 h ago"] == 299
    assert found["168 h ago"] == 132
    assert found["mean of 24 h"] == pytest.approx(np.arange(276, 300).mean())
    assert found["mean of 168 h"] == pytest.approx(np.arange(132, 300).mean())


def test_a_mean_needs_half_of_its_hours():
    basis = choose_basis(1008)
    scores = np.ones((400, 1, 1))
    scores[300:313] = np.nan
    day = basis.names[basis.calendar_size :].index("mean of 24 h")
    assert memory(scores, basis)[312, 0, 0, day] == pytest.approx(1.0)
    scores[299] = np.nan
    assert np.isnan(memory(scores, basis)[313, 0, 0, day])
