"""The linear components: each group's coefficients given what its block shares, walked forward hour by hour.

Place in the line: after `inference`. Coefficients and noise of every series are drawn from their exact
conditionals given draws of the shared parameters; innovations are whole rows of past residuals. All for one block.

    conditioned = condition(history, learnt, cuts=[900, 1008])
    paths(conditioned, history, learnt, chance, draws, hours=24)  # (hour, draw, series)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, WEEK, Basis, F, Floats, calendar, memory
from forecasting.chance import Chance
from forecasting.components.walk import Trail
from forecasting.conditionals import Learnt, draw, mean_coefficient
from forecasting.history import History
from forecasting.sufficient import Rotated, Statistics, advance, nothing, rotate
from forecasting.trust import t_weights, trust_of

Floats32 = NDArray[np.float32]

MOST_GAIN = 0.99
"""Most of a steady level that may come back from one hour to the next through all that is remembered."""

TREND_KEPT = 0.7
"""How much of what a series grows in an hour it grows in an hour a day later; 0.85 did as well."""

_AGE_NOISE = 5.0  # hours that what is remembered may seem older or younger than it is

_CHUNK = 256  # series whose features are held at once
_CELLS = 8_000_000  # of (hour, draw, series) that are walked at once


@dataclass(frozen=True, slots=True)
class Conditioned:
    """What the past of a block says of its series.

    Parameters
    ----------
    rotated
        Statistics of the hours before each cut.
    residuals
        ``(time, series)``, about the mean coefficients at the last cut; known everywhere.
    """

    rotated: dict[int, Rotated]
    residuals: Floats32

    def innovations(self, at: int) -> Floats32:
        """Return the residuals before an hour, each series at the scale 1 that the model's noise stands for."""
        residuals = self.residuals[:at]
        _, scale = t_weights(residuals.astype(np.float64))
        return np.asarray(residuals / scale, dtype=np.float32)


def features_of(history: History, basis: Basis, remembered: Floats) -> Floats:
    """Put calendar, events and memory of the past side by side: ``(time, series, feature)``."""
    time = history.time[: len(remembered)]
    shape = remembered.shape[:2]
    seasons = np.broadcast_to(calendar(time, basis)[:, None], (*shape, basis.calendar_size))
    events = history.events[history.region][:, : shape[0]].transpose(1, 0, 2)
    return np.concatenate([seasons, events, remembered], axis=-1)


def statistics_of(history: History, basis: Basis, cuts: Sequence[int]) -> dict[int, Statistics]:
    """Return the statistics of a block's series for the hours before each of ``cuts``, which ascend."""
    remembered = memory(history.filled, history.block, basis)
    parts: dict[int, list[Statistics]] = {cut: [] for cut in cuts}
    for begin in range(0, history.scores.shape[1], _CHUNK):
        some = np.arange(begin, min(begin + _CHUNK, history.scores.shape[1]))
        features = features_of(history.of_series(some), basis, remembered[:, some])
        for cut in cuts:
            # From scratch at each cut: how far an hour is believed rests on all that was known then, and no more.
            scores = history.scores[:cut, some]
            trust = trust_of(scores, features[:cut])
            parts[cut].append(advance(nothing(len(some), basis.size), scores, features[:cut], trust))
    return {cut: Statistics.joined(each) for cut, each in parts.items()}


def condition(
    history: History, learnt: Learnt, statistics: dict[int, Statistics], remembered: Floats | None = None
) -> Conditioned:
    """Look at the past of a block, given its statistics at some cuts (and what it remembers, if at hand)."""
    rotated = {cut: rotate(each, learnt.plain) for cut, each in statistics.items()}
    mean = mean_coefficient(rotated[max(rotated)], learnt)
    basis = learnt.basis
    if remembered is None:
        remembered = memory(history.filled, history.block, basis)
    first = basis.calendar_size + len(basis.events)
    fitted = calendar(history.time[: history.length], basis) @ mean[:, : basis.calendar_size].T
    events = history.events[history.region][:, : history.length]
    fitted += np.einsum("gte,ge->tg", events, mean[:, basis.calendar_size : first])
    fitted += (remembered * mean[:, first:]).sum(axis=-1)
    return Conditioned(rotated, known_everywhere(history.scores - fitted, history.moves, learnt.number))


