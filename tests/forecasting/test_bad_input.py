"""Hard and bad usage, from the table to the forecast: each kind has a defined outcome.

Forecasts are few and small: several hard series stand side by side in one usage, each forecast runs once.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting import dims
from forecasting.errors import UsageError
from forecasting.forecast import forecast
from forecasting.repairs import notes
from forecasting.sources.files import read
from forecasting.transform import HIGHEST
from forecasting.usage import before, digest, from_table

START = pd.Timestamp("2026-01-05", tz="UTC")
WEEK = 168
BOUND = HIGHEST * 1.0005
"""Draws stay below this many times the highest known value; what is more than `HIGHEST` is what float32 adds."""


def wave(hours=WEEK, level=10.0, seed=1):
    """Demand with a day in it, positive: level ± half, and noise."""
    noise = np.random.default_rng(seed).normal(0, 0.05, hours)
    return level * (1 + 0.5 * np.sin(2 * np.pi * np.arange(hours) / 24) + noise).clip(0)


def rows(values, freq="h", **labels):
    """The rows of one series: a value per step from `START`."""
    times = pd.date_range(START, periods=len(values), freq=freq)
    labels = {"region": "eu", "group": "web", "resource": "cpu"} | labels
    return pd.DataFrame({"timestamp": times, **labels, "value": np.asarray(values, dtype=float)})


def table(*series):
    return pd.concat(series, ignore_index=True)


def gaps(hours, share, missing_days, seed=0):
    """Which hours are known: all but a share at random and whole days."""
    known = np.random.default_rng(seed).random(hours) >= share
    for day in missing_days:
        known[24 * day : 24 * day + 24] = False
    return known


@pytest.fixture(params=["table", "usage.parquet", "usage.csv"])
def usage_by(request, tmp_path):
    """Reads a table as usage: as it is, and by way of a file of each kind."""

    def usage(table):
        if request.param == "table":
            return from_table(table)
        path = tmp_path / request.param
        if path.suffix == ".csv":
            table.to_csv(path, index=False)
        else:
            table.to_parquet(path)
        return read(path)

    return usage


# Values


def test_infinite_values_are_not_known_and_counted(usage_by):
    values = wave()
    values[[3, 50]] = np.inf
    values[100] = -np.inf
    usage = usage_by(rows(values))
    assert np.flatnonzero(usage.demand.isnull().values[0, 0]).tolist() == [3, 50, 100]
    assert "3 values are NaN or infinite; taken as not known" in notes(usage)


@pytest.mark.parametrize("text", ["inf", "-inf", "Infinity", "1e999", "1" + 400 * "0"])
def test_infinity_written_as_text_is_not_known(text, tmp_path):
    path = tmp_path / "usage.csv"
    rows(wave()).astype({"value": str}).replace({"value": {str(wave()[7]): text}}).to_csv(path, index=False)
    assert np.flatnonzero(read(path).demand.isnull().values[0, 0]).tolist() == [7]


def test_a_series_that_is_infinite_throughout_is_a_series_without_a_known_value(usage_by):
    usage = usage_by(table(rows(wave()), rows(np.full(WEEK, np.inf), group="broken")))
    assert usage.demand.sel(group="eu/broken").isnull().all()
    assert usage.attrs["absent_series"] == 1


def test_a_group_without_a_known_value_stays_a_group(usage_by):
    usage = usage_by(table(rows(wave()), rows(np.full(WEEK, np.nan), group="unknown")))
    dims.check_usage(usage, "from_table")
    assert usage.group.values.tolist() == ["eu/unknown", "eu/web"]
    assert usage.demand.sel(group="eu/unknown").isnull().all()
    assert any(
        x.startswith("1 pair of group and resource has no known value at all; taken as") for x in notes(usage)
    )


def test_a_table_without_a_known_value_is_refused(usage_by):
    with pytest.raises(UsageError, match="hours with a known value .*: 0;"):
        usage_by(rows(np.full(WEEK, np.nan)))


def test_a_resource_of_zeros_is_known_and_zero(usage_by):
    usage = usage_by(table(rows(wave()), rows(np.zeros(WEEK), resource="storage")))
    assert (usage.demand.sel(resource="storage") == 0).all()
    assert notes(usage) == []


def test_scales_a_million_times_apart_keep_every_digit(usage_by):
    usage = usage_by(table(rows(wave()), rows(1e6 * wave(), group="big"), rows(1e-6 * wave(), group="small")))
    for group, scale in (("web", 1), ("big", 1e6), ("small", 1e-6)):
        np.testing.assert_array_equal(usage.demand.sel(group=f"eu/{group}", resource="cpu"), scale * wave())


# Labels and length


def test_one_group_name_in_two_regions_is_two_groups(usage_by):
    usage = usage_by(table(rows(wave(), region="us"), rows(2 * wave(), region="eu")))
    assert usage.group.values.tolist() == ["eu/web", "us/web"]
    assert usage["name"].values.tolist() == ["web", "web"]
    np.testing.assert_array_equal(usage.demand.values[:, 0], [2 * wave(), wave()])
    assert usage.attrs["duplicates"] == 0


def test_one_group_and_one_week_are_enough(usage_by):
    usage = usage_by(rows(wave()))
    assert dict(usage.sizes) == {"group": 1, "resource": 1, "time": WEEK}
    assert notes(usage) == []


# Steps


@pytest.mark.parametrize(("freq", "per_hour"), [("30min", 2), ("15min", 4), ("5min", 12), ("1min", 60)])
def test_finer_than_hourly_becomes_the_mean_of_each_hour(freq, per_hour, usage_by):
    values = wave(per_hour * 72)
    usage = usage_by(rows(values, freq))
    np.testing.assert_allclose(usage.demand.values[0, 0], values.reshape(72, per_hour).mean(axis=1), rtol=1e-12)
    assert notes(usage) == ["72 series-hours have several rows; each holds the mean of its known values"]


def test_the_mean_is_that_of_the_values_that_are_known(usage_by):
    values = wave(4 * 72)
    values[[1, 2]] = np.nan, np.inf
    values[4:8] = -1
    usage = usage_by(rows(values, "15min"))
    np.testing.assert_allclose(usage.demand.values[0, 0, :2], [(values[0] + values[3]) / 2, np.nan])
    assert usage.attrs["sub_hourly"] == 71


def test_odd_minutes_within_the_hour_count_alike(usage_by):
    minutes = [0, 1, 2, 59]
    times = [START + pd.Timedelta(hours=hour, minutes=minute) for hour in range(72) for minute in minutes]
    usage = usage_by(rows(np.tile([4.0, 4.0, 4.0, 8.0], 72)).assign(timestamp=times))
    assert (usage.demand == 5.0).all()


def test_some_series_may_be_finer_than_others(usage_by):
    usage = usage_by(table(rows(wave(72)), rows(wave(4 * 72), "15min", group="fine")))
    assert usage.attrs["sub_hourly"] == 72
    np.testing.assert_array_equal(usage.demand.sel(group="eu/web", resource="cpu"), wave(72))


@pytest.mark.parametrize(
    ("freq", "step"), [("2h", 2), ("3h", 3), ("6h", 6), ("12h", 12), ("D", 24), ("7D", WEEK), ("MS", 744)]
)
def test_coarser_than_hourly_is_refused_and_says_what_to_do(freq, step, usage_by):
    with pytest.raises(
        UsageError, match=rf"'cpu' is coarser .* every {step} hours\. Bring hourly or finer values"
    ):
        usage_by(table(rows(wave(30), freq), rows(wave(30), freq, group="other")))


def test_daily_at_local_midnight_with_minutes_off_is_refused():
    days = pd.date_range("2026-03-01", periods=60, freq="D", tz="Europe/Berlin")  # the clocks change within
    minutes = np.random.default_rng(0).uniform(-9, 9, 60)
    with pytest.raises(UsageError, match="every 24 hours"):
        from_table(rows(wave(60)).assign(timestamp=days + pd.to_timedelta(minutes, unit="min")))


def test_every_two_hours_around_the_full_hour_is_refused():
    minutes = np.random.default_rng(0).uniform(-9, 9, 300)
    table = rows(wave(300), "2h")
    with pytest.raises(UsageError, match="every 2 hours"):
        from_table(table.assign(timestamp=table["timestamp"] + pd.to_timedelta(minutes, unit="min")))


def test_daily_values_on_an_hourly_grid_are_refused(usage_by):
    values = np.where(np.arange(60 * 24) % 24 == 0, 5.0, np.nan)
    with pytest.raises(UsageError, match="every 24 hours"):
        usage_by(rows(values))


def test_several_samples_once_a_day_are_daily():
    times = [START + pd.Timedelta(days=day, minutes=minute) for day in range(60) for minute in (0, 5, 10)]
    with pytest.raises(UsageError, match="every 24 hours"):
        from_table(rows(np.ones(180)).assign(timestamp=times))


def test_one_daily_resource_among_hourly_ones_is_named():
    daily = [rows(wave(20), "D", resource="storage", group=group) for group in ("a", "b")]
    with pytest.raises(UsageError, match=r"^resource 'storage' .* group 'eu/a'.* leave the resource out"):
        from_table(table(rows(wave(480)), *daily))


def test_the_file_of_daily_data_is_named(tmp_path):
    rows(wave(60), "D").to_csv(tmp_path / "daily.csv", index=False)
    with pytest.raises(UsageError, match=r"daily\.csv: resource 'cpu' is coarser than hourly"):
        read(tmp_path / "daily.csv")


def test_one_group_that_reports_once_a_day_does_not_stop_the_others(usage_by):
    usage = usage_by(table(rows(wave(480)), rows(wave(20), "D", group="rare"), rows(wave(480), group="other")))
    assert int(usage.demand.sel(group="eu/rare").notnull().sum()) == 20
    assert any(note.startswith("1 pair of group and resource is seldom known two hours") for note in notes(usage))


def test_a_newcomer_with_a_few_odd_hours_is_not_judged():
    usage = from_table(table(rows(wave()), rows(wave(7), "3h", resource="gpu")))
    assert usage.attrs["coarse_series"] == 0


@pytest.mark.parametrize(
    ("share", "missing_days"), [(0.3, ()), (0.3, (2, 3, 9, 13)), (0.5, (1,)), (0.6, ())], ids=str
)
def test_hourly_with_gaps_is_accepted(share, missing_days, usage_by):
    known = gaps(20 * 24, share, missing_days)
    series = [rows(wave(480), group=group)[known] for group in ("a", "b")]
    usage = usage_by(table(*series))
    assert int(usage.demand.notnull().sum()) == 2 * int(known.sum())
    assert usage.attrs["coarse_series"] == 0


def test_office_hours_only_and_times_off_the_hour_are_accepted():
    hourly = rows(wave(480))
    office = hourly[hourly["timestamp"].dt.hour.between(9, 16)]
    minutes = pd.to_timedelta(np.random.default_rng(0).uniform(-9, 9, 480), unit="min")
    wandering = hourly.assign(group="wandering", timestamp=hourly["timestamp"] + minutes)
    for series in (office, wandering):
        assert from_table(series).attrs["coarse_series"] == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.3), st.sets(st.integers(0, 19), max_size=8))
def test_no_pattern_of_gaps_makes_hourly_data_coarse(seed, share, missing_days):
    usage = from_table(rows(wave(480))[gaps(480, share, missing_days, seed)])
    assert usage.attrs["coarse_series"] == 0


# Now


def test_before_gives_the_same_usage_whatever_comes_later():
    known, now = wave(400), datetime(2026, 1, 5, 14, 30, tzinfo=UTC) + timedelta(days=14)
    changed = np.r_[known[: 14 * 24 + 14], [1e9, 0.0, np.inf, np.nan, -5.0]]
    first, second = (before(from_table(rows(values)), now) for values in (known, changed))
    assert digest(first) == digest(second)
    assert first.time.values[-1] == np.datetime64("2026-01-19T13")


# Forecasts

HOURS, AHEAD = 600, 24


def _hard():
    """One name in two regions a million times apart, a constant group, one never known; storage is all zeros."""
    series = {
        ("eu", "web"): wave(HOURS),
        ("us", "web"): 1e6 * wave(HOURS, seed=2),
        ("eu", "constant"): np.full(HOURS, 4.0),
        ("eu", "unknown"): np.full(HOURS, np.nan),
    }
    parts = []
    for (region, group), values in series.items():
        labels = {"region": region, "group": group}
        parts += [rows(values, **labels), rows(0 * values, resource="storage", **labels)]
    return from_table(table(*parts))


def _changing():
    """Machines with gaps, of 30 hours, gone for 100, ten times as large for a day; one idle for 200 hours."""
    cpu = {group: wave(HOURS, seed=seed) for seed, group in enumerate(("gappy", "new", "gone", "jumped"))}
    cpu["gappy"][~gaps(HOURS, 0.3, (3, 11, 12, 20))] = np.nan
    cpu["new"][:-30] = np.nan
    cpu["gone"][-100:] = np.nan
    cpu["jumped"][-24:] *= 10
    memory = {group: wave(HOURS, 50.0, seed=9 + seed) for seed, group in enumerate(cpu)}
    memory["gappy"][-200:] = 0
    parts = [rows(values, group=group) for group, values in cpu.items()]
    parts += [rows(values, group=group, resource="memory") for group, values in memory.items()]
    return from_table(table(*parts))


@pytest.fixture(scope="module")
def hard():
    usage = _hard()
    return usage, forecast(usage, AHEAD, seed=1)


@pytest.fixture(scope="module")
def changing():
    usage = _changing()
    return usage, forecast(usage, AHEAD, seed=1)


def highest(usage):
    """The highest known value of each (group, resource), that of the resource in the region where it has none."""
    own = usage.demand.max("time")
    return own.fillna(own.groupby("region").map(lambda region: region.fillna(region.max("group"))))


def assert_sensible(profile, bound):
    """Draws are finite, not negative, and within `BOUND` of a value of each (group, resource)."""
    draws = profile.draws
    assert np.isfinite(draws.values).all()
    assert (draws.values >= 0).all()
    most = draws.max(("draw", "time"))
    too_high = (most > BOUND * bound).values
    assert not too_high.any(), f"{most.values[too_high]} where history justifies {bound.values[too_high]}"


def median(profile, group, resource="cpu"):
    return profile.draws.sel(group=group, resource=resource).median("draw").values


@pytest.mark.slow
def test_hard_series_stay_within_what_history_justifies(hard):
    usage, profile = hard
    assert_sensible(profile, highest(usage))


@pytest.mark.slow
def test_a_constant_series_stays_put(hard):
    np.testing.assert_allclose(hard[1].draws.sel(group="eu/constant", resource="cpu"), 4.0, rtol=1e-3)


@pytest.mark.slow
def test_a_resource_of_zeros_stays_zero(hard):
    assert (hard[1].draws.sel(resource="storage") == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize(("group", "scale"), [("eu/web", 1), ("us/web", 1e6)])
def test_one_name_in_two_regions_a_million_times_apart_keeps_each_its_own_scale(hard, group, scale):
    expected = scale * 10 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(HOURS, HOURS + AHEAD) / 24))
    np.testing.assert_allclose(median(hard[1], group), expected, atol=2.5 * scale)


@pytest.mark.slow
def test_a_group_without_a_known_value_lives_on_its_region(hard):
    of_region = hard[0].demand.sel(group=["eu/web", "eu/constant"], resource="cpu")
    assert float(of_region.min()) / 3 < np.median(median(hard[1], "eu/unknown")) < 3 * float(of_region.max())


@pytest.mark.slow
def test_changing_series_stay_within_what_history_justifies(changing):
    usage, profile = changing
    bound = highest(usage)
    bound.loc[{"group": "eu/new"}] = bound.max("group")  # 30 hours say little: its region speaks for it
    assert_sensible(profile, bound)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["eu/gappy", "eu/new", "eu/gone"])
def test_gaps_a_late_start_and_a_long_silence_leave_the_day_in_place(changing, group):
    expected = 10 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(HOURS, HOURS + AHEAD) / 24))
    np.testing.assert_allclose(median(changing[1], group), expected, atol=4.0)


@pytest.mark.slow
def test_a_jump_by_ten_is_followed(changing):
    usage, profile = changing
    former = float(usage.demand.sel(group="eu/jumped", resource="cpu").isel(time=slice(None, -24)).mean())
    upper = profile.quantile(0.95).sel(group="eu/jumped", resource="cpu").mean()
    assert float(upper) > 3 * former
    middle = median(profile, "eu/jumped")
    assert (middle > 0.5 * float(usage.demand.sel(group="eu/jumped", resource="cpu").min())).all()
    assert abs(middle.mean() / (10 * former) - 1) < 0.3


@pytest.mark.slow
def test_a_machine_that_went_idle_is_forecast_low(changing):
    assert median(changing[1], "eu/gappy", "memory").mean() < 25  # half of what it used while it ran


@pytest.mark.slow
def test_one_group_only():
    usage = from_table(rows(wave(500)))
    profile = forecast(usage, 12, seed=1)
    assert_sensible(profile, highest(usage))
    expected = 10 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(500, 512) / 24))
    np.testing.assert_allclose(median(profile, "eu/web"), expected, atol=2.5)


@pytest.mark.slow
def test_one_week_only():
    usage = from_table(table(rows(wave()), rows(wave(seed=2), group="other")))
    profile = forecast(usage, AHEAD, seed=1)
    assert_sensible(profile, highest(usage))
    expected = 10 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(WEEK, WEEK + AHEAD) / 24))
    for group in ("eu/web", "eu/other"):
        np.testing.assert_allclose(median(profile, group), expected, atol=4.0)


@pytest.mark.slow
def test_a_changed_future_changes_no_draw():
    now = (START + pd.Timedelta(hours=240, minutes=30)).to_pydatetime()
    known = wave(300)
    changed = np.r_[known[:240], [1e9, np.inf, np.nan, 0.0, -1.0]]
    first, second = (forecast(from_table(rows(values)), 12, now=now, seed=1) for values in (known, changed))
    np.testing.assert_array_equal(first.draws.values, second.draws.values)
    assert first.dataset.attrs["data_digest"] == second.dataset.attrs["data_digest"]
    assert first.draws.time.values[0] == np.datetime64("2026-01-15T00")
    assert_sensible(first, before(from_table(rows(known)), now).demand.max("time"))


def test_a_resource_that_nobody_knows_is_refused_by_name():
    usage = from_table(table(rows(wave()), rows(np.full(WEEK, np.nan), resource="gpu")))
    with pytest.raises(UsageError, match="no group has a known value of gpu; leave it out"):
        forecast(usage, 12)


def test_no_history_before_now_and_too_little_of_it_are_refused():
    usage = from_table(rows(wave()))
    with pytest.raises(UsageError, match="no usage before"):
        forecast(usage, 12, now=START.to_pydatetime())
    with pytest.raises(UsageError, match="hours with a known value .*: 24;"):
        forecast(usage, 12, now=(START + pd.Timedelta(hours=24)).to_pydatetime())
