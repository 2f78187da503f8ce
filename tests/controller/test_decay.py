from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import HOUR, NOW, config_of, lease_of, profile_of, surge, usage_of

from controller.decay import decay
from controller.lease import stamp
from controller.plan import DecayEvidence

# The lease: 8 nodes of web (5 usable cores each) from NOW + 18 h to NOW + 24 h, expiring a day later.
LEASE = lease_of(floor=8, warm=2)
LONG = replace(LEASE, ends=NOW + 60 * HOUR, expires=NOW + 84 * HOUR)


def at(hours: float, web: list[float], ledger=(LEASE,), profile=None, config=None):
    """Decay ``hours`` after NOW, with the cores that web used in each hour from NOW on."""
    usage = usage_of({"eu/shop": web, "us/etl": [4.0] * len(web)}, NOW) if web else None
    return decay(ledger, usage, profile, config or config_of(), NOW + hours * HOUR)


def calm(hours, web=10.0, horizon=72):
    """A forecast made ``hours`` after NOW that sees nothing special."""
    return profile_of({"eu/shop": [web] * horizon, "us/etl": [4.0] * horizon}, start=NOW + hours * HOUR)


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
        assert at(hour, came + [10.0] * (hour - 20), ledger=(lease,), profile=calm(hour)).empty
    (stepped,) = at(25, came + [10.0] * 5, ledger=(lease,), profile=calm(25)).changes
    assert stepped.action == "update"
    assert stepped.lease.floor == 5  # 3 + 5·2^(−3/2) = 4.8, whole nodes
    assert dict(stepped.lease.evidence)["changed"] == stamp(NOW + 25 * HOUR)
    (released,) = at(29, came + [10.0] * 9, ledger=(lease,), profile=calm(29)).changes
    assert released.action == "release"
    assert isinstance(released.evidence, DecayEvidence)
    assert released.evidence.reason == "demand passed"
    assert released.evidence.last_needed == NOW + 20 * HOUR
    assert released.evidence.most_used == 8


def test_demand_that_never_came_is_released_early():
    lease = LONG
    assert at(20, [10.0] * 20, ledger=(lease,), profile=calm(20)).empty  # within the grace
    (change,) = at(27, [10.0] * 27, ledger=(lease,), profile=calm(27)).changes
    assert change.evidence.agrees == NOW + 27 * HOUR
    assert (change.action, change.evidence.reason) == ("release", "demand has not come")
    assert change.evidence.needed_hours == 0


def test_the_end_of_the_window_releases_what_is_not_used():
    (change,) = at(24, [10.0] * 18 + [38.0] * 5 + [10.0]).changes
    assert (change.action, change.evidence.reason) == ("release", "window over")


def test_use_that_stays_after_the_window_is_held_to_be_extended():
    plan = at(25, [10.0] * 18 + [38.0] * 7)
    assert plan.empty
    assert (
        "demand stays after its window, it is to be extended before it expires 2026-11-26 12:00" in plan.notes[0]
    )


def test_a_lease_that_the_forecast_needs_soon_after_its_window_is_held_to_be_extended():
    later = profile_of({"eu/shop": surge(10, 38, 1, 4), "us/etl": [4.0] * 72}, start=NOW + 24 * HOUR)
    used = [10.0] * 18 + [38.0] * 5 + [10.0]
    plan = at(24, used, profile=later)
    assert plan.empty
    assert "9 nodes by forecast of what follows" in plan.notes[0]
    assert "to be extended" in plan.notes[0]
    # Another lease that holds those hours leaves nothing to extend.
    other = replace(lease_of(floor=9, warm=2, start=24, hours=8), id="another")
    (change,) = at(24, used, ledger=(LEASE, other), profile=later).changes
    assert (change.lease.id, change.action) == ("a-lease", "release")


def test_what_follows_is_no_claim_if_it_can_wait_for_a_lease_of_its_own():
    later = profile_of({"eu/shop": surge(10, 38, 12, 4), "us/etl": [4.0] * 72}, start=NOW + 24 * HOUR)
    (change,) = at(24, [10.0] * 18 + [38.0] * 5 + [10.0], profile=later).changes
    assert change.action == "release"


def test_a_large_lease_is_made_smaller_where_keeping_it_costs_more_than_a_review():
    config = config_of(decide="{confidence_threshold: 0.8, profile_age_hours: 72, review_cost: 2}")
    later = profile_of({"eu/shop": surge(10, 23, 0, 9), "us/etl": [4.0] * 72}, start=NOW + 24 * HOUR)
    (change,) = at(24, [10.0] * 24, profile=later, config=config).changes
    assert (change.action, change.lease.floor) == ("update", 5)


