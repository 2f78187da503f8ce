"""Forecasts → floors: our own decisions, replayed."""

from datetime import timedelta

import numpy as np
from replays import delays_of_minutes, need_of_hours
from worlds import CONFIG, HOUR, NOW, config_of, lease_of, profile_of, surge, usage_of

from controller.configtext import parse
from controller.replay.leases import at_level, held, keep_books, moments, step_of
from controller.replay.pools import pooled_config, pooled_profile, pooled_usage
from controller.replay.requests import Book, Hold

CONFIG_ = parse(CONFIG, "headroom.yaml")
LENGTH = 48


def world():
    """Two pools over two days from NOW on; web surges to 8 nodes from hour 20 to 26."""
    rows = [[1.0] * LENGTH, surge(2.0, 8.0, 20, 6, LENGTH)]
    need = need_of_hours(*rows)
    fields = {"pools": ("batch", "web"), "start": NOW, "base": np.array([2, 3]), "most": np.array([12, 14])}
    from dataclasses import replace

    return replace(need, **fields)


def forecasts(need, every=6):
    for hour in moments(need, every):
        left = surge(10.0, 40.0, 20, 6, LENGTH + 72)[hour : hour + 72]
        cores = {"eu/a": [x / 4 for x in left], "eu/b": [3 * x / 4 for x in left], "us/c": [5.0] * 72}
        yield pooled_profile(profile_of(cores, spread=0.05, start=NOW + hour * HOUR), CONFIG_)


def books(need, rule="on-approval", review=60.0):
    cores = {"eu/a": surge(10.0, 40.0, 20, 6, LENGTH), "us/c": [5.0] * LENGTH}
    usage = pooled_usage(usage_of(cores, NOW), CONFIG_)
    delays = delays_of_minutes(need, review=review, ci=10, boot=5)
    return keep_books(forecasts(need), usage, [pooled_config(CONFIG_)], need, delays, rule)


def test_summed_draws_need_what_the_groups_do():
    cores = {"eu/a": [10.0] * 3, "eu/b": [5.0] * 3, "us/c": [2.0] * 3}
    summed = pooled_profile(profile_of(cores), CONFIG_)
    assert summed.draws["group"].values.tolist() == ["pool/batch", "pool/web"]
    whole = profile_of(cores).draws
    assert np.allclose(summed.draws[:, 1], whole[:, 0] + whole[:, 1])
    assert summed.issued == NOW
    usage = usage_of({"eu/a": [1.0, np.nan], "eu/b": [2.0, 2.0], "us/c": [4.0, 5.0]}, NOW)
    demand = pooled_usage(usage, CONFIG_)["demand"].to_numpy()
    assert demand[1, 0, 0] == 3.0
    assert np.isnan(demand[1, 0, 1])
    assert pooled_config(CONFIG_).pools["web"].groups == ("pool/web",)


def test_a_surge_that_is_foreseen_is_held_from_merge_to_release():
    need = world()
    made = books(need)
    floors, warm = held(made, CONFIG_, need)
    web = floors[0, 1]
    assert floors[0, 0].tolist() == [2] * len(web)
    assert (web[: step_of(NOW + 75 * timedelta(minutes=1), need)] == 3).all()
    assert (web[20 * 12 : 26 * 12] >= 8).all()
    assert web[-1] == 3  # the end of the window has passed, and its release is through
    assert made[0].counts.requests == 2
    assert warm.min() == 0


def test_merged_when_due_it_holds_from_its_window_on():
    need = world()
    floors, _ = held(books(need, "when-due"), CONFIG_, need)
    raised = np.flatnonzero(floors[0, 1] > 3)
    assert raised[0] == 20 * 12


def test_too_slow_a_review_comes_too_late():
    need = world()
    floors, _ = held(books(need, review=23 * 60), CONFIG_, need)
    web = floors[0, 1]
    assert (web[20 * 12 : 23 * 12] == 3).all()
    assert web[24 * 12] > 3


def test_floors_are_the_largest_of_leases_within_base_and_max():
    need = world()
    low, high = lease_of(floor=5, warm=3, id="low"), lease_of(floor=40, warm=9, id="high")
    book = Book(
        holding={
            ("web", "low"): (Hold(low, NOW + HOUR, NOW + 4 * HOUR),),
            ("web", "high"): (Hold(high, NOW + 2 * HOUR, NOW + 3 * HOUR),),
        }
    )
    floors, warm = held([book], CONFIG_, need)
    assert floors[0, 1, ::12][:5].tolist() == [3, 5, 14, 5, 3]
    assert warm[0, 1, ::12][:5].tolist() == [0, 2, 0, 2, 0]  # one warm node is there without leases


def test_another_level_raises_the_shadow_with_it():
    assert at_level(CONFIG_, 0.995).levels("web", ()).shadow == 0.995
    assert at_level(CONFIG_, 0.5).levels("web", ()).shadow == 0.98
    priced = at_level(config_of(decide="{shortfall_cost_per_node_hour: 9.5}"), 0.5)
    assert priced.levels("web", ()).service == 0.5
