import numpy as np
import pandas as pd
import pytest
from demand import history, usage_of, waves

from forecasting.events import from_tables
from forecasting.history import fill, history_of


def test_series_lie_group_by_group_and_blocks_are_a_resource_of_a_region():
    demand = waves(groups=4, resources=2, hours=60)
    found = history(demand, ahead=5)
    assert found.scores.shape == (60, 8)
    assert found.resource.tolist() == [0, 1] * 4
    assert found.region.tolist() == [0] * 4 + [1] * 4
    assert found.block.tolist() == [0, 1, 0, 1, 2, 3, 2, 3]
    order = np.argsort(found.scores[:, 5])  # group 2, resource 1
    np.testing.assert_array_equal(order, np.argsort(demand[2, 1]))
    assert found.length == 60
    assert len(found.time) == 65
    assert (np.diff(found.time) == np.timedelta64(1, "h")).all()
    assert (found.lowest < found.scores.min(axis=0)).all()
    assert (found.highest > found.scores.max(axis=0)).all()
    assert found.events.shape == (2, 65, 0)


def test_some_series_keep_all_that_is_theirs():
    whole = history(waves(groups=4, resources=2, hours=60))
    part = whole.of_series(np.array([6, 1]))
    for name in ("scores", "filled"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:, [6, 1]])
    for name in ("block", "resource", "region", "moves", "lowest", "highest", "one"):
        assert getattr(part, name).tolist() == getattr(whole, name)[[6, 1]].tolist()
    assert part.events is whole.events


def test_scores_are_turned_back_to_demand():
    found, transform = history_of(usage_of(waves(groups=4, resources=2, hours=60)), 5)
    some = np.array([6, 1])
    scores = np.linspace(-1.0, 3.0, 20).reshape(10, 2)
    expected = transform.of_series(some).demand_of(scores)
    np.testing.assert_allclose(found.of_series(some).demand_of(scores), expected, rtol=1e-9)
    lowest = found.demand_of(found.lowest - 1.0)
    np.testing.assert_array_equal(lowest, 0.0)


def test_covariates_are_looked_up_for_the_past_and_ahead():
    time = np.datetime64("2025-12-29T12", "ns") + np.arange(84) * np.timedelta64(1, "h")
    rain = pd.DataFrame({"timestamp": time, "region": "a", "name": "rain", "value": np.arange(84) >= 30})
    usage = usage_of(waves(hours=60)).assign_coords(time=time[:60])
    found, _ = history_of(usage, 24, from_tables({}, covariates=rain.astype({"value": float})))
    assert found.events.shape == (2, 84, 1)
    np.testing.assert_allclose(found.events[0, :, 0], np.where(np.arange(84) >= 30, 1, -1))
    assert not found.events[1].any()


def test_a_gap_takes_last_week_then_its_block_then_yesterday_then_the_mean():
    values = np.arange(400.0)[:, None] + np.array([0.0, 1000.0, 5000.0])
    block = np.array([0, 0, 1])
    values[300] = values[10, 0] = np.nan
    values[20, :2] = values[30, 2] = values[0, 2] = np.nan
    out = fill(values, block)
    np.testing.assert_array_equal(out[300], values[132])
    assert out[10, 0] == 1010
    assert out[20].tolist() == [0, 0, 5020]  # nothing known of the block, and no day before
    assert out[30, 2] == 5006
    assert out[0, 2] == 0
    known = np.isfinite(values)
    np.testing.assert_array_equal(out[known], values[known])


def test_a_week_ago_may_have_been_filled_itself():
    values = np.arange(500.0)[:, None].copy()
    values[[210, 378]] = np.nan
    assert fill(values, np.zeros(1, dtype=np.intp))[378, 0] == 42


def test_a_new_group_comes_by_its_blocks_past():
    values = np.random.default_rng(1).normal(size=(400, 4))
    values[:380, 3] = np.nan
    out = fill(values, np.array([0, 0, 1, 0]))
    np.testing.assert_allclose(out[:380, 3], values[:380, :2].mean(axis=1))
    np.testing.assert_array_equal(out[380:, 3], values[380:, 3])


@pytest.mark.parametrize("cut", [50, 200, 390])
def test_what_comes_later_fills_no_gap(cut):
    rng = np.random.default_rng(2)
    values = rng.normal(size=(400, 4))
    values[rng.random(values.shape) < 0.3] = np.nan
    changed = values.copy()
    changed[cut:] = rng.normal(size=(400 - cut, 4)) + 50
    block = np.array([0, 0, 1, 1])
    np.testing.assert_array_equal(fill(values, block)[:cut], fill(changed, block)[:cut])


def test_a_newcomer_is_lent_the_past_of_those_who_were_like_it():
    hour = np.arange(500)
    one, other = np.sin(hour * 2 * np.pi / 24), np.cos(hour * 2 * np.pi / 24)
    scores = np.stack([one] * 4 + [other] * 4 + [one], axis=1) + np.random.default_rng(1).normal(0, 0.05, (500, 9))
    scores[:428, 8] = np.nan
    filled = fill(scores, np.zeros(9, dtype=np.intp))
    assert np.abs(filled[:428, 8] - one[:428]).mean() < 0.1
    np.testing.assert_array_equal(filled[428:, 8], scores[428:, 8])
    few = fill(scores[:, [0, 4, 8]], np.zeros(3, dtype=np.intp))  # too few to choose among: their mean
    np.testing.assert_allclose(few[:428, 2], scores[:428, [0, 4]].mean(axis=1))


def test_lenders_may_have_gaps():
    scores = np.random.default_rng(1).normal(size=(500, 9))
    scores[100:110, :8] = np.nan
    scores[450:460, 0] = np.nan
    scores[:428, 8] = np.nan
    assert np.isfinite(fill(scores, np.zeros(9, dtype=np.intp))).all()
