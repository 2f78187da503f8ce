import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import HOUR, NOW, config_of, lease_of, profile_of, surge

from controller.capacity import held_floors, members
from controller.config import Preference
from controller.decide import decide
from controller.errors import PlanError
from controller.guardrails import guard
from controller.lease import digest, dump, parse
from controller.plan import ForecastEvidence
from forecasting.profile import DemandProfile

# web: 5 cores of each node may be used, base 3 nodes; 38 cores need 8 nodes, 12 cores need 3.
SURGE = {"eu/shop": surge(6, 30, 24, 5), "eu/mail": surge(6, 8, 24, 5), "us/etl": surge(4, 4, 24, 5)}
CALM = {"eu/shop": surge(6, 6, 24, 5), "eu/mail": surge(6, 6, 24, 5), "us/etl": surge(4, 4, 24, 5)}


def test_a_surge_above_what_is_held_opens_one_lease():
    plan = decide(profile_of(SURGE), (), config_of(), NOW)
    (change,) = plan.changes
    assert (change.action, change.lease.pool) == ("open", "web")
    assert change.lease.starts == NOW + 24 * HOUR
    assert change.lease.ends == NOW + 29 * HOUR
    assert change.lease.expires == change.lease.ends + 24 * HOUR
    assert change.lease.floor == 9  # the 90 % quantile of 38 cores × e^(0.05 z) is 40.5: 9 nodes of 5
    assert change.lease.warm == 0  # and the 98 % quantile, 42.1, still fits
    evidence = change.evidence
    assert isinstance(evidence, ForecastEvidence)
    assert evidence.approved
    assert evidence.held == 3
    assert evidence.binding == "cpu"
    assert evidence.merge_by == change.lease.starts - timedelta(minutes=15)
    assert evidence.groups == ("eu/mail", "eu/shop")
    assert evidence.shortfall_hours == pytest.approx(5)
    assert evidence.planned.node_hours == pytest.approx(6 * 5.25)


def test_need_is_counted_per_joint_draw_and_not_from_quantiles():
    # Two groups that never peak together: each alone reaches 20 cores, the sum never passes 24.
    turns = np.tile([4.0, 20.0], 20)
    plan = decide(
        profile_of({"eu/a": list(turns), "eu/b": list(24 - turns), "us/c": [1] * 40}), (), config_of(), NOW
    )
    (change,) = plan.changes
    assert change.lease.floor <= 6  # 24 cores and their spread; the sum of the peaks would be 8 nodes


def test_nothing_is_asked_below_the_threshold():
    half = profile_of({"eu/shop": surge(6, 15, 24, 5), "us/etl": [4] * 72}, spread=0.3)  # 15 cores: exactly base
    plan = decide(half, (), config_of(), NOW)
    assert plan.empty
    assert any(note.startswith("web") for note in plan.notes)


def test_calm_asks_for_nothing():
    assert decide(profile_of(CALM), (), config_of(), NOW).empty


def test_what_is_held_already_is_not_asked_again():
    held = lease_of(floor=9, start=20, hours=12)
    assert decide(profile_of(SURGE), (held,), config_of(), NOW).empty


def test_a_merged_lease_is_raised_and_keeps_its_name():
    held = lease_of(floor=6, warm=0, start=23, hours=6)
    (change,) = decide(profile_of(SURGE), (held,), config_of(), NOW).changes
    assert (change.action, change.lease.id, change.before) == ("update", held.id, held)
    assert change.lease.floor == 9
    assert change.lease.expires == held.expires


def test_a_proposal_that_differs_by_noise_stays_as_it_is():
    (first,) = decide(profile_of(SURGE, spread=0.05), (), config_of(), NOW).changes
    shifted = {g: surge(c[0], c[24], 25, 5) for g, c in SURGE.items()}
    (second,) = decide(profile_of(shifted, spread=0.055), (), config_of(), NOW, pending=(first.lease,)).changes
    assert second.lease == first.lease


