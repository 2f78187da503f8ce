"""When to learn anew, and with which memory."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from demand import usage_of, waves

from forecasting import retrain as room
from forecasting.errors import ForecastingError, HierarchyError
from forecasting.feedback.record import AHEAD_HOURS, LEVELS, Record, dataset_of
from forecasting.feedback.scopes import scopes_of
from forecasting.forecast import forecast
from forecasting.hierarchy import Hierarchy
from forecasting.learn import learn
from forecasting.retrain import SHORT_MEMORY_HOURS, reason, retrain, settings_of
from forecasting.settings import LONGEST_MEMORY_HOURS, Settings

QUICK = Settings(components=("days", "level"), draws=50)  # nothing that is sampled


BEFORE = datetime(2026, 11, 1, tzinfo=UTC)


def record_of(*alarmed):
    """A record of ten groups, some of which came much too high for two days."""
    groups = np.array([f"eu/{x}" for x in "abcdefghij"])
    scopes = scopes_of(groups, np.array(["eu"] * 10))
    origins = np.datetime64("2026-11-01", "ns") + np.arange(12) * np.timedelta64(6, "h")
    shape = (12, len(LEVELS), len(scopes), 1, AHEAD_HOURS)
    dataset = dataset_of(origins, scopes, np.array(["cpu"]), np.full(shape, np.nan, dtype=np.float32))
    scores = np.zeros((12, len(scopes), 1, AHEAD_HOURS), dtype=np.float32)
    scores[:, list(alarmed)] = 3.0
    return Record(dataset.assign(score=(dataset["score"].dims, scores)))


@pytest.fixture(scope="module")
def usage():
    return usage_of(waves(groups=3, hours=1344))


def test_one_group_in_ten_is_no_reason_and_two_are():
    assert reason(record_of(), BEFORE) == ""
    assert reason(record_of(3), BEFORE) == ""
    assert reason(record_of(3, 4), BEFORE) == "2 of 10 groups are at an alarm"


def test_what_came_before_the_last_learning_is_no_reason_to_learn_again():
    assert reason(record_of(3, 4), BEFORE + timedelta(days=1)) == "2 of 10 groups are at an alarm"
    assert reason(record_of(3, 4), BEFORE + timedelta(days=3)) == ""


def test_memory_is_kept_in_the_file_and_heeded_by_forecasts(usage, tmp_path):
    short = learn(usage, settings=Settings(components=QUICK.components, memory_hours=SHORT_MEMORY_HOURS))
    short.save(tmp_path / "h.nc")
    kept = Hierarchy.load(tmp_path / "h.nc")
    assert kept.memory_hours == kept.history_hours == SHORT_MEMORY_HOURS
    assert settings_of(kept) == Settings(components=QUICK.components, memory_hours=SHORT_MEMORY_HOURS)
    last = usage.isel(time=slice(-SHORT_MEMORY_HOURS, None))
    a, b = (forecast(x, 24, hierarchy=kept, settings=QUICK).draws.values for x in (usage, last))
    assert np.array_equal(a, b)


def test_files_with_odd_memories_are_refused(usage):
    learnt = learn(usage, settings=QUICK)
    with pytest.raises(HierarchyError, match="memory of 3 hours"):
        Hierarchy(learnt.dataset.assign_attrs(memory_hours=3))
    with pytest.raises(ForecastingError, match="give 432 to 1344"):
        Settings(memory_hours=10_000)


def test_settings_change_only_where_the_challenger_is_better_by_enough(usage, monkeypatch):
    champion = learn(usage, settings=QUICK, horizon_hours=24)
    assert champion.memory_hours == LONGEST_MEMORY_HOURS
    asked = []

    def loss(usage, hierarchy, begin, *rest):
        asked.append((hierarchy.memory_hours, hierarchy.learnt_until))
        return 0.10 if len(asked) == 1 else second

    monkeypatch.setattr(room, "_loss", loss)
    for second, kept in ((0.0995, LONGEST_MEMORY_HOURS), (0.09, SHORT_MEMORY_HOURS)):  # noqa: B007
        asked.clear()
        fresh, contest = retrain(usage, champion, days=3)
        assert [hours for hours, _ in asked] == [LONGEST_MEMORY_HOURS, SHORT_MEMORY_HOURS]
        # Neither has seen the days that it is judged by; what is used in the end has seen them all.
        assert all(fresh.learnt_until - until == np.timedelta64(3, "D") for _, until in asked)
        assert (fresh.memory_hours, contest.changed) == (kept, kept == SHORT_MEMORY_HOURS)


def test_a_contest_is_by_what_came(usage):
    fresh, contest = retrain(usage, learn(usage, settings=QUICK, horizon_hours=24), days=2)
    assert 0 < contest.champion < 1
    assert 0 < contest.challenger < 1
    assert fresh.components == QUICK.components


def test_with_too_little_usage_there_is_no_contest(usage):
    last = usage.isel(time=slice(-600, None))
    fresh, contest = retrain(last, learn(last, settings=QUICK, horizon_hours=24))
    assert contest is None
    assert fresh.memory_hours == LONGEST_MEMORY_HOURS