def test_before_its_window_ends_no_lease_goes_without_a_forecast_that_agrees():
    used = [10.0] * 60
    old = config_of(decide="{confidence_threshold: 0.8, profile_age_hours: 6}")
    for profile, config, why in (
        (None, None, "there is no forecast"),
        (calm(27), old, "the forecast is 9 h old, over 6 h"),
        (calm(36, horizon=20), None, "the forecast reaches only from 2026-11-26 00:00 to 2026-11-26 20:00"),
    ):
        plan = at(36, used[:36], ledger=(LONG,), profile=profile, config=config)
        assert plan.empty
        assert why in plan.notes[0]
        (change,) = at(60, used, ledger=(LONG,), profile=profile, config=config).changes
        assert (change.action, change.evidence.reason) == ("release", "demand has not come")


def test_a_forecast_that_is_too_old_claims_nothing():
    late = profile_of({"eu/shop": [38.0] * 72, "us/etl": [4.0] * 72}, start=NOW + 20 * HOUR)
    config = config_of(decide="{confidence_threshold: 0.8, profile_age_hours: 2}")
    (change,) = at(24, [10.0] * 24, profile=late, config=config).changes
    assert change.evidence.retained == (("use", 2),)
    assert change.evidence.agrees is None


def test_after_a_step_down_it_cools_down():
    rested = config_of(
        decay="{usage_threshold: 0.7, half_life_hours: 2, grace_hours: 2, minimum_step_nodes: 1, "
        "cool_down_minutes: 120}"
    )
    (first,) = at(22, [10.0] * 22, ledger=(LONG,), profile=calm(22), config=rested).changes
    plan = at(23, [10.0] * 23, ledger=(first.lease,), profile=calm(23), config=rested)
    assert "it changed 2026-11-25 10:00 UTC, and cools down until 2026-11-25 12:00 UTC" in plan.notes[0]
    (second,) = at(24, [10.0] * 24, ledger=(first.lease,), profile=calm(24), config=rested).changes
    assert second.lease.floor < first.lease.floor < 8


@pytest.mark.parametrize("written", ["yesterday", "2026-11-25T10:00:00", 7, None])
def test_a_stamp_of_the_last_change_that_is_none_is_passed_over(written):
    lease = replace(LONG, evidence=(("changed", written),))
    assert at(27, [10.0] * 27, ledger=(lease,), profile=calm(27)).changes


@settings(max_examples=40, deadline=None)
@given(
    noise=st.lists(st.floats(0, 70), min_size=12, max_size=42),
    cool_down=st.sampled_from([0, 30, 90, 240]),
    half_life=st.sampled_from([0.5, 2.0, 6.0]),
    step=st.integers(1, 3),
)
def test_decay_never_flutters(noise, cool_down, half_life, step):
    config = config_of(
        decay=f"{{usage_threshold: 0.7, half_life_hours: {half_life}, grace_hours: 0, "
        f"minimum_step_nodes: {step}, cool_down_minutes: {cool_down}}}"
    )
    ledger, floors, moments = (LONG,), [8], []
    newest = calm(18)
    for half in range(2 * len(noise)):
        now = NOW + 18 * HOUR + half * HOUR / 2
        usage = usage_of({"eu/shop": noise, "us/etl": [4.0] * len(noise)}, NOW + 18 * HOUR)
        for change in decay(ledger, usage, newest, config, now).changes:
            ledger = (change.lease,) if change.action == "update" else ()
            floors.append(change.lease.floor if ledger else 0)
            moments.append(now)
    assert all(a - b >= step or b == 0 for a, b in pairwise(floors))
    assert all(b - a >= timedelta(minutes=cool_down) for a, b in pairwise(moments))


def outage(hours, web, half=0.1):
    """Usage of three groups of eu over eight days before NOW and ``hours`` after; from hour 20 on they fall."""
    past = [web] * (8 * 24)
    after = [web if h < 20 else web * half for h in range(hours)]
    groups = dict.fromkeys(("eu/shop", "eu/mail", "eu/api"), past + after)
    return usage_of(groups | {"us/etl": [4.0] * (8 * 24 + hours)}, NOW - 8 * 24 * HOUR)


def test_a_sudden_fall_across_groups_holds_and_then_no_more():
    still = {name: [2.0] * 72 for name in ("eu/shop", "eu/mail", "eu/api")} | {"us/etl": [4.0] * 72}
    for hours, held in ((24, True), (25, True), (26, False)):
        newest = profile_of(still, start=NOW + hours * HOUR)
        plan = decay((LEASE,), outage(hours, 4.0), newest, config_of(), NOW + hours * HOUR)
        assert plan.empty is held
        if held:
            assert "usage of 3 of the 3 groups of eu fell together at 2026-11-25 08:00 UTC" in plan.notes[0]
            assert "nothing is let go until 2026-11-25 14:00 UTC" in plan.notes[0]


