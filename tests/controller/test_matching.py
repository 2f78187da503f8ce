from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
from worlds import HOUR, NOW, config_of, lease_of, profile_of, surge

from controller.decide import decide
from controller.gate import judge_ledger
from controller.lease import lease_id
from controller.matching import assigned

CONFIG = config_of(decide="{propose_ahead_hours: 72, review_cost: 12, service_level: 0.9}")


def plan(cores, ledger=(), pending=(), config=CONFIG, now=NOW):
    return decide(profile_of({"eu/shop": cores, "us/etl": [4.0] * 72}), ledger, config, now, pending)


def plateau(level, peak, start, hours):
    """Low, but for hours 6 to 46 at ``level`` with a peak in them."""
    return [peak if start <= t < start + hours else level if 6 <= t < 46 else 6.0 for t in range(72)]


def spans(changes):
    return [(x.action, (x.lease.starts - NOW) / HOUR, (x.lease.ends - NOW) / HOUR, x.lease.floor) for x in changes]


def test_demand_that_stays_extends_its_lease():
    held = lease_of(floor=9, warm=0, start=20, hours=6, id="held")
    (change,) = plan(surge(6, 38, 20, 10), (held,)).changes
    assert spans([change]) == [("update", 20, 30, 9)]
    assert change.lease.id == "held"
    assert change.lease.expires == change.lease.ends + 24 * HOUR


def test_a_peak_beside_a_lease_is_a_lease_of_its_own_where_raising_wastes_more_than_a_review():
    # 40 h at 8 nodes are held; 3 h that need 19 would waste 37 h × 6 nodes above max 14.
    held = lease_of(floor=8, warm=0, start=6, hours=40, id="held")
    (change,) = plan(plateau(36, 60, 30, 3), (held,)).changes
    assert spans(guarded := [change])[0][:3] == ("open", 30, 33)
    assert guarded[0].lease.id != "held"


def test_two_leases_never_have_one_name():
    starts = NOW + 30 * HOUR
    taken = lease_id("demo", "web", starts)
    held = lease_of(floor=8, warm=0, start=30, hours=16, id=taken)  # merged under the name the peak would get
    (change,) = plan(plateau(36, 60, 30, 3), (held,)).changes
    assert change.lease.starts == starts
    assert change.lease.id == f"{taken}-2"


def test_the_cheapest_of_several_leases_is_extended():
    # Both end where the demand goes on; raising the low one wastes nodes, lengthening the high one nothing.
    low = lease_of(floor=5, warm=0, start=14, hours=12, id="low")
    high = lease_of(floor=9, warm=0, start=20, hours=6, id="high")
    (change,) = plan(surge(6, 38, 20, 8), (low, high)).changes
    assert change.lease.id == "high"


def test_a_proposal_to_raise_is_found_again():
    held = lease_of(floor=6, warm=0, start=23, hours=6, id="held")
    (first,) = plan(surge(6, 38, 24, 5), (held,)).changes
    (second,) = plan(surge(6, 39, 24, 5), (held,), (first.lease,)).changes
    assert (first.action, second.action, second.lease) == ("update", "update", first.lease)


def test_demand_that_goes_on_after_the_window_extends_the_lease_that_still_holds():
    over = lease_of(floor=9, warm=0, start=-10, hours=10, id="over")  # its window ends now, and it holds for a day
    (change,) = plan([38.0] * 5 + [6.0] * 67, (over,)).changes
    assert spans([change]) == [("update", -10, 5, 9)]


def test_a_lease_that_ended_is_not_extended_to_what_comes_much_later():
    over = lease_of(floor=9, warm=0, start=-10, hours=9, id="over")
    (change,) = plan(surge(6, 38, 20, 4), (over,)).changes
    assert (change.action, change.before) == ("open", None)


def test_steps_of_a_long_climb_are_leases_that_do_not_overlap():
    climb = list(np.repeat([6.0, 30.0, 60.0, 30.0, 6.0, 6.0], 12))
    changes = plan(climb).changes
    assert [x.lease.floor for x in changes] == [7, 13, 7]
    edges = [x.lease for x in changes]
    assert all(a.ends <= b.starts for a, b in pairwise(edges))
    # Once merged, they are all that is asked for.
    merged = tuple(replace(x.lease, evidence=()) for x in changes)
    assert plan(climb, merged).empty


def two_steps(low, high):
    """Eight hours at one level and five at another, then low again."""
    return [low if 20 <= t < 28 else high if 28 <= t < 33 else 6.0 for t in range(72)]


def test_a_neighbours_proposal_is_not_taken_for_ones_own():
    first, second = (x.lease for x in plan(two_steps(22, 60)).changes)
    assert (second.starts - NOW) / HOUR == 28
    # The first step is merged too small, the second waits: one is raised, the other stays as it is.
    small = replace(first, floor=4, evidence=())
    again = plan(two_steps(22, 60), (small,), (second,)).changes
    assert [(x.action, x.lease.id) for x in again] == [("update", first.id), ("open", second.id)]
    assert again[1].lease == second
    # Only the second waits, and the first appears: it gets a name of its own.
    assert [x.lease.id for x in plan(two_steps(22, 60), (), (second,)).changes] == [first.id, second.id]


def test_each_proposal_answers_for_one_window():
    early, late = (lease_of(start=s, hours=5, id=i) for s, i in ((16, "early"), (21, "late")))
    windows = [(early.starts, early.ends), (late.starts, late.ends)]
    gap = 2 * HOUR
    assert assigned(windows, [late], gap) == [None, late]
    assert assigned(windows, [late, early], gap) == [early, late]
    assert assigned(windows[:1], [late], gap) == [late]  # nothing else means it, and it is near
    assert assigned(windows[:1], [late], timedelta(0)) == [None]


def test_demand_longer_than_a_window_is_a_change_every_so_often():
    forever = [38.0] * 240
    config = config_of(decide="{service_level: 0.9}", lead_times="{review_minutes: 240, ci_minutes: 10}")
    ledger, changes = (lease_of(floor=9, warm=0, start=0, hours=1, id="held"),), 0
    for hour in range(0, 120, 3):
        now = NOW + hour * HOUR
        profile = profile_of({"eu/shop": forever[:72], "us/etl": [4.0] * 72}, start=now)
        for change in decide(profile, ledger, config, now).changes:
            ledger = (*(x for x in ledger if x.id != change.lease.id), change.lease)
            changes += 1
    assert changes <= 4  # 120 h by windows of 48


def test_a_lease_that_the_gate_would_refuse_is_followed_by_another():
    old = lease_of(floor=9, warm=0, start=-91 * 24, hours=91 * 24 + 1, id="old")
    (change,) = plan([38.0] * 30 + [6.0] * 42, (old,)).changes
    assert change.action == "open"
    assert judge_ledger(CONFIG, (change.lease,), NOW).passed