def test_a_proposal_that_differs_by_more_is_changed_under_its_name():
    (first,) = decide(profile_of(SURGE), (), config_of(), NOW).changes
    larger = SURGE | {"eu/shop": surge(6, 50, 24, 5)}
    (second,) = decide(profile_of(larger), (), config_of(), NOW, pending=(first.lease,)).changes
    assert second.lease.id == first.lease.id
    assert second.lease.floor == 13


def test_windows_out_of_reach_wait():
    soon = {"eu/shop": surge(6, 40, 0, 1), "us/etl": [4] * 72}  # over before a node could boot
    late = {"eu/shop": surge(6, 40, 60, 5), "us/etl": [4] * 72}
    ahead = config_of(decide="{propose_ahead_hours: 48}")
    assert decide(profile_of(soon), (), config_of(), NOW).empty
    assert not decide(profile_of(late), (), config_of(), NOW).empty
    assert decide(profile_of(late), (), ahead, NOW).empty


def test_close_windows_are_one_lease_and_distant_ones_two():
    def twice(gap):
        return {
            "eu/shop": [30 if 20 <= t < 22 or 22 + gap <= t < 24 + gap else 6 for t in range(72)],
            "us/e": [4] * 72,
        }

    assert len(decide(profile_of(twice(3)), (), config_of(), NOW).changes) == 1
    assert len(decide(profile_of(twice(9)), (), config_of(), NOW).changes) == 2


def test_the_same_profile_gives_the_same_plan():
    assert decide(profile_of(SURGE), (), config_of(), NOW) == decide(profile_of(SURGE), (), config_of(), NOW)


def test_demand_above_max_is_clipped_and_said():
    huge = profile_of(SURGE | {"eu/shop": surge(6, 90, 24, 5)})
    (change,) = guard(decide(huge, (), config_of(), NOW), config_of()).changes
    assert (change.lease.floor, change.lease.warm) == (14, 0)
    assert any("short at the service level" in clip.reason for clip in change.clips)
    # 3 nodes and a warm one are there already; at 14 of 14 none is left to be warm.
    assert change.evidence.planned.node_hours == pytest.approx(10 * 5.25)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"asia/x": [1] * 72, "us/etl": [4] * 72}, "pool web serves eu/*"),
        ({"eu/x": [1] * 72}, "pool batch serves us/*"),
    ],
)
def test_a_profile_that_lacks_a_pools_groups_is_refused(groups, said):
    with pytest.raises(PlanError, match="matches no group") as refused:
        decide(profile_of(groups), (), config_of(), NOW)
    assert said in str(refused.value)


def test_a_profile_that_does_not_reach_now_is_refused():
    with pytest.raises(PlanError, match="forecast again, from newer usage, or pass --now"):
        decide(profile_of(CALM), (), config_of(), NOW + 100 * HOUR)


def test_a_profile_without_a_pools_resource_is_refused():
    profile = profile_of(CALM)
    less = replace(profile, dataset=profile.dataset.isel(resource=[0]))
    with pytest.raises(PlanError, match=r"pool batch: node_capacity names memory"):
        decide(less, (), config_of(), NOW)


cores = st.lists(st.floats(0, 200), min_size=30, max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    cores,
    cores,
    st.floats(0.01, 0.5),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 40)), max_size=3),
)
def test_laws_of_a_decision(eu, us, spread, held):
    config = config_of()
    ledger = tuple(replace(lease_of(floor=f, start=s), id=f"held-{i}") for i, (f, s) in enumerate(held))
    profile = profile_of({"eu/a": eu, "us/b": us}, spread=spread, draws=50)
    plan = guard(decide(profile, ledger, config, NOW), config)
    assert guard(plan, config) == plan
    for change in plan.changes:
        pool, lease = config.pools[change.lease.pool], change.lease
        assert pool.base <= lease.floor <= lease.floor + lease.warm <= pool.max
        assert lease.starts < lease.ends < lease.expires
        assert isinstance(change.evidence, ForecastEvidence)
        assert change.evidence.approved
        assert change.evidence.probability >= config.decide.confidence_threshold
        if change.before is None:
            floors = held_floors(pool, [x for x in ledger if x.pool == lease.pool], [lease.starts])
            assert change.evidence.held <= floors[0]
            assert (lease.floor, lease.warm) > (change.evidence.held, 0)


