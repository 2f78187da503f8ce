"""Cost and shortfall, by hand."""

import numpy as np
import pytest
from replays import need_of_hours

from controller.replay.tally import tally, total


def test_cost_shortfall_hours_worst_and_steps():
    need = need_of_hours([9.0, 2.0, 4.5], first=0, scored=1, price=2.0)
    nodes = np.array([[[0] * 12 + [3] * 12 + [3] * 6 + [4] * 6]])
    found = tally(nodes, need)
    assert found.node_hours.tolist() == [3 + 3.5]
    assert found.cost.tolist() == [2 * 6.5]
    assert found.needed.tolist() == [6.5]
    assert found.short.tolist() == [
        1.5 / 2 + 0.5 / 2
    ]  # 1.5 nodes for half an hour, then half a node for half of one
    assert found.short_share.tolist() == [1 / 6.5]
    assert (found.hours.tolist(), found.hours_short.tolist()) == ([2.0], [1.0])
    assert found.worst.tolist() == [1.5]
    assert found.steps.tolist() == [1.0]


def test_what_is_not_known_is_neither_short_nor_paid_for():
    need = need_of_hours([np.nan, 2.0])
    found = tally(np.full((1, 1, 24), 1), need)
    assert found.needed.tolist() == [2.0]
    assert found.short.tolist() == [1.0]
    assert found.node_hours.tolist() == [1.0]
    assert found.hours.tolist() == [1.0]


def test_warm_nodes_cost_and_hold_nothing():
    need = need_of_hours([2.0])
    found = tally(np.full((1, 1, 12), 1), need, warm=np.full((1, 1, 12), 4))
    assert found.cost.tolist() == [1.0 + 4 * 0.25]
    assert found.warm_node_hours.tolist() == [4.0]
    assert found.short.tolist() == [1.0]


def test_tallies_of_pools_add_up_and_the_worst_is_the_worst():
    both = need_of_hours([2.0, 3.0], [5.0, 1.0])
    nodes = np.array([[[1] * 24, [2] * 24]])
    parts = [tally(nodes[:, i : i + 1], both.of(slice(i, i + 1)), requests=2.0) for i in range(2)]
    found = total(parts)
    at_once = tally(nodes, both, requests=4.0)
    for name in ("cost", "short", "needed", "hours", "hours_short", "worst", "steps", "requests"):
        assert getattr(found, name) == pytest.approx(getattr(at_once, name)), name
