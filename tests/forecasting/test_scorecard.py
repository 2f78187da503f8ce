"""Scores of a forecast, hour by hour and summed up."""

import numpy as np
import pandas as pd
import pytest

from forecasting.errors import ForecastingError
from forecasting.score_chart import score_chart
from forecasting.scorecard import COLUMNS, scored, summary, within

DRAWS = 10 + np.random.default_rng(2).standard_normal((400, 2, 2, 200))


def came_of(shift=0.0):
    came = 10 + shift + np.random.default_rng(3).standard_normal((2, 2, 200))
    came[:, 1] *= 1000
    return came


def table_of(shift=0.0):
    draws = DRAWS.copy()
    draws[:, :, 1] *= 1000
    return scored(draws, came_of(shift), ["a", "b"], ["cpu", "memory"], 0.9)


def test_every_known_hour_is_scored_once():
    came = came_of()
    came[0, 0, 5:9] = np.nan
    table = scored(DRAWS, came, ["a", "b"], ["cpu", "memory"], 0.9)
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 2 * 2 * 200 - 4
    assert (table["ahead"].min(), table["ahead"].max()) == (1, 200)


def test_a_forecast_that_is_right_holds_what_it_says_and_one_that_is_low_does_not():
    good, low = (summary(table_of(shift), ["scope", "resource"]) for shift in (0.0, 2.0))
    assert len(good) == 4
    for level in (0.5, 0.8, 0.9, 0.95):
        assert good[within(level)].mean() == pytest.approx(level, abs=0.06)
        assert low[within(level)].mean() < level - 0.1
    assert good["bias"].abs().max() < 0.03
    assert low["bias"].iloc[0] == pytest.approx(-2 / 12, abs=0.03)
    assert low["pit"].mean() > 0.8
    assert (low["crps"] > good["crps"]).all()


def test_units_do_not_add_up_so_resources_count_alike():
    table = table_of()
    both = summary(table, ["lead"])
    assert both["lead"].tolist() == [6, 24, 72, 168]
    assert both["hours"].tolist() == [24, 72, 192, 512]
    each = summary(table, ["lead", "resource"])
    assert both["crps"].iloc[0] == pytest.approx(each[each["lead"] == 6]["crps"].mean())


def test_shares_of_nothing_are_not_known():
    idle = scored(np.zeros((10, 1, 1, 3)), np.zeros((1, 1, 3)), ["a"], ["cpu"], 0.9)
    assert np.isnan(summary(idle, ["scope"])["crps"].iloc[0])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ForecastingError, match="do not fit"):
        scored(DRAWS, came_of()[:1], ["a"], ["cpu", "memory"], 0.9)


def test_the_picture_is_the_same_bytes_for_the_same_scores():
    table = table_of()
    first = score_chart(table)
    assert first == score_chart(table.copy())
    assert first.startswith("<svg")
    assert "PIT" in first
    assert isinstance(table, pd.DataFrame)