def test_windows_that_were_cut_keep_their_own_leases():
    long = profile_of({"eu/shop": surge(6, 30, 20, 12), "us/etl": [4.0] * 72})
    config = config_of(decide="{longest_window_hours: 4, propose_ahead_hours: 72}")
    first = decide(long, (), config, NOW)
    assert [(x.lease.starts - NOW) / HOUR for x in first.changes] == [20, 24, 28]
    again = decide(long, (), config, NOW, pending=tuple(x.lease for x in first.changes))
    assert [x.lease for x in again.changes] == [x.lease for x in first.changes]


def test_a_peak_that_comes_again_after_a_window_is_asked_again():
    daily = {"eu/shop": [30 if t % 24 < 4 else 6 for t in range(72)], "us/etl": [4.0] * 72}
    held = lease_of(floor=7, start=24, hours=4)  # expires a day after, when the next peak begins
    changes = decide(profile_of(daily), (held,), config_of(), NOW + HOUR).changes
    assert [(x.action, (x.lease.starts - NOW) / HOUR) for x in changes] == [("open", 48)]


def test_windows_are_not_cut_at_the_far_end_of_reach():
    far = profile_of({"eu/shop": surge(6, 30, 46, 10), "us/etl": [4.0] * 72})
    (change,) = decide(far, (), config_of(decide="{propose_ahead_hours: 48}"), NOW).changes
    assert change.lease.ends == NOW + 56 * HOUR


def test_a_window_in_progress_keeps_its_proposal():
    profile = profile_of(SURGE)
    (first,) = decide(profile, (), config_of(), NOW).changes
    for hours in (25, 26, 27):
        (later,) = decide(profile, (), config_of(), NOW + hours * HOUR, pending=(first.lease,)).changes
        assert later.lease == first.lease
        assert later.evidence.merge_by >= NOW + hours * HOUR


def test_money_is_counted_against_what_is_held():
    held = lease_of(floor=7, warm=0, start=23, hours=6)
    (change,) = decide(profile_of(SURGE), (held,), config_of(), NOW).changes
    assert change.evidence.early.node_hours == change.lease.floor - 7


def test_only_a_star_is_special_in_a_pattern():
    config = config_of()
    pools = dict(config.pools)
    pools["web"] = pools["web"].model_copy(update={"groups": ("eu/[shop]", "eu/m*")})
    odd = config.model_copy(update={"pools": pools})
    assert members(odd, ["eu/[shop]", "eu/mail", "eu/s", "us/etl"])["web"] == ("eu/[shop]", "eu/mail")


def test_demand_without_measure_is_not_taken_for_none():
    countless = profile_of({"eu/shop": surge(6, 1e20, 24, 5), "us/etl": [4.0] * 72})
    (change,) = guard(decide(countless, (), config_of(), NOW), config_of()).changes
    assert change.lease.floor == 14


def test_decisions_from_a_stream_are_those_from_memory(tmp_path):
    profile = profile_of(SURGE)
    profile.save(tmp_path / "profile.nc")
    with DemandProfile.stream(tmp_path / "profile.nc") as stream:
        assert decide(stream, (), config_of(), NOW) == decide(profile, (), config_of(), NOW)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_demand_that_is_no_number_is_refused_before_any_change(wrong):
    profile = profile_of(SURGE)
    dataset = profile.dataset.copy(deep=True)
    dataset["demand"][3, 0, 0, 60] = wrong
    with pytest.raises(PlanError, match="pool web: the demand has values that are negative or not finite"):
        decide(DemandProfile(dataset, streamed=True), (), config_of(), NOW)


