"""What occasions of one kind do: measured factors → draws of the factor of every occasion, past or ahead.

Place in the line: after `uplift`; `occurring` takes effects out of the past and puts them into draws.

The logarithm of the factor of occasion o in part p of the day, for the series of a group g and one resource:

    factor[o, g, p] = kind + part[p] + occasion[o] + group[g] + group_part[g, p] + rest[o, g, p]

Each term but the first is normal about 0 with a spread of its own that is learnt (half-normal priors), so that a
kind that happened once is believed to vary as much as such things do, and one that was always the same to vary
as little as it did. A new occasion takes the kind's term and a new draw of its own, common to all that it
touches: sums widen with it. Gibbs sampling (Gelman et al. 2013, ch. 11 and 15) of what groups share, from at
most `PANEL` groups; each group's own terms are then drawn exactly, as each is independent of the others given
what is shared.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import Floats

PANEL = 48
"""Groups that a kind is learnt from at most."""

KIND_SD = 0.4
"""Prior spread of a kind's log factor: before anything is known of it, 0.6 to 1.7 times the usual is likely."""

SPREADS = {"part": 0.2, "occasion": 0.25, "group": 0.3, "group_part": 0.15, "rest": 0.15}
"""Scales of the half-normal priors of the spreads of the other terms."""

KEPT, BURNT, THIN = 250, 150, 2

_TINY = 1e-12
_SMALLEST = 1e-3  # of a spread
_STRIDE = 0.6  # of the Metropolis steps, on the logarithm of a spread


@dataclass(frozen=True, slots=True)
class Measured:
    """All occasions of a kind as they were measured.

    Parameters
    ----------
    factor, variance
        ``(occasion, group, part, resource)``; NaN where not measured, or not yet.
    expected
        What is expected of each occasion: log factor and standard deviation ``(occasion, 2)``; NaN if nothing.
    """

    factor: Floats
    variance: Floats
    expected: Floats


@dataclass(frozen=True, slots=True)
class Shared:
    """Draws of what groups share, ``(draw, …, resource)``."""

    kind: Floats
    part: Floats
    occasion: Floats
    spread: dict[str, Floats]

    def level(self, number: int) -> Floats:
        """What one draw makes of each occasion, of all groups alike: ``(occasion, part, resource)``."""
        return np.asarray((self.kind[number] + self.occasion[number])[:, None] + self.part[number])


def learn_kind(measured: Measured, key: tuple[int, ...]) -> Shared:
    """Draw what groups share from its posterior, by Gibbs sampling.

    Parameters
    ----------
    measured
        Of the kind; occasions that were not measured are drawn as new ones.
    key
        Seeds the draws. Resources meet the same random numbers, so that an occasion that turns out large does so
        for all.
    """
    rng = np.random.default_rng([*key, 11])
    measured = _panel(measured, rng)
    y, known = np.nan_to_num(measured.factor), np.isfinite(measured.factor)
    variance = np.where(known, measured.variance, 1.0)
    groups, parts, resources = y.shape[1:]
    told = np.isfinite(measured.expected[:, 0])
    belief = told / np.where(told, measured.expected[:, 1], 1.0) ** 2  # precision, (occasion,)
    says = np.nan_to_num(measured.expected[:, 0])
    # Where a kind never happened, what is expected of it stands in for what is known.
    hoped = (belief * says).sum() / max(belief.sum(), _TINY)
    centre = np.where(known.any(axis=(0, 1, 2)), 0.0, hoped)
    scale = {name: np.full(resources, 0.7 * prior) for name, prior in SPREADS.items()}
    part, own = np.zeros((parts, resources)), np.zeros((groups, parts, resources))

    kept: list[tuple[Floats, Floats, Floats, dict[str, Floats]]] = []
    for step in range(BURNT + KEPT * THIN):
        weight = known / (variance + scale["rest"] ** 2)
        kind, occasion = _kind(y - part - own, weight, scale["occasion"], centre, (belief, says), rng)
        level = (kind + occasion)[:, None, None]
        total = weight.sum(axis=(0, 1))
        precision = total + scale["part"] ** -2
        part = (weight * (y - level - own)).sum(axis=(0, 1)) / precision
        part += rng.standard_normal((parts, 1)) / np.sqrt(precision)
        total = weight.sum(axis=0)
        mean = (weight * (y - level - part)).sum(axis=0) / np.maximum(total, _TINY)
        group, group_part = own_terms(mean, total, scale["group"], scale["group_part"], rng)
        own = group[..., None, :] + group_part
        terms = {"part": part, "occasion": occasion, "group": group, "group_part": group_part}
        for name, term in terms.items():
            scale[name] = _moved(scale[name], SPREADS[name], *_sizes(term), rng)
        rest = (y - level - part - own) ** 2
        scale["rest"] = _moved_rest(scale["rest"], rest, variance, known, rng)
        if step >= BURNT and (step - BURNT) % THIN == 0:
            kept.append((kind, part, occasion, dict(scale)))
    spread = {name: np.stack([x[3][name] for x in kept]) for name in SPREADS}
    kinds, of_parts, of_occasions = (np.stack(x) for x in zip(*(y[:3] for y in kept), strict=True))
    return Shared(kinds, of_parts, of_occasions, spread)


