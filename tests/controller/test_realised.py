from dataclasses import replace

import numpy as np
from worlds import CONFIG, HOUR, NOW, config_of, lease_of, usage_of

from controller.configtext import parse
from controller.realised import uses

LEASE = lease_of(start=2)
BOTH = {"eu/shop": [10.0, 20.0, 30.0, 40.0], "eu/mail": [1.0] * 4, "us/etl": [4.0] * 4}
SPILLING = parse(
    CONFIG + 'groups: {"eu/*": {pools: [batch]}}\nregions: {}\n',
    "headroom.yaml",
)


def used(cores, leases=(LEASE,), config=None, hours=4):
    demand = usage_of(cores, NOW)["demand"]
    return uses(demand, leases, config or config_of(), NOW + hours * HOUR)


def test_nodes_are_counted_since_the_first_window():
    (web,) = used(BOTH).values()
    assert web.since(LEASE.starts) == ((NOW + 2 * HOUR, 7), (NOW + 3 * HOUR, 9))
    assert (web.until, web.groups, web.regions) == (NOW + 4 * HOUR, 2, {"eu"})
    early = replace(LEASE, starts=NOW + HOUR / 2)
    assert [n for _, n in used(BOTH, (early,))["web"].since(early.starts)] == [3, 5, 7, 9]


def test_hours_that_are_not_over_are_not_looked_at():
    assert used(BOTH, hours=3.5)["web"].until == NOW + 3 * HOUR
    assert used(BOTH, hours=2)["web"].until is None


def test_an_hour_with_an_unknown_value_is_unknown():
    for bad in (np.nan, np.inf, -1.0):
        web = used(BOTH | {"eu/mail": [1.0, 1.0, bad, 1.0]})["web"]
        assert web.since(LEASE.starts) == ((NOW + 3 * HOUR, 9),)
    assert used({x: [np.nan] * 4 for x in BOTH})["web"].until is None


def test_what_the_usage_lacks_is_said():
    assert used({"us/etl": [4.0] * 4})["web"].lacks == "none of its groups"
    named = parse(CONFIG.replace('["eu/*"]', '["eu/shop", "eu/b", "eu/c"]'), "headroom.yaml")
    assert used(BOTH, config=named)["web"].lacks == "no eu/b, and 1 more of its groups"
    demand = usage_of(BOTH, NOW)["demand"].isel(resource=[0])
    assert uses(demand, (LEASE,), config_of(), NOW + 4 * HOUR)["web"].lacks == "no memory"


def test_overflow_counts_where_it_is_served():
    lease = replace(LEASE, pool="batch")
    cores = {"eu/shop": [100.0] * 4, "us/etl": [4.0] * 4}  # 20 nodes of web, which has 14: 30 cores go on
    assert [n for _, n in used(cores, (lease,))["batch"].since(lease.starts)] == [1, 1]
    batch = used(cores, (lease,), SPILLING)["batch"]
    assert [n for _, n in batch.since(lease.starts)] == [7, 7]  # (4 + 30) / 5
    assert (batch.groups, batch.regions) == (2, {"eu", "us"})
    # Whoever may arrive must be known as well.
    assert used(cores | {"eu/shop": [np.nan] * 4}, (lease,), SPILLING)["batch"].until is None