def test_a_forecast_that_is_too_old_asks_for_nothing_and_says_so():
    stale = config_of(decide="{profile_age_hours: 6, propose_ahead_hours: 72}")
    assert decide(profile_of(SURGE), (), stale, NOW + 6 * HOUR).changes
    plan = decide(profile_of(SURGE), (), stale, NOW + 7 * HOUR)
    assert plan.empty
    assert plan.notes == (
        "the forecast is 7 h old, over 6 h: nothing new is asked for; forecast again, from newest usage",
    )


def test_a_profile_that_ends_within_the_lead_time_is_refused():
    short = profile_of({"eu/shop": [6.0] * 10, "us/etl": [4.0] * 10})
    slow = config_of(lead_times="{review_minutes: {median: 600, p90: 1200}, ci_minutes: 10}")
    with pytest.raises(PlanError, match=r"lead time of 20\.2 h; forecast again, with --horizon 22 or more"):
        decide(short, (), slow, NOW)


def test_a_group_that_a_pool_names_must_be_in_the_profile():
    config = config_of()
    pools = dict(config.pools)
    pools["web"] = pools["web"].model_copy(update={"groups": ("eu/shop", "eu/gone")})
    with pytest.raises(PlanError, match="pool web serves eu/gone, which are no groups"):
        decide(profile_of(SURGE), (), config.model_copy(update={"pools": pools}), NOW)


def test_amounts_with_a_unit_meet_demand_in_it():
    config = config_of()
    pools = dict(config.pools)
    pools["web"] = pools["web"].model_copy(update={"units": {"memory": "MiB"}})
    with pytest.raises(PlanError, match="pool web: node_capacity gives memory in MiB, the profile has it in GiB"):
        decide(profile_of(SURGE), (), config.model_copy(update={"pools": pools}), NOW)


def test_the_level_from_costs_is_the_newsvendors():
    costly = config_of(decide="{shortfall_cost_per_node_hour: 9.5, propose_ahead_hours: 72}")
    (change,) = decide(profile_of(SURGE, spread=0.2), (), costly, NOW).changes
    evidence = change.evidence
    assert isinstance(evidence, ForecastEvidence)
    assert evidence.service_level == pytest.approx(0.95)  # 9.5 / (9.5 + 0.5)
    assert evidence.levels_why == "Cu/(Cu + Co) of 9.5 and 0.5"
    assert change.lease.floor == evidence.largest.quantile(0.95)


def test_the_evidence_says_what_an_hour_later_loses_and_how_long_reviews_take():
    (change,) = decide(profile_of(SURGE), (), config_of(), NOW).changes
    evidence = change.evidence
    assert isinstance(evidence, ForecastEvidence)
    # 38 cores need 8 or 9 nodes, 3 are held: an hour of that, as far as the lease covers it.
    assert evidence.late_node_hours == pytest.approx(evidence.shortfall_node_hours / 5, rel=0.05)
    assert evidence.lead == "review 60 min, CI 10 min, boot 5 min"
    assert evidence.largest.above(evidence.held) == evidence.probability


def test_newcomers_are_named():
    profile = profile_of(SURGE)
    new = replace(profile, dataset=profile.dataset.assign_attrs(newcomers="eu/mail\nus/etl"))
    (change,) = decide(new, (), config_of(), NOW).changes
    assert isinstance(change.evidence, ForecastEvidence)
    assert change.evidence.newcomers == ("eu/mail",)


def test_lead_times_make_proposals_early_enough():
    # A window 20 h ahead waits for a newer forecast where reviews take an hour, and not where they may take 30.
    far = profile_of({"eu/shop": surge(6, 30, 20, 5), "us/etl": [4.0] * 72})
    assert decide(far, (), config_of(decide="{service_level: 0.9}"), NOW).empty
    slow = config_of(
        decide="{service_level: 0.9}", lead_times="{review_minutes: {median: 300, p90: 1800}, ci_minutes: 10}"
    )
    assert not decide(far, (), slow, NOW).empty


