"""One cutoff replayed: each model's draws, at once reduced to counts and sums that add up over cutoffs.

Place in the line: under `backtest`. A cutoff may be replayed in a process of its own, so what goes in and comes
out is plain data; and draws of many groups are large, so none of them is kept.
"""

import time as clock
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import contestants, dims
from forecasting.coverage import PIT_BINS, SCOPES, inside, pit_histogram, region_sums, window_maxima
from forecasting.events import Events
from forecasting.score import crps_from_draws, pinball

LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Levels of the weighted quantile loss: 0.05, 0.10, …, 0.95."""

_MOST_CELLS = 16_000_000  # draws × groups × hours that are scored at a time: some 0.5 GB with all copies
Progress = Callable[[str, float], None]
"""Is told the stage in words, and the share that is done."""

Floats = NDArray[np.float64]
Draws = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A cutoff to replay.

    Parameters
    ----------
    past, ahead
        Usage before the cutoff, and over the horizon from it on.
    models
        Names, as `contestants.expand` gives them.
    levels
        Shares that the central intervals should hold.
    seed
        Of every draw.
    keep
        Whether quantiles are kept.
    events
        What is known of the calendar.
    """

    past: xr.Dataset
    ahead: xr.Dataset
    models: tuple[str, ...]
    levels: tuple[float, ...]
    seed: int
    keep: bool
    events: Events | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and sums of one model; those of several cutoffs add up.

    Parameters
    ----------
    loss
        Σ over groups of the mean over `LEVELS` of 2 · pinball, ``(resource, time)``.
    crps
        Σ over groups of the CRPS, ``(resource, time)``.
    absolute
        Σ over groups of |actual|, ``(resource, time)``.
    inside
        Values within their central intervals, ``(resource, scope, level)``; scopes are `coverage.SCOPES`.
    known
        Values that are known, ``(resource, scope)``.
    pit
        PIT histograms, ``(resource, scope, bin)``.
    seconds
        Wall time of the forecast.
    quantiles
        ``(quantile, group, resource, time)`` at `LEVELS`, or None; not added up.
    """

    loss: Floats
    crps: Floats
    absolute: Floats
    inside: NDArray[np.int64]
    known: NDArray[np.int64]
    pit: Floats
    seconds: float
    quantiles: Floats | None = None


def replay(cutoff: Cutoff, begun: Callable[[str], None] | None = None) -> dict[str, Tally]:
    """Forecast from a cutoff with each model, and score what it said.

    Parameters
    ----------
    cutoff
        What to replay.
    begun
        Is told the name of a model before it is run.

    Raises
    ------
    ForecastingError
        If a model cannot forecast from this past.
    """
    actual = cutoff.ahead[dims.DEMAND].values
    if dims.CENSORED in cutoff.ahead.data_vars:  # at capacity, what was wanted is not known
        actual = np.where(cutoff.ahead[dims.CENSORED].values, np.nan, actual)
    regions = cutoff.ahead[dims.REGION].values
    tallies = {}
    for name in cutoff.models:
        if begun is not None:
            begun(name)
        started = clock.perf_counter()
        draws = contestants.draw(name, cutoff.past, actual.shape[-1], cutoff.seed, cutoff.events)
        seconds = clock.perf_counter() - started
        tallies[name] = score(draws, actual, regions, cutoff.levels, seconds=seconds, keep=cutoff.keep)
    return tallies


def score(
    draws: Draws,
    actual: Floats,
    regions: NDArray[np.str_],
    levels: Sequence[float],
    *,
    seconds: float = 0.0,
    keep: bool = False,
) -> Tally:
    """Reduce joint draws ``(draw, group, resource, time)`` and what came ``(group, resource, time)``."""
    count, groups, resources, hours = draws.shape
    tally = Tally(
        loss=np.zeros((resources, hours)),
        crps=np.zeros((resources, hours)),
        absolute=np.nansum(np.abs(actual), axis=0),
        inside=np.zeros((resources, len(SCOPES), len(levels)), dtype=np.int64),
        known=np.zeros((resources, len(SCOPES)), dtype=np.int64),
        pit=np.zeros((resources, len(SCOPES), PIT_BINS)),
        seconds=seconds,
        quantiles=np.empty((len(LEVELS), groups, resources, hours)) if keep else None,
    )
    step = max(1, _MOST_CELLS // (count * hours))
    for r in range(resources):
        sums, totals = region_sums(draws[:, :, r], actual[:, r], regions)
        _check(tally, r, "region-sum", sums, totals, levels)
        _check(tally, r, "region-sum-window-maximum", window_maxima(sums), window_maxima(totals), levels)
        for first in range(0, groups, step):
            part = slice(first, first + step)
            sample, came = draws[:, part, r], actual[part, r]
            _check(tally, r, "group", sample, came, levels)
            _check(tally, r, "window-maximum", window_maxima(sample), window_maxima(came), levels)
            tally.crps[r] += np.nansum(crps_from_draws(sample, came), axis=0)
            series = np.ascontiguousarray(np.moveaxis(sample, 0, -1), dtype=np.float64)
            values = np.quantile(series, LEVELS, axis=-1, overwrite_input=True)
            losses = pinball(came, values, np.array(LEVELS)[:, None, None])
            tally.loss[r] += np.nansum(2 * losses.mean(axis=0), axis=0)
            if tally.quantiles is not None:
                tally.quantiles[:, part, r] = values
    return tally


def total(tallies: Sequence[Tally]) -> Tally:
    """Add the tallies of one model at several cutoffs."""
    return Tally(
        loss=np.sum([x.loss for x in tallies], axis=0),
        crps=np.sum([x.crps for x in tallies], axis=0),
        absolute=np.sum([x.absolute for x in tallies], axis=0),
        inside=np.sum([x.inside for x in tallies], axis=0),
        known=np.sum([x.known for x in tallies], axis=0),
        pit=np.sum([x.pit for x in tallies], axis=0),
        seconds=sum(x.seconds for x in tallies),
    )


def _check(
    tally: Tally,
    resource: int,
    scope: str,
    draws: NDArray[np.floating],
    actual: Floats,
    levels: Sequence[float],
) -> None:
    place = (resource, SCOPES.index(scope))
    tally.inside[place] += inside(draws, actual, levels)
    tally.known[place] += np.isfinite(actual).sum()
    tally.pit[place] += pit_histogram(draws, actual)
