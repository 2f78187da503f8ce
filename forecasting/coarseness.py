"""Whether usage is hourly at all: series that are coarser are counted, resources that are so are refused.

Place in the line: under `usage`. The hours between those of daily data would all have to be made up.
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import UsageError

HOURLY_SHARE = 1 / 3
"""Share of the steps between known hours that are of one hour, below which a series is coarser than hourly.

With a share m of hours missing at random it is 1 − m; of 2-hourly data it is 0, or 1/4 if their minutes wander."""

JUDGED_HOURS = 8
"""Known hours that a series needs to be judged so: a newcomer with three proves nothing."""


def count_coarse(known: NDArray[np.bool_], labels: NDArray[np.str_], resources: NDArray[np.str_]) -> int:
    """Count the series that are coarser than hourly.

    Parameters
    ----------
    known
        ``(group, resource, time)``.
    labels, resources
        Of groups and resources.

    Raises
    ------
    UsageError
        If most series of a resource are, naming one. One that reports now and then must not stop all others.
    """
    hours = known.sum(axis=2)
    of_one_hour = (known[..., 1:] & known[..., :-1]).sum(axis=2)
    coarse = (hours >= JUDGED_HOURS) & (of_one_hour < HOURLY_SHARE * (hours - 1))
    for resource in np.flatnonzero(2 * coarse.sum(axis=0) > (hours > 0).sum(axis=0)):
        group = int(coarse[:, resource].argmax())
        step = np.median(np.diff(np.flatnonzero(known[group, resource])))
        raise UsageError(
            f"resource '{resources[resource]}' is coarser than hourly: of group '{labels[group]}', for one, a "
            f"value is known every {step:g} hours. Bring hourly or finer values, or leave the resource out; if "
            "rows are only written while something runs, write 0 for its other hours"
        )
    return int(coarse.sum())
