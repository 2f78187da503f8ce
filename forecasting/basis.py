"""What the model looks at: the calendar, and what a series remembers of itself → design matrices.

Place in the line: after `transform`; `sufficient` and `predict` read history through the same features.

The calendar part is Fourier terms of the day and the week, which groups of a region share. The memory part is
the series' own values some hours ago and its means of the last day and week, which carry what is its own.

>>> choose_basis(history_hours=6 * 168).size
31
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY, WEEK = 24, 168
_KNOWN_SHARE = 0.5  # of the hours that a mean is taken over


@dataclass(frozen=True, slots=True)
class Basis:
    """Which features there are, in the order of the columns: level, day, week, lags, means."""

    daily_harmonics: int
    weekly_harmonics: int
    lag_hours: tuple[int, ...]
    mean_hours: tuple[int, ...]

    @property
    def calendar_size(self) -> int:
        """Number of calendar features, the level among them."""
        return 1 + 2 * (self.daily_harmonics + self.weekly_harmonics)

    @property
    def size(self) -> int:
        """Number of features."""
        return self.calendar_size + len(self.lag_hours) + len(self.mean_hours)

    @property
    def reach_hours(self) -> int:
        """How far back the memory goes."""
        return max(self.lag_hours + self.mean_hours)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        waves = [
            f"{season} {wave} {order}"
            for season, orders in (("day", self.daily_harmonics), ("week", self.weekly_harmonics))
            for order in range(1, orders + 1)
            for wave in ("sine", "cosine")
        ]
        lags = [f"{hours} h ago" for hours in self.lag_hours]
        means = [f"mean of {hours} h" for hours in self.mean_hours]
        return ("level", *waves, *lags, *means)


def choose_basis(history_hours: int) -> Basis:
    """Return the features that a history can bear: each needs to be seen for as long as it looks back.

    Parameters
    ----------
    history_hours
        Length of the history; from two weeks on, all features. Lags come with the hour before them (24 and 25,
        168 and 169), so that the model can ask how much has changed since then.
    """
    lags = tuple(lag for lag in (1, 2, DAY, DAY + 1, WEEK, WEEK + 1) if history_hours >= 2 * lag)
    means = tuple(hours for hours in (DAY, WEEK) if history_hours >= 2 * hours)
    weekly = 3 if history_hours >= 2 * WEEK else 0
    return Basis(daily_harmonics=8, weekly_harmonics=weekly, lag_hours=lags, mean_hours=means)


def calendar(time: NDArray[np.datetime64], basis: Basis) -> Floats:
    """Return the calendar features of hours.

    Parameters
    ----------
    time
        Starts of hours, naive UTC, ``(time,)``.
    basis
        Which features.

    Returns
    -------
    numpy.ndarray
        ``(time, calendar feature)``: ones, then sine and cosine of each order of the day, then of the week.
    """
    hours = time.astype("datetime64[h]").astype(np.int64)
    columns = [np.ones(len(hours))]
    for period, orders in ((DAY, basis.daily_harmonics), (WEEK, basis.weekly_harmonics)):
        for order in range(1, orders + 1):
            angle = 2 * np.pi * order * (hours % period) / period
            columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1)


def memory(scores: Floats, basis: Basis) -> Floats:
    """Return what each series remembers at each hour: only hours before it are read.

    Parameters
    ----------
    scores
        ``(time, group, resource)``, NaN where not known.
    basis
        Which features.

    Returns
    -------
    numpy.ndarray
        ``(time, group, resource, memory feature)``; NaN where a lag is not known, or less than half of the
        hours of a mean are.
    """
    lags = [_lagged(scores, hours) for hours in basis.lag_hours]
    means = [_mean_of_last(scores, hours) for hours in basis.mean_hours]
    return np.stack(lags + means, axis=-1)


def _lagged(scores: Floats, hours: int) -> Floats:
    lagged = np.full_like(scores, np.nan)
    lagged[hours:] = scores[:-hours]
    return lagged


def _mean_of_last(scores: Floats, hours: int) -> Floats:
    known = np.isfinite(scores)
    start = np.zeros((1, *scores.shape[1:]))
    total = np.concatenate([start, np.cumsum(np.where(known, scores, 0.0), axis=0)])
    count = np.concatenate([start, np.cumsum(known, axis=0)])
    window_total, window_count = total[hours:-1] - total[: -hours - 1], count[hours:-1] - count[: -hours - 1]
    enough = window_count >= _KNOWN_SHARE * hours
    means = np.full_like(scores, np.nan)
    means[hours:] = np.where(enough, window_total / np.maximum(window_count, 1), np.nan)
    return means
