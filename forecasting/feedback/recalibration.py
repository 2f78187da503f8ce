"""Online recalibration: intervals that missed lately are widened at once, each side by itself.

Place in the line: read off a record; the mixture is stretched by it after its own calibration.

Quantile tracking (adaptive conformal inference: Gibbs and Candès 2021; on scores, Angelopoulos, Candès and
Tibshirani 2023): the end of the 80 % interval of each series should be passed by one score in ten. Where more
pass, the log of the factor by which that half of the forecast is stretched rises by `RATE` times the excess share;
where fewer do, it falls as slowly as the level asks. It leaks back towards 1, so that a calm week forgets, and is
bounded on both sides. What was missed before a level shift was found says nothing of forecasts that know of it.

    factors = factors_of(record, groups, resources, history.level_since)  # (range, side, series)
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.feedback.record import AHEAD_HOURS, STEP_HOURS, Floats, Record
from forecasting.feedback.scopes import GROUP

RATE = 0.35
TAIL, END = 0.1, 1.2816
"""Share of scores that should lie beyond an end of the interval, and where that end is, as a normal score."""

WIDEST, NARROWEST = 3.0, 0.9
LEAK = 0.93
"""What is left of the log factor after six hours."""

RANGES = (6, AHEAD_HOURS)
"""Ends of the ranges of steps ahead that have factors of their own; the last one goes on."""


def factors_of(
    record: Record,
    groups: NDArray[np.str_],
    resources: NDArray[np.str_],
    since: NDArray[np.datetime64] | None = None,
) -> Floats:
    """Return factors ``(range, side, series)``, above first; 1 where nothing is known of a series.

    Parameters
    ----------
    record
        How forecasts turned out.
    groups, resources
        Labels; series lie group by group.
    since
        Moments before which forecasts did not know the present level of a series, ``(series,)``: they are not
        counted.
    """
    wanted = [f"{GROUP}:{label}" for label in groups.tolist()]
    fitted = record.dataset["score"].reindex(scope=wanted, resource=resources)
    scores = fitted.transpose("origin", "scope", "resource", "ahead").values.astype(np.float64)
    if since is not None:
        early = record.origins[:, None] < since[None]
        scores[early.reshape(scores.shape[:3])] = np.nan
    return _tracked(scores, record.origins).reshape(len(RANGES), 2, -1)


def _tracked(scores: Floats, origins: NDArray[np.datetime64]) -> Floats:
    """Return factors ``(range, side, group, resource)`` after the last of the origins."""
    parts = AHEAD_HOURS // STEP_HOURS
    shape = (len(RANGES), 2, *scores.shape[1:3])
    log = np.zeros(shape)
    if not len(origins):
        return np.ones(shape)
    places = ((origins - origins[0]) / np.timedelta64(STEP_HOURS, "h")).astype(int)
    row = dict(zip(places.tolist(), range(len(places)), strict=True))
    for stretch in range(places[-1] + parts):
        for number, (first, last) in enumerate(zip((0, *RANGES), RANGES, strict=False)):
            about = [
                scores[row[stretch - part], ..., part * STEP_HOURS : (part + 1) * STEP_HOURS]
                for part in range(first // STEP_HOURS, last // STEP_HOURS)
                if stretch - part in row
            ]
            if about:
                log[number] = _moved(log[number], np.concatenate(about, axis=-1))
        log = np.clip(log, np.log(NARROWEST), np.log(WIDEST))
    return np.asarray(np.exp(log))


def _moved(log: Floats, scores: Floats) -> Floats:
    """Move log factors ``(side, …)`` by scores ``(…, hour)`` of six hours; what is not known leaves them."""
    known = np.isfinite(scores)
    count = known.sum(axis=-1)
    found = []
    for side, sign in enumerate((1.0, -1.0)):
        beyond = (sign * np.where(known, scores, 0.0) > END * np.exp(log[side])[..., None]).sum(axis=-1)
        moved = LEAK * log[side] + RATE * (beyond / np.maximum(count, 1) - TAIL)
        found.append(np.where(count > 0, moved, log[side]))
    return np.stack(found)


def opened(draws: NDArray[np.float32], factors: Floats) -> NDArray[np.float32]:
    """Stretch scores ``(hour, draw, series)`` from their median, each side by its ``(range, side, series)``."""
    middle = np.median(draws, axis=1, keepdims=True)
    place = np.minimum(np.searchsorted(RANGES, np.arange(len(draws)), side="right"), len(RANGES) - 1)
    above, below = (factors[place, side][:, None].astype(np.float32) for side in (0, 1))
    away = draws - middle
    return np.asarray(middle + away * np.where(away > 0, above, below), dtype=np.float32)