def test_what_no_lease_can_hold_is_told_before_leases_are_proposed():
    far = profile_of({"eu/shop": surge(6, 90, 40, 5), "eu/mail": surge(6, 30, 40, 5), "us/etl": [4.0] * 72})
    soon = config_of(decide="{propose_ahead_hours: 12}")
    plan = decide(far, (), soon, NOW)
    assert plan.empty
    (short,) = plan.shortfalls
    assert (short.pool, short.granted, short.cause) == ("web", 14, "the pool's max of 14 nodes")
    assert (short.starts, short.ends) == (NOW + 40 * HOUR, NOW + 45 * HOUR)
    assert short.needed > 24
    assert short.probability > 0.99
    assert [label for label, _ in short.left_short] == ["eu/mail", "eu/shop"]  # of one priority: alike
    assert short.left_short[0][1] == pytest.approx(1 - 70 / 120, abs=0.05)
    assert "raise pools.web.max" in short.suggestion


def test_need_before_anything_could_be_up_is_a_shortfall_and_not_covered():
    soon = profile_of({"eu/shop": surge(6, 38, 0, 2), "us/etl": [4.0] * 72})
    slow = config_of(lead_times="{review_minutes: 60, ci_minutes: 600}")
    plan = decide(soon, (), slow, NOW)
    assert plan.empty
    (short,) = plan.shortfalls
    assert (short.pool, short.starts, short.ends, short.granted) == ("web", NOW, NOW + 2 * HOUR, 3)
    assert "605 minutes" in short.cause
    assert "web: what is needed comes sooner than nodes could be up" in plan.notes
    pools = {name: pool.model_copy(update={"autoscaler_minutes": 10}) for name, pool in slow.pools.items()}
    assert not decide(soon, (), slow.model_copy(update={"pools": pools}), NOW).shortfalls


@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.35, 0.5])
def test_a_lower_threshold_never_asks_for_less(threshold):
    likely = profile_of({"eu/shop": surge(6, 9, 24, 5), "us/etl": [4.0] * 72}, spread=0.0)
    dataset = likely.dataset.copy(deep=True)
    dataset["demand"][::2, 0, :, 24:29] *= 4  # half of the draws need 8 nodes
    half = replace(likely, dataset=dataset)
    config = config_of(decide=f"{{confidence_threshold: {threshold}, propose_ahead_hours: 72}}")
    (change,) = decide(half, (), config, NOW).changes
    assert change.evidence.probability == 0.5


def test_what_an_extension_takes_is_counted_against_the_lease_as_it_is():
    held = lease_of(floor=10, warm=0, start=20, hours=6, id="held")
    (change,) = decide(profile_of(SURGE | {"eu/shop": surge(6, 30, 24, 5)}), (held,), config_of(), NOW).changes
    # 10 nodes are held to hour 26 and then to hour 29; until the lease expires at 50 they are there already.
    assert change.lease.floor == 10
    assert change.evidence.planned.node_hours == pytest.approx(7 * 3)
    assert change.evidence.early.node_hours == 0
    assert change.evidence.most.node_hours == pytest.approx(7 * 3)


def test_what_a_lease_falls_short_of_is_told_once():
    edge = profile_of({"eu/shop": surge(6, 90, 8, 20), "us/etl": [4.0] * 72})
    config = config_of(decide="{propose_ahead_hours: 12}")
    plan = guard(decide(edge, (), config, NOW), config)
    assert len(plan.shortfalls) == 1


