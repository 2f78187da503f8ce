"""What expired leases explain of a plan, and what they do not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import HOUR, NOW, config_of, lease_of

from controller.config import PlanAddress
from controller.gate import digest, judge_reviewed, let_go
from controller.lease import Held, Lease, fold, stamp

WEB, BATCH = "module.web.aws_autoscaling_group.pool", "aws_eks_node_group.batch"
EXPIRED = NOW - HOUR
PLACES = {
    "web": PlanAddress(address=WEB, floor="min_size", warm="warm_pool[0].min_size"),
    "batch": PlanAddress(address=BATCH, floor='scaling_config[0]["min_size"]'),  # spelled in another way
}


def configured(**places):
    made = config_of()
    pools = {name: pool.model_copy(update={"plan": places[name]}) for name, pool in made.pools.items()}
    return made.model_copy(update={"pools": pools})


CONFIG = configured(**PLACES)  # web: base 3, 1 warm, max 14; batch: base 2, max 12, warm nodes run


def lease(pool="web", floor=9, warm=1, expires=EXPIRED, name="old"):
    made = lease_of(pool, floor, warm, id=name)
    return replace(made, starts=expires - 30 * HOUR, ends=expires - 24 * HOUR, expires=expires)


def live(pool="web", floor=9, warm=1, name="live"):
    return lease(pool, floor, warm, NOW + HOUR, name)


def plan_of(*items):
    return {"format_version": "1.2", "complete": True, "errored": False, "resource_changes": list(items)}


def item(address, before, after, actions=("update",), **more):
    change = {"actions": list(actions), "before": before, "after": after, "after_unknown": {}} | more
    return {"address": address, "mode": "managed", "type": "x", "name": "x", "change": change}


def vm(held, **more):
    """An Auto Scaling group as templates/terraform/modules/aws_vm_pool has it."""
    prepared = held.floor + held.warm
    return {
        "min_size": held.floor,
        "warm_pool": [{"min_size": held.warm, "max_group_prepared_capacity": prepared}],
    } | more


def node(held):
    """A node group as templates/terraform/modules/aws_node_pool has it, without an autoscaler."""
    both = held.floor + held.warm
    return {"scaling_config": [{"min_size": both, "desired_size": both}]}


def web(before, after, **more):
    return plan_of(item(WEB, vm(Held(*before)), vm(Held(*after)), **more))


def batch(before, after):
    return plan_of(item(BATCH, node(Held(*before)), node(Held(*after))))


def paths(plan, *ledger, config=CONFIG):
    return {path for x in let_go(config, ledger, plan, NOW) for path in x.moves}


EVERY = {"min_size", "warm_pool[0].min_size", "warm_pool[0].max_group_prepared_capacity"}


def test_what_a_lease_held_is_explained_once_it_has_expired():
    plan = web((9, 4), (3, 1))
    (found,) = let_go(CONFIG, (lease(warm=4),), plan, NOW)
    assert (found.pool, found.address, set(found.moves)) == ("web", WEB, EVERY)
    assert str(found) == (
        "web: min_size 9 → 3, warm_pool[0].max_group_prepared_capacity 13 → 4, warm_pool[0].min_size 4 → 1, "
        f"since leases/web/old.json expired {stamp(EXPIRED)}"
    )
    assert let_go(CONFIG, (live(warm=4),), plan, NOW) == ()
    assert let_go(CONFIG, (), plan, NOW) == ()
    assert let_go(CONFIG, (lease("batch"),), plan, NOW) == ()


def test_a_lease_expires_to_the_second():
    assert paths(web((9, 1), (3, 1)), lease(expires=NOW)) == EVERY - {"warm_pool[0].min_size"}
    assert paths(web((9, 1), (3, 1)), lease(expires=NOW + HOUR / 3600)) == set()


def test_who_raises_a_pool_by_hand_days_after_an_expiry_is_not_undone():
    plan = web((9, 1), (3, 1))
    assert paths(plan, lease(expires=NOW - 47 * HOUR))
    assert paths(plan, lease(expires=NOW - 48 * HOUR)) == set()


def test_a_number_that_only_happens_to_stand_at_a_count_is_not_explained():
    counts = EVERY - {"warm_pool[0].min_size"}
    plan = plan_of(item(WEB, vm(Held(9, 1), max_size=9), vm(Held(3, 1), max_size=3)))
    assert paths(plan, lease()) == counts


def test_warm_nodes_that_run_count_into_the_minimum():
    assert paths(batch((6, 2), (2, 0)), lease("batch", 6, 2)) == {
        "scaling_config[0].min_size",
        "scaling_config[0].desired_size",
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((9, 1), (5, 1)),  # not where the ledger has it
        ((9, 1), (2, 1)),
        ((10, 1), (3, 1)),  # somebody raised it by hand
        ((5, 1), (3, 1)),  # the base was 5, and was lowered: an old lease file does not pass that
        ((3, 1), (9, 1)),  # up
        ((1, 1), (3, 1)),
    ],
)
def test_what_the_ledger_never_had_is_not_explained(before, after):
    assert paths(web(before, after), lease()) == set()


def test_overlapping_leases_let_go_one_after_the_other():
    older = lease(floor=12, expires=NOW - 5 * HOUR, name="older")
    # Both at once; the second after the first; down to one that is live.
    (found,) = let_go(CONFIG, (older, lease()), web((12, 1), (3, 1)), NOW)
    assert found.leases == (older,)
    (found,) = let_go(CONFIG, (older, lease()), web((9, 1), (3, 1)), NOW)
    assert found.leases == (lease(),)
    assert "min_size" in paths(web((12, 1), (9, 1)), older, live())
    assert paths(web((12, 1), (3, 1)), older, live()) == set()  # the live one still holds 9
    # Floor of the one and warm of the other.
    wide = lease(floor=4, warm=5, name="wide")
    (found,) = let_go(CONFIG, (lease(), wide), web((9, 5), (3, 1)), NOW)
    assert set(found.moves) == EVERY
    assert set(found.leases) == {lease(), wide}
    (found,) = let_go(CONFIG, (lease(), live(floor=4, warm=5)), web((9, 5), (4, 5)), NOW)
    assert (set(found.moves), found.leases) == (
        {"min_size", "warm_pool[0].max_group_prepared_capacity"},
        (lease(),),
    )


def test_warm_that_rises_as_the_floor_falls_needs_a_review():
    # max 14: beside a floor of 13 there is room for one warm node, then for four.
    ledger = (lease(floor=13, warm=0), live(floor=4, warm=4))
    assert paths(web((13, 1), (4, 4)), *ledger) == {"min_size", "warm_pool[0].max_group_prepared_capacity"}
    plan = web((13, 1), (4, 4))
    verdict = judge_reviewed(plan, [], None, let_go(CONFIG, ledger, plan, NOW))
    assert not verdict.passed


def test_warm_that_was_clipped_while_both_were_held_is_explained_afterwards():
    # The larger one expired first: warm stood at 1 beside it, at 5 after it, and now the other one goes, too.
    ledger = (lease(floor=13, warm=0, expires=NOW - 5 * HOUR), lease(floor=4, warm=5, name="wide"))
    assert paths(web((4, 5), (3, 1)), *ledger) == EVERY


def test_another_base_is_not_expiry():
    raised = CONFIG.pools["web"].model_copy(update={"base": 5})
    config = CONFIG.model_copy(update={"pools": {**CONFIG.pools, "web": raised}})
    assert "min_size" in paths(web((9, 1), (5, 1)), lease(), config=config)  # it goes no lower than that
    assert paths(web((3, 1), (5, 1)), lease(), config=config) == set()
    lower = CONFIG.pools["web"].model_copy(update={"max": 8})
    config = CONFIG.model_copy(update={"pools": {**CONFIG.pools, "web": lower}})
    assert paths(web((9, 1), (3, 1)), lease(), config=config) == set()  # the max was lowered, too


def test_other_values_of_the_resource_are_not_explained():
    def plan(before, after, **more):
        return plan_of(item(WEB, vm(Held(9, 1)) | before, vm(Held(3, 1)) | after, **more))

    counts = EVERY - {"warm_pool[0].min_size"}
    assert paths(plan({"name": "a"}, {"name": "b"}), lease()) == counts
    assert paths(plan({"max_size": 14}, {"max_size": 8}), lease()) == counts  # falls by as much, but is no count
    assert paths(plan({"desired_size": 9}, {"desired_size": 3}), lease()) == {*counts, "desired_size"}
    assert paths(plan({"desired_size": 9}, {"desired_size": 2}), lease()) == counts
    assert paths(plan({"desired_size": 3}, {"desired_size": 9}), lease()) == counts
    assert paths(plan({"desired_size": "9"}, {"desired_size": "3"}), lease()) == counts
    assert paths(plan({"desired_size": 9}, {}, after_unknown={"desired_size": True}), lease()) == counts
    masks = {"before_sensitive": {"desired_size": True}, "after_sensitive": {}}
    assert paths(plan({"desired_size": 9}, {"desired_size": 3}, **masks), lease()) == counts
    # True is 1, and false is 0, to Python only.
    bare = configured(web=PlanAddress(address=WEB, floor="min_size"), batch=PLACES["batch"])
    pool = bare.pools["web"].model_copy(update={"base": 0, "base_warm": 0})
    bare = bare.model_copy(update={"pools": {**bare.pools, "web": pool}})
    switched = plan_of(item(WEB, {"min_size": 1, "on": True}, {"min_size": 0, "on": False}))
    assert paths(switched, lease(floor=1, warm=0), config=bare) == {"min_size"}
    odd = plan_of(item(WEB, {"min_size": True}, {"min_size": False}))
    assert paths(odd, lease(floor=1, warm=0), config=bare) == set()


def test_the_shown_counts_must_be_known_and_open():
    plan = web((9, 1), (3, 1), before_sensitive={"min_size": True}, after_sensitive={"min_size": True})
    assert paths(plan, lease()) == set()
    plan = web((9, 1), (3, 1), after_unknown={"min_size": True})
    assert paths(plan, lease()) == set()
    # Where what the plan shows of the pool does not fall, nothing that falls beside it is explained.
    stays = plan_of(item(WEB, vm(Held(9, 1), desired=9), vm(Held(9, 1), desired=3)))
    assert paths(stays, lease()) == set()


@pytest.mark.parametrize(
    "actions", [["delete", "create"], ["create", "delete"], ["forget"], ["delete"], ["no-op"]]
)
def test_only_an_update_is_explained(actions):
    assert paths(web((9, 1), (3, 1), actions=actions), lease()) == set()


def test_only_the_pools_own_resource_is_explained():
    other = item("aws_autoscaling_group.other", vm(Held(9, 1)), vm(Held(3, 1)))
    assert paths(plan_of(other), lease()) == set()
    deposed = item(WEB, vm(Held(9, 1)), vm(Held(3, 1))) | {"deposed": "0123"}
    assert paths(plan_of(deposed), lease()) == set()


def test_a_pool_that_the_plan_does_not_show_is_not_explained():
    for wrong in ("nowhere", "[", "warm_pool[7].min_size"):
        places = PLACES | {"web": PlanAddress(address=WEB, floor=wrong)}
        assert paths(web((9, 1), (3, 1)), lease(), config=configured(**places)) == set()
    assert paths(web((9, 1), (3, 1)), lease(), config=configured(web=None, batch=None)) == set()


def test_what_is_explained_needs_no_review_and_all_else_does():
    plan = web((9, 1), (3, 1))
    gone = let_go(CONFIG, (lease(),), plan, NOW)
    verdict = judge_reviewed(plan, [], None, gone)
    assert verdict.passed
    assert verdict.checked == (str(gone[0]), "the plan changes nothing else")
    assert not judge_reviewed(plan, []).passed

    also = plan_of(*plan["resource_changes"], item("aws_vpc.x", {"a": 1}, {"a": 2}))
    verdict = judge_reviewed(also, [], None, let_go(CONFIG, (lease(),), also, NOW))
    assert verdict.failures == ("aws_vpc.x: update was not in any reviewed plan",)
    assert verdict.checked == (str(gone[0]),)
    assert any(digest(also) in x for x in verdict.warnings)  # a digest is of all that a plan does
    reviewed = plan_of(item("aws_vpc.x", {"a": 1}, {"a": 2}))
    verdict = judge_reviewed(also, [reviewed], None, gone)
    assert verdict.passed
    assert verdict.checked[1:] == ("what else the plan changes was reviewed (1 reviewed plan)",)

    renamed = plan_of(item(WEB, vm(Held(9, 1), name="a"), vm(Held(3, 1), name="b")))
    gone = let_go(CONFIG, (lease(),), renamed, NOW)
    assert judge_reviewed(renamed, [], None, gone).failures == (f"{WEB}: update was not in any reviewed plan",)
    verdict = judge_reviewed(plan, [], "0123456789abcdef", gone)
    assert any("it has changed since" in x for x in verdict.failures)


ledgers = st.lists(
    st.builds(
        lambda pool, number, floor, warm, expires: lease(pool, floor, warm, NOW + expires * HOUR, f"l-{number}"),
        st.sampled_from(["web", "batch", "gone"]),
        st.integers(0, 9),
        st.integers(0, 18),
        st.integers(0, 9),
        st.integers(-6, 6),
    ),
    max_size=5,
)
sized = {"web": vm, "batch": node}


@given(ledgers, st.integers(1, 20))
def test_every_fall_from_a_past_of_the_ledger_is_explained(ledger: list[Lease], ago: int):
    past, held = (fold(ledger, CONFIG.sizes, moment) for moment in (NOW - ago * HOUR, NOW))
    places = {"web": WEB, "batch": BATCH}
    moved = [x for x in sorted(sized) if sized[x](past[x]) != sized[x](held[x])]
    plan = plan_of(*(item(places[x], sized[x](past[x]), sized[x](held[x])) for x in moved))
    verdict = judge_reviewed(plan, [], None, let_go(CONFIG, tuple(ledger), plan, NOW))
    rises = past["web"].warm < held["web"].warm  # beside a smaller floor there is more room for warm nodes
    assert verdict.passed or rises
    if not rises:
        assert [x.split(":")[0] for x in verdict.checked[:-1]] == moved


@given(ledgers, st.tuples(*[st.integers(0, 16)] * 6), st.sampled_from(["web", "batch"]))
def test_what_is_explained_falls_to_the_ledgers_count_for_an_expired_lease(ledger, numbers, pool):
    floor, warm, other, floor_after, warm_after, other_after = numbers
    if pool == "web":
        before, after = vm(Held(floor, warm), other=other), vm(Held(floor_after, warm_after), other=other_after)
    else:
        before = {"scaling_config": [{"min_size": floor, "other": other}], "warm": warm}
        after = {"scaling_config": [{"min_size": floor_after, "other": other_after}], "warm": warm_after}
    address = {"web": WEB, "batch": BATCH}[pool]
    for found in let_go(CONFIG, tuple(ledger), plan_of(item(address, before, after)), NOW):
        assert (found.pool, found.address) == (pool, address)
        assert found.leases
        assert all(x.pool == pool and not x.live(NOW) for x in found.leases)
        held = fold(ledger, CONFIG.sizes, NOW)[pool]
        own = [x for x in ledger if x.pool == pool]
        most = max(x.floor for x in own) + max(x.warm for x in own) + 3
        for move in found.moves.values():
            assert move.after in (held.floor, held.warm, held.floor + held.warm)
            assert move.after < move.before <= most
