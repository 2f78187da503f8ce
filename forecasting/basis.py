"""What a linear component looks at: the calendar, and what a series remembers of itself and of its block.

Place in the line: after `transform`; `sufficient` and `components.linear` read history through the same features.

The calendar part is a few Fourier terms of the day. The memory part is the series' own values some hours ago, its
usual value at this hour of the day and at this hour of the week (exponentially weighted means over days and over
weeks, so that the shape of each weekday is kept without a parameter for it), means of the last day or week, and
the same of the mean over the block: what hits one group of a region often hits all.

>>> basis_of("ar", history_hours=1008).size
24
"""

from dataclasses import dataclass, replace
from types import EllipsisType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
F = TypeVar("F", np.float32, np.float64)

DAY, WEEK = 24, 168
DAY_GAIN, WEEK_GAIN = 0.15, 0.2
"""Weight of the newest day and week in the usual value; chosen by backtest, 0.1 to 0.35 were close."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Which features there are, in the order of the columns.

    Parameters
    ----------
    harmonics
        Orders of the daily Fourier terms.
    lags
        Hours ago of the series' own value.
    week, day
        Hours ago of the usual value at that hour of the week, of the day; 0 is the hour itself.
    means
        Lengths of the trailing means, in hours.
    block_lags, block_week
        As ``lags`` and ``week``, of the mean over the block.
    events
        Names of events and covariates.
    """

    harmonics: int = 4
    lags: tuple[int, ...] = ()
    week: tuple[int, ...] = ()
    day: tuple[int, ...] = ()
    means: tuple[int, ...] = ()
    block_lags: tuple[int, ...] = ()
    block_week: tuple[int, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def calendar_size(self) -> int:
        """Number of calendar features, the level among them."""
        return 1 + 2 * self.harmonics

    @property
    def size(self) -> int:
        """Number of features."""
        return len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        waves = [f"day {wave} {order}" for order in range(1, self.harmonics + 1) for wave in ("sine", "cosine")]
        return (
            "level",
            *waves,
            *self.events,
            *(f"{hours} h ago" for hours in self.lags),
            *(f"usual of the week, {hours} h ago" for hours in self.week),
            *(f"usual of the day, {hours} h ago" for hours in self.day),
            *(f"mean of {hours} h" for hours in self.means),
            *(f"block {hours} h ago" for hours in self.block_lags),
            *(f"block usual of the week, {hours} h ago" for hours in self.block_week),
        )


_BASES = {
    "ar": Basis(
        lags=(1, 2, DAY, DAY + 1, WEEK, WEEK + 1),
        week=(0, 1, DAY),
        day=(0, 1),
        means=(DAY,),
        block_lags=(1,),
        block_week=(0, 1),
    ),
    "seasonal": Basis(
        lags=(DAY, DAY + 1, WEEK),
        week=(0, DAY),
        day=(0,),
        means=(DAY, WEEK),
        block_lags=(DAY,),
        block_week=(0, DAY),
    ),
    "weekly": Basis(lags=(WEEK,), week=(0,), means=(WEEK,)),
}

LINEAR = tuple(_BASES)
"""Names of the components that are linear in these features."""


def basis_of(component: str, history_hours: int, events: tuple[str, ...] = (), alone: bool = False) -> Basis:
    """Return the features of a component that a history can bear: each is to be seen as long as it looks back.

    Those of the weekly component are to be seen for a day.

    Parameters
    ----------
    component
        One of `LINEAR`.
    history_hours
        Length of the history; from a fortnight and two hours on, all features.
    events
        Names of events and covariates.
    alone
        Whether no block has more than one series that moves, so that its mean tells nothing more. What is
        left are the first ones of the features otherwise.
    """
    full = _BASES[component]
    if alone:
        full = replace(full, block_lags=(), block_week=())

    def bearable(lags: tuple[int, ...], period: int = 0) -> tuple[int, ...]:
        # All that the weekly component knows looks back a week: a day to learn from is better than nothing.
        few = component == "weekly" and not period
        return tuple(lag for lag in lags if history_hours >= (lag + DAY if few else 2 * max(lag, period)))

    return replace(
        full,
        lags=bearable(full.lags),
        week=bearable(full.week, WEEK),
        day=bearable(full.day, DAY),
        means=bearable(full.means),
        block_lags=bearable(full.block_lags),
        block_week=bearable(full.block_week, WEEK),
        events=events,
    )


def sized(values: Floats, size: int, axes: int = 1, rest: float = 0.0) -> Floats:
    """Return an array whose last axes have so many features: cut, or with ``rest`` after those that there are."""
    out = np.full((*values.shape[: values.ndim - axes], *[size] * axes), rest)
    within: tuple[EllipsisType | slice, ...] = (..., *[slice(min(size, values.shape[-1]))] * axes)
    out[within] = values[within]
    return out


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
        ``(time, calendar feature)``: ones, then sine and cosine of each order of the day.
    """
    hours = time.astype("datetime64[h]").astype(np.int64)
    columns = [np.ones(len(hours))]
    for order in range(1, basis.harmonics + 1):
        angle = 2 * np.pi * order * (hours % DAY) / DAY
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1)


def usual(scores: NDArray[F], period: int, gain: float) -> NDArray[F]:
    """Return the exponentially weighted mean of a period, two periods … before each hour: ``(time, series)``.

    NaN in the first period.
    """
    out = np.full_like(scores, np.nan)
    out[period : 2 * period] = scores[:period][: max(len(scores) - period, 0)]
    for begin in range(2 * period, len(scores), period):
        end = min(begin + period, len(scores))
        before = slice(begin - period, end - period)
        out[begin:end] = gain * scores[before] + (1 - gain) * out[before]
    return out


def block_mean(scores: Floats, block: NDArray[np.intp]) -> Floats:
    """Return the mean over the series of the same block, for each series: the shape of ``scores (…, series)``."""
    member = (block == np.unique(block)[:, None]).astype(scores.dtype)  # (block, series)
    means = (scores @ member.T) / member.sum(axis=1)
    return np.asarray(means @ member)


def memory(scores: Floats, block: NDArray[np.intp], basis: Basis) -> Floats:
    """Return what each series remembers at each hour: only hours before it are read.

    Parameters
    ----------
    scores
        ``(time, series)`` without gaps.
    block
        Number of the block of each series, ``(series,)``.
    basis
        Which features.

    Returns
    -------
    numpy.ndarray
        ``(time, series, memory feature)``; NaN where there is no history yet.
    """
    week = usual(scores, WEEK, WEEK_GAIN) if basis.week or basis.block_week else scores
    columns = [_lagged(scores, hours) for hours in basis.lags]
    columns += [_lagged(week, hours) for hours in basis.week]
    if basis.day:
        day = usual(scores, DAY, DAY_GAIN)
        columns += [_lagged(day, hours) for hours in basis.day]
    columns += [_mean_of_last(scores, hours) for hours in basis.means]
    columns += [_lagged(block_mean(scores, block), hours) for hours in basis.block_lags]
    columns += [_lagged(block_mean(week, block), hours) for hours in basis.block_week]
    return np.stack(columns, axis=-1) if columns else np.empty((*scores.shape, 0))


def _lagged(scores: Floats, hours: int) -> Floats:
    lagged = np.full(scores.shape, np.nan)
    lagged[hours:] = scores[: len(scores) - hours]
    return lagged


def _mean_of_last(scores: Floats, hours: int) -> Floats:
    total = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, axis=0)])
    means = np.full_like(scores, np.nan)
    means[hours:] = (total[hours:-1] - total[: -hours - 1]) / hours
    return means
