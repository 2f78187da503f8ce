import numpy as np
import pytest

from forecasting.basis import DAY, DAY_GAIN, LINEAR, WEEK, WEEK_GAIN, basis_of, block_mean, calendar, memory, usual

HOURS = np.datetime64("2026-01-05T00", "ns") + np.arange(500) * np.timedelta64(1, "h")
BLOCK = np.array([0, 0, 1])


def scores(hours=500, series=3, seed=1):
    return np.random.default_rng(seed).normal(size=(hours, series))


@pytest.mark.parametrize("component", LINEAR)
def test_a_history_bears_only_what_it_has_seen_twice(component):
    sizes = [basis_of(component, hours).size for hours in (48, 100, 336, 1008)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == basis_of(component, 338).size
    for hours in (48, 100, 336):
        basis = basis_of(component, hours)
        remembered = memory(scores(hours), BLOCK, basis)
        assert np.isfinite(remembered[hours * 3 // 4 :]).all()
    short = basis_of(component, 48)
    assert not short.week
    assert not short.block_week
    assert all(2 * lag <= 48 for lag in (*short.lags, *short.means, *short.block_lags))


@pytest.mark.parametrize("component", LINEAR)
def test_there_is_a_name_for_every_column_and_no_name_twice(component):
    basis = basis_of(component, 1008, ("sale", "holiday"))
    assert len(set(basis.names)) == basis.size
    assert memory(scores(), BLOCK, basis).shape[-1] == basis.size - basis.calendar_size - 2
    assert basis.names[basis.calendar_size : basis.calendar_size + 2] == ("sale", "holiday")


def test_the_calendar_repeats_by_day_and_starts_with_a_level():
    shape = calendar(HOURS, basis_of("ar", 1008))
    assert (shape[:, 0] == 1).all()
    np.testing.assert_allclose(shape[:300], shape[24:324], atol=1e-9)
    gram = shape[:336].T @ shape[:336] / 336
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-9)


@pytest.mark.parametrize("component", LINEAR)
def test_memory_reads_only_hours_before(component):
    basis = basis_of(component, 1008)
    before = scores()
    after = before.copy()
    after[400:] += 9.0
    known, changed = memory(before, BLOCK, basis), memory(after, BLOCK, basis)
    np.testing.assert_array_equal(known[:401], changed[:401])
    for series in range(3):
        assert not np.array_equal(known[401:, series], changed[401:, series])


def test_memory_is_lags_usual_values_means_and_the_block():
    basis = basis_of("ar", 1008)
    values = scores()
    found = dict(zip(basis.names[basis.calendar_size :], memory(values, BLOCK, basis)[400].T, strict=True))
    week, day = usual(values, WEEK, WEEK_GAIN), usual(values, DAY, DAY_GAIN)
    pair = values[:, :2].mean(axis=1)
    expected = {
        "1 h ago": values[399],
        "168 h ago": values[232],
        "usual of the week, 0 h ago": week[400],
        "usual of the week, 24 h ago": week[376],
        "usual of the day, 1 h ago": day[399],
        "mean of 24 h": values[376:400].mean(axis=0),
        "block 1 h ago": [pair[399], pair[399], values[399, 2]],
        "block usual of the week, 1 h ago": [week[399, :2].mean(), week[399, :2].mean(), week[399, 2]],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-12, err_msg=name)


def test_the_usual_value_is_an_exponentially_weighted_mean_of_the_same_hours_before():
    values, period, gain = scores(60), 7, 0.2
    found = usual(values, period, gain)
    assert np.isnan(found[:period]).all()
    hour = 54
    before = values[hour % period : hour : period][::-1]  # latest first
    weight = gain * (1 - gain) ** np.arange(len(before))
    weight[-1] = (1 - gain) ** (len(before) - 1)  # what is left goes to the first one
    assert weight.sum() == pytest.approx(1)
    np.testing.assert_allclose(found[hour], weight @ before, atol=1e-12)


@pytest.mark.parametrize("hours", [3, 7, 10, 14])
def test_the_usual_value_of_a_short_past(hours):
    found = usual(scores(hours), 7, 0.2)
    np.testing.assert_array_equal(found[7:], scores(hours)[: max(hours - 7, 0)])
    assert np.isnan(found[:7]).all()


def test_the_block_mean_is_of_its_own_block_hour_by_hour():
    values = scores(series=5)
    block = np.array([7, 2, 7, 2, 2])
    found = block_mean(values, block)
    np.testing.assert_allclose(found[:, 2], values[:, [0, 2]].mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(found[:, 4], values[:, [1, 3, 4]].mean(axis=1), atol=1e-12)
    changed = values.copy()
    changed[300:, 1] = 99.0
    np.testing.assert_array_equal(block_mean(changed, block)[:300], found[:300])
    np.testing.assert_array_equal(block_mean(changed, block)[:, 0], found[:, 0])
