"""Usage → profile, on small worlds: what it promises, and what it does with hard data.

Most hierarchies here are made up (`demand.made`), so that nothing has to be inferred; where it matters what was
learnt, it is learnt.
"""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from demand import learnt_of_waves, made, moment, swings, usage_of, wave, waves

from forecasting.errors import ForecastingError, HierarchyError, UsageError
from forecasting.events import from_tables
from forecasting.forecast import forecast
from forecasting.learn import learn
from forecasting.score import coverage
from forecasting.settings import Settings
from forecasting.simulate import START, simulate
from forecasting.usage import from_table

# With what was made up


def test_the_same_usage_and_seed_give_the_same_draws():
    usage = usage_of(waves(groups=4, resources=2, hours=400))
    hierarchy = made(usage)
    one, same, other = (forecast(usage, 30, seed=seed, hierarchy=hierarchy) for seed in (3, 3, 4))
    assert one.draws.values.tobytes() == same.draws.values.tobytes()
    assert one.dataset.attrs == same.dataset.attrs
    assert not np.array_equal(one.draws, other.draws)
    assert one.draws.dims == ("draw", "group", "resource", "time")
    assert one.draws.sizes == {"draw": 500, "group": 4, "resource": 2, "time": 30}
    assert str(one.draws["time"].values[0])[:13] == "2026-01-21T16"


@pytest.mark.parametrize("minutes", [0, 59])
def test_a_changed_future_changes_nothing(minutes):
    demand = waves(groups=4, hours=400)
    now = moment(350) + timedelta(minutes=minutes)
    changed = demand.copy()
    changed[:, :, 350:] = 99.0
    changed[0, :, 360:] = np.nan
    hierarchy = made(usage_of(demand[..., :345]))
    first, second = (forecast(usage_of(x), 12, now=now, hierarchy=hierarchy) for x in (demand, changed))
    np.testing.assert_array_equal(first.draws.values, second.draws.values)
    assert first.dataset.attrs == second.dataset.attrs
    assert first.issued == now
    assert str(first.draws["time"].values[0])[:13] == "2026-01-19T14"


def test_the_last_hour_matters():
    demand = waves(groups=4, hours=400)
    hierarchy = made(usage_of(demand))
    changed = demand.copy()
    changed[:, :, 399] += 3
    first, second = (forecast(usage_of(x), 3, hierarchy=hierarchy) for x in (demand, changed))
    assert not np.array_equal(first.draws, second.draws)


def test_a_gap_between_the_data_and_now_is_bridged():
    usage = usage_of(waves(groups=4, hours=400))
    hierarchy = made(usage)
    late = forecast(usage, 6, now=moment(406), hierarchy=hierarchy, seed=1)
    assert str(late.draws["time"].values[0])[:13] == "2026-01-21T22"
    np.testing.assert_allclose(late.quantile(0.5).values[0, 0, 0], wave(np.arange(406, 412)), atol=2)
    assert late.dataset.attrs["notes"] == ""
    assert "ends 30 hours" in forecast(usage, 6, now=moment(430), hierarchy=hierarchy).dataset.attrs["notes"]
    early = forecast(usage, 12, hierarchy=hierarchy, seed=1)
    np.testing.assert_array_equal(late.draws.values, early.draws.values[..., 6:])


def test_a_longer_horizon_begins_alike():
    usage = usage_of(waves(groups=4, hours=400))
    hierarchy = made(usage)
    short, long = (forecast(usage, hours, hierarchy=hierarchy).quantile(0.5) for hours in (12, 200))
    np.testing.assert_allclose(short.values, long.values[..., :12], atol=0.7)
    assert np.isfinite(long.values).all()


