"""The least cost at each shortfall, and the share of the oracle's saving at equal shortfall.

Place in the line: settings of one policy and their scores → what it can do at best.

>>> front(np.array([0.02, 0.001, 0.01]), np.array([10.0, 20.0, 15.0])).tolist()
[1, 2, 0]
>>> share_of_saving(static=200.0, policy=140.0, oracle=100.0)
0.6
"""

import numpy as np
from numpy.typing import NDArray

from controller.replay.need import Floats

LEVELS = (0.001, 0.01)
"""Shares of the demand-hours short at which policies are compared."""
LEAST_SHARE = 1e-5
"""Less is taken for this much, since the logarithm of none is not a number."""


def front(shares: Floats, costs: Floats) -> NDArray[np.intp]:
    """Settings that no other beats in cost or shortfall without losing in the other; least short first."""
    order = np.lexsort((costs, shares))
    least = np.inf
    kept = []
    for place in order.tolist():
        if costs[place] < least:
            kept.append(place)
            least = costs[place]
    return np.array(kept, dtype=np.intp)


def cost_at(level: float, shares: Floats, costs: Floats) -> float | None:
    """Cost at which no more than a share of the demand-hours is short; None where no setting reaches that.

    Between two settings of the front the cost is a straight line over the logarithm of the share. Beyond its ends
    nothing is made up: a policy that is never so much short costs what its cheapest setting does.
    """
    places = front(shares, costs)
    short, cost = np.maximum(shares[places], LEAST_SHARE), costs[places]
    if shares[places[0]] > level:
        return None
    return float(np.interp(np.log(level), np.log(short), cost))


def share_of_saving(static: float | None, policy: float | None, oracle: float | None) -> float | None:
    """Share of what the oracle saves against the static peak; None where one of them has no cost there."""
    if static is None or policy is None or oracle is None or static <= oracle:
        return None
    return (static - policy) / (static - oracle)
