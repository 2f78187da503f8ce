import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import NOW, profile_of, surge

from controller.capacity import Demand, members
from controller.config import Preference
from controller.configtext import parse
from controller.dealing import deal, destinations, fitting, served_shares
from controller.decide import decide
from controller.guardrails import guard

POOLS = """\
environment: demo
decide: {propose_ahead_hours: 72, service_level: 0.9}
regions: {eu: {latency_ms: {us: 90, north: 20}}}
pools:
  web: {kind: vm, region: eu, family: m6i, groups: ["eu/*"], base: 2, max: 6, node_capacity: {cpu: 10},
        target_utilisation: 0.5}
  big: {kind: vm, region: eu, family: c7i, groups: ["eu2/*"], base: 1, max: 10, node_capacity: {cpu: 10},
        target_utilisation: 0.5}
  north: {kind: vm, region: north, family: m6i, groups: ["north/*"], base: 1, max: 8, node_capacity: {cpu: 10},
          target_utilisation: 0.5}
  us: {kind: vm, region: us, family: m6i, groups: ["us/*"], base: 1, max: 8, node_capacity: {cpu: 20},
       target_utilisation: 0.5}
"""
LEVEL = {"north/x": [3.0] * 72, "us/x": [3.0] * 72, "eu2/x": [3.0] * 72}


def config_of(**groups):
    text = POOLS + yaml.safe_dump({"groups": {key.replace("_", "/"): value for key, value in groups.items()}})
    return parse(text, "headroom.yaml")


def decided(config, cores, spread=0.01):
    profile = profile_of(LEVEL | cores, spread=spread)
    return guard(decide(profile, (), config, NOW), config)


def floors(plan):
    return {x.lease.pool: x.lease.floor for x in plan.changes}


def test_higher_priorities_are_served_first_and_equal_ones_alike():
    values = np.array([8.0, 4.0, 4.0]).reshape(1, 3, 1, 1)
    assert served_shares(values, np.array([12.0]), [5, 1, 1]).ravel().tolist() == [1, 0.5, 0.5]
    assert served_shares(values, np.array([12.0]), [0, 0, 0]).ravel().tolist() == [0.75] * 3
    assert served_shares(values, np.array([0.0]), [0, 0, 0]).ravel().tolist() == [0] * 3


def test_the_resource_that_ends_first_decides():
    asked = np.array([[[4.0], [30.0]]])
    assert fitting(asked, np.array([[[4.0], [15.0]]])).item() == 0.5
    assert fitting(asked * [[[1.0], [0.0]]], np.array([[[4.0], [-1.0]]])).item() == 1.0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 50), min_size=2, max_size=2), min_size=1, max_size=5),
    st.lists(st.integers(0, 3), min_size=5, max_size=5),
    st.floats(0, 60),
)
def test_laws_of_dealing(demand, ranks, room):
    values = np.array(demand).reshape(1, len(demand), 2, 1)
    room_of = np.array([room, room])
    shares = served_shares(values, room_of, ranks[: len(demand)])
    assert ((shares >= 0) & (shares <= 1)).all()
    served = (values * shares[:, :, None]).sum(axis=1)
    assert (served <= room_of[None, :, None] + 1e-6).all()
    # Who goes short has nobody of a lower rank served before it, unless that needs none of what ran out.
    for i, rank in enumerate(ranks[: len(demand)]):
        for j, other in enumerate(ranks[: len(demand)]):
            if rank > other and shares[0, i, 0] < 1 - 1e-9 and (values[0, j] > 1e-9).all():
                assert shares[0, j, 0] <= 1e-6


def test_a_group_stays_unless_it_is_allowed_elsewhere():
    assert floors(decided(config_of(), {"eu/a": surge(6, 50, 24, 5)})) == {"web": 6}


