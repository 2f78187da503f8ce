"""What the benchmark of feedback measures is the product's own forecast, told with a record and without."""

import numpy as np
import pytest

from benchmarks.changes import changed
from benchmarks.courses import Scores, summary
from benchmarks.twice import Drawn
from forecasting.forecast import forecast
from forecasting.judging import advance
from forecasting.learn import learn
from forecasting.settings import Settings
from forecasting.simulate import simulate
from forecasting.usage import from_table

QUICK = Settings(components=("level", "recent"), draws=50)


def test_drawn_once_it_is_told_as_forecast_tells_it():
    usage = from_table(simulate(seed=3, weeks=4).table).isel(group=slice(0, 3), resource=[0])
    demand = usage["demand"].values.copy()
    demand[0, :, -30:] *= 8.0
    usage = usage.assign(demand=(usage["demand"].dims, demand))
    hierarchy = learn(usage.isel(time=slice(0, -168)), horizon_hours=24, settings=QUICK)
    record = advance(None, usage, hierarchy)
    drawn = Drawn.of(usage, hierarchy, 24, QUICK.draws)
    for given in (None, record):
        product = forecast(usage, 24, hierarchy=hierarchy, settings=QUICK, record=given).draws.values
        np.testing.assert_array_equal(drawn.told(given), product)


@pytest.mark.parametrize(("case", "struck"), [("nothing", 10), ("shift", 2), ("outage", 2), ("newcomer", 1)])
def test_changes_strike_whom_they_say_and_nobody_else(case, struck):
    usage = from_table(simulate(seed=3, weeks=4).table).isel(group=[0] * 10)
    usage = usage.assign_coords(region=("group", ["a"] * 10))
    found, who = changed(usage, case, 500, 2.0, np.random.default_rng(1))
    same = (found["demand"].values == usage["demand"].values).all(axis=(1, 2))
    assert who.sum() == struck
    assert (same == (~who if case != "nothing" else who)).all()


def test_a_summary_compares_pairs_and_finds_the_way_back():
    came = np.ones((1, 1, 24))
    good = np.linspace(0, 2, 100)[:, None, None, None] + np.zeros((1, 1, 1, 24))
    runs = []
    for _ in range(2):
        run = {way: Scores() for way in ("without", "with", "anew", "calm")}
        for hours in range(0, 72, 6):
            run["without"].add(hours, good + 5, came)
            for way in ("with", "anew", "calm"):
                run[way].add(hours, good + (5 if hours < 24 else 0), came)
        runs.append(run)
    found = summary(runs)
    assert found["without"]["recovery_hours"] is None
    assert found["with"]["recovery_hours"] == 18  # three of the four forecasts of that day hold
    assert found["with"]["coverage_80_by_hours"] == {"0-23": 0.0, "24-47": 1.0, "48-71": 1.0}
    assert found["without"]["crps_change"] == (0.0, 0.0)
    assert found["with"]["crps_change"][0] < -0.3