def test_an_outage_of_another_region_holds_nothing_here():
    lease = lease_of("batch", floor=8)
    (change,) = decay((lease,), outage(24, 4.0), None, config_of(), NOW + 24 * HOUR).changes
    assert change.lease.pool == "batch"


def test_an_outage_does_not_hold_an_expired_lease():
    lease = replace(LEASE, expires=LEASE.ends)
    (change,) = decay((lease,), outage(24, 4.0), None, config_of(), NOW + 24 * HOUR).changes
    assert change.evidence.reason == "expired"


def test_a_pool_that_the_usage_knows_nothing_of_holds_its_own_leases_only():
    batch = lease_of("batch", floor=8)
    usage = usage_of({"eu/shop": [10.0] * 24}, NOW)
    plan = decay((LEASE, batch), usage, None, config_of(), NOW + 24 * HOUR)
    assert [x.lease.pool for x in plan.changes] == ["web"]
    assert plan.notes == ("batch/a-lease: held: usage has none of its groups",)
    gone = decay((LEASE, batch), usage.isel(group=[]), None, config_of(), NOW + 48 * HOUR)
    assert [x.evidence.reason for x in gone.changes] == ["expired", "expired"]


def test_the_newest_forecast_can_hold_a_lease_that_is_idle():
    lease = LONG
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
    lease = LONG
    stopped = [10.0] * 20
    assert at(40, [10.0] * 40, ledger=(lease,), profile=calm(40)).changes
    plan = at(40, stopped, ledger=(lease,), profile=calm(40))
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
    ledger, past = (LONG,), [10.0] * 25
    stepped = at(25, past, ledger, calm(25))
    assert stepped.changes
    for future in (0.0, 99.0, float("nan")):
        assert at(25, past + [future] * 20, ledger, calm(25)) == stepped


def test_a_lease_of_an_unknown_pool_is_left_to_humans():
    plan = at(30, [10.0] * 30, ledger=(replace(LEASE, pool="gone"),))
    assert plan.empty
    assert "not in headroom.yaml" in plan.notes[0]


def test_unknown_hours_are_not_taken_for_idle_ones():
    nothing = float("nan")
    lease = LONG
    plan = at(27, [10.0] * 18 + [nothing] * 9, ledger=(lease,), profile=calm(27))
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
    (change,) = at(40, [14.0] * 40, ledger=(lease,), profile=calm(40)).changes  # 3 of 4 nodes, and 3 are the base
    assert change.evidence.reason == "demand has not come"
    assert change.evidence.given_back.node_hours == 88  # one node and one warm one until the expiry


def test_a_window_that_starts_within_an_hour_is_looked_at():
    lease = replace(LEASE, starts=LEASE.starts + HOUR / 2)
    assert at(19, [10.0] * 18 + [38.0], ledger=(lease,)).empty


@pytest.mark.parametrize("every", [1, 2, 5])
def test_steps_do_not_make_the_half_life_shorter(every):
    config = config_of(decay="{half_life_hours: 6, grace_hours: 2, minimum_step_nodes: 1, cool_down_minutes: 0}")
    lease = lease_of(floor=14, warm=0, start=0, hours=60)
    held, ledger = [], (lease,)
    for hour in range(1, 20):
        if hour % every == 0:
            plan = at(hour, [6.0] * hour, ledger=ledger, profile=calm(hour, web=6.0), config=config)
            ledger = tuple(x.lease for x in plan.changes if x.action == "update") or (
                () if plan.changes else ledger
            )
            assert ledger
            # 11 nodes above the base of 3, halved every 6 h after the grace, however often it is run.
            assert ledger[0].floor == round(3 + 11 * 0.5 ** (max(0, hour - 2) / 6) + 1e-9)
            held.append(ledger[0].floor)
    assert held[-1] < 8


def test_a_lease_that_is_raised_decays_from_its_new_floor():
    stepped = replace(LONG, floor=5, evidence=(("decays_from", 8),))
    raised = replace(stepped, floor=9, evidence=())
    came = [10.0] * 25
    for lease, floor in ((stepped, 8), (raised, 9)):
        (change,) = at(25, came, ledger=(lease,), profile=calm(25)).changes or [None]
        assert change is None or change.lease.floor == 3 + round((floor - 3) * 0.5 ** (5 / 2))