@pytest.mark.parametrize("region", ["region: us, ", ""])
def test_a_pinned_group_is_served_nowhere_else(region):
    # Found with the labels, since no pattern alone shows it; what patterns show is refused when they are read.
    config = config_of()
    pools = dict(config.pools)
    pools["web"] = pools["web"].model_copy(update={"region": "us" if region else None})
    pinned = config.model_copy(update={"pools": pools, "groups": {"eu/shop": Preference(pinned="eu")}})
    with pytest.raises(PlanError, match="group eu/shop is pinned to eu, but pool web"):
        decide(profile_of(SURGE), (), pinned, NOW)


def test_a_preference_for_nobody_is_told():
    config = config_of().model_copy(update={"groups": {"eu/chekout": Preference(priority=3)}})
    notes = decide(profile_of(SURGE), (), config, NOW).notes
    assert "no group of the profile is eu/chekout, which headroom.yaml has a preference for" in notes


def test_what_stays_short_is_said_again_while_its_proposal_waits():
    profile = profile_of(SURGE | {"eu/shop": surge(6, 120, 24, 5)})
    first = guard(decide(profile, (), config_of(), NOW), config_of())
    waiting = tuple(x.lease for x in first.changes)
    again = guard(decide(profile, (), config_of(), NOW + HOUR, waiting), config_of(), (), waiting)
    assert again.shortfalls == first.shortfalls != ()
    assert [x.lease for x in again.changes] == list(waiting)


def test_a_fresh_forecast_of_old_usage_asks_for_nothing_new():
    fresh = profile_of({"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72})
    known = fresh.dataset.assign_attrs(known_until=(NOW - 80 * HOUR).isoformat())
    plan = decide(DemandProfile(known), (), config_of(), NOW)
    assert plan.empty
    assert "knows no usage of the last 80 h" in plan.notes[0]
    recent = fresh.dataset.assign_attrs(known_until=(NOW - 3 * HOUR).isoformat())
    assert not decide(DemandProfile(recent), (), config_of(), NOW).empty


def test_events_that_touch_the_window_are_told_in_the_evidence_and_the_lease():
    told = [
        {
            "kind": kind, "name": name, "start": (NOW + first * HOUR).isoformat(), "new": False,
            "end": (NOW + last * HOUR).isoformat(), "regions": ["eu"], "groups": [group],
            "factor": {"cpu": [1.4, 1.7, 2.1], "memory": [1.0, 1.0, 1.0]},
        }
        for kind, name, first, last, group in (
            ("sale", "spring", 18, 30, "shop"), ("sale", "over", 1, 5, ""), ("launch", "elsewhere", 18, 30, "etl")
        )
    ]  # fmt: skip
    profile = profile_of(SURGE)
    plain = decide(profile, (), config_of(), NOW)
    named = DemandProfile(profile.dataset.assign_attrs(events=json.dumps(told)))
    (change,) = decide(named, (), config_of(), NOW).changes
    assert [x.name for x in change.evidence.drivers] == ["spring"]
    assert dict(change.lease.evidence)["events"] == "sale: spring (1.7 times the usual, 1.4 to 2.1)"
    assert parse(dump(change.lease), change.lease.path) == change.lease
    assert digest(change.lease) == digest(plain.changes[0].lease)
    assert plain.changes[0].evidence.drivers == ()
    assert "events" not in dict(plain.changes[0].lease.evidence)


def test_need_that_goes_on_past_the_lease_and_can_wait_is_told():
    steps = [6.0] * 2 + [30.0] * 6 + [60.0] * 12 + [6.0] * 52
    profile = profile_of({"eu/shop": steps, "us/etl": [4.0] * 72})
    near = config_of(decide="{service_level: 0.9, propose_ahead_hours: 4, profile_age_hours: 72}")
    (alone,) = decide(profile, (), near, NOW).changes
    assert alone.lease.ends == NOW + 8 * HOUR  # where the need is largest
    assert alone.evidence.goes_on
    both = decide(profile, (), config_of(), NOW).changes  # the second window is within reach: it is asked for, too
    assert [(x.lease.ends - NOW) // HOUR for x in both] == [8, 20]
    assert not any(x.evidence.goes_on for x in both)
