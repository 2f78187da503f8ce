"""The chance that all components share: which hours of the past each draw meets again.

Place in the line: under the components. A draw is one possible future of everything at once: every component,
block and group reads the same row of these tables for it, so what moved together in the past moves together again.

    chance = chance_at(time, at=1008, hours=24, draws=500, key=(seed, 1008))
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, WEEK, Floats
from forecasting.sufficient import recency

BLOCK_HOURS = 6
"""Length of the runs of hours that residuals are taken in; keeps what carries over from hour to hour."""

_HOUR_SLACK = 1  # a run is taken from hours of the day at most so far from the hour that it stands for


@dataclass(frozen=True, slots=True)
class Chance:
    """Random numbers of one forecast.

    Parameters
    ----------
    at
        Hours of the past; the first hour ahead has this row.
    rows
        ``(draw, hour)``: the row of the past whose residuals a draw meets.
    days
        ``(draw, day ahead)``: uniform numbers that choose a day of the past.
    component
        ``(draw,)``: uniform numbers, evenly spread, that choose a component.
    key
        Seeds whatever else is drawn, with more numbers behind it.
    """

    at: int
    rows: NDArray[np.intp]
    days: Floats
    component: Floats
    key: tuple[int, ...]

    @property
    def hours(self) -> int:
        """Hours ahead."""
        return int(self.rows.shape[1])


def chance_at(time: NDArray[np.datetime64], at: int, hours: int, draws: int, key: tuple[int, ...]) -> Chance:
    """Return the chance of a forecast that knows the first ``at`` hours of ``time``."""
    rng = np.random.default_rng([*key, 0])
    rows = bootstrap_rows(time, at, hours, draws, rng)
    days = rng.random((draws, -(-hours // DAY)))
    component = (rng.permutation(draws) + 0.5) / draws
    return Chance(at, rows, days, component, key)


def bootstrap_rows(
    time: NDArray[np.datetime64], at: int, hours: int, draws: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return rows of the past in runs that begin at about the same hour of the day, recent ones more often.

    A block bootstrap (Künsch 1989), which keeps short dependence and the hours' own scale: ``(draw, hour)``. The
    first half of a short past, or its first 8 days, is left out: residuals there know too little of their past.
    """
    block = min(BLOCK_HOURS, at)
    # The usual value of the week, a day ago, is known after a week and a day.
    starts = np.arange(min(WEEK + DAY, at // 2, at - block), at - block + 1)
    weight = recency(at)[starts]
    clock = time.astype("datetime64[h]").astype(np.int64) % DAY
    rows = np.empty((draws, hours), dtype=np.intp)
    for begin in range(0, hours, block):
        apart = np.abs((clock[starts] - clock[at + begin] + DAY // 2) % DAY - DAY // 2)
        near = np.flatnonzero(apart <= _HOUR_SLACK)
        chosen = near if near.size else np.arange(len(starts))
        first = rng.choice(starts[chosen], size=draws, p=weight[chosen] / weight[chosen].sum())
        stop = min(begin + block, hours)
        rows[:, begin:stop] = first[:, None] + np.arange(stop - begin)
    return rows
