"""The judge of the fast road: the same model with nothing integrated out, written the plain PyMC way.

Place in the line: beside `inference`; tests and `benchmarks.reference` hold the fast road to it, and nobody waits
for it otherwise. It shares with `inference` the features, the coordinates and the priors, and nothing of how the
posterior is found: every hour is in its likelihood, and every group's coefficients and noise are among its
parameters, so it rests on neither sufficient statistics nor conjugate integrals. `Settings.inference = "nuts"` is
something else: NUTS on the shared parameters alone, with those integrals, for panels of any size.

It is for small panels: a few regions of a few groups, a few hundred hours, minutes.

    judged = reference_posterior(histories, basis, seed=1)
    judged.posterior  # what `components.linear.Learnt` is made of
    paths(judged, history, basis, chance, draws=500)  # scores ahead, from its own coefficients
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import Basis, Floats, memory
from forecasting.chance import Chance
from forecasting.components.linear import bounded, features_of, statistics_of, trend
from forecasting.history import History
from forecasting.inference import Diagnostics, Posterior
from forecasting.model import BETWEEN, LIKENESS, NOISE, REGION_SCALE, SHARED_SCALE
from forecasting.nuts import Effort, sample
from forecasting.sufficient import Frame, Statistics, frame_of, recency
from forecasting.trust import SMALLEST_NOISE, t_weights, trust_of

with warnings.catch_warnings():
    # ArviZ 0.23 announces its next version in a warning, on import.
    warnings.simplefilter("ignore", FutureWarning)
    import pymc as pm

EFFORTS = (Effort(tune=500, draws=500, target_accept=0.8), Effort(tune=1500, draws=1500, target_accept=0.95))
"""More than `nuts.EFFORTS`: a judge should be surer than the judged."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The hours of the series of one resource, in the coordinates of a frame.

    Parameters
    ----------
    scores, weight
        ``(time, series)``: scores, and what each hour counts; 0 where the score or a feature is not known.
    features
        ``(time, series, feature)``; a score is expected to be ``features · θ``. 0 where not known. Like the
        scores, times the root of how far the hour is believed, see `trust`: the noise of such a score is σ.
    region
        Number of the region of each series, ``(series,)``.
    regions
        How many there are.
    frame
        The coordinates.
    """

    scores: Floats
    weight: Floats
    features: Floats
    region: NDArray[np.intp]
    regions: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Judged:
    """Draws of the reference posterior of one resource.

    Parameters
    ----------
    posterior
        Of what groups share; every draw of the chains.
    theta, sigma
        Of each series that moves: coefficients in the frame's coordinates ``(draw, series, feature)``, noise
        ``(draw, series)``.
    region
        Number of the region of each of them, ``(series,)``.
    plain
        ``(feature, feature)``: the coefficients of the plain features are ``plain · θ``.
    """

    posterior: Posterior
    theta: Floats
    sigma: Floats
    region: NDArray[np.intp]
    plain: Floats


def panel_of(histories: Sequence[History], basis: Basis) -> Panel:
    """Return the hours of blocks of one resource; series that never moved are left out, as the model does.

    ``histories`` is one of each block, all of the same length.
    """

    def moving(part: Callable[[History], Floats]) -> Floats:
        return np.concatenate([part(each)[:, each.moves] for each in histories], axis=1)

    statistics = [statistics_of(each, basis, [each.length])[each.length] for each in histories]
    known = Statistics.joined(
        [each.of_series(np.flatnonzero(of.moves)) for each, of in zip(statistics, histories, strict=True)]
    )
    plain = moving(lambda each: features_of(each, basis, memory(each.filled, each.block, basis)))
    scores = moving(lambda each: each.scores)
    region = np.concatenate([each.region[each.moves] for each in histories])
    first = basis.calendar_size
    frame = frame_of(known, np.ones(len(region), dtype=np.bool_), slice(first, first + len(basis.events)))
    usable = np.isfinite(scores) & np.isfinite(plain).all(axis=-1)
    root = np.sqrt(trust_of(scores, plain))
    return Panel(
        scores=np.where(usable, scores * root, 0.0),
        weight=recency(len(scores))[:, None] * usable,
        features=np.where(usable[..., None], plain * root[..., None], 0.0) @ frame.plain,
        region=region,
        regions=1 + max(int(each.region.max()) for each in histories),
        frame=frame,
    )


def build_reference(panel: Panel) -> pm.Model:
    """Return the model of a panel, nothing integrated out.

    The weight of an hour multiplies its log likelihood. That is not the same as noise of variance σ²/weight: an
    hour that counts half is half an observation of σ too. What `sufficient` adds to keep σ above 1e-4 is not here.

    Returns
    -------
    pymc.Model
        With ``noise``, ``likeness``, ``between_groups``, ``shared(feature)``, ``region_mean(region, feature)``,
        ``variance(series)`` and ``theta(series, feature)``.

    References
    ----------
    As of `model.build`; Ibrahim et al. (2015), "The power prior", for weighted likelihoods.
    """
    stretch = panel.frame.stretch
    series, features = panel.features.shape[1:]
    coords = {"series": range(series), "region": range(panel.regions), "feature": range(features)}
    with pm.Model(coords=coords) as model:
        noise = pm.LogNormal("noise", *NOISE)
        likeness = pm.LogNormal("likeness", *LIKENESS)
        between = pm.LogNormal("between_groups", *BETWEEN)
        shared = pm.Normal("shared", 0, SHARED_SCALE / stretch, dims="feature")
        mean = pm.Normal("region_mean", shared, REGION_SCALE / stretch, dims=("region", "feature"))
        variance = pm.InverseGamma("variance", alpha=likeness, beta=likeness * noise**2, dims="series")
        sigma = variance**0.5
        # Counted from about what a group's own hours and its region say together, in units of what is then left to
        # learn. It is a change of coordinates and no more; centred or not, NUTS gets stuck where groups are alike.
        own, likely = (panel.weight.sum(axis=0)[:, None] * stretch**2), between**-2
        middle = (likely * mean[panel.region] + own * panel.frame.own) / (likely + own)
        unit = sigma[:, None] / (likely + own) ** 0.5
        about, width = (mean[panel.region] - middle) / unit, between * sigma[:, None] / unit
        left = pm.Normal("left", about, width, dims=("series", "feature"))
        theta = pm.Deterministic("theta", middle + unit * left, dims=("series", "feature"))
        expected = (panel.features * theta).sum(axis=-1)
        hours = pm.logp(pm.Normal.dist(expected, sigma), panel.scores)
        pm.Potential("history", (panel.weight * hours).sum())
    return model


def sample_reference(
    panel: Panel, seed: int, progress: Callable[[float], None] | None = None, efforts: tuple[Effort, ...] = EFFORTS
) -> Judged:
    """Sample the model of a panel by NUTS.

    Raises
    ------
    FitError
        If the chains do not pass their gate; the message says what is wrong and what to do.
    """
    frame = panel.frame
    members = panel.region == np.arange(panel.regions)[:, None]  # (region, series)
    error = panel.scores - (panel.features * frame.own).sum(axis=-1)
    variance = np.maximum(_mean_square(error, panel.weight), SMALLEST_NOISE**2)
    start = {
        "noise": np.sqrt(np.median(variance)),
        "likeness": np.asarray(3.0),
        "between_groups": np.asarray(0.2),
        "shared": frame.pooled,
        "region_mean": np.stack([frame.own[of].mean(axis=0) if of.any() else frame.pooled for of in members]),
        "variance": variance,
        "left": np.zeros_like(frame.own),
    }
    chains, gate = sample(build_reference(panel), start, seed, progress, efforts)
    return Judged(
        posterior=Posterior(
            region_mean=chains["region_mean"],
            between_groups=chains["between_groups"],
            noise=chains["noise"],
            likeness=chains["likeness"],
            diagnostics=Diagnostics("reference", np.nan, gate.min_bulk_ess, gate.max_r_hat, gate.divergences),
        ),
        theta=chains["theta"],
        sigma=np.sqrt(chains["variance"]),
        region=panel.region,
        plain=frame.plain,
    )


def reference_posterior(
    histories: Sequence[History], basis: Basis, seed: int, progress: Callable[[float], None] | None = None
) -> Judged:
    """Return the reference posterior of the blocks of one resource; see `panel_of` and `sample_reference`."""
    return sample_reference(panel_of(histories, basis), seed, progress)


def paths(judged: Judged, history: History, basis: Basis, chance: Chance, draws: int) -> Floats:
    """Return scores ``(hour, draw, series)`` ahead of one block, from the reference's own coefficients and noise.

    Innovations are those of `components.linear`: rows of past residuals. Each path is walked the plain way: past
    and path go through the same features again at every hour. ``draws`` are taken evenly from the reference's.
    """
    taken = np.linspace(0, len(judged.sigma) - 1, draws).round().astype(np.intp)
    own = np.flatnonzero(judged.region == history.region[0])
    series, moving = len(history.block), np.flatnonzero(history.moves)
    coefficient, sigma = np.zeros((draws, series, basis.size)), np.zeros((draws, series))
    coefficient[:, moving] = judged.theta[np.ix_(taken, own)] @ judged.plain.T
    sigma[:, moving] = judged.sigma[np.ix_(taken, own)]

    features = features_of(history, basis, memory(history.filled, history.block, basis))
    error = history.scores - (features * coefficient.mean(axis=0)).sum(axis=-1)
    unit = np.where(np.isfinite(error), error, 0.0) / t_weights(error)[1]
    shock = sigma[:, None] * unit[chance.rows[:draws]]  # (draw, hour, series)
    settled, growth = bounded(coefficient, basis, history.filled)
    moved = shock.transpose(1, 0, 2)
    moved = moved + trend(settled, growth, basis, history.length, len(moved))
    return _walk(settled, history, basis, moved)


def _walk(coefficient: Floats, history: History, basis: Basis, shock: Floats) -> Floats:
    hours, draws, series = shock.shape
    block = np.repeat(np.arange(draws), series)
    known = np.tile(history.filled, (1, draws))  # (time, draw · series)
    every = history.of_series(np.tile(np.arange(series), draws))
    flat = coefficient.reshape(draws * series, -1)
    path = np.empty((hours, draws * series))
    for hour in range(hours):
        seen = np.concatenate([known, path[:hour], np.zeros((1, draws * series))])
        features = features_of(every, basis, memory(seen, block, basis))[-1]
        score = (features * flat).sum(axis=-1) + shock[hour].reshape(-1)
        path[hour] = np.clip(score, every.lowest, every.highest)
    return path.reshape(hours, draws, series)


def _mean_square(error: Floats, weight: Floats) -> Floats:
    return np.asarray((weight * error**2).sum(axis=0) / np.maximum(weight.sum(axis=0), 1.0))
