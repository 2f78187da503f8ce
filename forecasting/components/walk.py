"""What a series remembers while draws of it are walked forward: its own hours ahead become its past, step by step.

Place in the line: under `linear` and `recurrent`; the same memory as `basis.memory` gives of the past.

    trail = Trail(history, basis, at=1008, hours=24, draws=500)
    trail.add(0, score_of(trail.seen(0)))
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, DAY_GAIN, WEEK, WEEK_GAIN, Basis, usual
from forecasting.history import History

Floats32 = NDArray[np.float32]


class Trail:
    """Paths of a block's series, and what is remembered at their end.

    Parameters
    ----------
    history
        Of the block.
    basis
        What is remembered.
    at
        Hours of the past.
    hours, draws
        Size of the paths.

    Attributes
    ----------
    path
        Scores ``(hour, draw, series)``, as far as they were added.
    """

    def __init__(self, history: History, basis: Basis, at: int, hours: int, draws: int) -> None:
        self._history, self._basis, self._at = history, basis, at
        past = history.filled[:at].astype(np.float32)
        self._past = past
        self._week, self._day = _usual_or_own(past, WEEK, WEEK_GAIN), _usual_or_own(past, DAY, DAY_GAIN)
        shape = (hours, draws, past.shape[1])
        self.path = np.empty(shape, dtype=np.float32)
        self._week_ahead, self._day_ahead = np.empty_like(self.path), np.empty_like(self.path)
        self._block = [_mean(known) for known in (past, self._week)]
        self._total = {length: past[-length:].sum(axis=0) for length in basis.means}

    def seen(self, hour: int) -> list[Floats32]:
        """Return each memory feature of an hour ahead: ``(draw, series)``, or what broadcasts to it."""
        basis, path = self._basis, self.path
        for gain, length, usually, ahead in (
            (WEEK_GAIN, WEEK, self._week, self._week_ahead),
            (DAY_GAIN, DAY, self._day, self._day_ahead),
        ):
            latest, before = self._ago(self._past, path, length, hour), self._ago(usually, ahead, length, hour)
            ahead[hour] = gain * latest + (1 - gain) * before
        seen = [self._ago(self._past, path, back, hour) for back in basis.lags]
        seen += [self._ago(self._week, self._week_ahead, back, hour) for back in basis.week]
        seen += [self._ago(self._day, self._day_ahead, back, hour) for back in basis.day]
        seen += [self._total[length] / length for length in basis.means]
        seen += [_mean(self._ago(self._block[0], path, back, hour)) for back in basis.block_lags]
        seen += [_mean(self._ago(self._block[1], self._week_ahead, back, hour)) for back in basis.block_week]
        return seen

    def add(self, hour: int, score: Floats32) -> None:
        """Go on by an hour whose scores ``(draw, series)`` are these, within their bounds."""
        self.path[hour] = np.clip(score, self._history.lowest, self._history.highest)
        for length in self._basis.means:
            gone = self._ago(self._past, self.path, length, hour)
            self._total[length] = self._total[length] + self.path[hour] - gone

    def _ago(self, known: Floats32, ahead: Floats32, back: int, hour: int) -> Floats32:
        """Value so many hours before an hour ahead: ``(series,)`` in the past, ``(draw, series)`` ahead."""
        place = hour - back
        return np.asarray(ahead[place] if place >= 0 else known[max(self._at + place, 0)])


def _usual_or_own(past: Floats32, period: int, gain: float) -> Floats32:
    """Usual values; in the first period, of which nothing is usual yet, what was there."""
    known = usual(past, period, gain)
    return np.where(np.isnan(known), past, known)


def _mean(values: Floats32) -> Floats32:
    return np.asarray(values.mean(axis=-1, keepdims=True))
