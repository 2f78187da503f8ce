"""Series drawn from the hierarchical model itself, so that what should be found in them is known."""

from dataclasses import dataclass

import numpy as np

from forecasting.model import BETWEEN, LIKENESS, NOISE, REGION_SCALE, SHARED_SCALE, Data, data_of
from forecasting.sufficient import Frame, Statistics, rotate


@dataclass(frozen=True)
class Truth:
    noise: float
    likeness: float
    between_groups: float
    region_mean: np.ndarray  # (region, feature)


@dataclass(frozen=True)
class Design:
    """What is known before any score is: features ``(series, hour, feature)``, weights ``(hour,)``, regions."""

    features: np.ndarray
    weight: np.ndarray
    region: np.ndarray


def design(regions: int, groups: int, hours: int, features: int, rng: np.random.Generator) -> Design:
    """Make independent features, equal weights, and as many groups in each region."""
    x = rng.normal(size=(regions * groups, hours, features))
    return Design(x, np.ones(hours), np.repeat(np.arange(regions), groups))


def from_prior(regions: int, features: int, rng: np.random.Generator) -> Truth:
    shared = rng.normal(0, SHARED_SCALE, features)
    return Truth(
        noise=rng.lognormal(*NOISE),
        likeness=rng.lognormal(*LIKENESS),
        between_groups=rng.lognormal(*BETWEEN),
        region_mean=rng.normal(shared, REGION_SCALE, (regions, features)),
    )


def scores_of(truth: Truth, design: Design, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw θ ``(series, feature)``, σ ``(series,)`` and scores ``(series, hour)``."""
    series, hours, features = design.features.shape
    sigma = truth.noise * np.sqrt(truth.likeness / rng.gamma(truth.likeness, size=series))
    apart = truth.between_groups * sigma[:, None] * rng.normal(size=(series, features))
    theta = truth.region_mean[design.region] + apart
    expected = np.einsum("shf,sf->sh", design.features, theta)
    return theta, sigma, expected + sigma[:, None] * rng.normal(size=(series, hours))


def data_from(scores: np.ndarray, design: Design, stretch: np.ndarray | None = None) -> Data:
    """Return what the model is fed, in the coordinates of the features themselves."""
    weighted = design.features * design.weight[:, None]
    gram = np.einsum("shf,shg->sfg", weighted, design.features)
    moment = np.einsum("shf,sh->sf", weighted, scores)
    series, size = moment.shape
    hours = np.full(series, design.weight.sum())
    statistics = Statistics(gram, moment, (design.weight * scores**2).sum(axis=1), hours)
    ridge = np.eye(size)
    frame = Frame(
        plain=ridge,
        stretch=np.ones(size) if stretch is None else stretch,
        pooled=np.linalg.solve(gram.sum(axis=0) + ridge, moment.sum(axis=0)),
        own=np.linalg.solve(gram + 10 * ridge, moment[..., None])[..., 0],
    )
    return data_of(rotate(statistics, frame.plain), frame, np.ones(series, dtype=bool), design.region)


def coordinates(point: np.ndarray, data: Data) -> tuple[float, float, float, np.ndarray, np.ndarray, float]:
    """Undo the coordinates that the model counts in: scales, what all share, region means; log Jacobian."""
    noise, likeness, between = np.exp(point[:3])
    regions, size = data.rough_mean.shape
    place = point[3 + size :].reshape(regions, size)
    sampling = 1 / (data.rough_noise**2 * (between**2 + 1 / data.information))
    tight = 1 / np.sqrt(data.groups[:, None] * sampling + (data.stretch / REGION_SCALE) ** 2)
    spread = REGION_SCALE / data.stretch
    wide = 1 / np.sqrt((data.stretch / SHARED_SCALE) ** 2 + (1 / (tight**2 + spread**2)).sum(axis=0))
    shared = data.rough_shared + wide * point[3 : 3 + size]
    return (
        noise,
        likeness,
        between,
        shared,
        data.rough_mean + tight * place,
        np.log(wide).sum() + np.log(tight).sum(),
    )
