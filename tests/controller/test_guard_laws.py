"""What holds whatever the plan: random leases, asks and limits, with every guard checked the slow way."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import HOUR, NOW, config_of, lease_of, profile_of, surge

from controller.config import Limits
from controller.decay import decay
from controller.decide import decide
from controller.guardrails import GUARDS, Queue, Scene, guard
from controller.lease import Lease, Ledger, stamp
from controller.plan import Change, Distribution, Plan

CONFIG = config_of()
POOLS = {
    name: pool.model_copy(update={"family": "m5", "region": region, "warm_price_per_hour": 0.25})
    for (name, pool), region in zip(CONFIG.pools.items(), ("us", "eu"), strict=True)
}
(ASKED,) = decide(profile_of({"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}), (), CONFIG, NOW).changes
OLD = lease_of(start=-30, hours=2)
(LET_GO,) = decay((OLD,), None, None, CONFIG, NOW + 90 * HOUR).changes

QUOTAS = st.builds(
    dict, family=st.sampled_from([None, "m5"]), region=st.sampled_from([None, "eu"]), nodes=st.integers(6, 22)
)
LIMITS = {
    "step_up_nodes": st.integers(0, 6),
    "step_up_percent": st.sampled_from([10.0, 50.0]),
    "step_down_nodes": st.integers(0, 6),
    "step_down_percent": st.sampled_from([10.0, 50.0]),
    "budget_per_day": st.sampled_from([0.0, 20.0, 60.0, 150.0]),
    "budget_per_month": st.sampled_from([100.0, 300.0]),
    "open_proposals": st.integers(1, 3),
    "open_proposals_per_pool": st.just(1),
    "proposals_per_hour": st.integers(1, 3),
    "stake": st.integers(1, 60),
    "cool_down_minutes": st.just(90),
    "quotas": st.lists(QUOTAS, min_size=1, max_size=2),
    "freezes": st.just([{"cron": "0 10 * * *", "hours": 4, "except_above": 0.9}]),
}


@st.composite
def leases(draw, name: str) -> Lease:
    pool, id_ = draw(st.sampled_from(sorted(POOLS))), name
    floor = draw(st.integers(0, POOLS[pool].max))
    warm = draw(st.integers(0, POOLS[pool].max - floor))
    made = lease_of(pool, floor, warm, draw(st.integers(-20, 30)), draw(st.integers(1, 30)), 12, id=id_)
    ago = draw(st.none() | st.integers(0, 4))
    return replace(made, evidence=(("changed", stamp(NOW - ago * HOUR)),) if ago is not None else ())


@st.composite
def asks(draw, lease: Lease, before: Lease | None) -> Change:
    needs = draw(st.dictionaries(st.integers(0, 25), st.integers(1, 9), min_size=1, max_size=5))
    held = draw(st.integers(POOLS[lease.pool].base, POOLS[lease.pool].max))
    largest = Distribution(tuple(sorted(needs.items())))
    merge_by = max(NOW, min(lease.starts - HOUR, lease.ends - HOUR))
    evidence = replace(
        ASKED.evidence,
        largest=largest,
        held=held,
        held_warm=draw(st.integers(0, 2)),
        probability=largest.above(held),
        priority=draw(st.integers(0, 2)),
        merge_by=merge_by,
        late_node_hours=2.0,
        unserved=(("a", 0.1), ("b", 0.4)),
    )
    return Change("update" if before else "open", lease, before, evidence)


@st.composite
def worlds(draw, always: tuple[str, ...] = ()) -> tuple[Plan, Scene]:
    ledger = tuple(draw(leases(f"held-{i}")) for i in range(draw(st.integers(0, 4))))
    changes = []
    for lease in ledger:
        kind = draw(st.sampled_from(["none", "raise", "step", "release"]))
        if kind == "raise" and lease.ends > NOW:
            floor, longer = lease.floor + draw(st.integers(0, 8)), draw(st.sampled_from([0, 20]))
            grown = replace(lease, floor=floor, warm=lease.warm + 1, ends=lease.ends + longer * HOUR)
            grown = replace(grown, expires=max(grown.ends, lease.expires))
            changes.append(draw(asks(grown, lease)))
        elif kind == "step" and lease.floor > POOLS[lease.pool].base:
            smaller = replace(lease, floor=draw(st.integers(POOLS[lease.pool].base, lease.floor - 1)), warm=0)
            changes.append(Change("update", smaller, lease, LET_GO.evidence))
        elif kind == "release":
            changes.append(Change("release", lease, lease, LET_GO.evidence))
    for i in range(draw(st.integers(0, 3))):
        lease = draw(leases(f"new-{i}"))
        if lease.ends - HOUR > NOW:
            lease = replace(lease, floor=lease.floor + draw(st.integers(0, 9)))
            changes.append(draw(asks(lease, None)))
    pending = tuple(draw(leases(x)) for x in draw(st.sets(st.sampled_from(["new-0", "new-1", "else"]))))
    # Few at a time: the first that drops or clips a change would hide what the later ones do.
    kinds = {
        *always,
        *draw(st.sets(st.sampled_from(sorted(LIMITS)), min_size=1 - min(1, len(always)), max_size=2)),
    }
    limits = Limits.model_validate({key: draw(LIMITS[key]) for key in sorted(kinds)})
    config = CONFIG.model_copy(update={"pools": POOLS, "limits": limits})
    changes = draw(st.permutations(changes))
    opened = tuple(NOW - draw(st.sampled_from([0.2, 0.9, 1.1])) * HOUR for _ in range(draw(st.integers(0, 2))))
    queue = Queue(opened, {(x.pool, x.id): draw(st.sampled_from([1.0, 25.0])) for x in pending})
    return Plan("demo", NOW, tuple(changes)), Scene(config, ledger, pending, queue)


def guarded(plan: Plan, scene: Scene) -> Plan:
    return guard(plan, scene.config, scene.ledger, scene.pending, scene.queue)


def asking(plan: Plan) -> list[Change]:
    return [
        x
        for x in plan.changes
        if x.action != "release" and x.evidence is not LET_GO.evidence and hasattr(x.evidence, "largest")
    ]


def most(leases: list[tuple[int, int]], pool: str) -> tuple[int, int]:
    """Floor and warm that the fold takes, warm ones as they are asked for."""
    floor = max([POOLS[pool].base, *(x for x, _ in leases)])
    return min(floor, POOLS[pool].max), max([POOLS[pool].base_warm, *(x for _, x in leases)])


def live(ledger: Ledger, pool: str) -> list[tuple[int, int]]:
    return [(x.floor, x.warm) for x in ledger if x.pool == pool and x.expires > NOW]


def cost(plan: Plan, ledger: Ledger, start, hours: int) -> float:
    """Hour by hour what leases cost above base."""
    total = 0.0
    for i in range(hours):
        hour = start + i * HOUR
        for name, pool in POOLS.items():
            held = [
                (x.floor, x.warm)
                for x in ledger
                if x.pool == name and x.expires > NOW and NOW <= hour < (x.ends if x.ends > NOW else x.expires)
            ]
            held += [
                (x.lease.floor, x.lease.warm)
                for x in asking(plan)
                if x.lease.pool == name and x.evidence.merge_by <= hour < x.lease.ends
            ]
            floor, warm = most(held, name)
            total += (floor - pool.base) * pool.price_per_hour + (warm - pool.base_warm) * pool.warm_price
    return total


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_a_second_run_changes_nothing(world):
    plan, scene = world
    once = guarded(plan, scene)
    assert guarded(once, scene) == once
    for step in GUARDS:
        plan = step(plan, scene)
        assert step(plan, scene) == plan, step.__name__


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_nothing_is_raised_and_every_risk_is_said(world):
    plan, scene = world
    asked = {(x.lease.pool, x.lease.id): x.lease for x in plan.changes}
    known = {(x.pool, x.id): x for x in scene.ledger}
    for change in guarded(plan, scene).changes:
        lease, pool = change.lease, POOLS[change.lease.pool]
        first = asked[lease.pool, lease.id]
        if change.action == "release":
            assert lease == first
            continue
        assert pool.base <= lease.floor
        if hasattr(change.evidence, "largest"):
            assert lease.floor <= max(first.floor, pool.base)
            assert lease.warm <= first.warm
            assert lease.floor + lease.warm <= pool.max
            risks = [x.risk for x in change.clips]
            assert [x[1] for x in risks[:-1]] == [x[0] for x in risks[1:]]
            if risks:
                above = change.evidence.largest.above
                assert (risks[0][0], risks[-1][1]) == (above(first.floor), above(lease.floor))
        else:  # of what is let go a guard keeps some, and never more than was held
            assert lease.floor <= max(known[lease.pool, lease.id].floor, pool.base)
            assert all(x.risk is None for x in change.clips)


def total(pool: str, held: tuple[int, int]) -> int:
    return min(POOLS[pool].max, sum(held))


def allowed(limits: Limits, way: str, held: tuple[int, int]) -> float:
    nodes, percent = getattr(limits, f"step_{way}_nodes"), getattr(limits, f"step_{way}_percent")
    share = float("inf") if percent is None else max(1, int(sum(held) * percent / 100))
    return min(share, float("inf") if nodes is None else nodes)


def raised(plan: Plan, scene: Scene, pool: str) -> tuple[int, int]:
    """What a pool holds once all that asks is merged."""
    more = [(x.lease.floor, x.lease.warm) for x in asking(plan) if x.lease.pool == pool]
    return most([*live(scene.ledger, pool), *more], pool)


@settings(max_examples=150, deadline=None)
@given(worlds(("quotas",)))
def test_quotas_hold_but_for_what_is_held(world):
    plan, scene = world
    after = guarded(plan, scene)
    for quota in scene.config.limits.quotas:
        pools = [x for x, pool in POOLS.items() if quota.covers(pool.family, pool.region)]
        held = sum(total(x, most(live(scene.ledger, x), x)) for x in pools)
        assert sum(total(x, raised(after, scene, x)) for x in pools) <= max(quota.nodes, held)


@settings(max_examples=100, deadline=None)
@given(worlds(("step_up_nodes",)))
def test_steps_up_hold(world):
    plan, scene = world
    after = guarded(plan, scene)
    for name in POOLS:
        held = most(live(scene.ledger, name), name)
        assert sum(raised(after, scene, name)) - sum(held) <= allowed(scene.config.limits, "up", held)


@settings(max_examples=150, deadline=None)
@given(worlds(("step_down_nodes",)))
def test_steps_down_hold(world):
    plan, scene = world
    after = guarded(plan, scene)
    less = {(x.lease.pool, x.lease.id): x for x in after.changes if x not in asking(after)}
    for name in POOLS:
        held, left = most(live(scene.ledger, name), name), []
        for lease in scene.ledger:
            change = less.get((lease.pool, lease.id))
            if change is None or change.action == "update":
                left += live((change.lease if change else lease,), name)
        assert total(name, held) - total(name, most(left, name)) <= allowed(scene.config.limits, "down", held)


@settings(max_examples=100, deadline=None)
@given(worlds(("open_proposals", "open_proposals_per_pool")))
def test_proposals_are_few(world):
    plan, scene = world
    after, limits = guarded(plan, scene), scene.config.limits
    waiting = {(x.pool, x.id) for x in scene.pending if x.ends > NOW}
    new = [x for x in after.changes if x.action == "release" or (x.lease.pool, x.lease.id) not in waiting]
    assert not new or len(new) + len(waiting) <= limits.open_proposals
    for name in POOLS:
        here = sum(x.lease.pool == name for x in new)
        assert not here or here + sum(x == name for x, _ in waiting) <= limits.open_proposals_per_pool


@settings(max_examples=100, deadline=None)
@given(worlds(("proposals_per_hour", "stake")))
def test_reviewers_get_no_more_within_an_hour_and_at_stake_than_is_allowed(world):
    plan, scene = world
    after, limits = guarded(plan, scene), scene.config.limits
    waiting = {(x.pool, x.id) for x in scene.pending}
    new = [x for x in after.changes if x.action == "release" or (x.lease.pool, x.lease.id) not in waiting]
    assert not new or len(new) + sum(x > NOW - HOUR for x in scene.queue.opened) <= limits.proposals_per_hour
    asks = asking(after)
    again = {(x.lease.pool, x.lease.id) for x in asks}
    others = sum(cost for name, cost in scene.queue.costs.items() if name not in again)
    before = sum(scene.queue.costs.values())  # an ask that became cheaper passes, whatever is open already
    assert not asks or sum(x.evidence.most.cost for x in asks) + others <= max(limits.stake, before) + 1e-6


@settings(max_examples=100, deadline=None)
@given(worlds(("budget_per_day", "budget_per_month")))
def test_budgets_hold_but_for_what_is_held(world):
    plan, scene = world
    after, limits = guarded(plan, scene), scene.config.limits
    midnight = NOW.replace(hour=0)
    nothing = replace(plan, changes=())
    for budget, spans in (
        (limits.budget_per_day, [(midnight + timedelta(days=i), 24) for i in range(5)]),
        (
            limits.budget_per_month,
            [(NOW.replace(day=1, hour=0), 30 * 24), (NOW.replace(month=12, day=1, hour=0), 24)],
        ),
    ):
        for start, hours in spans:
            held = cost(nothing, scene.ledger, start, hours)
            assert cost(after, scene.ledger, start, hours) <= max(budget, held) + 1e-5


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_a_shortfall_says_what_is_missing(world):
    plan, scene = world
    after = guarded(plan, scene)
    for short in after.shortfalls:
        assert short.granted < short.needed
        assert 0 < short.probability <= 1
        assert short.missing > 0
        assert short.cause
        assert short.left_short == (("b", 0.4), ("a", 0.1))
    kept = {(x.lease.pool, x.lease.id) for x in after.changes}
    unmet = [x for x in asking(plan) if (x.lease.pool, x.lease.id) not in kept]
    assert len(after.notes) >= len(unmet)
