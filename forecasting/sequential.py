"""New hours enter the statistics of a block; hours that have entered are not looked at again.

Place in the line: over `components.linear`; `state` keeps what is carried, `forecast` conditions on it.

By how far a series lies from its rough fit an hour is believed, and that fit rests on the whole past. It is made
once and carried along, so that an hour counts the same whenever it enters, alone or with others.

    kept, now = entered(None, history, basis, remembered, begin=0, upto=984)
    kept, now = entered(kept, history, basis, remembered, begin=984, upto=1008)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import Basis, Floats, memory, sized
from forecasting.components.linear import Conditioned, condition, features_of
from forecasting.conditionals import Learnt
from forecasting.history import History
from forecasting.sufficient import Statistics, advance, nothing
from forecasting.trust import Fit, fit_of

_CHUNK = 256  # series whose features are held at once


@dataclass(frozen=True, slots=True)
class Carried:
    """What is carried on of the series of a block, for one linear component.

    Parameters
    ----------
    fit
        By which hours are believed.
    statistics
        Of the hours that have entered.
    """

    fit: Fit
    statistics: Statistics

    @classmethod
    def joined(cls, parts: Sequence["Carried"]) -> "Carried":
        """Return that of the series of all parts, one after the other."""
        fit = Fit(
            np.concatenate([part.fit.coefficient for part in parts]),
            np.concatenate([part.fit.variance for part in parts]),
        )
        return cls(fit, Statistics.joined([part.statistics for part in parts]))

    def of_series(self, series: NDArray[np.intp]) -> "Carried":
        """Return that of some of the series."""
        return Carried(self.fit.of_series(series), self.statistics.of_series(series))

    def of_features(self, size: int) -> "Carried":
        """Return that of the first features, so many; NaN for those that there are not."""
        of = self.statistics
        gram, moment = sized(of.gram, size, axes=2, rest=np.nan), sized(of.moment, size, rest=np.nan)
        fit = replace(self.fit, coefficient=sized(self.fit.coefficient, size, rest=np.nan))
        return Carried(fit, replace(of, gram=gram, moment=moment))


@dataclass(frozen=True, slots=True)
class Turn:
    """What one run does with the statistics of a block.

    Parameters
    ----------
    history
        Of the block, from the first hour that has entered on.
    before
        What was carried, by linear component; one that is not there is made from scratch.
    begin
        Hours of the past that have entered it.
    upto
        Hours of the past that may enter for good; later ones may still be corrected, and count for this run only.
    """

    history: History
    before: Mapping[str, Carried]
    begin: int
    upto: int

    def taken(
        self, history: History, learnt: Mapping[str, Learnt]
    ) -> tuple[dict[str, Carried], dict[str, Conditioned]]:
        """Return what is carried on, and what the past says of the block, by linear component.

        ``history`` is the end of the longer one, as far as components look back.
        """
        kept, conditioned = {}, {}
        for name, known in learnt.items():
            remembered = memory(self.history.filled, self.history.block, known.basis)
            before = self.before.get(name)
            begin = 0 if before is None else self.begin
            kept[name], now = entered(before, self.history, known.basis, remembered, begin, self.upto)
            conditioned[name] = condition(history, known, {history.length: now}, remembered[-history.length :])
        return kept, conditioned


def entered(
    before: Carried | None, history: History, basis: Basis, remembered: Floats, begin: int, upto: int
) -> tuple[Carried, Statistics]:
    """Return what is carried on after the hours up to ``upto``, and the statistics of the whole past.

    Parameters
    ----------
    before
        Of the first ``begin`` hours; None to begin from scratch, with ``begin`` 0.
    history
        Of the block.
    basis
        The component's features.
    remembered
        Of `basis.memory`, ``(time, series, memory feature)``.
    begin, upto
        Hours of the past.
    """
    since = replace(history, time=history.time[begin:], events=history.events[:, begin:])
    parts, now = [], []
    for first in range(0, history.scores.shape[1], _CHUNK):
        some = np.arange(first, min(first + _CHUNK, history.scores.shape[1]))
        scores = history.scores[begin:, some]
        features = features_of(since.of_series(some), basis, remembered[begin:, some])
        if before is None:
            known = Carried(fit_of(scores, features)[0], nothing(len(some), basis.size))
        else:
            known = before.of_series(some)
        trust = known.fit.trust(scores, features)
        cut = upto - begin
        kept = advance(known.statistics, scores[:cut], features[:cut], trust[:cut])
        parts.append(Carried(known.fit, kept))
        now.append(advance(kept, scores[cut:], features[cut:], trust[cut:]))
    return Carried.joined(parts), Statistics.joined(now)
