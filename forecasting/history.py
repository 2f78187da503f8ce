"""What every component may look at: the scores of the past, without gaps, with their blocks and bounds.

Place in the line: after `transform`; the components draw the future from it.

A series is one resource of one group; they lie along one axis, group by group. A block is one resource of one
region: its groups share what the model learns.

    history, transform = history_of(past, ahead_hours=24)
    history.filled  # (time, series)
"""

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.basis import DAY, WEEK, Floats
from forecasting.events import Events, design
from forecasting.newcomers import lent
from forecasting.outages import without_outages
from forecasting.shifts import FOUND_HOURS, rebased
from forecasting.transform import HIGHEST, Scale, Transform, standardise
from forecasting.uncapped import uncapped


@dataclass(frozen=True, slots=True)
class History:
    """Scores of the past.

    Parameters
    ----------
    scores, filled
        ``(time, series)``; NaN where not known, and with the gaps filled.
    time
        Starts of the hours of the past and of the hours ahead, ``(time + ahead,)``.
    block, resource, region
        Number of the block, the resource and the region of each series, ``(series,)``.
    code
        A number of the block that rests on its names alone, ``(series,)``: new regions change no draws of others.
    moves
        Whether a series is known to change.
    lowest, highest
        Bounds of the scores, ``(series,)``; 0 of what does not move.
    one
        Demand of a score that is one above that of none, ``(series,)``, in the unit of the resource.
    events
        Features of events, ``(region, time + ahead, event feature)``.
    began
        Hour in which the level of a series jumped lately, see `shifts`, 0 where it did not; its past is then moved
        to the new level.
    censored
        Whether an hour sat at capacity, so that its score was drawn above it, ``(time, series)``; None if none.
    """

    scores: Floats
    filled: Floats
    time: NDArray[np.datetime64]
    block: NDArray[np.intp]
    resource: NDArray[np.intp]
    region: NDArray[np.intp]
    code: NDArray[np.intp]
    moves: NDArray[np.bool_]
    lowest: Floats
    highest: Floats
    one: Floats
    events: Floats
    began: NDArray[np.intp]
    censored: NDArray[np.bool_] | None = None

    @property
    def length(self) -> int:
        """Hours of the past."""
        return len(self.scores)

    @property
    def shifted(self) -> NDArray[np.bool_]:
        """Whether the level of a series jumped lately, ``(series,)``."""
        return self.began > 0

    @property
    def level_since(self) -> NDArray[np.datetime64]:
        """Moments from which on forecasts could know the present level of each series, ``(series,)``."""
        found = self.time[self.began] + FOUND_HOURS * dims.HOUR
        return np.where(self.shifted, found, self.time[0])

    def demand_of(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the demand of scores ``(…, series)`` of series that move, as their `transform` does."""
        return np.asarray(self.one * np.maximum(scores - self.lowest, 0.0) ** 2)

    def last(self, hours: int) -> "History":
        """Return the last hours of the past, and those ahead; all, where there are no more."""
        gone = max(self.length - hours, 0)
        return replace(
            self,
            scores=self.scores[gone:],
            filled=self.filled[gone:],
            time=self.time[gone:],
            events=self.events[:, gone:],
            began=np.where(self.shifted, self.began - gone, 0),
            censored=None if self.censored is None else self.censored[gone:],
        )

    def of_series(self, series: NDArray[np.intp]) -> "History":
        """Return some of the series."""
        return replace(
            self,
            scores=self.scores[:, series],
            filled=self.filled[:, series],
            block=self.block[series],
            resource=self.resource[series],
            region=self.region[series],
            code=self.code[series],
            moves=self.moves[series],
            lowest=self.lowest[series],
            highest=self.highest[series],
            one=self.one[series],
            began=self.began[series],
            censored=None if self.censored is None else self.censored[:, series],
        )


def history_of(
    past: xr.Dataset, ahead_hours: int, events: Events | None = None, kept: Scale | None = None
) -> tuple[History, Transform]:
    """Return the history of usage, and what turns its scores back into demand.

    Parameters
    ----------
    past
        ``demand(group, resource, time)``; some value of each resource is known. What sat at ``censored`` is drawn
        above it, see `uncapped`; hours of `outages` count as not known.
    ahead_hours
        Hours after the past for which events are looked up.
    events
        What is known of the calendar beyond seasons.
    kept
        Scales of an earlier forecast to use on, ``(group, resource)``.
    """
    past = uncapped(without_outages(past))
    names, region = np.unique(past[dims.REGION].values, return_inverse=True)
    region = region.astype(np.intp)
    scores, transform = standardise(past[dims.DEMAND].values, region, kept)
    hours, groups, resources = scores.shape
    flat = scores.reshape(hours, groups * resources)
    resource = np.tile(np.arange(resources, dtype=np.intp), groups)
    of_region = np.repeat(region, resources)
    block = of_region * resources + resource
    kinds = past[dims.RESOURCE].values
    codes = np.array([[crc32(f"{name}\0{kind}".encode()) for kind in kinds] for name in names], dtype=np.intp)
    time = past[dims.TIME].values
    time = np.concatenate([time, time[-1] + np.arange(1, ahead_hours + 1) * dims.HOUR])
    features = design(events, names, time, hours) if events is not None else np.zeros((len(names), len(time), 0))
    moves = transform.moves.ravel()
    lowest, highest = transform.lowest.ravel(), transform.highest.ravel()
    group = np.repeat(np.arange(groups, dtype=np.intp), resources)
    filled, began = rebased(fill(flat, block), group, block, moves, lowest)
    # A level that was never seen before needs room above it: in demand, as much as `transform` leaves.
    room = lowest + np.sqrt(HIGHEST) * (filled.max(axis=0) - lowest)
    highest = np.where(began > 0, np.maximum(highest, room), highest)
    # What never moved stays where it is in a walk, too: the mean of its block is of it as well.
    lowest, highest = np.where(moves, lowest, 0.0), np.where(moves, highest, 0.0)
    history = History(
        scores=np.where(np.isfinite(flat), filled, np.nan),
        filled=filled,
        time=time,
        block=block,
        resource=resource,
        region=of_region,
        code=codes[of_region, resource],
        moves=moves,
        lowest=lowest,
        highest=highest,
        one=(transform.mean * transform.spread**2).ravel(),
        events=features,
        began=began,
        censored=_censored(past, flat.shape),
    )
    return history, transform


def _censored(past: xr.Dataset, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    if dims.CENSORED not in past.data_vars or not past[dims.CENSORED].values.any():
        return None
    return np.asarray(past[dims.CENSORED].values.transpose(2, 0, 1).reshape(shape))


def fill(scores: Floats, block: NDArray[np.intp]) -> Floats:
    """Return scores ``(time, series)`` without gaps.

    An unknown hour takes the score of a week before; else, of a new group, what those like it lend; else the mean
    of those that are known of its block in that hour; else the score of a day before; else 0, the mean.
    """
    known = np.isfinite(scores)
    if known.all():
        return scores.copy()
    out = scores.copy()
    for hour in range(WEEK, len(out)):
        gap = ~known[hour]
        out[hour, gap] = out[hour - WEEK, gap]
    value = np.where(known, scores, 0.0)
    for number in np.unique(block):
        members = block == number
        out[:, members] = lent(out[:, members], known[:, members])
        count = known[:, members].sum(axis=1)
        mean = np.where(count > 0, value[:, members].sum(axis=1) / np.maximum(count, 1), np.nan)
        out[:, members] = np.where(np.isnan(out[:, members]), mean[:, None], out[:, members])
    for hour in range(DAY, len(out)):
        gap = np.isnan(out[hour])
        if gap.any():
            out[hour, gap] = out[hour - DAY, gap]
    return np.where(np.isnan(out), 0.0, out)
