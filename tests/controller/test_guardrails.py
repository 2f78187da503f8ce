"""Each guard by itself: what it does, what it says, and what it leaves short."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from worlds import CONFIG, HOUR, NOW, config_of, lease_of, profile_of, surge, usage_of

from controller import guardrails
from controller.config import Autonomy, Config
from controller.configtext import parse
from controller.decay import decay
from controller.decide import decide
from controller.guardrails import GUARDS, Queue, Scene, guard
from controller.lease import Lease, stamp
from controller.plan import Change, Distribution, Plan

SURGE = {"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}
TEN = Distribution(tuple((n, 1) for n in range(1, 11)))  # P(need > n) is 1 − n/10
(OPENED,) = decide(profile_of(SURGE), (), config_of(), NOW).changes
NAMES = [
    "at_least_base",
    "at_most_max",
    "warm_within_max",
    "outside_freezes",
    "within_autonomy",
    "after_cool_down",
    "step_up",
    "step_down",
    "within_quotas",
    "within_budget_per_day",
    "within_budget_per_month",
    "within_stake",
    "open_proposals",
    "proposals_per_hour",
    "asks_for_something",
]


def limited(limits: str) -> Config:
    """The configuration of ``worlds`` with limits; pools lie in regions and are of one family."""
    text = CONFIG.replace("kind: node,", "kind: node, family: m5, region: us,")
    text = text.replace("kind: vm,", "kind: vm, family: m5, region: eu,")
    return parse(f"{text}limits: {limits}\n", "headroom.yaml")


def asked(floor: int, warm: int = 0, pool: str = "web", held: int = 3, priority: int = 0, **kw) -> Change:
    """Ask for so many nodes for four hours from 24 h on; the need is 1 to 10 nodes, each as likely."""
    lease = lease_of(pool, floor, warm, kw.pop("start", 24), kw.pop("hours", 4), id=kw.pop("id", "new"))
    evidence = replace(
        OPENED.evidence,
        held=held,
        held_warm=0,
        largest=kw.pop("largest", TEN),
        probability=TEN.above(held),
        priority=priority,
        merge_by=lease.starts,
    )
    before = kw.pop("before", None)
    return Change("update" if before else "open", lease, before, evidence)


def plan_of(*changes: Change) -> Plan:
    return Plan("demo", NOW, changes)


def sizes(plan: Plan) -> list[tuple[int, int]]:
    return [(x.lease.floor, x.lease.warm) for x in plan.changes]


def let_go(*leases: Lease, at: datetime = NOW) -> Plan:
    """Release leases whose windows are over."""
    return Plan("demo", at, tuple(_release(x, at) for x in leases))


def _release(lease: Lease, at: datetime) -> Change:
    idle = usage_of({"eu/shop": [1.0] * 200, "us/etl": [1.0] * 200}, lease.starts - 100 * HOUR)
    (change,) = decay((lease,), idle, None, config_of(), lease.ends + HOUR).changes
    assert change.action == "release"
    return change


def test_the_order_is_the_documented_one():
    assert [x.__name__ for x in GUARDS] == NAMES
    for text in (guardrails.__doc__, Path("docs/guardrails.md").read_text(encoding="utf-8")):
        places = [text.index(f"`{name}`") for name in NAMES]
        assert places == sorted(places)


def test_no_limits_change_nothing():
    plan = plan_of(asked(8, 2))
    assert guard(plan, config_of()).changes[0].lease == plan.changes[0].lease
    assert guard(plan, config_of()).shortfalls == ()


@pytest.mark.parametrize(
    ("surprise", "setting", "kept"),
    [
        ((2.0, 0.0), 2.0, (True, False)),  # more came than was foreseen: nothing is let go
        ((0.0, 2.0), 2.0, (False, True)),  # less came: nothing new is asked for
        ((1.9, 1.9), 2.0, (True, True)),
        ((2.0, 2.0), None, (True, True)),
        (None, 2.0, (True, True)),
    ],
)
def test_a_surprised_pool_is_only_forecast_to_the_side_that_was_wrong(surprise, setting, kept):
    config = config_of().model_copy(update={"autonomy": Autonomy(forecast_only_from=setting)})
    known = {} if surprise is None else {"web": surprise}
    lease = lease_of(floor=5, warm=1, start=-8, hours=4)
    for plan, stays in zip((plan_of(asked(8, 2)), let_go(lease, at=lease.ends + HOUR)), kept, strict=True):
        done = guard(plan, config, (lease,) if plan.changes[0].action == "release" else (), surprise=known)
        assert bool(done.changes) == stays
        assert any("forecast only from 2" in x for x in done.notes) != stays


def test_what_has_expired_is_let_go_whatever_the_surprise():
    lease = lease_of(floor=5, warm=1, start=-8, hours=4)
    plan = let_go(lease, at=lease.expires + HOUR)
    assert guard(plan, config_of(), (lease,), surprise={"web": (2.0, 2.0)}).changes


def test_base_is_the_least():
    clipped = guardrails.at_least_base(plan_of(asked(1, 5)), Scene(config_of()))
    # Floor and warm reach as far together as was asked: the two nodes of the base need not be warm as well.
    assert sizes(clipped) == [(3, 3)]
    assert {x.guard for x in clipped.changes[0].clips} == {"at_least_base"}


def test_max_is_the_most_and_what_is_missing_is_said():
    needs = Distribution(((12, 50), (14, 20), (20, 30)))
    clipped = guard(plan_of(asked(20, 2, largest=needs)), config_of())
    assert sizes(clipped) == [(14, 0)]
    first, second = clipped.changes[0].clips
    assert first.reason == "floor 20 → 14: the pool's max; 6 short at the service level"
    assert (first.risk, second.risk) == ((0, 0.3), (0.3, 0.3))
    (short,) = clipped.shortfalls
    assert (short.needed, short.granted, short.probability, short.missing) == (20, 14, 0.3, pytest.approx(1.8))
    assert "raise max of pool web to 20" in short.suggestion
    assert "groups.<pattern>.pools" in short.suggestion


def test_stakes_are_counted_anew():
    small = guard(plan_of(asked(20)), config_of()).changes[0].evidence
    # Of the pool's 3 nodes and a warm one, 14 nodes and none warm are made.
    assert small.planned.node_hours == 4 * (14 - 3 - 1)
    assert small.planned.cost == pytest.approx(0.5 * 4 * (14 - 3) - 0.1 * 4)


def test_warm_gives_way_to_the_floor():
    assert sizes(guardrails.warm_within_max(plan_of(asked(12, 9)), Scene(config_of()))) == [(12, 2)]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("{step_up_nodes: 4}", (8, 2)),  # it holds 5 and 1 warm: 3 for the floor, 1 for warm nodes
        ("{step_up_nodes: 2}", (7, 1)),
        ("{step_up_percent: 50}", (8, 1)),
        ("{step_up_nodes: 2, step_up_percent: 1}", (6, 1)),
        ("{step_up_nodes: 9}", (8, 4)),
    ],
)
def test_a_step_up_is_from_what_is_held(limits, expected):
    held = lease_of(floor=5, warm=1, start=-2, hours=4)
    assert sizes(guard(plan_of(asked(8, 4, held=3)), limited(limits), (held,))) == [expected]


def test_a_step_up_is_of_all_leases_of_a_pool_together():
    plan = plan_of(asked(7, 0), asked(3, 5, id="other", start=40, held=2))
    clipped = guardrails.step_up(plan, Scene(limited("{step_up_nodes: 4}")))
    assert sizes(clipped) == [(7, 0), (3, 1)]


def test_a_release_that_is_too_far_becomes_an_update():
    held = lease_of(floor=10, warm=0, start=-8, hours=6)
    plan = guard(let_go(held), limited("{step_down_nodes: 3}"), (held,))
    (change,) = plan.changes
    assert (change.action, change.lease.floor, change.before) == ("update", 7, held)  # the base's warm one stays
    assert change.clips[0].reason.startswith("floor 3 → 7: a run takes 3 nodes")
    assert change.evidence.given_back.node_hours == 3 * (held.expires - NOW) / HOUR
    assert guard(plan, limited("{step_down_nodes: 3}"), (held,)) == plan


def test_a_release_that_others_cover_is_no_step():
    held = lease_of(floor=10, warm=0, start=-8, hours=6)
    other = replace(held, id="other", ends=NOW + 9 * HOUR, expires=NOW + 20 * HOUR)
    plan = let_go(held)
    assert guard(plan, limited("{step_down_nodes: 1}"), (held, other)).changes == plan.changes


def test_of_several_releases_the_one_that_ends_last_is_kept():
    first, last = (
        lease_of(floor=10, warm=3, start=-9, hours=6),
        lease_of(floor=9, warm=0, start=-8, hours=6, id="b"),
    )
    plan = guard(let_go(first, last), limited("{step_down_percent: 30}"), (first, last))
    # 13 are held, a step is of 3: the warm ones down to the base's one, and one more. The other stays as it is.
    assert [(x.action, x.lease.id) for x in plan.changes] == [("release", "a-lease")]
    assert "floor 3 → 9" in plan.notes[0]


def test_no_step_down_at_all_is_noted():
    held = lease_of(floor=10, warm=0, start=-8, hours=6)
    plan = guard(let_go(held), limited("{step_down_nodes: 0}"), (held,))
    assert plan.empty
    assert "a run takes 0 nodes" in plan.notes[0]


def test_a_quota_takes_the_least_likely_nodes():
    plan = plan_of(asked(8, 2), asked(6, 0, pool="batch", held=2, id="b"))
    clipped = guard(plan, limited("{quotas: [{family: m5, nodes: 13}]}"))
    # 16 are asked for. P(need > 9) of the warm node on top of web is least, then that of its eighth and seventh;
    # one warm node is its base's, and is held anyway.
    assert sizes(clipped) == [(6, 1), (6, 0)]
    assert clipped.changes[0].clips[-1].reason == "floor 8 → 6, warm 2 → 1: the quota of m5 is 13 nodes"


def test_a_quota_is_dealt_by_priority():
    plan = plan_of(asked(8, priority=0), asked(8, pool="batch", held=2, id="b", priority=5))
    clipped = guard(plan, limited("{quotas: [{family: m5, nodes: 13}]}"))
    assert sizes(clipped) == [(4, 0), (8, 0)]  # the base of web has a warm node besides
    (short,) = clipped.shortfalls
    assert (short.pool, short.granted, short.needed) == ("web", 4, 9)
    assert "raise the quota of m5 to 17" in short.suggestion


def test_a_quota_of_one_region_leaves_others_alone():
    clipped = guard(plan_of(asked(8)), limited("{quotas: [{region: us, nodes: 2}]}"))
    assert sizes(clipped) == [(8, 0)]


def test_a_quota_never_takes_what_is_held():
    held = lease_of(floor=9, warm=0, start=-2, hours=4)
    plan = guard(plan_of(asked(8, held=3)), limited("{quotas: [{region: eu, nodes: 5}]}"), (held,))
    assert sizes(plan) == [(8, 0)]  # nothing of it is on top of the nine that are held


def test_a_budget_takes_nodes_by_probability_for_money():
    # Four hours: a node of web costs 2, one of batch 4.
    plan = plan_of(asked(8), asked(8, pool="batch", held=2, id="b"))
    clipped = guard(plan, limited("{budget_per_day: 20}"))
    assert sum(4 * (f - b) * p for (f, _), b, p in zip(sizes(clipped), (3, 2), (0.5, 1), strict=True)) <= 20
    web, batch = sizes(clipped)
    assert web[0] > batch[0]
    clip = clipped.changes[1].clips[-1]
    assert (clip.guard, clip.risk) == ("within_budget_per_day", (TEN.above(8), TEN.above(batch[0])))
    assert "budget_per_day is 20.00 USD, and 2026-11-25 would take 34.00" in clip.reason
    assert len(clip.reason) < 120


def test_a_budget_counts_what_is_held():
    held = lease_of(floor=5, warm=0, start=20, hours=12)
    alone = guard(plan_of(asked(8)), limited("{budget_per_day: 12}"))
    beside = guard(plan_of(asked(8, held=5)), limited("{budget_per_day: 12}"), (held,))
    assert sizes(alone) == [(8, 0)]  # 5 nodes, 4 hours, half a dollar
    assert beside.empty  # the held lease takes 20 by itself


def test_a_month_is_a_calendar_month():
    plan = plan_of(asked(8, hours=24, start=24 * 6), asked(8, hours=24, start=24 * 7 + 12, id="b"))
    clipped = guard(plan, limited("{budget_per_month: 60}"))
    # 60 each: half of the first lies in November, so December would take 90; its nodes save most in the second.
    assert sizes(clipped) == [(8, 0), (5, 0)]
    assert "60.00 USD, and 2026-12 would take 90.00" in clipped.changes[1].clips[-1].reason


def test_an_extension_that_the_budget_lacks_is_dropped_and_what_is_held_stays():
    held = lease_of(floor=8, warm=0, start=-2, hours=6)
    longer = replace(held, floor=9, ends=held.ends + 20 * HOUR, expires=held.expires + 20 * HOUR)
    change = asked(9, before=held)
    change = replace(change, lease=longer, evidence=replace(change.evidence, merge_by=NOW))
    plan = guard(plan_of(change), limited("{budget_per_day: 11}"), (held,))
    assert plan.empty
    assert "waits: budget_per_day is 11.00 USD" in plan.notes[0]
    assert plan.shortfalls[0].granted == 3


FREEZE = '{freezes: [{cron: "0 10 * * TUE", hours: 30%s}]}'  # NOW is a Tuesday, 12:00


def test_a_freeze_drops_and_says_until_when():
    plan = guard(plan_of(asked(8)), limited(FREEZE % ""))
    assert plan.empty
    assert plan.notes == (
        "web: open of new waits: the freeze 0 10 * * TUE (UTC, 30 h) holds until Wed 25 Nov 16:00 UTC",
    )
    (short,) = plan.shortfalls
    assert (short.needed, short.granted, short.probability) == (9, 3, 0.7)
    assert short.suggestion == "let it pass by limits.freezes.except_above: merge by Wed 25 Nov 12:00 UTC"
    later = asked(8, start=40)
    assert (
        guard(plan_of(later), limited(FREEZE % "")).shortfalls[0].suggestion
        == "run again after Wed 25 Nov 16:00 UTC"
    )


def test_what_stays_short_is_told_in_the_order_of_time_and_then_of_pools():
    plan = plan_of(asked(8, start=20), asked(8, pool="batch", id="b", start=20), asked(8, id="c", start=10))
    short = guard(plan, limited(FREEZE % "")).shortfalls
    assert [x.pool for x in short] == ["web", "batch", "web"]
    assert [x.starts for x in short] == sorted(x.starts for x in short)


def test_a_freeze_lets_pass_what_is_likely_enough():
    plan = plan_of(asked(8))
    assert not guard(plan, limited(FREEZE % ", except_above: 0.7")).empty
    assert guard(plan, limited(FREEZE % ", except_above: 0.71")).empty


def test_a_freeze_holds_releases_but_of_expired_leases():
    held = lease_of(floor=8, warm=0, start=-8, hours=6, margin=24)
    gone = replace(held, id="gone", expires=NOW)
    plan = guard(let_go(held, gone), limited(FREEZE % ", except_above: 0.1"), (held, gone))
    assert [x.lease.id for x in plan.changes] == ["gone"]


def test_an_expired_lease_keeps_nothing_that_another_gives_back():
    held = lease_of(floor=8, warm=0, start=-8, hours=6, margin=24)
    gone = replace(held, id="gone", floor=9, expires=NOW)
    released, expired = let_go(held, gone).changes
    smaller = replace(expired, action="update", lease=replace(gone, floor=8))
    after = guard(plan_of(released, smaller), limited("{step_down_nodes: 1}"), (held, gone))
    assert {x.lease.id: (x.action, x.lease.floor) for x in after.changes}[held.id] == ("update", 7)


def changed_at(moment: object) -> Lease:
    return replace(lease_of(floor=5, start=-2, hours=4), evidence=(("changed", moment),))


def test_a_pool_cools_down_after_a_change():
    config = limited("{cool_down_minutes: 90}")
    plan = plan_of(asked(8), asked(8, pool="batch", held=2, id="b"))
    after = guard(plan, config, (changed_at(stamp(NOW - HOUR)),))
    assert [x.lease.pool for x in after.changes] == ["batch"]
    assert "changed Tue 24 Nov 11:00 UTC, and cools down for 90 minutes" in after.notes[0]
    assert "run again at Tue 24 Nov 12:30 UTC" in after.shortfalls[0].suggestion
    assert len(guard(plan, config, (changed_at(stamp(NOW - 2 * HOUR)),)).changes) == 2


@pytest.mark.parametrize("moment", [None, 7, "yesterday", "2026-11-24T11:00:00", stamp(NOW + HOUR)])
def test_what_is_no_moment_of_the_past_cools_nothing_down(moment):
    config = limited("{cool_down_minutes: 90}")
    assert not guard(plan_of(asked(8)), config, (changed_at(moment),)).empty


def test_the_most_important_proposals_come_first():
    plan = plan_of(
        asked(8, id="a"), asked(8, id="b", pool="batch", held=2), asked(8, id="c", priority=1, start=40)
    )
    after = guard(plan, limited("{open_proposals: 2}"))
    assert [x.lease.id for x in after.changes] == ["b", "c"]
    assert "2 proposals wait for review, as many as open_proposals lets" in after.notes[0]
    assert after.shortfalls[0].pool == "web"
    after = guard(plan, limited("{open_proposals_per_pool: 1}"))
    assert [x.lease.id for x in after.changes] == ["b", "c"]


def test_an_hour_takes_only_so_many_new_pull_requests():
    plan = plan_of(asked(8, id="a"), asked(8, id="b", priority=1, start=40))
    queue = Queue((NOW - HOUR / 2, NOW - 2 * HOUR))
    after = guard(plan, limited("{proposals_per_hour: 2}"), queue=queue)
    assert [x.lease.id for x in after.changes] == ["b"]
    assert "2 pull requests were opened within an hour" in after.notes[0]
    assert len(guard(plan, limited("{proposals_per_hour: 3}"), queue=queue).changes) == 2
    waiting = (lease_of(id="a", floor=7), lease_of(id="b", floor=7, start=40))
    assert len(guard(plan, limited("{proposals_per_hour: 1}"), (), waiting, queue).changes) == 2


def test_open_proposals_put_only_so_much_money_at_stake():
    plan = plan_of(asked(8, id="a"), asked(8, id="b", priority=1, start=40))
    each = [x.evidence.most.cost for x in guard(plan, limited("{}")).changes]
    most = f"{{stake: {sum(each) - 0.01:.2f}}}"
    after = guard(plan, limited(most))
    assert [x.lease.id for x in after.changes] == ["b"]
    assert "over limits.stake" in after.notes[0]
    assert after.shortfalls[0].pool == "web"
    enough = limited(f"{{stake: {sum(each) + 10:.2f}}}")
    assert len(guard(plan, enough, queue=Queue(costs={("web", "a"): 999.0})).changes) == 2
    assert [x.lease.id for x in guard(plan, enough, queue=Queue(costs={("web", "z"): 11.0})).changes] == ["b"]


def test_what_waits_counts_and_may_change():
    waiting = lease_of(id="new", floor=7)
    plan = plan_of(asked(8), asked(9, id="other", start=40))
    after = guard(plan, limited("{open_proposals: 1}"), (), (waiting,))
    assert [x.lease.id for x in after.changes] == ["new"]
    over = replace(waiting, id="old", starts=NOW - 9 * HOUR, ends=NOW)  # refused, and of no use any more
    assert len(guard(plan, limited("{open_proposals: 2}"), (), (over,)).changes) == 2


def test_what_asks_for_nothing_takes_no_place():
    plan = plan_of(asked(3, id="nothing", priority=9), asked(8))
    after = guard(plan, limited("{open_proposals: 1}"))
    assert [x.lease.id for x in after.changes] == ["new"]


def test_what_asks_for_nothing_is_dropped_and_noted():
    scene = Scene(config_of())
    dropped = guardrails.asks_for_something(plan_of(asked(3)), scene)
    assert dropped.empty
    assert dropped.notes == ("web: nothing is left to ask for (it is held already)",)
    same = lease_of("web", 5, 2, 24, 4, id="new")
    assert guardrails.asks_for_something(plan_of(asked(5, 2, before=same)), scene).empty


def test_a_release_is_never_clipped_by_sizes():
    lease = lease_of(floor=99, warm=50)
    plan = plan_of(Change("release", lease, lease, asked(5).evidence))
    assert sizes(guard(plan, config_of())) == [(99, 50)]


def test_an_ask_for_no_more_than_another_lease_holds_is_dropped():
    held = lease_of(floor=14, warm=0, start=20, hours=12)
    huge = profile_of(SURGE | {"eu/shop": surge(6, 90, 24, 5)})
    plan = decide(huge, (replace(held, starts=NOW - HOUR, ends=NOW + 40 * HOUR),), config_of(), NOW)
    assert guard(plan, config_of()).empty
    # At the max already: what the service level needs beyond it is said.
    full = guard(plan_of(asked(20, held=14, largest=Distribution(((20, 1),)))), config_of())
    assert full.empty
    assert (full.shortfalls[0].needed, full.shortfalls[0].granted) == (20, 14)


def test_ten_thousand_pools_are_guarded_in_seconds():
    config = config_of()
    many = {f"p{i}": config.pools["web"] for i in range(10_000)}
    shared = "budget_per_day: 90000, quotas: [{nodes: 80000}], open_proposals: 9000"
    limits = limited(f"{{step_up_nodes: 4, cool_down_minutes: 5, {shared}}}").limits
    config = config.model_copy(update={"pools": many, "limits": limits})
    ask = asked(8, 2)
    plan = plan_of(*(replace(ask, lease=replace(ask.lease, pool=x)) for x in many))
    ledger = tuple(lease_of(x, 5, 1, -2, 4) for x in many)
    started = datetime.now(UTC)
    after = guard(plan, config, ledger)
    assert after.changes
    assert datetime.now(UTC) - started < timedelta(seconds=60)