def test_overflow_goes_to_the_neighbour_that_is_preferred():
    config = config_of(**{"eu_a": {"regions": ["north", "us"], "families": ["m6i"]}})
    plan = decided(config, {"eu/a": surge(6, 50, 24, 5)})
    # 50 cores: 6 nodes of 5 at home; 20 and what is there already, 3, in the north.
    assert floors(plan) == {"web": 6, "north": 5}
    (north,) = [x for x in plan.changes if x.lease.pool == "north"]
    (spill,) = north.evidence.spills
    assert (spill.group, spill.source, spill.target) == ("eu/a", "web", "north")
    assert spill.share == pytest.approx(20 / 50, abs=0.02)  # within the window, not over the whole horizon
    assert north.evidence.groups == ("north/x", "eu/a")


def test_what_the_first_neighbour_cannot_hold_goes_to_the_next():
    config = config_of(**{"eu_a": {"regions": ["north", "us"], "families": ["m6i"]}})
    # 100 cores: 30 at home, 37 in the north beside its 3, 33 over the ocean beside its 3, on nodes twice as large.
    assert floors(decided(config, {"eu/a": surge(6, 100, 24, 5)})) == {"web": 6, "north": 8, "us": 4}


def test_a_pinned_group_never_leaves_and_gives_way_to_none_of_its_rank():
    config = config_of(
        **{
            "eu_*": {"regions": ["north"], "families": ["m6i"]},
            "eu_bank": {"pinned": "eu", "regions": ["eu"], "families": ["c7i"]},
        }
    )
    assert destinations(config, "eu/bank", "web") == ["big"]
    plan = decided(config, {"eu/a": surge(6, 30, 24, 5), "eu/bank": surge(6, 25, 24, 5)})
    (north,) = [x for x in plan.changes if x.lease.pool == "north"]
    assert [x.group for x in north.evidence.spills] == ["eu/a"]


def test_latency_and_family_limit_where_a_group_may_go():
    far = config_of(**{"eu_a": {"regions": ["us", "north"], "latency_ms": 50}})
    assert destinations(far, "eu/a", "web") == ["big", "north"]
    wish = Preference(regions=("north",), latency_ms=500)
    assert destinations(far, "us/x", "us", wish) == []  # nobody said how far it is: not known to be near enough
    family = config_of(**{"eu_a": {"pools": ["us", "big", "north"], "regions": ["us"], "families": ["m6i"]}})
    assert destinations(family, "eu/a", "web") == ["us"]


def test_the_strictest_group_that_shares_a_pool_counts():
    cores = {"eu/a": surge(6, 20, 24, 5), "eu/b": [1.0] * 72}
    config = config_of(**{"eu_b": {"service_level": 0.999}})
    usual, strict = decided(config_of(), cores, spread=0.1), decided(config, cores, spread=0.1)
    assert floors(strict)["web"] > floors(usual)["web"]
    assert strict.changes[0].evidence.levels_why == "the strictest of its groups, eu/b"


def test_moves_conserve_demand():
    config = config_of(**{"eu_a": {"regions": ["north", "us"], "priority": 1}, "eu_b": {"regions": ["us"]}})
    profile = profile_of(LEVEL | {"eu/a": surge(6, 90, 24, 5), "eu/b": surge(6, 40, 24, 5)}, spread=0.2)
    demand = Demand.of(profile.draws)
    dealt = deal(demand, members(config, list(demand.groups)), config)
    left = {(x.group, x.target): x.share for moves in dealt.away.values() for x in moves}
    came = {(x.group, x.target): x.share for moves in dealt.into.values() for x in moves}
    assert left.keys() == came.keys()
    for group in ("eu/a", "eu/b"):
        away = sum(share for (name, _), share in left.items() if name == group)
        assert 0 <= away.min() <= away.max() <= 1 + 1e-9
    assert all(left[key] is came[key] for key in left)


@pytest.mark.parametrize("peak", [20, 31, 40, 75])
def test_need_above_max_at_home_is_only_what_nobody_takes(peak):
    config = config_of(**{"eu_a": {"pools": ["big"]}})
    plan = decided(config, {"eu/a": surge(6, peak, 24, 5)})
    home = next(x for x in plan.changes if x.lease.pool == "web")
    assert home.evidence.largest.quantile(0.5) == max(min(-(-peak // 5), 6), -(-(peak - 47) // 5))
