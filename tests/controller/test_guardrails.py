from dataclasses import replace

from worlds import HOUR, NOW, config_of, lease_of, profile_of, surge

from controller.decide import decide
from controller.guardrails import (
    GUARDS,
    Scene,
    asks_for_something,
    at_least_base,
    at_most_max,
    guard,
    warm_within_max,
)
from controller.plan import Change, Plan

SURGE = {"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}


def plan_of(floor: int, warm: int, action: str = "open", before=None) -> Plan:
    (asked,) = decide(profile_of(SURGE), (), config_of(), NOW).changes
    lease = replace(asked.lease, floor=floor, warm=warm)
    return Plan("demo", NOW, (Change(action, lease, before, asked.evidence),))


def counts(plan: Plan) -> list[tuple[int, int]]:
    return [(x.lease.floor, x.lease.warm) for x in plan.changes]


def test_base_is_the_least():
    clipped = at_least_base(plan_of(1, 5), Scene(config_of()))
    assert counts(clipped) == [(3, 5)]
    assert [x.guard for x in clipped.changes[0].clips] == ["at_least_base"]


def test_max_is_the_most_and_what_is_missing_is_said():
    clipped = at_most_max(plan_of(20, 2), Scene(config_of()))
    assert counts(clipped) == [(14, 2)]
    assert "6 short" in clipped.changes[0].clips[0].reason


def test_warm_gives_way_to_the_floor():
    assert counts(warm_within_max(plan_of(12, 9), Scene(config_of()))) == [(12, 2)]


def test_what_asks_for_nothing_is_dropped_and_noted():
    dropped = asks_for_something(plan_of(3, 1), Scene(config_of()))
    assert dropped.empty
    assert dropped.notes == ("web: nothing is left to ask for (it is held already)",)
    same = replace(plan_of(5, 2).changes[0].lease)
    assert asks_for_something(plan_of(5, 2, "update", before=same), Scene(config_of())).empty


def test_a_release_is_never_clipped():
    lease = lease_of(floor=99, warm=50)
    (asked,) = plan_of(5, 1).changes
    plan = Plan("demo", NOW, (Change("release", lease, lease, asked.evidence),))
    assert counts(guard(plan, config_of())) == [(99, 50)]


def test_the_order_is_the_documented_one_and_repeats_change_nothing():
    assert [x.__name__ for x in GUARDS] == [
        "at_least_base",
        "at_most_max",
        "warm_within_max",
        "asks_for_something",
    ]
    once = guard(plan_of(20, 20), config_of())
    assert counts(once) == [(14, 0)]
    assert guard(once, config_of()) == once


def test_an_ask_for_no_more_than_another_lease_holds_is_dropped():
    held = lease_of(floor=14, warm=0, start=20, hours=12)
    huge = profile_of(SURGE | {"eu/shop": surge(6, 90, 24, 5)})
    asked = decide(huge, (replace(held, starts=NOW - HOUR, ends=NOW + 40 * HOUR),), config_of(), NOW)
    assert guard(asked, config_of()).empty
    plan = plan_of(14, 0)
    (change,) = plan.changes
    full = replace(change, evidence=replace(change.evidence, held=14, held_warm=0))
    assert asks_for_something(replace(plan, changes=(full,)), Scene(config_of())).empty