def test_settings_choose_draws_and_calibration():
    usage = usage_of(waves(groups=4, hours=400))
    hierarchy = made(usage)
    profile = forecast(usage, 6, hierarchy=hierarchy, settings=Settings(draws=40))
    assert profile.draws.sizes["draw"] == 40
    wide = made(usage)
    wide.dataset["factors"][:] = 2.0
    plain, stretched = (
        forecast(usage, 6, hierarchy=wide, settings=Settings(calibrate=calibrate)) for calibrate in (False, True)
    )
    ratio = (stretched.draws**0.5).std("draw") / (plain.draws**0.5).std("draw")  # scores are roots of demand
    np.testing.assert_allclose(ratio.values.mean(), 2.0, atol=0.2)
    assert plain.dataset.attrs["calibrated"] == 0
    assert stretched.dataset.attrs["calibrated"] == 1
    untouched = forecast(usage, 6, hierarchy=hierarchy, settings=Settings(calibrate=False))
    np.testing.assert_array_equal(plain.draws, untouched.draws)


def test_it_says_what_it_rests_on():
    usage = usage_of(waves(groups=4, hours=400))
    hierarchy = made(usage)
    hierarchy.dataset["own_weights"][0, 0, 1] = np.eye(len(hierarchy.components))[0]
    attributes = forecast(usage, 6, seed=5, hierarchy=hierarchy).dataset.attrs
    assert {"seed", "data_digest", "versions", "inference", "hierarchy_digest", "learnt_until"} <= set(attributes)
    assert attributes["seed"] == 5
    assert json.loads(attributes["diagnostics"])["ar/r0"]["pareto_k"] == 0.2
    weights = np.array(json.loads(attributes["weights"])["b/r0"])
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-3)
    assert json.loads(attributes["own_weights"]) == {"r0": [24]}  # ends of ranges in which groups have their own
    assert attributes["components"].split()[0] == "ar"


def test_groups_that_move_together_make_their_sum_less_certain():
    spread = {}
    for together in (0.0, 0.9):
        usage = usage_of(swings(groups=8, hours=700, together=together))
        hierarchy = made(usage, ("ar", "seasonal", "weekly"))  # past days of all groups are of the same moment
        draws = forecast(usage, 24, hierarchy=hierarchy).draws.isel(group=slice(4), resource=0)
        spread[together] = float((draws.sum("group").var("draw") / draws.var("draw").sum("group")).mean())
    assert spread[0.9] > 2.2  # of four groups: 1 + 3 · 0.9 at most
    assert spread[0.9] > 1.4 * spread[0.0]


def test_a_new_region_changes_no_draws_of_the_others():
    usage = usage_of(waves(groups=6, hours=400))
    hierarchy = made(usage)
    kept = usage["region"].values != "a"  # the first by name, so that the numbers of all others change
    both = forecast(usage, 6, seed=2, hierarchy=hierarchy).draws
    alone = forecast(usage.isel(group=kept), 6, seed=2, hierarchy=hierarchy).draws
    np.testing.assert_array_equal(both.isel(group=kept).values, alone.values)


def test_regions_and_resources_move_together_too():
    demand = swings(groups=4, hours=700, together=1.0)
    both = np.concatenate([demand, demand * 7], axis=1)
    usage = usage_of(both)
    draws = forecast(usage, 24, hierarchy=made(usage)).draws.values
    hour = 3
    series = draws[:, :, :, hour].reshape(500, -1)
    assert np.corrcoef(series.T).min() > 0.5


def test_what_it_refuses():
    usage = usage_of(waves())
    with pytest.raises(ForecastingError, match="at least 1"):
        forecast(usage, 0)
    with pytest.raises(UsageError, match="48"):
        forecast(usage_of(waves(hours=40)), 12)
    with pytest.raises(ForecastingError, match="0 jobs"):
        forecast(usage, 12, hierarchy=made(usage), jobs=0)
    nothing = waves(resources=2)
    nothing[:, 1] = np.nan
    with pytest.raises(UsageError, match="no group has a known value of r1"):
        forecast(usage_of(nothing), 12)


