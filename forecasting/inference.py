"""Inference: the posterior of the shared parameters, and the gate that it must pass.

Place in the line: after `model`; `components.linear` draws from what passes. It decides who samples.

Given how far groups differ, the posterior is smooth and close to normal in the coordinates of `model`. So it is
approximated by normals along that one scale (Laplace), with draws weighted by Pareto-smoothed importance sampling
(Vehtari et al. 2024): exact in the limit, and with a diagnostic, k̂, that says when it is not. Where that fails, or
where asked for, NUTS samples.

    posterior = infer(data, seed=1)
    posterior.diagnostics.pareto_k
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from forecasting.basis import Floats
from forecasting.density import Density, normals_of, pareto_smoothed
from forecasting.errors import FitError
from forecasting.marginal import SCALES
from forecasting.model import Data, build, feed
from forecasting.nuts import sample

DRAWS = 1000
"""Draws of the shared parameters that are kept."""

MOST_PARETO_K = 0.7
"""Above it, importance weights cannot be relied on (Vehtari et al. 2024)."""

HOPELESS_PARETO_K = 1.0
"""From here on the weights have no mean. Between the two, Laplace is taken only where NUTS fails as well."""

_PROPOSALS = 2000
_ROUNDS = 8
_ATTEMPTS = 3
_LEAST_VARIANCE = 0.1  # of a scale, relative to that at the mode
_FREEDOM = 6.0  # of the Student t from which the scales are proposed


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What says whether a posterior can be believed; numbers that its method does not have are NaN.

    Parameters
    ----------
    method
        ``laplace`` or ``nuts``.
    pareto_k
        Shape of the tail of the importance weights of Laplace; above `MOST_PARETO_K` only where NUTS failed too.
    effective_draws
        Draws that the weighted or dependent ones are worth.
    max_r_hat, divergences
        Of NUTS.
    """

    method: str
    pareto_k: float
    effective_draws: float
    max_r_hat: float = float("nan")
    divergences: int = 0


@dataclass(frozen=True, slots=True)
class Posterior:
    """Joint draws of the shared parameters of one resource, in the coordinates of its frame.

    Parameters
    ----------
    region_mean
        ``(draw, region, feature)``.
    between_groups, noise, likeness
        ``(draw,)``; ``(draw, region)`` where regions were learnt in parts.
    diagnostics
        Of the draws.
    """

    region_mean: Floats
    between_groups: Floats
    noise: Floats
    likeness: Floats
    diagnostics: Diagnostics


def infer(
    data: Data, seed: int, method: str = "laplace", progress: Callable[[float], None] | None = None
) -> Posterior:
    """Return the posterior of the shared parameters.

    Parameters
    ----------
    data
        Of the series of one resource; of many, a panel.
    seed
        Same data and seed, same draws.
    method
        ``laplace``, which falls back to NUTS where its check fails, or ``nuts``.
    progress
        Is given the share of NUTS that is done.

    Raises
    ------
    FitError
        If Laplace is hopeless and NUTS does not pass its gate; the message says what is wrong and what to do.
    """
    near = None
    # A single proposal far out can spoil all weights; another set of them is minutes quicker than NUTS.
    for attempt in range(1, _ATTEMPTS + 1 if method == "laplace" else 1):
        found = laplace(data, np.random.default_rng([seed, attempt]))
        if found is not None and found.diagnostics.pareto_k <= MOST_PARETO_K:
            return found
        near = near or found
    feed(build(), data)
    try:
        chains, gate = sample(build(), _start(data), seed, progress)
    except FitError:
        if near is None:
            raise
        return near  # its diagnostics tell, and whoever asked is told
    diagnostics = Diagnostics("nuts", float("nan"), gate.min_bulk_ess, gate.max_r_hat, gate.divergences)
    names = ("region_mean", "between_groups", "noise", "likeness")
    return thinned(Posterior(**{name: chains[name] for name in names}, diagnostics=diagnostics))


def thinned(posterior: Posterior) -> Posterior:
    """Return `DRAWS` draws, evenly taken; chains have at least so many."""
    taken = np.linspace(0, len(posterior.noise) - 1, DRAWS).round().astype(np.intp)
    return Posterior(
        region_mean=posterior.region_mean[taken],
        between_groups=posterior.between_groups[taken],
        noise=posterior.noise[taken],
        likeness=posterior.likeness[taken],
        diagnostics=posterior.diagnostics,
    )