def paths(
    conditioned: Conditioned, history: History, learnt: Learnt, chance: Chance, draws: NDArray[np.intp], hours: int
) -> Floats32:
    """Return scores ``(hour, draw, series)`` of the first ``hours`` ahead, for some of the draws."""
    rng = np.random.default_rng([*chance.key, 1, learnt.number, int(history.code[0])])
    innovations = conditioned.innovations(chance.at)
    series = history.scores.shape[1]
    most = max(1, _CELLS // (hours * series))
    parts = []
    for begin in range(0, len(draws), most):
        some = draws[begin : begin + most]
        coefficient, noise = draw(conditioned.rotated[chance.at], learnt, some, rng)
        coefficient, growth = bounded(coefficient, learnt.basis, history.filled[: chance.at])
        shock = noise[:, None] * innovations[chance.rows[some][:, :hours]]  # (draw, hour, series)
        moved = shock.transpose(1, 0, 2) + trend(coefficient, growth, learnt.basis, chance.at, hours)
        parts.append(_walk(history, learnt.basis, coefficient, moved, chance.at))
    return np.concatenate(parts, axis=1)


def bounded(coefficient: NDArray[F], basis: Basis, past: Floats) -> tuple[NDArray[F], NDArray[F]]:
    """Return coefficients that let no level run away by itself, and how fast those grow that would.

    Where a series grew for weeks, what is remembered may add up to more than its level, and a walk would grow on,
    faster and faster. Then it is scaled down to `MOST_GAIN`, and the level set so that the walk rests where all
    series of the block are at their means of the last week. What it would have gained there comes in over as many
    hours as what is remembered is old: that is its growth, for `trend`.

    Parameters
    ----------
    coefficient
        ``(…, series, feature)``.
    basis
        The features.
    past
        Scores ``(time, series)``, of all series of one block.

    Returns
    -------
    tuple
        ``(…, series, feature)`` and ``(…, series)``, in scores an hour; 0 where nothing was to be scaled down.
    """
    first = basis.calendar_size + len(basis.events)
    level = past[-WEEK:].mean(axis=0)
    of_block = len(basis.block_lags) + len(basis.block_week)
    seen = np.repeat(level[:, None], basis.size - first, axis=1)  # of each memory feature, at that level
    seen[:, seen.shape[1] - of_block :] = level.mean()
    remembered = coefficient[..., first:]
    gain = remembered.sum(axis=-1)
    runs = gain > MOST_GAIN
    scale = np.where(runs, MOST_GAIN / np.maximum(gain, MOST_GAIN), 1.0)
    brought = np.einsum("...gf,gf->...g", remembered, seen)
    age = np.maximum(remembered @ _ages(basis, len(past)), 0.0)  # below 0 is momentum, of which nothing is told
    gained = coefficient[..., 0] + brought - level
    growth = np.where(runs, gained * age / (age**2 + _AGE_NOISE**2), 0.0)
    out = coefficient.copy()
    out[..., first:] *= scale[..., None].astype(out.dtype)
    grown = (1 - MOST_GAIN) * growth * WEEK / 2  # since the middle of the last week
    out[..., 0] = np.where(runs, level - scale * brought + grown, out[..., 0])
    return out, growth.astype(out.dtype)


def trend(coefficient: NDArray[F], growth: NDArray[F], basis: Basis, at: int, hours: int) -> NDArray[F]:
    """Return what each hour of a walk gains so that it goes on growing, less and less: ``(hour, …, series)``.

    A damped trend (Gardner and McKenzie 1985): the past is taken to have grown steadily, and the growth of an hour
    to be `TREND_KEPT` of that a day before. What is remembered brings a part of it; this is the rest.

    Parameters
    ----------
    coefficient, growth
        Of `bounded`.
    basis
        The features.
    at
        Hours of the past.
    hours
        How far ahead.
    """
    first = basis.calendar_size + len(basis.events)
    ahead = np.arange(hours)
    brought = _grown(ahead[:, None] - _ages(basis, at)).astype(coefficient.dtype)  # (hour, feature)
    gained = _grown(ahead).reshape(-1, *([1] * growth.ndim))
    rest = gained - np.einsum("...gf,hf->h...g", coefficient[..., first:], brought)
    return np.asarray(growth * rest, dtype=coefficient.dtype)


def _grown(hours: NDArray[np.integer] | Floats) -> Floats:
    """Return by how much a series that grows by 1 an hour now is above now, so many hours from now."""
    lasts = -DAY / np.log(TREND_KEPT)
    return np.where(hours > 0, lasts * (1 - TREND_KEPT ** (np.maximum(hours, 0) / DAY)), hours)


def _ages(basis: Basis, at: int) -> Floats:
    """Return how many hours old what is remembered is, on the mean: ``(memory feature,)``."""
    since = np.arange(-at, 1, dtype=np.float64)[:, None]
    return np.asarray(-np.nan_to_num(memory(since, np.zeros(1, dtype=np.intp), basis)[-1, 0]))


def _walk(history: History, basis: Basis, coefficient: Floats32, shock: Floats32, at: int) -> Floats32:
    """Walk draws forward through the hours of ``shock (hour, draw, series)``."""
    hours = len(shock)
    size, first = basis.calendar_size, basis.calendar_size + len(basis.events)
    seasons = calendar(history.time[at : at + hours], basis).astype(np.float32)
    events = history.events[history.region][:, at : at + hours].astype(np.float32)  # (series, hour, event)
    weight = np.ascontiguousarray(np.moveaxis(coefficient[..., first:], -1, 0))
    trail = Trail(history, basis, at, hours, shock.shape[1])
    for hour in range(hours):
        score = coefficient[..., :size] @ seasons[hour] + shock[hour]
        if first > size:
            score += np.einsum("dge,ge->dg", coefficient[..., size:first], events[:, hour])
        for own, value in zip(weight, trail.seen(hour), strict=True):
            score += own * value
        trail.add(hour, score)
    return trail.path


def known_everywhere(residuals: Floats, moves: NDArray[np.bool_], number: int) -> Floats32:
    """Fill unknown residuals: with one of another series of the block in that hour, else of the same series.

    What is lent counts in scales of the lender and of the borrower, and reaches no further than the borrower's;
    one with less than a day of its own takes the middle ones of the block. A series that never moved has none.
    """
    rng = np.random.default_rng([number, 7])
    out = np.where(moves, residuals, 0.0)
    _, scale = t_weights(out)
    reach = np.abs(np.nan_to_num(out)).max(
        axis=0
    )  # a burst of an idle lender is many scales, and no measure of others
    own = (np.isfinite(out).sum(axis=0) >= DAY) & moves
    if own.any():
        scale, reach = (np.where(own, each, np.median(each[own])) for each in (scale, reach))
    for hour in np.flatnonzero(np.isnan(out).any(axis=1)):
        known = np.flatnonzero(np.isfinite(out[hour]) & moves)
        gap = np.isnan(out[hour])
        if known.size:
            lender = rng.choice(known, int(gap.sum()))
            lent = out[hour, lender] / scale[lender] * scale[gap]
            out[hour, gap] = np.clip(lent, -reach[gap], reach[gap])
    for column in np.flatnonzero(np.isnan(out).any(axis=0)):
        gap = np.isnan(out[:, column])
        pool = out[~gap, column] if not gap.all() else rng.standard_normal(len(out))
        out[gap, column] = rng.choice(pool, int(gap.sum()))
    return out.astype(np.float32)
