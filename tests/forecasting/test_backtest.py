"""Rolling origins: where they lie, what they see, and whom we beat."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from demand import usage_of, waves

from forecasting.backtest import LEVELS, backtest, seasonal_naive
from forecasting.errors import ForecastingError
from forecasting.sources.files import read

TAXI = Path(__file__).parents[3] / "shared" / "data" / "taxi_requests.parquet"


def test_seasonal_naive_is_last_week_and_its_own_errors():
    demand = np.tile(np.arange(168.0), 4)[None, None]
    quantiles = seasonal_naive(usage_of(demand), 24)
    assert quantiles.shape == (19, 1, 1, 24)
    np.testing.assert_allclose(quantiles[:, 0, 0], np.tile(np.arange(24.0), (19, 1)))
    noisy = demand + np.random.default_rng(1).normal(0, 1, demand.shape) + 50
    spread = seasonal_naive(usage_of(noisy), 24)
    # The spread of a difference of two unit normals is √2, its 5–95 % interval 3.29 · √2 wide.
    assert (spread[-1] - spread[0]).mean() == pytest.approx(3.29 * 2**0.5, rel=0.1)


def test_too_little_history_for_so_many_origins_is_refused():
    with pytest.raises(ForecastingError, match="fewer origins"):
        backtest(usage_of(waves(hours=100)), 24, 4)


@pytest.mark.slow
def test_cutoffs_and_the_table():
    usage = usage_of(waves(groups=2, resources=1, hours=420))
    result = backtest(usage, 24, 2, stride_hours=30, history_hours=336)
    start = pd.Timestamp("2026-01-05", tz="UTC")
    assert result.summary["origins"] == [
        f"{(start + pd.Timedelta(hours=h)).strftime('%Y-%m-%dT%H:%M')}Z" for h in (366, 396)
    ]
    table = result.table
    assert list(table.columns) == [
        "origin", "region", "group", "resource", "timestamp", "quantile", "value", "actual",
    ]  # fmt: skip
    assert len(table) == 2 * 2 * 24 * len(LEVELS)
    assert table.timestamp.min() == start + pd.Timedelta(hours=366)
    assert table.timestamp.max() == start + pd.Timedelta(hours=419)
    last = table[(table.timestamp == start + pd.Timedelta(hours=419)) & (table.group == "g1")]
    assert last.actual.unique() == pytest.approx(usage["demand"].values[1, 0, 419])
    assert (last.sort_values("quantile").value.diff().dropna() >= 0).all()
    overall = result.summary["overall"]
    assert overall["headroom"]["wql"] < overall["seasonal-naive"]["wql"]
    assert set(overall["headroom"]["coverage"]) == {"50 %", "80 %", "90 %"}


@pytest.mark.slow
def test_it_beats_seasonal_naive_on_real_demand():
    if not TAXI.is_file():
        pytest.skip(f"{TAXI.name} is not there: the real usage is no part of the product")
    overall = backtest(read(TAXI), 24, 2, stride_hours=171, groups=20).summary["overall"]
    assert overall["headroom"]["wql"] < 0.95 * overall["seasonal-naive"]["wql"]