def joined(parts: Sequence[Posterior]) -> Posterior:
    """Return the posteriors of several parts of the regions as one; its diagnostics are the worst of each kind."""
    each = [part.diagnostics for part in parts]

    def by_region(name: str) -> Floats:
        repeated = [np.repeat(getattr(p, name)[:, None], p.region_mean.shape[1], axis=1) for p in parts]
        return np.concatenate(repeated, axis=1)

    return Posterior(
        region_mean=np.concatenate([part.region_mean for part in parts], axis=1),
        between_groups=by_region("between_groups"),
        noise=by_region("noise"),
        likeness=by_region("likeness"),
        diagnostics=Diagnostics(
            method="nuts" if any(x.method == "nuts" for x in each) else each[0].method,
            pareto_k=float(np.fmax.reduce([x.pareto_k for x in each])),
            effective_draws=min(x.effective_draws for x in each),
            max_r_hat=float(np.fmax.reduce([x.max_r_hat for x in each])),
            divergences=sum(x.divergences for x in each),
        ),
    )


def laplace(data: Data, rng: np.random.Generator) -> Posterior | None:
    """Return importance-weighted draws of the normal approximation; nothing where they are hopeless.

    Where the weights are unreliable, the proposal of the scales is moved to the weighted draws' moments and the
    check is made anew (adaptive importance sampling; Paananen, Piironen, Bürkner and Vehtari 2021).
    """
    density = Density(data)
    mode = density.mode(np.concatenate([np.log([data.rough_noise, 3.0, 0.1]), np.zeros(density.size - SCALES)]))
    normals = None if mode is None else normals_of(density, *mode)
    if normals is None:
        return None
    middle, wide = normals.scales()
    for _ in range(_ROUNDS):
        # The three scales come first and have heavier tails than a normal: with few groups they are little known.
        raw = rng.standard_t(_FREEDOM, (_PROPOSALS, SCALES))
        standard = rng.standard_normal((_PROPOSALS, density.size))
        standard[:, :SCALES] = middle + raw @ wide.T
        points, log_volume = normals.points(standard)
        values, _, means = density.at(points)
        proposed = (
            student.logpdf(raw, _FREEDOM).sum(axis=1)
            - np.log(np.diag(wide)).sum()
            - (standard[:, SCALES:] ** 2).sum(axis=1) / 2
            - log_volume
        )
        log_weight = values - proposed
        if not np.isfinite(log_weight).all():
            return None
        smoothed, pareto_k = pareto_smoothed(log_weight - log_weight.max())
        weight = np.exp(smoothed - smoothed.max())
        weight /= weight.sum()
        if pareto_k <= MOST_PARETO_K:
            break
        # Where the scales lie is known better now than at the mode: moments of the weighted draws.
        middle = weight @ standard[:, :SCALES]
        away = standard[:, :SCALES] - middle
        wide = np.linalg.cholesky((away * weight[:, None]).T @ away + _LEAST_VARIANCE * np.eye(SCALES))
    if not pareto_k < HOPELESS_PARETO_K:
        return None
    # Systematic resampling: as few repeats as the weights allow.
    taken = np.searchsorted(np.cumsum(weight), (np.arange(DRAWS) + rng.random()) / DRAWS).clip(max=_PROPOSALS - 1)
    taken = rng.permutation(taken)
    scale = np.exp(points[taken, :SCALES])
    return Posterior(
        region_mean=means[taken],
        noise=scale[:, 0],
        likeness=scale[:, 1],
        between_groups=scale[:, 2],
        diagnostics=Diagnostics("laplace", pareto_k, float(1 / (weight**2).sum())),
    )


def _start(data: Data) -> dict[str, Floats]:
    regions, features = data.rough_mean.shape
    return {
        "noise": np.asarray(data.rough_noise),
        "likeness": np.asarray(3.0),
        "between_groups": np.asarray(0.1),
        "shared": np.zeros(features),
        "place": np.zeros((regions, features)),
    }