def own_terms(
    mean: Floats, total: Floats, group_sd: Floats, part_sd: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw a group's own terms given what groups share, exactly: ``(…, resource)`` and ``(…, part, resource)``.

    Parameters
    ----------
    mean, total
        What is left of the measured factors, and its precision, ``(…, part, resource)``.
    group_sd, part_sd
        Spreads of the two terms; they match ``(…, resource)``.
    """
    told = 1 / (part_sd[..., None, :] ** 2 + 1 / np.maximum(total, _TINY))
    precision = group_sd**-2 + told.sum(axis=-2)
    group = (told * mean).sum(axis=-2) / precision
    group = group + rng.standard_normal((*group.shape[:-1], 1)) / np.sqrt(precision)
    precise = part_sd[..., None, :] ** -2 + total
    own = total * (mean - group[..., None, :]) / precise
    return group, own + rng.standard_normal((*own.shape[:-1], 1)) / np.sqrt(precise)


def _kind(
    left: Floats,
    weight: Floats,
    spread: Floats,
    centre: Floats,
    expected: tuple[Floats, Floats],
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Draw the kind's term ``(resource,)`` and, given it, those of its occasions ``(occasion, resource)``."""
    belief, says = expected
    total = weight.sum(axis=(1, 2)) + belief[:, None]
    mean = ((weight * left).sum(axis=(1, 2)) + (belief * says)[:, None]) / np.maximum(total, _TINY)
    told = 1 / (spread**2 + 1 / np.maximum(total, _TINY))
    precision = KIND_SD**-2 + told.sum(axis=0)
    kind = (centre * KIND_SD**-2 + (told * mean).sum(axis=0)) / precision
    kind = kind + rng.standard_normal() / np.sqrt(precision)
    precise = spread**-2 + total
    occasion = total * (mean - kind) / precise
    return kind, occasion + rng.standard_normal((len(occasion), 1)) / np.sqrt(precise)


def _sizes(term: Floats) -> tuple[Floats, int]:
    flat = term.reshape(-1, term.shape[-1])
    return (flat**2).sum(axis=0), len(flat)


def _moved(spread: Floats, prior: float, square: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Move the spread of a term by a Metropolis step on its logarithm, each resource by itself."""

    def density(s: Floats) -> Floats:
        return np.asarray(-count * np.log(s) - square / (2 * s**2) - s**2 / (2 * prior**2) + np.log(s))

    return _step(spread, density, rng)


def _moved_rest(
    spread: Floats, square: Floats, variance: Floats, known: NDArray[np.bool_], rng: np.random.Generator
) -> Floats:
    def density(s: Floats) -> Floats:
        both = variance + s**2
        fit = -(known * (np.log(both) + square / both)).sum(axis=(0, 1, 2)) / 2
        return np.asarray(fit - s**2 / (2 * SPREADS["rest"] ** 2) + np.log(s))

    return _step(spread, density, rng)


def _step(spread: Floats, density: Callable[[Floats], Floats], rng: np.random.Generator) -> Floats:
    proposed = np.maximum(spread * np.exp(_STRIDE * rng.standard_normal(spread.shape)), _SMALLEST)
    taken = np.log(rng.random(spread.shape)) < density(proposed) - density(spread)
    return np.where(taken, proposed, spread)


def _panel(measured: Measured, rng: np.random.Generator) -> Measured:
    """Leave out groups without a measured factor, and of many take some."""
    some = np.flatnonzero(np.isfinite(measured.factor).any(axis=(0, 2, 3)))
    if some.size > PANEL:
        some = np.sort(rng.choice(some, PANEL, replace=False))
    return Measured(measured.factor[:, some], measured.variance[:, some], measured.expected)


def own_of(shared: Shared, measured: Measured, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw the own terms of each group for each draw of what groups share: ``(draw, group, part, resource)``."""
    y, known = np.nan_to_num(measured.factor), np.isfinite(measured.factor)
    variance = np.where(known, measured.variance, 1.0)
    out = np.empty((len(shared.kind), *y.shape[1:]), dtype=np.float32)
    for number in range(len(out)):
        weight = known / (variance + shared.spread["rest"][number] ** 2)
        level = shared.level(number)[:, None]
        total = weight.sum(axis=0)
        mean = (weight * (y - level)).sum(axis=0) / np.maximum(total, _TINY)
        group_sd, part_sd = (shared.spread[name][number] for name in ("group", "group_part"))
        group, group_part = own_terms(mean, total, group_sd, part_sd, rng)
        out[number] = group[:, None] + group_part
    return out


def drawn(
    shared: Shared, own: NDArray[np.float32], measured: Measured, place: int, draws: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw the log factors of one occasion: ``(draw, group, part, resource)``.

    Where it was measured already, because it goes on, the rest of each factor is drawn about that.
    """
    y, known = np.nan_to_num(measured.factor[place]), np.isfinite(measured.factor[place])
    precise = known / np.where(known, measured.variance[place], 1.0)
    out = np.empty((draws, *y.shape), dtype=np.float32)
    for number in range(draws):
        at = number % len(shared.kind)
        mean = shared.level(at)[place] + own[at]
        precision = precise + shared.spread["rest"][at] ** -2
        rest = precise * (y - mean) / precision
        out[number] = mean + rest + rng.standard_normal(y.shape) / np.sqrt(precision)
    return out


def believed(shared: Shared, own: NDArray[np.float32], measured: Measured, place: int) -> Floats:
    """Return the posterior mean of the log factors of one occasion, ``(group, part, resource)``."""
    y, known = np.nan_to_num(measured.factor[place]), np.isfinite(measured.factor[place])
    variance = np.where(known, measured.variance[place], 1.0)
    total = np.zeros(y.shape)
    for number in range(len(own)):
        mean = shared.level(number)[place] + own[number]
        told = shared.spread["rest"][number] ** 2
        total += mean + known * (y - mean) * told / (told + variance)
    return total / len(own)