def _hard() -> np.ndarray:
    """Constant, never known, zero, thirty per cent unknown, ten times as much since a day ago, a billionth."""
    demand = waves(groups=6, resources=2, hours=500)
    demand[0, 0] = 4.0
    demand[1] = np.nan
    demand[2, 1] = 0.0
    demand[3][np.random.default_rng(2).random((2, 500)) < 0.3] = np.nan
    demand[4, :, 476:] *= 10
    demand[5] *= 1e-9
    return demand


def assert_justified(demand, draws):
    assert np.isfinite(draws).all()
    assert (draws >= 0).all()
    assert (draws[:, 0, 0] == 4.0).all()
    assert (draws[:, 2, 1] == 0.0).all()
    known = [0, 2, 3, 4, 5]
    highest = np.nanmax(demand[known], axis=2)
    assert (draws[:, known].max(axis=(0, 3)) <= 2.001 * highest).all()
    assert 5 < np.median(draws[:, 1, 0]) < 20  # the group that nobody knows lives on its region
    assert np.median(draws[:, 5, 0]) < 1e-7


@pytest.mark.parametrize("horizon", [24, 190])
def test_hard_data_gives_draws_within_what_history_justifies(horizon):
    demand = _hard()
    usage = usage_of(demand)
    assert_justified(demand, forecast(usage, horizon, hierarchy=made(usage)).draws.values)


@pytest.mark.parametrize(
    "demand",
    [waves(1, 1, 48), np.full((2, 1, 100), 3.0), np.zeros((2, 1, 400)), waves(3, 1, 1600)],
    ids=["two days", "all constant", "all zero", "longer than is looked at"],
)
def test_little_history_and_nothing_that_moves(demand):
    usage = usage_of(demand)
    draws = forecast(usage, 12, hierarchy=made(usage)).draws.values
    assert np.isfinite(draws).all()
    assert (draws >= 0).all()


# With what was learnt


@pytest.mark.slow
def test_it_follows_the_day_with_a_hierarchy_or_without():
    usage, hierarchy = learnt_of_waves()
    profile = forecast(usage, 36, seed=3, hierarchy=hierarchy)
    ahead = wave(np.arange(760, 796))
    np.testing.assert_allclose(profile.quantile(0.5).values[0], np.tile(ahead, (8, 1, 1)), atol=0.6)
    np.testing.assert_allclose(profile.draws.std("draw").values.mean(), 0.5, rtol=0.25)
    assert profile.dataset.attrs["notes"] == ""
    told = []
    alone = forecast(usage, 36, seed=3, progress=lambda stage, share: told.append(share))
    learnt = learn(usage, seed=3, horizon_hours=36)
    same = forecast(usage, 36, seed=3, hierarchy=learnt)
    np.testing.assert_array_equal(alone.draws, same.draws)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, 24, 72])
def test_a_newcomer_lives_on_its_block(kept):
    usage, hierarchy = learnt_of_waves()
    demand = usage["demand"].values.copy()
    demand[0, 0, : 760 - kept] = np.nan
    demand[0] *= 3.0  # its own size, where there is something to tell it by
    profile = forecast(usage_of(demand), 48, seed=3, hierarchy=hierarchy)
    assert np.isfinite(profile.draws.values).all()
    size = 3.0 if kept else 1.0
    middle = profile.quantile(0.5).values[0, 0, 0]
    np.testing.assert_allclose(middle, size * wave(np.arange(760, 808)), atol=1.2 * size)
    others = profile.draws.std("draw").values[1:4].mean()
    assert 0.5 * size < profile.draws.std("draw").values[0].mean() / others < 3 * size


SALES = [70, 131, 218, 275, 340, 397, 466, 551, 602, 689, 746, 815]
"""Hours at which a sale of ten hours began, at no time of the day or week in particular."""


def sales(*more):
    rows = [(moment(hour), moment(hour + 10)) for hour in (*SALES, *more)]
    return from_tables(
        {},
        table=pd.DataFrame(
            {
                "region": "*",
                "start": [start.isoformat() for start, _ in rows],
                "end": [end.isoformat() for _, end in rows],
                "name": "sale",
            }
        ),
    )


