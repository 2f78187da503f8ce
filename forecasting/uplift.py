"""What past occasions did: the factor by which demand was other than usual in their hours, and how sure that is.

Place in the line: after `occasions`; `effects` pools what is measured here.

Usual is the weighted mean of the root of demand in the same hours of the weeks before and after, as far as they
are known and no occasion touches them; of the days around, where no week is. How far a week's same hours are
from what the other weeks make of them, where nothing happened, says how far a factor may be off by chance: a
placebo test (after Abadie, Diamond and Hainmueller 2010), which takes bursts and drift as they come.

    measured = measure(occasion, roots, busy, first_hour)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, WEEK, Floats
from forecasting.occasions import PARTS, Occasion

WEEKS, FADE = 8, 0.7
"""Weeks before and after that are looked at, and how much less each counts than the one nearer by."""

_DAYS, _OF_A_DAY = 6, 1e-3  # days around count where no week is known, and else next to nothing
_LEAST_SHARE = 0.5  # of an hour, for the hour to be measured
_LEAST_HOURS = 0.5  # of those of a part of the day that have to be known
_FLOOR = 0.02  # of the usual mean, below which a root is as good as none: keeps factors finite
_SMALLEST = 0.01  # sd of a log factor; nobody knows one better


@dataclass(frozen=True, slots=True)
class Uplift:
    """Log factors of an occasion, ``(touched group, part of the day, resource)``; NaN where not measured.

    Parameters
    ----------
    factor
        Logarithm of demand over usual demand.
    variance
        Of that, by chance.
    usual
        Root of usual demand in each hour, ``(touched group, resource, hour)``; NaN where not known.
    """

    factor: Floats
    variance: Floats
    usual: Floats


def measure(
    occasion: Occasion, roots: Floats, busy: NDArray[np.bool_], others: NDArray[np.bool_], first: int
) -> Uplift:
    """Measure one occasion.

    Parameters
    ----------
    occasion
        May reach beyond what is known, or lie there.
    roots
        Root of demand, ``(group, resource, time)``, NaN where not known.
    busy
        Whether an occasion touches the hour, ``(group, time)``.
    others
        Hours ``(group, time)`` that are not measured, because something else happened as well.
    first
        Hours since 1970 UTC of the first hour of ``roots``.

    References
    ----------
    Abadie, Diamond and Hainmueller (2010), "Synthetic control methods for comparative case studies", JASA 105.
    """
    groups, hours, resources = occasion.groups, occasion.hours, roots.shape[1]
    at = occasion.first - first
    shifts = [(sign * k * WEEK, FADE ** (k - 1)) for k in range(1, WEEKS + 1) for sign in (-1, 1)]
    shifts += [(sign * k * DAY, _OF_A_DAY) for k in range(1, _DAYS + 1) for sign in (-1, 1)]
    total, weights = np.zeros((len(groups), resources, hours)), np.zeros((len(groups), resources, hours))
    taken = []
    for shift, weight in shifts:
        values = _window(roots, busy, groups, at + shift, hours)
        if values is None:
            continue
        known = np.isfinite(values)
        total += weight * np.where(known, values, 0.0)
        weights += weight * known
        taken.append((shift, weight))
    usual = np.where(weights > 0, total / np.where(weights > 0, weights, 1.0), np.nan)
    here = _window(roots, others, groups, at, hours)
    covered = (occasion.share >= _LEAST_SHARE)[:, None]
    member = np.logical_and(occasion.part[:, None] == np.arange(PARTS)[:, None], covered)
    if here is None:
        blank = np.full((len(groups), PARTS, resources), np.nan)
        return Uplift(blank, blank, usual)
    factor = _ratio(here, usual, member)
    square, counted = np.zeros_like(factor), np.zeros_like(factor)
    for shift, weight in taken:
        values = _window(roots, busy, groups, at + shift, hours)
        assert values is not None  # noqa: S101 - only those were taken
        known = np.isfinite(values)
        left = weights - weight * known
        rivals = np.where(
            left > 1e-9, (total - weight * np.where(known, values, 0.0)) / np.maximum(left, 1e-9), np.nan
        )
        apart = _ratio(values, rivals, member)
        seen = np.isfinite(apart)
        square += weight * np.where(seen, apart, 0.0) ** 2
        counted += weight * seen
    own = np.where(counted > 0, square / np.where(counted > 0, counted, 1.0), np.nan)
    middle = np.nanmedian(own) if np.isfinite(own).any() else 1.0
    # A handful of weeks says little of a variance: drawn towards the middle one, which counts as two.
    variance = (np.where(counted > 0, square, 0.0) + 2 * middle) / (counted + 2) + _SMALLEST**2
    return Uplift(factor, np.where(np.isfinite(factor), variance, np.nan), usual)


def _window(
    roots: Floats, busy: NDArray[np.bool_] | None, groups: NDArray[np.intp], begin: int, hours: int
) -> Floats | None:
    """Return the hours from ``begin`` on ``(touched, resource, hour)``, NaN outside; None where all are."""
    low, high = max(begin, 0), min(begin + hours, roots.shape[2])
    if low >= high:
        return None
    out = np.full((len(groups), roots.shape[1], hours), np.nan)
    part = roots[groups, :, low:high]
    if busy is not None:
        part = np.where(busy[groups, None, low:high], np.nan, part)
    out[:, :, low - begin : high - begin] = part
    return out


def _ratio(values: Floats, usual: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return 2 log of the sums of roots, by part of the day: ``(touched, part, resource)``."""
    known = (np.isfinite(values) & np.isfinite(usual)).astype(np.float64)
    member = inside.astype(np.float64)
    wanted = member.sum(axis=2)[:, :, None]
    count = np.einsum("gph,grh->gpr", member, known)
    above = np.einsum("gph,grh->gpr", member, np.where(known > 0, values, 0.0))
    below = np.einsum("gph,grh->gpr", member, np.where(known > 0, usual, 0.0))
    mean = np.where(known > 0, usual, 0.0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)  # (touched, resource)
    floor = _FLOOR * mean[:, None] * count
    fair = (count > 0) & (count >= _LEAST_HOURS * wanted) & (below + floor > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(fair, 2 * np.log((above + floor) / (below + floor)), np.nan)
