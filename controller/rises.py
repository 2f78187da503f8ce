"""Which hours are worth holding for a pool that an autoscaler follows: those whose rise would outrun it.

Place in the line: within ``decide``. An autoscaler runs what the hour before took, and is late by its lag; a floor
costs what it idles above the need, since nodes that are needed run either way. With q the service level, an hour
without a needed node costs q / (1 − q) times an hour of an idle one (the newsvendor's ratio).

>>> steady_then_up = np.array([[4, 4, 9, 9, 5]] * 10)
>>> worth_holding(steady_then_up, np.full(5, 2), level=0.9, lag_minutes=10).tolist()
[False, False, True, False, False]
"""

import numpy as np
from numpy.typing import NDArray

from controller.capacity import Whole, quantiles


def worth_holding(nodes: Whole, held: Whole, level: float, lag_minutes: float) -> NDArray[np.bool_]:
    """Whether holding an hour's quantile in time saves more than it idles.

    Parameters
    ----------
    nodes : array (draw, time) of needed nodes
    held : array (time,) of nodes that are held anyway
    level : quantile that a floor holds, 0–1
    lag_minutes : from a rise of the need until the autoscaler's nodes take load

    Returns
    -------
    array (time,); the first hour never is, since what runs before it is not known
    """
    floor = quantiles(np.ascontiguousarray(nodes.T), level)
    before = np.concatenate([nodes[:, :1], nodes[:, :-1]], axis=1)
    running = np.maximum(before, held)
    late = np.maximum(np.minimum(nodes, floor) - running, 0).mean(axis=0) * min(1.0, lag_minutes / 60)
    idle = np.maximum(floor - np.maximum(nodes, held), 0).mean(axis=0)
    worth: NDArray[np.bool_] = late * level > idle * (1 - level)
    worth[0] = False
    return worth
