"""Rows → cells of a regular grid: the last of duplicates, the mean of an hour, whether a row of it is censored.

Place in the line: under `usage`, which knows what rows, cells and hours are.

>>> scatter(np.array([1, 1]), np.array([0, 900]), np.array([2.0, 4.0]), None, (1, 1, 2)).demand.tolist()
[[[nan, 3.0]]]
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Scattered:
    """A filled grid ``(group, resource, time)``; ``censored`` is None where no row that holds is.

    ``duplicates`` counts rows that a later one replaced, ``sub_hourly`` the cells that are means of several.
    """

    demand: NDArray[np.float64]
    censored: NDArray[np.bool_] | None
    duplicates: int
    sub_hourly: int


def scatter(
    cells: NDArray[np.int64],
    microseconds: NDArray[np.int64],
    values: NDArray[np.float64],
    marks: NDArray[np.bool_] | None,
    shape: tuple[int, int, int],
) -> Scattered:
    """Write known values into their cells; count the rows that were replaced and the hours that are means.

    Parameters
    ----------
    cells, microseconds, values, marks
        ``(row,)``: flat place in the grid, instant, known value, whether the row is censored (None: no row is).
    shape
        Of the grid.
    """
    demand = np.full(np.prod(shape), np.nan)
    duplicates = sub_hourly = 0
    marked = np.empty(0, dtype=np.int64) if marks is None else cells[marks]
    ordered = np.sort(cells)
    if (ordered[1:] == ordered[:-1]).any():
        rows = pd.DataFrame({"cell": cells, "instant": microseconds})
        last = ~rows.duplicated(keep="last").to_numpy()
        duplicates = int((~last).sum())
        if marks is not None:  # a row that was corrected marks nothing
            marked = cells[marks & last]
        cells, values = cells[last], values[last]
        distinct, position, count = np.unique(cells, return_inverse=True, return_counts=True)
        sub_hourly = int((count > 1).sum())
        position = position.reshape(-1)
        least = np.full(len(distinct), np.inf)
        np.minimum.at(least, position, values)
        # From the least, and divided first: equal values keep their value to the bit, huge ones do not overflow.
        above = np.bincount(position, weights=(values - least[position]) / count[position])
        cells, values = distinct, least + above
    demand[cells] = values
    censored = None
    if marked.size:
        censored = np.zeros(shape, dtype=bool)
        censored.reshape(-1)[marked] = True
    return Scattered(demand.reshape(shape), censored, duplicates, sub_hourly)


def count_unsorted(series: NDArray[np.intp], microseconds: NDArray[np.int64]) -> int:
    """Count the rows that come earlier than the row before them in their series; arguments ``(row,)``."""
    order = series.argsort(kind="stable")
    same_series = np.diff(series[order]) == 0
    return int((same_series & (np.diff(microseconds[order]) < 0)).sum())
