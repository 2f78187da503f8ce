"""Which part of a linear component's forecast comes from what: parts that add up to it exactly.

Place in the line: beside `components.linear`, whose walk it takes apart; `explain` puts it into words.

With the mean of the coefficients and without shocks the walk is linear in what is known: calendar, events, and
the hours of the past. So the score of every hour ahead is a sum over what is known, whichever way it came there.
An hour ahead that looks back at a known hour takes that into the part of the feature; one that looks back at an
hour which is itself forecast takes over the parts of that one. Thus the level of the last hours is a matter of
the last hours also when it is handed on from hour to hour. Two things are parts of their own: all that is read
off the mean of the block, known or forecast, where another series of it moves, and what is cut off where a score
would leave its bounds.

    attribute(history, basis, coefficient, growth, hours=24)  # (hour, series, part), scores
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, DAY_GAIN, WEEK, WEEK_GAIN, Basis, Floats, calendar, usual
from forecasting.components.linear import trend
from forecasting.history import History
from forecasting.transform import Transform

PARTS = ("level", "trend", "day", "week", "recent", "block", "events", "bounds")
"""Level; its damped trend; Fourier terms and the usual of the day; the usual of the week and lags of a week; the
values and means of the last day; the mean of the block; events and covariates; what bounds cut off."""

_LEVEL, _TREND, _DAY, _WEEK, _RECENT, _BLOCK, _EVENTS, _BOUNDS = range(len(PARTS))


def attribute(history: History, basis: Basis, coefficient: Floats, growth: Floats, hours: int) -> Floats:
    """Return the parts of the scores ahead: ``(hour, series, part)``, in the order of `PARTS`.

    Their sum over the parts is the walk of `components.linear` with these coefficients and no shocks.

    Parameters
    ----------
    history
        Of the series of one block, all of them.
    basis
        Features of the component.
    coefficient
        Of the plain features, ``(series, feature)``.
    growth
        ``(series,)``; see `linear.bounded`.
    hours
        How far ahead.
    """
    at, past = history.length, history.filled
    size, first = basis.calendar_size, basis.calendar_size + len(basis.events)
    seasons = calendar(history.time[at : at + hours], basis)
    events = history.events[history.region][:, at : at + hours]  # (series, hour, event)
    week = usual(past, WEEK, WEEK_GAIN) if basis.week or basis.block_week else None
    day = usual(past, DAY, DAY_GAIN) if basis.day else None
    ahead = np.zeros((hours, past.shape[1], len(PARTS)))
    gained = trend(coefficient, growth, basis, at, hours)
    week_ahead, day_ahead = np.zeros_like(ahead), np.zeros_like(ahead)

    def ago(known: Floats, made: Floats, back: int, hour: int, part: int) -> Floats:
        """Parts of the value so many hours before an hour ahead: ``(series, part)``."""
        place = hour - back
        return made[place] if place >= 0 else _as_part(known[max(at + place, 0)], part)

    alone = history.moves.sum() <= 1

    def of_block(parts: Floats) -> Floats:
        if alone:  # the mean of its block is its own past, and told as that
            return np.broadcast_to(parts.mean(axis=0), parts.shape)
        return _as_part(np.full(len(parts), parts.sum(axis=-1).mean()), _BLOCK)

    total = {length: _as_part(past[-length:].sum(axis=0), _of_span(length)) for length in basis.means}
    for hour in range(hours):
        if week is not None:
            week_ahead[hour] = WEEK_GAIN * ago(past, ahead, WEEK, hour, _WEEK)
            week_ahead[hour] += (1 - WEEK_GAIN) * ago(week, week_ahead, WEEK, hour, _WEEK)
        if day is not None:
            day_ahead[hour] = DAY_GAIN * ago(past, ahead, DAY, hour, _DAY)
            day_ahead[hour] += (1 - DAY_GAIN) * ago(day, day_ahead, DAY, hour, _DAY)
        seen = [ago(past, ahead, back, hour, _of_span(back)) for back in basis.lags]
        seen += [ago(week, week_ahead, back, hour, _WEEK) for back in basis.week if week is not None]
        seen += [ago(day, day_ahead, back, hour, _DAY) for back in basis.day if day is not None]
        seen += [total[length] / length for length in basis.means]
        seen += [of_block(ago(past, ahead, back, hour, _of_span(back))) for back in basis.block_lags]
        seen += [
            of_block(ago(week, week_ahead, back, hour, _WEEK)) for back in basis.block_week if week is not None
        ]
        weighted = (own[:, None] * value for own, value in zip(coefficient.T[first:], seen, strict=True))
        parts = sum(weighted, ahead[hour])
        parts[:, _LEVEL] += coefficient[:, 0]
        parts[:, _TREND] += gained[hour]
        parts[:, _DAY] += coefficient[:, 1:size] @ seasons[hour, 1:]
        parts[:, _EVENTS] += (coefficient[:, size:first] * events[:, hour]).sum(axis=-1)
        score = parts.sum(axis=-1)
        parts[:, _BOUNDS] += np.clip(score, history.lowest, history.highest) - score
        parts *= history.moves[:, None]  # a series that stays has no parts
        ahead[hour] = parts
        for length in basis.means:
            total[length] = total[length] + parts - ago(past, ahead, length, hour, _of_span(length))
    return ahead


def in_demand(parts: Floats, transform: Transform) -> tuple[Floats, float]:
    """Return the parts of one series in the unit of demand, and the demand that they are counted from.

    Demand is a square of scores, so parts do not add up in it by themselves. Each is given its Shapley value (for
    a sum under a square: its share of the way along the chord), which splits what two parts make together evenly
    between them. The demand that is counted from plus all parts is the demand of the forecast, exactly.

    Parameters
    ----------
    parts
        Scores ``(hour, part)``.
    transform
        Of that series: ``(1,)``.

    Returns
    -------
    tuple
        ``(hour, part)``, and the demand at the score 0: the square of the mean root, a little under the mean.

    References
    ----------
    Shapley (1953), "A value for n-person games".
    """
    mean, centre, spread = (float(x[0]) for x in (transform.mean, transform.centre, transform.spread))
    slope = mean * spread * (2 * centre + spread * parts.sum(axis=-1, keepdims=True))
    return parts * slope, mean * centre**2


def _as_part(values: Floats, part: int) -> Floats:
    parts = np.zeros((len(values), len(PARTS)))
    parts[:, part] = values
    return parts


def _of_span(hours: int) -> int:
    return _WEEK if hours >= WEEK else _RECENT


def share_of_movement(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share that each part ``(part,)`` has of all movement; the level moves nothing."""
    moving = np.where(np.arange(len(sizes)) == _LEVEL, 0.0, sizes)
    return np.asarray(moving / moving.sum()) if moving.sum() > 0 else moving