@pytest.fixture(scope="module")
def sold():
    """Usage that a sale doubles, and what was learnt of it with and without being told of the sales."""
    demand = waves(groups=8, hours=870)
    for hour in SALES:
        demand[..., hour : hour + 10] *= 2
    usage = usage_of(demand)
    settings = Settings(components=("ar", "seasonal"))
    return usage, learn(usage, seed=1, horizon_hours=24, events=sales(), settings=settings)


@pytest.mark.slow
def test_an_event_that_doubled_demand_raises_the_forecast_when_it_comes_again(sold):
    usage, hierarchy = sold
    assert hierarchy.events == ()  # what events do is no part of what was learnt: new ones need no learning anew
    without, with_it = (
        forecast(usage, 24, seed=1, hierarchy=hierarchy, events=events).quantile(0.5).values[0]
        for events in (sales(), sales(876))
    )
    np.testing.assert_allclose(with_it[..., :6], without[..., :6], rtol=0.05)
    lift = with_it[..., 6:16] / without[..., 6:16]
    assert (lift.mean(axis=(1, 2)) > 1.4).all()
    assert (lift.mean(axis=(1, 2)) < 2.6).all()


@pytest.mark.slow
def test_the_profile_names_the_events_ahead(sold):
    usage, hierarchy = sold
    profile = forecast(usage, 24, seed=1, hierarchy=hierarchy, events=sales(876))
    (told,) = json.loads(profile.dataset.attrs["events"])
    low, middle, high = told.pop("factor")["r0"]
    assert told == {
        "kind": "sale", "name": "sale", "start": moment(876).isoformat(), "end": moment(886).isoformat(),
        "regions": ["*"], "groups": [""], "new": False,
    }  # fmt: skip
    assert 1.8 < low < middle < high < 2.2
    assert "events" not in forecast(usage, 6, seed=1, hierarchy=hierarchy).dataset.attrs


@pytest.mark.slow
def test_names_of_covariates_that_do_not_match_are_an_error(sold):
    usage, hierarchy = sold
    time = pd.date_range(moment(0), periods=900, freq="h")
    rain = pd.DataFrame({"timestamp": time, "region": "*", "name": "rain", "value": np.arange(900.0) % 7})
    with pytest.raises(HierarchyError, match="with the covariates none, and these are given: rain; give the same"):
        forecast(usage, 6, hierarchy=hierarchy, events=from_tables({}, covariates=rain))


@pytest.mark.slow
def test_an_event_that_was_never_seen_changes_little():
    usage, _ = learnt_of_waves()
    future = from_tables(
        {},
        table=pd.DataFrame(
            {
                "region": ["a"],
                "start": [moment(765).isoformat()],
                "end": [moment(775).isoformat()],
                "name": ["new"],
            }
        ),
    )
    settings = Settings(components=("seasonal", "days"))
    hierarchy = learn(usage, seed=1, horizon_hours=24, events=future, settings=settings)
    profile = forecast(usage, 24, seed=1, hierarchy=hierarchy, events=future)
    np.testing.assert_allclose(profile.quantile(0.5).values[0, 0, 0], wave(np.arange(760, 784)), atol=1.0)


@pytest.mark.slow
def test_intervals_hold_what_they_say_for_groups_and_for_their_sum():
    usage = from_table(simulate(seed=11, groups_per_region=3, extra_hours=48).table)
    profile = forecast(usage, 48, now=START + timedelta(weeks=6))
    actual = usage["demand"].isel(time=slice(1008, 1056)).values
    for level, slack in ((0.5, 0.15), (0.8, 0.12), (0.95, 0.06)):
        lower, upper = profile.interval(level).values
        assert abs(coverage(actual, lower, upper) - level) < slack
    total = profile.draws.sum("group").values
    lower, upper = np.quantile(total, [0.1, 0.9], axis=0)
    assert abs(coverage(actual.sum(axis=0), lower, upper) - 0.8) < 0.2
