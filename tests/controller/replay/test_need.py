"""Usage → need: fractional nodes, the resource that ends first, and hours that nobody knows."""

from datetime import timedelta

import numpy as np
import pytest
from replays import need_of_hours
from worlds import NOW, config_of, usage_of

from controller.errors import PlanError
from controller.replay.need import LEAST_HISTORY_HOURS, WARM_UP_HOURS, WEEK, need_of, span, whole

HOURS = LEAST_HISTORY_HOURS + WARM_UP_HOURS + WEEK


def usage_for(hours=HOURS, **levels):
    cores = {"eu/a": [10.0] * hours, "eu/b": [2.5] * hours, "us/c": [20.0] * hours} | levels
    return usage_of(cores, NOW - timedelta(hours=hours))


def test_need_is_fractional_nodes_of_the_sum_at_the_target_utilisation():
    need = need_of(usage_for(), config_of(), weeks=1)
    assert need.pools == ("batch", "web")
    assert need.nodes[:, 0].tolist() == [4.0, 2.5]  # 20 and 12.5 cores, nodes of 10 of which half may be used
    assert (need.first, need.scored) == (LEAST_HISTORY_HOURS, LEAST_HISTORY_HOURS + WARM_UP_HOURS)
    assert need.weeks == 1.0
    assert need.price.tolist() == [1.0, 0.5]
    assert need.warm_price.tolist() == [1.0, 0.1]  # warm nodes of a node pool run


def test_the_resource_that_ends_first_decides():
    usage = usage_for()
    usage["demand"].loc[{"resource": "memory", "group": "us/c"}] = 60.0
    need = need_of(usage, config_of(), weeks=1)
    assert need.nodes[0, 0] == 3.0 + 1.0  # 4 of cpu, 3 of memory: the larger
    usage["demand"].loc[{"resource": "memory", "group": "us/c"}] = 100.0
    assert need_of(usage, config_of(), weeks=1).nodes[0, 0] == 5.0


def test_an_hour_is_known_when_all_of_it_is():
    usage = usage_for()
    usage["demand"][1, 0, 7] = np.nan
    need = need_of(usage, config_of(), weeks=1)
    assert np.flatnonzero(np.isnan(need.nodes[1])).tolist() == [7]
    assert np.isfinite(need.nodes[0]).all()


def test_a_loop_goes_on_from_the_last_known_hour():
    need = need_of_hours([np.nan, 2.0, np.nan, np.nan, 5.0])
    assert need.known.tolist() == [[0.0, 2.0, 2.0, 2.0, 5.0]]


@pytest.mark.parametrize(
    ("hours", "weeks", "says"),
    [(HOURS - 1, 1, "bring at least 552"), (HOURS, 2, "ask for --weeks 1"), (HOURS + 3 * WEEK, 9, "--weeks 4")],
)
def test_too_short_a_usage_is_refused_with_the_way_out(hours, weeks, says):
    with pytest.raises(PlanError, match=says):
        span(hours, weeks)


def test_a_pool_without_groups_or_resources_is_refused():
    with pytest.raises(PlanError, match="pool batch serves us/"):
        need_of(usage_for().isel(group=[0, 1]), config_of(), weeks=1)
    with pytest.raises(PlanError, match="pool batch: node_capacity names memory"):
        need_of(usage_for().sel(resource=["cpu"]), config_of(), weeks=1)


def test_a_pool_of_which_nothing_is_known_is_refused():
    usage = usage_for()
    usage["demand"][2] = np.nan
    with pytest.raises(PlanError, match="pool batch: no hour is known"):
        need_of(usage, config_of(), weeks=1)


def test_without_a_price_for_every_pool_node_hours_are_counted():
    pools = config_of().pools
    free = {**pools, "web": pools["web"].model_copy(update={"price_per_hour": 0.0})}
    need = need_of(usage_for(), config_of().model_copy(update={"pools": free}), weeks=1)
    assert not need.priced
    assert need.price.tolist() == [1.0, 1.0]
    assert need.warm_price.tolist() == [0.0, 0.0]


def test_rounding_asks_for_no_node_more():
    assert whole(np.array([3.0 + 1e-12, 3.001, 0.0])).tolist() == [3, 4, 0]
