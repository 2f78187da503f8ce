"""Ranks of draws, and values dealt out by them; equal ones share the middle of theirs, as their order is chance.

Place in the line: under `calibrate`, `lasting` and `mixture`.

>>> twice_middle_ranks(np.array([1.0, 3.0, 3.0, 7.0]).reshape(1, 4, 1)).ravel().tolist()
[0, 3, 3, 6]
"""

import numpy as np
from numpy.typing import NDArray


def twice_middle_ranks(ordered: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return twice the rank, from 0, of values that ascend along the draws: ``(hour, draw, series)``."""
    place = np.arange(ordered.shape[1])[:, None]
    apart = np.diff(ordered, axis=1) > 0
    if apart.all():
        return np.broadcast_to(2 * place, ordered.shape)
    first = np.where(np.pad(apart, ((0, 0), (1, 0), (0, 0))), place, 0)
    last = np.where(np.pad(apart, ((0, 0), (0, 1), (0, 0))), place, len(place) - 1)[:, ::-1]
    return np.asarray(np.maximum.accumulate(first, axis=1) + np.minimum.accumulate(last, axis=1)[:, ::-1])


def dealt_out(ordered: NDArray[np.float32], by: NDArray[np.float32]) -> NDArray[np.float32]:
    """Deal values that ascend along the draws out anew, in the order of others, all ``(hour, draw, series)``."""
    dealt = np.empty_like(ordered)
    np.put_along_axis(dealt, np.argsort(by, axis=1, kind="stable"), ordered, axis=1)
    return dealt
