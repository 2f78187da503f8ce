"""Innovations of a region's linear components with less in common than whole rows: a factor model, or nothing.

The product takes whole rows of past residuals. A factor model takes only the common part of a row whole, and what
is left of each series from a row of its own. As many factors as series are whole rows again; with none, nothing is
tied. Rows are runs of the same hours of the day, recent ones likelier, as `forecasting.chance` draws them.

Arrays: ``unit (time, series)``, past residuals of scale 1; ``rows (draw, hour)``, the row that all series take;
``own (draw, hour, series)``, that of each series; innovations ``(draw, hour, series)``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import Floats
from forecasting.chance import Chance, bootstrap_rows
from forecasting.components.linear import Conditioned, Floats32
from forecasting.sufficient import recency

Rows = NDArray[np.intp]

_SHUFFLES, _LEVEL = 20, 0.95
_STILL = 1e-9


@dataclass(frozen=True, slots=True)
class Drawn(Conditioned):
    """What the past of a block says of its series, with innovations that are drawn already.

    Parameters
    ----------
    drawn
        ``(draw · hour, series)``, for a chance whose rows are `in_order`.
    """

    drawn: Floats32

    def innovations(self, at: int) -> Floats32:
        """Return what was drawn, whatever the hour."""
        return self.drawn


def in_order(rows: Rows) -> Rows:
    """Return rows of the same shape that take for each draw and hour what was drawn for it."""
    return np.arange(rows.size).reshape(rows.shape)


def own_rows(time: NDArray[np.datetime64], chance: Chance, series: int) -> Rows:
    """Draw rows for each series by itself, by the law of those that the product draws for all."""
    draws = len(chance.rows)
    each = (np.random.default_rng([*chance.key, 9, number]) for number in range(series))
    return np.stack([bootstrap_rows(time, chance.at, chance.hours, draws, rng) for rng in each], axis=-1)


def with_factors(unit: Floats32, rows: Rows, own: Rows, factors: int) -> Floats32:
    """Draw innovations whose common part is that of a row, and the rest of each series that of its own row.

    The common part is what the first principal components of the correlation give back, so its factor scores are
    those that were seen. A sum of parts of two rows has thinner tails than a row; so that only dependence differs,
    the values of the whole rows are put in the order of the sums, hour by hour and series by series.
    """
    series = unit.shape[1]
    if factors >= series:
        return unit[rows]
    standard, spread = _standardised(unit)
    _, vectors = np.linalg.eigh(_correlation(standard))  # ascending
    loading = vectors[:, series - factors :]
    common = (standard @ loading @ loading.T * spread).astype(np.float32)
    summed = common[rows] + (unit - common)[own, np.arange(series)]
    rank = summed.argsort(axis=0).argsort(axis=0)
    return np.take_along_axis(np.sort(unit[rows], axis=0), rank, axis=0)


def factors_found(unit: Floats32, seed: int) -> int:
    """Count the factors that stand out: eigenvalues of the correlation above those of shuffled series.

    References
    ----------
    Horn (1965), "A rationale and test for the number of factors in factor analysis", Psychometrika 30, with the
    95 % quantile of the shuffled eigenvalues in place of their mean.
    """
    rng = np.random.default_rng([seed, 10])
    standard, _ = _standardised(unit)
    seen = _eigenvalues(standard)
    by_chance = [_eigenvalues(rng.permuted(standard, axis=0)) for _ in range(_SHUFFLES)]
    return int(np.cumprod(seen > np.quantile(by_chance, _LEVEL, axis=0)).sum())


def _standardised(unit: Floats32) -> tuple[Floats, Floats]:
    """Return residuals over their spread, and the spread; hours count as often as they are drawn."""
    weight = recency(len(unit))[:, None]
    spread = np.sqrt((weight * unit.astype(np.float64) ** 2).sum(axis=0) / weight.sum())
    return unit / np.maximum(spread, _STILL), spread


def _correlation(standard: Floats) -> Floats:
    weight = recency(len(standard))[:, None]
    return np.asarray((weight * standard).T @ standard / weight.sum())


def _eigenvalues(standard: Floats) -> Floats:
    return np.asarray(np.linalg.eigvalsh(_correlation(standard))[::-1])
