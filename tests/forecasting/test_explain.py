"""Explanations: parts that add up to the walk, shares that are true, and what cannot be explained."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from demand import moment, usage_of, waves
from hierarchies import hierarchy_of
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from forecasting.attribution import PARTS, attribute, in_demand, share_of_movement
from forecasting.basis import LINEAR, basis_of
from forecasting.belief import believe
from forecasting.components import linear
from forecasting.errors import ForecastingError, HierarchyError
from forecasting.events import from_tables
from forecasting.explain import explain
from forecasting.explain_chart import _outlook, explain_chart
from forecasting.forecast import forecast
from forecasting.history import history_of
from forecasting.lookup import place_of
from forecasting.past import past_of

HOURS = 200


def block(usage, ahead=HOURS, events=None, region=0):
    history, transform = history_of(past_of(usage, None)[0], ahead, events)
    members = np.flatnonzero(history.block == region)
    return history.of_series(members), transform.of_series(members)


def learnt(name, own, events=(), between=0.05):
    basis = basis_of(name, own.length, events)
    rng = np.random.default_rng(2)
    scale = (np.full(6, between), np.full(6, 0.3), np.full(6, 4.0))
    return linear.Learnt(0, basis, np.eye(basis.size), rng.normal(0.02, 0.01, (6, basis.size)), *scale)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("history", [60, 250, 500])
def test_parts_add_up_to_the_walk(name, history):
    time = pd.date_range("2026-01-05", periods=history + HOURS, freq="h")
    rain = pd.DataFrame({"timestamp": time, "region": "*", "name": "rain", "value": np.arange(len(time)) % 7.0})
    events = from_tables({}, covariates=rain)
    own, _ = block(usage_of(waves(groups=6, hours=history)), events=events)
    basis = basis_of(name, own.length, events.names)
    rng = np.random.default_rng(3)
    coefficient = rng.normal(0, 0.3, (3, basis.size))
    coefficient[0, 0] = 6.0  # beyond the bounds
    growth = rng.normal(0, 0.05, 3)
    parts = attribute(own, basis, coefficient, growth, HOURS)
    still = linear.trend(coefficient[None], growth[None], basis, own.length, HOURS).astype(np.float32)
    walk = linear._walk(own, basis, coefficient[None].astype(np.float32), still, own.length)[:, 0]
    for part in ("trend", "events", "bounds"):
        assert np.abs(parts[..., PARTS.index(part)]).max() > 0
    np.testing.assert_allclose(parts.sum(axis=-1)[:48], walk[:48], atol=2e-3)


def test_a_part_is_what_its_feature_brings_however_it_came():
    own, _ = block(usage_of(waves(groups=4)))
    basis = basis_of("ar", own.length)
    coefficient = np.zeros((2, basis.size))
    coefficient[:, basis.names.index("1 h ago")] = 0.9
    parts = attribute(own, basis, coefficient, np.zeros(2), 5)
    np.testing.assert_allclose(parts[..., PARTS.index("recent")], 0.9 ** np.arange(1, 6)[:, None] * own.filled[-1])
    coefficient[:, basis.names.index("block 1 h ago")] = 0.05
    parts = attribute(own, basis, coefficient, np.zeros(2), 2)
    np.testing.assert_allclose(parts[0, :, PARTS.index("block")], 0.05 * own.filled[-1].mean())
    assert not parts[..., [PARTS.index(x) for x in ("level", "trend", "day", "week", "bounds")]].any()


def test_what_comes_from_a_block_of_one_comes_from_its_own_past():
    demand = waves(groups=4)
    demand[1] = 3.0  # the other one of its region never changes
    own, _ = block(usage_of(demand))
    basis = basis_of("ar", own.length)
    coefficient = np.random.default_rng(3).normal(0, 0.02, (2, basis.size))
    parts = attribute(own, basis, coefficient, np.zeros(2), 30)
    assert not parts[..., [PARTS.index("block"), PARTS.index("bounds")]].any()
    assert not parts[:, 1].any()
    still = linear.trend(coefficient[None], np.zeros((1, 2)), basis, own.length, 30).astype(np.float32)
    walk = linear._walk(own, basis, coefficient[None].astype(np.float32), still, own.length)[:, 0]
    np.testing.assert_allclose(parts.sum(axis=-1)[:, 0], walk[:, 0], atol=2e-3)
    both, _ = block(usage_of(waves(groups=4)))
    assert attribute(both, basis, coefficient, np.zeros(2), 30)[..., PARTS.index("block")].any()


def test_parts_in_demand_add_up_to_demand():
    _, transform = block(usage_of(waves()))
    parts = np.random.default_rng(4).normal(0, 0.2, (24, len(PARTS)))
    given, counted_from = in_demand(parts, transform)
    demand = transform.demand_of(parts.sum(axis=1)[:, None])[:, 0]
    np.testing.assert_allclose(given.sum(axis=1) + counted_from, demand)
    assert counted_from == transform.demand_of(np.zeros((1, 1)))[0, 0]


def test_shares_leave_the_level_out():
    np.testing.assert_allclose(share_of_movement(np.array([9.0, 3, 1, 0, 0, 0, 0])), [0, 0.75, 0.25, 0, 0, 0, 0])
    assert not share_of_movement(np.array([9.0, 0, 0, 0, 0, 0, 0])).any()


def test_belief_is_the_mean_of_the_exact_draws():
    own, _ = block(usage_of(waves(groups=4)))
    known = learnt("ar", own)
    statistics = linear.statistics_of(own, known.basis, [own.length])[own.length]
    belief = believe(statistics, known)
    drawn, noise = linear.draw(
        linear.rotate(statistics, known.plain), known, np.arange(6000), np.random.default_rng(5)
    )
    error = drawn.std(axis=0) / np.sqrt(6000)
    assert (np.abs(drawn.mean(axis=0) - belief.coefficient) < 5 * error).all()
    np.testing.assert_allclose(belief.noise, (noise**-2.0).mean(axis=0) ** -0.5, rtol=0.01)
    assert belief.block_noise == pytest.approx(0.3)


def test_what_is_borrowed_falls_with_history_and_with_how_groups_differ():
    demand = waves(groups=6)
    demand[0] = np.nan
    demand[1, :, :-30] = np.nan
    own, _ = block(usage_of(demand))
    known = learnt("ar", own)
    statistics = linear.statistics_of(own, known.basis, [own.length])[own.length]
    belief = believe(statistics, known)
    assert belief.borrowed[0] == pytest.approx(1.0)
    assert belief.settled[0] == pytest.approx(0.0)
    assert belief.noise[0] == pytest.approx(belief.block_noise)
    assert belief.borrowed[0] > belief.borrowed[1] > belief.borrowed[2] > 0
    assert believe(statistics, learnt("ar", own, between=0.5)).borrowed[2] < belief.borrowed[2]


def test_an_explanation_agrees_with_the_forecast():
    usage = usage_of(waves(groups=5, resources=2))
    hierarchy = hierarchy_of(usage)
    found = explain(usage, "b/g4", "r1", seed=3, hierarchy=hierarchy)
    profile = forecast(usage, 24, seed=3, hierarchy=hierarchy)
    quantiles = profile.quantile((0.1, 0.5, 0.9)).sel(group="b/g4", resource="r1").values
    np.testing.assert_allclose(found.quantiles, quantiles, rtol=1e-4)
    assert found.component == "ar"
    assert found.groups == 2
    assert found.known_hours == 500
    np.testing.assert_allclose(found.parts.sum(axis=1), found.quantiles[1], rtol=0.35)
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert sum(part["share_of_movement"] for part in record["parts"].values()) == pytest.approx(1.0)
    assert record["calibration_factors"]["6"] == {"50%": 1.0, "80%": 1.0, "95%": 1.0, "99%": 1.0}


def test_a_later_day_is_explained_as_it_is_forecast():
    usage = usage_of(waves(groups=5, resources=2))
    hierarchy = hierarchy_of(usage)
    found = explain(usage, "b/g4", "r1", seed=3, hierarchy=hierarchy, after_hours=20)
    profile = forecast(usage, 44, seed=3, hierarchy=hierarchy)
    quantiles = profile.quantile((0.1, 0.5, 0.9)).sel(group="b/g4", resource="r1").values
    np.testing.assert_allclose(found.quantiles, quantiles[:, 20:], rtol=1e-4)
    whole = explain(usage, "b/g4", "r1", seed=3, hierarchy=hierarchy, hours=44)
    np.testing.assert_allclose(found.parts, whole.parts[20:], rtol=1e-6)
    np.testing.assert_array_equal(found.time, whole.time[20:])
    assert found.ahead == (21, 44)
    assert whole.ahead == (1, 44)


def test_a_gap_before_now_is_bridged_and_a_constant_series_has_no_parts(tmp_path):
    demand = waves(groups=3)
    demand[0] = 4.0
    usage = usage_of(demand)
    now = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=503, minutes=30)
    found = explain(usage, "a/g0", "r0", now, hierarchy=hierarchy_of(usage))
    assert str(found.time[0])[:13] == "2026-01-25T23"
    np.testing.assert_allclose(found.parts.sum(axis=1), 4.0)
    np.testing.assert_allclose(found.quantiles, 4.0)
    assert not found.moves
    explain_chart(found, tmp_path / "still.png")


def test_it_is_refused_in_words():
    usage = usage_of(waves(groups=3))
    hierarchy = hierarchy_of(usage)
    with pytest.raises(ForecastingError, match="no group 'G0'; did you mean a/g0"):
        explain(usage, "G0", "r0", hierarchy=hierarchy)
    with pytest.raises(ForecastingError, match="no resource 'r'; did you mean r0"):
        explain(usage, "a/g0", "r", hierarchy=hierarchy)
    time = pd.date_range("2026-01-05", periods=600, freq="h")
    rain = from_tables(
        {}, covariates=pd.DataFrame({"timestamp": time, "region": "*", "name": "rain", "value": 1.0})
    )
    with pytest.raises(HierarchyError, match="these are given: rain"):
        explain(usage, "a/g0", "r0", hierarchy=hierarchy, events=rain)
    with pytest.raises(ForecastingError, match="none of which is made of parts; learn anew with one of ar"):
        explain(usage, "a/g0", "r0", hierarchy=hierarchy_of(usage, ("days", "level")))
    with pytest.raises(ForecastingError, match="it has c0, c1, c2, c3, c4, c5, c6, c7 …"):
        place_of("zz", [f"c{i}" for i in range(20)], "group")


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_picture_is_the_same_again(tmp_path, ending):
    usage = usage_of(waves(groups=4))
    found = explain(usage, "a/g1", "r0", hierarchy=hierarchy_of(usage))
    for name in ("one", "two"):
        explain_chart(found, tmp_path / f"{name}.{ending}")
    one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
    assert one == two
    assert len(one) > 10_000
    with pytest.raises(ForecastingError, match=r"\.png or \.svg"):
        explain_chart(found, tmp_path / "chart.gif")


def test_the_picture_marks_when_it_was_issued_however_late_the_day():
    usage = usage_of(waves(groups=2))
    found = explain(usage, "a/g0", "r0", hierarchy=hierarchy_of(usage), after_hours=30)
    axes = Figure().add_subplot()
    _outlook(axes, found)
    (mark,) = {float(line.get_xdata()[0]) for line in axes.lines if list(line.get_ydata()) == [0, 1]}
    assert mark == date2num(found.past[0][-1] + np.timedelta64(1, "h"))


def test_what_an_event_adds_is_told_with_events():
    demand = waves(groups=3, hours=1000)
    hours = [300, 480, 650, 820]
    for hour in hours:
        demand[..., hour : hour + 8] *= 1.8
    usage = usage_of(demand)
    rows = [
        {"region": "*", "start": moment(x).isoformat(), "end": moment(x + 8).isoformat()} for x in [*hours, 1004]
    ]
    events = from_tables({}, table=pd.DataFrame(rows).assign(name="sale"))
    hierarchy = hierarchy_of(usage)
    plain = explain(usage, "a/g0", "r0", hierarchy=hierarchy)
    told = explain(usage, "a/g0", "r0", hierarchy=hierarchy, events=events)
    lift = told.quantiles[1] / plain.quantiles[1]
    assert 1.5 < lift[4:12].mean() < 2.1
    np.testing.assert_allclose(lift[:4], 1.0, atol=0.1)
    added = told.parts[:, PARTS.index("events")]
    assert (added[4:12] > 2).all()
    assert not added[12:].any()
