from dataclasses import replace

import pytest
from worlds import HOUR, NOW, config_of, lease_of, profile_of, surge, usage_of

from controller.decay import decay
from controller.plan import DecayEvidence

# The lease: 8 nodes of web (5 usable cores each) from NOW + 18 h to NOW + 24 h, expiring a day later.
LEASE = lease_of(floor=8, warm=2)


def at(hours: float, web: list[float], ledger=(LEASE,), profile=None, config=None):
    """Decay ``hours`` after NOW, with the cores that web used in each hour from NOW on."""
    usage = usage_of({"eu/shop": web, "us/etl": [4.0] * len(web)}, NOW) if web else None
    return decay(ledger, usage, profile, config or config_of(), NOW + hours * HOUR)


def test_nothing_is_released_before_the_window():
    plan = at(17, [10.0] * 17)
    assert plan.empty
    assert "its window starts" in plan.notes[0]


def test_demand_that_is_there_is_held():
    plan = at(21, [10.0] * 18 + [38.0] * 3)
    assert plan.empty
    assert "held: 12 nodes by use" in plan.notes[0]


def test_demand_that_passed_is_released_by_half_life():
    came = [10.0] * 18 + [38.0] * 2
    # Last needed until hour 20, grace to 22, then 5 nodes above base: 5·2^(−h/2) < ½ at h > 6.6
    lease = replace(LEASE, ends=NOW + 40 * HOUR, expires=NOW + 64 * HOUR)
    for hour in (21, 22):
        assert at(hour, came + [10.0] * (hour - 20), ledger=(lease,)).empty
    (stepped,) = at(25, came + [10.0] * 5, ledger=(lease,)).changes
    assert stepped.action == "update"
    assert stepped.lease.floor == 5  # 3 + 5·2^(−3/2) = 4.8, whole nodes
    (released,) = at(29, came + [10.0] * 9, ledger=(lease,)).changes
    assert released.action == "release"
    assert isinstance(released.evidence, DecayEvidence)
    assert released.evidence.reason == "demand passed"
    assert released.evidence.last_needed == NOW + 20 * HOUR
    assert released.evidence.most_used == 8


def test_demand_that_never_came_is_released_early():
    lease = replace(LEASE, ends=NOW + 60 * HOUR, expires=NOW + 84 * HOUR)
    assert at(20, [10.0] * 20, ledger=(lease,)).empty  # within the grace
    (change,) = at(27, [10.0] * 27, ledger=(lease,)).changes
    assert (change.action, change.evidence.reason) == ("release", "demand has not come")
    assert change.evidence.needed_hours == 0


def test_the_end_of_the_window_releases_what_is_not_used():
    (change,) = at(24, [10.0] * 18 + [38.0] * 5 + [10.0]).changes
    assert (change.action, change.evidence.reason) == ("release", "window over")


def test_use_that_stays_after_the_window_is_held():
    assert at(25, [10.0] * 18 + [38.0] * 7).empty


def test_the_newest_forecast_can_hold_a_lease_that_is_idle():
    lease = replace(LEASE, ends=NOW + 60 * HOUR, expires=NOW + 84 * HOUR)
    later = profile_of({"eu/shop": surge(10, 38, 20, 4), "us/etl": [4.0] * 72}, start=NOW + 27 * HOUR)
    plan = at(27, [10.0] * 27, ledger=(lease,), profile=later)
    assert plan.empty
    assert "9 nodes by forecast" in plan.notes[0]


@pytest.mark.parametrize("web", [[], [10.0] * 18])
def test_without_usage_of_the_window_the_lease_is_held(web):
    plan = at(22, web)
    assert plan.empty
    assert "no usage of its window" in plan.notes[0]


def test_usage_that_has_stopped_coming_releases_nothing():
    lease = replace(LEASE, ends=NOW + 60 * HOUR, expires=NOW + 84 * HOUR)
    stopped = [10.0] * 20
    assert at(40, [10.0] * 40, ledger=(lease,)).changes
    plan = at(40, stopped, ledger=(lease,))
    assert plan.empty
    assert "usage is known only until 2026-11-25 08:00" in plan.notes[0]


def test_a_lease_of_warm_nodes_only_is_kept_to_the_end_of_its_window():
    lease = replace(LEASE, floor=3, warm=4)
    assert "warm nodes only" in at(23, [10.0] * 23, ledger=(lease,)).notes[0]
    assert at(24, [10.0] * 24, ledger=(lease,)).changes[0].action == "release"


def test_an_expired_lease_goes_without_usage():
    (change,) = at(48, []).changes
    assert (change.action, change.evidence.reason) == ("release", "expired")


def test_the_future_is_not_looked_at():
    past = [10.0] * 18 + [38.0] * 3
    assert at(21, past + [0.0] * 20) == at(21, past + [99.0] * 20)


def test_a_lease_of_an_unknown_pool_is_left_to_humans():
    plan = at(30, [10.0] * 30, ledger=(replace(LEASE, pool="gone"),))
    assert plan.empty
    assert "not in headroom.yaml" in plan.notes[0]


def test_unknown_hours_are_not_taken_for_idle_ones():
    nothing = float("nan")
    lease = replace(LEASE, ends=NOW + 60 * HOUR, expires=NOW + 84 * HOUR)
    plan = at(27, [10.0] * 18 + [nothing] * 9, ledger=(lease,))
    assert plan.empty
    assert "no usage of its window" in plan.notes[0]


def test_a_group_that_is_missing_from_the_usage_is_not_idle():
    lease = replace(LEASE, ends=NOW + 60 * HOUR, expires=NOW + 84 * HOUR, evidence=(("groups", 2),))
    plan = at(27, [10.0] * 27, ledger=(lease,))
    assert plan.empty
    assert "1 of the 2 groups" in plan.notes[0]


def test_an_unfinished_hour_says_nothing():
    used = [10.0] * 18 + [38.0] * 5 + [0.0]
    assert at(23.5, used).empty  # the hour from 23 on is at its half


def test_use_within_the_base_is_no_need():
    lease = replace(LEASE, floor=4, ends=NOW + 60 * HOUR, expires=NOW + 84 * HOUR)
    (change,) = at(40, [14.0] * 40, ledger=(lease,)).changes  # 3 of 4 nodes, and 3 are the base
    assert change.evidence.reason == "demand has not come"
    assert change.evidence.given_back.node_hours == 88  # one node and one warm one until the expiry


def test_a_window_that_starts_within_an_hour_is_looked_at():
    lease = replace(LEASE, starts=LEASE.starts + HOUR / 2)
    assert at(19, [10.0] * 18 + [38.0], ledger=(lease,)).empty
