"""A forecast beside what came: every hour's scores as a long table, and their summary by anything.

Place in the line: beside it; `headroom score` fills a table from every forecast that was acted on.

    table = scored(profile.draws.values, came, labels, resources, level=0.9)
    summary(table, ["scope", "resource"])
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.errors import ForecastingError
from forecasting.score import crps_from_draws, pinball, pit

INTERVALS = (0.5, 0.8, 0.9, 0.95)
"""Central intervals whose coverage is told."""

COLUMNS = ("scope", "resource", "ahead", "came", "median", "crps", "pinball", "pit")
LEADS = (6, 24, 72, 168)
"""Ends of the ranges of lead hours that are told; what is further ahead is in the last."""

Floats = NDArray[np.float64]


def scored(
    draws: NDArray[np.floating], came: Floats, scopes: Sequence[str], resources: Sequence[str], level: float
) -> pd.DataFrame:
    """Score a forecast, hour by hour.

    Parameters
    ----------
    draws
        ``(draw, scope, resource, time)``, in the unit of the resource; the first hour is one hour ahead.
    came
        ``(scope, resource, time)``, NaN where not known: such hours are left out.
    scopes, resources
        Names.
    level
        Of the quantile whose pinball loss is told: the service level.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`; ``crps``, ``pinball``, ``came`` and ``median`` in the unit of the resource, ``ahead`` in hours.
    """
    if draws.shape[1:] != came.shape or came.shape[:2] != (len(scopes), len(resources)):
        raise ForecastingError(f"draws of shape {draws.shape} do not fit what came, {came.shape}")
    place = np.nonzero(np.isfinite(came))
    known = came[place]
    sample = draws[:, place[0], place[1], place[2]].astype(np.float64)
    middle, quantile = np.quantile(sample, [0.5, level], axis=0) if known.size else (known, known)
    return pd.DataFrame(
        {
            "scope": np.array(scopes, dtype=object)[place[0]],
            "resource": np.array(resources, dtype=object)[place[1]],
            "ahead": place[2] + 1,
            "came": known,
            "median": middle,
            "crps": crps_from_draws(sample, known),
            "pinball": pinball(known, quantile, level),
            "pit": pit(sample, known),
        }
    )


def summary(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Summarise scores.

    Parameters
    ----------
    table
        As `scored` makes it; several of them one below the other.
    by
        Columns to group by; ``lead`` stands for the range of ``ahead``, by its last hour.

    Returns
    -------
    pandas.DataFrame
        A row for each group: the columns of ``by``, ``hours`` scored, ``crps`` and ``pinball`` as shares of
        what came (Σ score / Σ came, within each resource), ``bias`` (Σ (median − came) / Σ came), ``within 50
        %`` and so on, ``pit`` (mean; one half if forecasts are neither high nor low). Shares of nothing are
        NaN.
    """
    known = table.assign(lead=np.take(LEADS, np.clip(np.searchsorted(LEADS, table["ahead"]), 0, len(LEADS) - 1)))
    known = known.assign(error=known["median"] - known["came"])
    for level in INTERVALS:
        known[within(level)] = (np.abs(known["pit"] - 0.5) <= level / 2).astype(float)
    # Units do not add up: shares are taken within each resource, and then the mean over them.
    keys = [*by, *(x for x in ("resource",) if x not in by)]
    groups = known.groupby(keys, sort=True)
    total = groups[["came", "crps", "pinball", "error"]].sum()
    size = total["came"].where(total["came"] > 0)
    found = pd.DataFrame(
        {
            "hours": groups.size(),
            "crps": total["crps"] / size,
            "pinball": total["pinball"] / size,
            "bias": total["error"] / size,
        }
    )
    found = found.join(groups[[within(level) for level in INTERVALS] + ["pit"]].mean())
    if keys != list(by):
        over = found.groupby(list(by), sort=True)
        found = over.mean().assign(hours=over["hours"].sum())
    return found.reset_index()


def within(level: float) -> str:
    """Return the name of the column that tells the coverage of an interval.

    >>> within(0.8)
    'within 80 %'
    """
    return f"within {100 * level:g} %"
