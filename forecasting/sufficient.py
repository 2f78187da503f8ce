"""History → weighted sufficient statistics: all that a linear component ever sees of a series.

Place in the line: after `basis`; `model` learns from the statistics, `components.linear` conditions each group on
its own.

For a linear model with normal noise, the history of a series enters its likelihood only through XᵀWX, XᵀWy,
yᵀWy and the sum of the weights. Weights fade with a half-life, since what a group did two months ago says little
of tomorrow; new hours enter by `advance`, which costs the same however long the history is.

The model works in coordinates that suit it. First the features are whitened within each resource (by L⁻ᵀ of the
pooled XᵀWX = LLᵀ), so that all coefficients are of one scale. Then each is divided by how far groups differ in
it, relative to the others. At last XᵀWX of each series is diagonalised: a rotation costs nothing in a prior that
is the same in every direction, and leaves the likelihood of a series as a product over features.

    statistics = advance(nothing(series, features), scores, values)
    frame = frame_of(statistics, moves, events=0)
    rotated = rotate(statistics, frame.plain)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import Floats

HALF_LIFE_HOURS = 21 * 24
"""Hours after which an observation counts half. Ten days to six weeks were about as good on real usage."""

FINEST = 1e-4  # scores are not known better than this; keeps the noise of a perfectly regular series above 0
_SHRINK_HOURS = 10.0  # of the groups' rough estimates, towards the pooled one
_SHRINK_GROUPS = 3.0  # of how far they differ in a coefficient, towards the average over coefficients
_RIDGE = 1e-4  # relative: a feature that never varies must not make the whitening singular


@dataclass(frozen=True, slots=True)
class Statistics:
    """Sufficient statistics of each series, for the plain features.

    Parameters
    ----------
    gram, moment
        XᵀWX ``(series, feature, feature)`` and XᵀWy ``(series, feature)``.
    energy, hours
        ``(series,)``: yᵀWy, and how many hours there are, weighted by their age alone.
    """

    gram: Floats
    moment: Floats
    energy: Floats
    hours: Floats

    def of_series(self, series: NDArray[np.intp]) -> "Statistics":
        """Return the statistics of some of the series."""
        return Statistics(self.gram[series], self.moment[series], self.energy[series], self.hours[series])

    @classmethod
    def joined(cls, parts: Sequence["Statistics"]) -> "Statistics":
        """Return the statistics of the series of all parts, one after the other."""
        return cls(
            np.concatenate([part.gram for part in parts]),
            np.concatenate([part.moment for part in parts]),
            np.concatenate([part.energy for part in parts]),
            np.concatenate([part.hours for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """The coordinates θ in which the model of one resource works.

    Parameters
    ----------
    plain
        ``(feature, feature)``: the coefficients of the plain features are ``plain · θ``.
    stretch
        ``(feature,)``: the whitened coefficients are ``stretch · θ``; mean square 1.
    pooled, own
        ``(feature,)`` and ``(series, feature)``: rough estimates of θ, of all as one and of each for itself.
    """

    plain: Floats
    stretch: Floats
    pooled: Floats
    own: Floats


@dataclass(frozen=True, slots=True)
class Rotated:
    """Statistics in the coordinates of a frame, diagonal for each series.

    With v = rotation · θ, the weighted sum of squared errors of a series is
    ``energy − 2 · projection · v + Σ eigenvalue · v²``.

    Parameters
    ----------
    eigenvalue, projection
        ``(series, feature)``.
    rotation
        ``(series, feature, feature)``, orthogonal; its rows are the eigenvectors of XᵀWX.
    energy, hours
        ``(series,)``.
    """

    eigenvalue: Floats
    projection: Floats
    rotation: Floats
    energy: Floats
    hours: Floats

    def of_series(self, series: NDArray[np.intp]) -> "Rotated":
        """Return some of the series."""
        return Rotated(
            self.eigenvalue[series],
            self.projection[series],
            self.rotation[series],
            self.energy[series],
            self.hours[series],
        )


def recency(length: int) -> Floats:
    """Return the weight of each of ``length`` hours; 1 for the latest."""
    return np.asarray(0.5 ** (np.arange(length)[::-1] / HALF_LIFE_HOURS))


def nothing(series: int, features: int) -> Statistics:
    """Return the statistics of no history."""
    return Statistics(
        np.zeros((series, features, features)), np.zeros((series, features)), np.zeros(series), np.zeros(series)
    )


def advance(statistics: Statistics, scores: Floats, features: Floats, trust: Floats | float = 1.0) -> Statistics:
    """Let what is known fade and add the hours that came since; the work is that of the new hours only.

    Parameters
    ----------
    statistics
        Of the hours before.
    scores, features
        Of the new hours, ``(time, series)`` and ``(time, series, feature)``; an hour counts for a series if its
        score and all of its features are known.
    trust
        Weight of each new hour beside its age, ``(time, series)``: see `trust`.
    """
    fade = 0.5 ** (len(scores) / HALF_LIFE_HOURS)
    usable = np.isfinite(scores) & np.isfinite(features).all(axis=-1)
    counted = (recency(len(scores))[:, None] * usable).T  # (series, time)
    weight = counted * np.broadcast_to(trust, scores.shape).T
    y = np.where(usable, scores, 0.0).T
    x = np.ascontiguousarray(np.where(usable[..., None], features, 0.0).transpose(1, 0, 2))
    weighted = (x * weight[..., None]).transpose(0, 2, 1)
    return Statistics(
        gram=statistics.gram * fade + weighted @ x,
        moment=statistics.moment * fade + (weighted @ y[..., None])[..., 0],
        energy=statistics.energy * fade + (weight * (y**2 + FINEST**2)).sum(axis=1),
        hours=statistics.hours * fade + counted.sum(axis=1),
    )


def frame_of(statistics: Statistics, moves: NDArray[np.bool_], events: slice) -> Frame:
    """Return the coordinates that suit the series of one resource.

    Parameters
    ----------
    statistics
        Of the series of the resource.
    moves
        ``(series,)``: those that take part; constant ones would distort the whitening.
    events
        Columns that are left as they are: an event may not have happened yet, and then there is nothing to
        whiten it by.
    """
    counts = moves.astype(np.float64)
    size = statistics.gram.shape[-1]
    total = float((statistics.hours * counts).sum())
    plain = _unwhitening((statistics.gram * counts[:, None, None]).sum(axis=0), total, events)
    gram, moment = moved(statistics.gram, statistics.moment, plain)
    ridge = np.eye(size)
    pooled = np.linalg.solve(
        (gram * counts[:, None, None]).sum(axis=0) + ridge, (moment * counts[:, None]).sum(axis=0)
    )
    rough = gram + _SHRINK_HOURS * ridge
    step = np.linalg.solve(rough, (moment - gram @ pooled)[..., None])[..., 0]
    stretch = _relative_spread(np.asarray(step), counts)
    return Frame(plain * stretch, stretch, pooled / stretch, (pooled + step) / stretch)


def rotate(statistics: Statistics, plain: Floats) -> Rotated:
    """Put statistics into the coordinates that ``plain (feature, feature)`` is of, diagonal for each series."""
    gram, moment = moved(statistics.gram, statistics.moment, plain)
    eigenvalue, vectors = np.linalg.eigh((gram + np.swapaxes(gram, -1, -2)) / 2)
    rotation = np.ascontiguousarray(np.swapaxes(vectors, -1, -2))
    return Rotated(
        eigenvalue=np.maximum(eigenvalue, 0.0),
        projection=(rotation @ moment[..., None])[..., 0],
        rotation=rotation,
        energy=statistics.energy,
        hours=statistics.hours,
    )


def moved(gram: Floats, moment: Floats, back: Floats) -> tuple[Floats, Floats]:
    """Return XᵀWX and XᵀWy for coefficients of which ``back`` makes the present ones."""
    return back.T @ gram @ back, moment @ back


def _unwhitening(gram: Floats, hours: float, events: slice) -> Floats:
    """Return L⁻ᵀ of the mean XᵀWX = LLᵀ, the identity for ``events`` and where there is nothing to go by."""
    size = len(gram)
    unwhiten = np.eye(size)
    kept = np.setdiff1d(np.arange(size), np.arange(size)[events])
    if hours > 0:
        within = np.ix_(kept, kept)
        lower = np.linalg.cholesky(gram[within] / hours + _RIDGE * np.eye(len(kept)))
        unwhiten[within] = np.linalg.inv(lower).T
    return unwhiten


def _relative_spread(steps: Floats, counts: Floats) -> Floats:
    """Return how far groups differ in each coefficient, with mean square 1: ``(feature,)``.

    The mean square of the groups' steps from the pooled estimate, drawn towards that of all features where groups
    are few.
    """
    square = (steps**2 * counts[:, None]).sum(axis=0)
    overall = square.mean()
    groups = max(counts.sum(), 1.0)
    relative = (square + _SHRINK_GROUPS * overall / groups) / (groups + _SHRINK_GROUPS)
    scale = relative.mean()
    return np.sqrt(relative / scale) if scale > 0 else np.ones_like(relative)
