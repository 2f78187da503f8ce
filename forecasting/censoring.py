"""Which rows of the usage table sat at capacity: their value is a lower bound on demand, not demand.

Place in the line: beside `table`, under `usage`, which marks the hours that such rows fall into.

Usage cannot exceed what there was to use. A pool at its max, a throttled CPU or a queue of requests show less
than was wanted, and a forecast that takes them as demand learns that nobody ever wants more.

>>> import pandas as pd
>>> decode_marks(pd.DataFrame({"value": [5.0, 9.9], "capacity": [10.0, 10.0]}), np.array([5.0, 9.9])).tolist()
[False, True]
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.errors import UsageError
from forecasting.table import decode_values

CAPACITY, CENSORED = "capacity", "censored"
"""Optional columns: what there was to use, in the unit of the value; if more was wanted (throttled, queued)."""

CAPACITY_SHARE = 0.98
"""Share of the capacity from which usage counts as being at it: means over an interval seldom reach all of it."""

_TRUTHS = {
    "true": True, "yes": True, "1": True, "1.0": True,
    "false": False, "no": False, "0": False, "0.0": False,
    "": False, "nan": False, "none": False, "null": False, "na": False, "n/a": False, "<na>": False, "nat": False,
}  # fmt: skip


def decode_marks(table: pd.DataFrame, values: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Decode the optional columns ``capacity`` and ``censored``.

    Parameters
    ----------
    table
        The long table; ``censored`` holds truth values, 0 and 1, or their words; nothing where it is not known.
    values
        ``(row,)``: the decoded column ``value``.

    Returns
    -------
    numpy.ndarray or None
        ``(row,)``: whether the row is flagged, or its value is `CAPACITY_SHARE` of a known capacity (above 0) or
        more; None if the table has neither column.

    Raises
    ------
    UsageError
        Naming column and row of what is neither a number nor a truth value, and a column that is there twice.
    """
    found = list(table.columns)
    given = [name for name in (CAPACITY, CENSORED) if name in found]
    for name in given:
        if found.count(name) > 1:
            raise UsageError(f"column '{name}' is there more than once")
    if not given:
        return None
    marks = np.zeros(len(table), dtype=bool)
    if CENSORED in given:
        marks |= _decode_truths(table[CENSORED])
    if CAPACITY in given:
        capacity = decode_values(table[CAPACITY], CAPACITY)
        with np.errstate(invalid="ignore"):
            marks |= (capacity > 0) & np.isfinite(capacity) & (values >= CAPACITY_SHARE * capacity)
    return marks


def _decode_truths(column: "pd.Series[Any]") -> NDArray[np.bool_]:
    if column.dtype == bool:
        return column.to_numpy(dtype=bool)
    codes, uniques = pd.factorize(column)  # a missing value has the code −1
    truths = np.zeros(len(uniques) + 1, dtype=bool)
    for code, value in enumerate(uniques):
        truth = _TRUTHS.get(str(value).strip().lower())
        if truth is None:
            row = int((codes == code).argmax()) + 1
            raise UsageError(f"column '{CENSORED}', row {row}: {str(value)[:60]!r} is neither true nor false")
        truths[code] = truth
    return truths[codes]
