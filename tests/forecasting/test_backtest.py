"""Rolling origins: where they lie, what they see, how it is counted, and whom we beat."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from demand import usage_of, waves

from forecasting.backtest import backtest
from forecasting.contestants import expand
from forecasting.errors import ForecastingError
from forecasting.naive import seasonal_naive
from forecasting.replay import LEVELS
from forecasting.score import coverage, crps_from_draws, weighted_quantile_loss
from forecasting.settings import Settings
from forecasting.sources.files import read
from forecasting.verdict import ranges

TAXI = Path(__file__).parents[3] / "shared" / "data" / "taxi_requests.parquet"
NAIVE = ("seasonal-naive",)
START = pd.Timestamp("2026-01-05", tz="UTC")


def test_cutoffs_and_the_table():
    usage = usage_of(waves(groups=2, resources=1, hours=420))
    result = backtest(usage, 24, 2, stride_hours=30, history_hours=336, models=NAIVE)
    assert result.summary["origins"] == [
        f"{(START + pd.Timedelta(hours=h)).strftime('%Y-%m-%dT%H:%M')}Z" for h in (366, 396)
    ]
    table = result.table
    assert list(table.columns) == [
        "model", "origin", "region", "group", "resource", "timestamp", "quantile", "value", "actual",
    ]  # fmt: skip
    assert len(table) == 2 * 2 * 24 * len(LEVELS)
    assert table.timestamp.min() == START + pd.Timedelta(hours=366)
    assert table.timestamp.max() == START + pd.Timedelta(hours=419)
    last = table[(table.timestamp == START + pd.Timedelta(hours=419)) & (table.group == "g1")]
    assert last.actual.unique() == pytest.approx(usage["demand"].values[1, 0, 419])
    assert (last.sort_values("quantile").value.diff().dropna() >= 0).all()
    past = usage.isel(time=slice(60, 396))
    wanted = np.quantile(seasonal_naive(past, 24)[:, 1, 0, 23], LEVELS)
    np.testing.assert_allclose(last.sort_values("quantile").value, wanted, rtol=1e-6)


def test_the_summary_is_what_the_draws_say():
    demand = waves(groups=3, resources=2, hours=450) * np.array([1.0, 30.0])[:, None]
    demand[1, 0, 426:431] = np.nan
    usage = usage_of(demand)
    summary = backtest(usage, 30, 1, models=NAIVE, levels=(0.8, 0.5), keep=False).summary
    draws, actual = seasonal_naive(usage.isel(time=slice(0, 420)), 30), demand[..., 420:]
    quantiles = np.quantile(draws.astype(float), LEVELS, axis=0)
    found = summary["resources"]["r0"]["seasonal-naive"]
    each = [weighted_quantile_loss(actual[:, r], quantiles[:, :, r], LEVELS) for r in range(2)]
    assert found["wql"] == pytest.approx(each[0])
    overall = summary["overall"]["seasonal-naive"]
    assert overall["wql"] == pytest.approx(np.mean(each))
    crps = crps_from_draws(draws[:, :, 0], actual[:, 0])
    assert found["crps"] == pytest.approx(np.nansum(crps) / np.nansum(actual[:, 0]))
    far = weighted_quantile_loss(actual[:, 0, 24:], quantiles[:, :, 0, 24:], LEVELS)
    assert found["wql_by_steps"]["25-30"] == pytest.approx(far)
    assert list(found["wql_by_steps"]) == ["1-6", "7-24", "25-30"]
    wanted = coverage(actual, quantiles[1], quantiles[17])
    assert list(overall["coverage"]) == ["80 %", "50 %"]
    assert overall["coverage"]["80 %"] == pytest.approx(wanted)
    sums = draws.astype(float)[:, :2].sum(axis=1)  # the first two groups are in region a
    inside = [coverage(demand[:2, 0, 420:].sum(axis=0), *np.quantile(sums[:, 0], [0.1, 0.9], axis=0))]
    sum_b = coverage(actual[2, 0], quantiles[1, 2, 0], quantiles[17, 2, 0])
    assert found["coverage_by"]["region-sum"]["80 %"] == pytest.approx((25 * inside[0] + 30 * sum_b) / 55)
    # 5 unknown hours lie in one 6-hour window, of a group and so of its region.
    assert found["checks"] == {
        "group": 85, "region-sum": 55, "window-maximum": 14, "region-sum-window-maximum": 9,
    }  # fmt: skip
    assert found["coverage_by"]["group"] == found["coverage"]
    assert sum(overall["pit"]["region-sum"]) == pytest.approx(1, abs=1e-4)
    json.dumps(summary, allow_nan=False)


def test_processes_change_nothing_and_progress_is_told():
    usage = usage_of(waves(groups=2, resources=2, hours=460))
    stages = {1: [], 2: []}
    made = [
        backtest(usage, 24, 3, models=NAIVE, jobs=jobs, progress=lambda *x, told=told: told.append(x))
        for jobs, told in stages.items()
    ]
    pd.testing.assert_frame_equal(made[0].table, made[1].table, check_exact=True)
    texts = [json.dumps({**x.summary, "seconds_per_origin": None}) for x in made]
    assert texts[0] == texts[1]
    assert set(made[0].summary["seconds_per_origin"]) == set(NAIVE)
    assert [stage for stage, _ in stages[1]] == [f"origin {k} of 3, seasonal-naive" for k in (1, 2, 3)] + ["done"]
    assert [share for _, share in stages[2]] == [0, 1 / 3, 2 / 3, 1, 1]
    assert stages[2][0][0] == "3 origins in 2 processes"


def test_a_resource_that_begins_after_a_cutoff_is_left_out_and_named():
    usage = usage_of(waves(2, 2, 240))
    first, late = usage.resource.values.tolist()
    usage["demand"].loc[{"resource": late, "time": usage.time[:205]}] = np.nan
    summary = backtest(usage, 24, origins=2, models=("seasonal-naive",)).summary
    assert summary["dropped_resources"] == [late]
    assert list(summary["resources"]) == [first]


def test_nothing_is_kept_unless_asked_for():
    table = backtest(usage_of(waves(hours=400)), 24, 1, models=NAIVE, keep=False).table
    assert table.empty
    assert "model" in table.columns


def test_a_horizon_that_nothing_is_known_of_has_no_scores():
    demand = waves(hours=400)
    demand[..., -24:] = np.nan
    overall = backtest(usage_of(demand), 24, 1, models=NAIVE).summary["overall"]["seasonal-naive"]
    assert overall["wql"] is overall["crps"] is overall["coverage"]["50 %"] is overall["pit"]["group"] is None
    assert overall["checks"]["group"] == 0


def test_ranges_of_steps_end_with_the_horizon():
    assert list(ranges(4)) == ["1-4"]
    assert list(ranges(24)) == ["1-6", "7-24"]
    assert list(ranges(168)) == ["1-6", "7-24", "25-72", "73-168"]
    assert list(ranges(200))[-1] == "169-200"
    assert ranges(200)["169-200"] == slice(168, 200)


def test_names_are_expanded_once_and_strangers_told_what_there_is():
    components = Settings().components
    assert expand(["headroom", "components"]) == ("headroom", *components)
    assert expand([components[1], "components", "seasonal-naive", "seasonal-naive"]) == (
        components[1], *[x for x in components if x != components[1]], "seasonal-naive",
    )  # fmt: skip
    assert expand(["headroom-uncalibrated"]) == ("headroom-uncalibrated",)
    with pytest.raises(
        ForecastingError, match=rf"no model 'prophet'; there are headroom, .*{components[-1]}, and"
    ):
        expand(["headroom", "prophet"])
    with pytest.raises(ForecastingError, match="no model is named; there are"):
        expand([])


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"models": ("nope",)}, "no model 'nope'"),
        ({"levels": (50,)}, "between 0 and 1"),
        ({"levels": ()}, "between 0 and 1"),
        ({"jobs": 0}, "at least 1"),
        ({"history_hours": 24}, "at least 48"),
        ({"stride_hours": 0}, "at least 1"),
        ({"origins": 4}, "fewer origins"),
    ],
)
def test_what_cannot_be_replayed_is_refused(keywords, said):
    with pytest.raises(ForecastingError, match=said):
        backtest(usage_of(waves(hours=100)), **{"horizon_hours": 24, "origins": 1} | keywords)


@pytest.mark.slow
def test_headroom_and_a_component_are_run_and_beat_seasonal_naive():
    usage = usage_of(waves(groups=2, resources=1, hours=420))
    models = ("headroom", "seasonal-naive", "headroom-uncalibrated", Settings().components[0])
    result = backtest(usage, 24, 1, models=models)
    overall = result.summary["overall"]
    assert tuple(overall) == tuple(result.summary["models"]) == models
    assert overall["headroom"]["wql"] < overall["seasonal-naive"]["wql"]
    assert set(overall["headroom"]["coverage"]) == {"50 %", "80 %", "95 %"}
    assert result.table.model.unique().tolist() == list(models)


@pytest.mark.slow
def test_it_beats_seasonal_naive_on_real_demand():
    if not TAXI.is_file():
        pytest.skip(f"{TAXI.name} is not there: the real usage is no part of the product")
    overall = backtest(read(TAXI), 24, 2, stride_hours=171, groups=20).summary["overall"]
    assert overall["headroom"]["wql"] < 0.95 * overall["seasonal-naive"]["wql"]
