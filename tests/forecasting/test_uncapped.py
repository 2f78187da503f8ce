import numpy as np
import pytest
from demand import usage_of, wave

from forecasting.forecast import forecast
from forecasting.history import history_of
from forecasting.uncapped import uncapped

HOURS = 1008


def world(noise=0.12, groups=6, seed=1):
    rng = np.random.default_rng(seed)
    day = 1 + 0.15 * np.sin(2 * np.pi * np.arange(HOURS + 24) / 168)
    return wave(np.arange(HOURS + 24)) * day * np.exp(rng.normal(0, noise, (groups, 1, HOURS + 24)))


def cut(demand, share):
    cap = np.quantile(demand, 1 - share, axis=2, keepdims=True)
    usage = usage_of(np.minimum(demand, cap))
    return usage, usage.assign(censored=(usage["demand"].dims, demand >= cap)), cap


def test_nothing_marked_is_the_same_object():
    usage = usage_of(world()[..., :HOURS])
    assert uncapped(usage) is usage
    plain = usage.assign(censored=(usage["demand"].dims, np.zeros(usage["demand"].shape, dtype=bool)))
    assert uncapped(plain) is plain


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_what_was_wanted_is_found_on_average_and_is_as_spread(share):
    demand = world()[..., :HOURS]
    bare, marked, cap = cut(demand, share)
    found = uncapped(marked)["demand"].values
    hit = demand >= cap
    np.testing.assert_array_equal(found[~hit], demand[~hit])
    assert (found[hit] >= bare["demand"].values[hit] - 1e-9).all()
    above, wanted = (found - cap)[hit], (demand - cap)[hit]
    assert 0.6 < above.sum() / wanted.sum() < 1.3
    assert 0.6 < above.std() / wanted.std() < 1.5


def test_a_series_is_drawn_alike_whatever_others_there_are():
    _, marked, _ = cut(world()[..., :HOURS], 0.2)
    alone = uncapped(marked.isel(group=[2]))["demand"].values
    np.testing.assert_array_equal(alone[0], uncapped(marked)["demand"].values[2])


@pytest.mark.parametrize("kind", ["always", "flat", "zero", "gaps", "short"])
def test_odd_series_are_borne(kind):
    demand = world(groups=2)[..., :HOURS]
    censored = np.zeros(demand.shape, dtype=bool)
    if kind == "always":
        demand[0], censored[0] = 7.0, True
    elif kind == "flat":
        demand[0], censored[0, 0, 500:] = 7.0, True
    elif kind == "zero":
        demand[0], censored[0, 0, 3] = 0.0, True
    elif kind == "gaps":
        demand[0, 0, ::2], censored[0, 0, 1::4] = np.nan, True
    else:
        demand, censored = demand[..., :30], censored[..., :30]
        censored[0, 0, 10:12] = True
    usage = usage_of(demand)
    found = uncapped(usage.assign(censored=(usage["demand"].dims, censored)))["demand"].values
    known = np.isfinite(demand)
    assert (np.isfinite(found) == known).all()
    assert (found[known] >= demand[known] - 1e-9).all()
    assert (found[known] <= 4 * demand[known] + 1e-9).all()


def test_history_knows_which_hours_were_at_capacity_and_leaves_room_above():
    bare, marked, _ = cut(world()[..., :HOURS], 0.2)
    history, transform = history_of(marked, 24)
    np.testing.assert_array_equal(history.censored[:, 0], marked["censored"].values[0, 0])
    assert history.of_series(np.array([3])).censored.shape == (HOURS, 1)
    assert history_of(bare, 24)[0].censored is None
    top = transform.of_series(np.arange(6)).demand_of(history.highest[None])[0]
    assert (top > 2 * bare["demand"].values[:, 0].max(axis=1)).all()


@pytest.mark.slow
def test_marks_bring_the_forecast_back_to_what_is_wanted():
    demand = world()
    bare, marked, cap = cut(demand[..., :HOURS], 0.3)
    came = demand[..., HOURS:]
    above = came > cap
    made = {
        name: forecast(usage, 24, seed=1).draws.values
        for name, usage in {"uncut": usage_of(demand[..., :HOURS]), "bare": bare, "marked": marked}.items()
    }
    lacking = {name: (np.median(x, axis=0) / came)[above].mean() - 1 for name, x in made.items()}
    assert lacking["bare"] < -0.12
    assert abs(lacking["marked"] - lacking["uncut"]) < 0.5 * abs(lacking["bare"] - lacking["uncut"])
    held = {name: (np.quantile(x, 0.9, axis=0) >= came)[above].mean() for name, x in made.items()}
    assert held["bare"] < 0.2
    assert held["marked"] > 0.55
