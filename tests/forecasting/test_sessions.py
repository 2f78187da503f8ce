from dataclasses import replace

import numpy as np
import pytest

from forecasting import dims
from forecasting.sessions import (
    APPLICATIONS,
    EVENT_DAY,
    EVENT_FACTOR,
    HOLIDAY_DAY,
    LONGEST_SESSION_HOURS,
    Rhythm,
    footprint,
    habit,
    length_shares,
    make_group,
    shocks,
)

MONDAY = np.datetime64("2026-04-06", "ns")
ANALYTICS = APPLICATIONS[0]


def rhythm_of(hours=6 * 168, utc_offset_hours=0, has_event=False):
    since = np.arange(hours)
    return Rhythm(MONDAY + since * dims.HOUR, since, utc_offset_hours, has_event, np.ones(hours))


@pytest.mark.parametrize("mean_hours", [1.0, 1.3, 2.5])
def test_length_shares_have_the_mean_asked_for(mean_hours):
    shares = length_shares(mean_hours)
    assert shares.sum() == pytest.approx(1)
    assert shares @ np.arange(1, LONGEST_SESSION_HOURS + 1) == pytest.approx(mean_hours, rel=0.02)


def test_shocks_have_mean_one_and_the_spread_and_memory_asked_for():
    level = np.log(shocks(np.random.default_rng(0), 200_000, memory=0.8, spread=0.1))
    assert np.exp(level).mean() == pytest.approx(1, abs=0.005)
    assert level.std() == pytest.approx(0.1, rel=0.05)
    assert np.corrcoef(level[1:], level[:-1])[0, 1] == pytest.approx(0.8, abs=0.02)


def test_habit_peaks_at_its_local_hour_and_rests_at_weekends_and_on_the_holiday():
    rate = habit(ANALYTICS, rhythm_of(utc_offset_hours=-5)).reshape(-1, 24)
    assert (rate[0].argmax() - 5) % 24 == ANALYTICS.peak_hour
    # By the middle of the local day, growth from day to day being below 1 %.
    noon = rate[:, 17]
    assert noon[5] / noon[4] == pytest.approx(ANALYTICS.weekend_factor, rel=0.01)
    assert noon[HOLIDAY_DAY] / noon[HOLIDAY_DAY - 1] == pytest.approx(ANALYTICS.holiday_factor, rel=0.01)
    assert noon[7] / noon[0] == pytest.approx(1.01)


def test_event_multiplies_its_hours_only():
    rise = habit(ANALYTICS, rhythm_of(has_event=True)) / habit(ANALYTICS, rhythm_of())
    hours = np.flatnonzero(rise != 1)
    np.testing.assert_allclose(rise[hours], EVENT_FACTOR)
    assert (hours - 24 * EVENT_DAY).tolist() == list(range(16, 22))


def test_footprint_of_one_session_is_held_for_its_hours_and_its_files_stay():
    application = replace(ANALYTICS, cpu_cores=2.0, memory_gib=3.0, network_mbit=5.0, storage_gib=0.5)
    begun = np.zeros((24, LONGEST_SESSION_HOURS))
    begun[4, 2] = 1  # lasts three hours
    cpu, memory, network, storage = footprint(application, begun, np.ones((3, 24)))
    assert np.flatnonzero(cpu).tolist() == [4, 5, 6]
    assert (cpu[5], memory[5], network[5]) == (2.0, 3.0, 5.0)
    assert np.diff(storage)[3] == 0.5
    assert np.count_nonzero(np.diff(storage)) == 1


def test_usage_scatters_around_the_mean():
    rhythm = rhythm_of(hours=20 * 168)
    surge = np.where(rhythm.hours_since_start % 168 == 40, 2000.0, 0.0)
    comes = np.ones(len(surge), dtype=bool)
    group = make_group(ANALYTICS, rhythm, surge, comes, lambda purpose: np.random.default_rng([5, purpose]))
    held, stored = group.usage[:3], group.usage[3]
    np.testing.assert_allclose(held.mean(axis=1), group.mean[:3].mean(axis=1), rtol=0.02)
    np.testing.assert_allclose(stored, group.mean[3], rtol=0.01)
    busy = group.mean[0] > np.median(group.mean[0])
    assert 0.05 < np.std(group.usage[0][busy] / group.mean[0][busy]) < 0.2


def test_resources_of_a_group_move_together():
    rhythm = rhythm_of()
    still = np.zeros(len(rhythm.clock))
    group = make_group(ANALYTICS, rhythm, still, still == 0, lambda purpose: np.random.default_rng([5, purpose]))
    around = np.log(group.usage[:2] / group.mean[:2])
    assert np.corrcoef(around)[0, 1] > 0.5
