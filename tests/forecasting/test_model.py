"""The marginal density, against the model that it is the integral of, and its gradient."""

from dataclasses import replace

import numpy as np
import pytensor
import pytest
from posteriors import Truth, coordinates, data_from, design, scores_of
from scipy import stats
from scipy.special import gammaln, logsumexp

from forecasting import marginal
from forecasting.density import Density
from forecasting.model import BETWEEN, LIKENESS, NOISE, REGION_SCALE, SHARED_SCALE, Data, build, feed
from forecasting.sufficient import Rotated

PARAMETERS = ("noise", "likeness", "between_groups", "shared", "place")  # in the order of a point
TRUTH = Truth(noise=0.4, likeness=4.0, between_groups=0.3, region_mean=np.array([[0.5, -0.3], [0.2, 0.1]]))


def case(stretch=(1.0, 1.0), hours=30):
    rng = np.random.default_rng(4)
    x = design(regions=2, groups=2, hours=hours, features=2, rng=rng)
    x.weight[:] = 0.5 ** (np.arange(hours)[::-1] / 20)
    _, _, scores = scores_of(TRUTH, x, rng)
    return x, scores, data_from(scores, x, np.array(stretch))


def value(density, point):
    return density.at(point[None])[0][0]


def points(density, count=4):
    rng = np.random.default_rng(8)
    for _ in range(count):
        yield np.concatenate([np.log([0.4, 4.0, 0.3]), np.zeros(density.size - 3)]) + rng.normal(
            0, 0.4, density.size
        )


def prior_density(point, data):
    """Of the vector: the priors in plain coordinates, and the Jacobian of the way there."""
    noise, likeness, between, shared, mean, jacobian = coordinates(point, data)
    scales = zip((noise, likeness, between), (NOISE, LIKENESS, BETWEEN), strict=True)
    of_scales = sum(stats.norm.logpdf(np.log(value), *prior) for value, prior in scales)
    of_shared = stats.norm.logpdf(shared, 0, SHARED_SCALE / data.stretch).sum()
    of_means = stats.norm.logpdf(mean, shared, REGION_SCALE / data.stretch).sum()
    return of_scales + of_shared + of_means + jacobian


def integrated_over_theta(sigma, series, x, scores, mean, between):
    """Log likelihood of weighted hours with θ ~ N(mean, (between · σ)²) integrated out, from every hour.

    The weight multiplies the log density of an hour. For the integral over θ that is noise of variance σ²/weight,
    apart from a factor: the joint density of normal scores is then a multivariate normal.
    """
    weight, features = x.weight, x.features[series]
    covariance = sigma**2 * (np.diag(1 / weight) + between**2 * features @ features.T)
    joint = stats.multivariate_normal.logpdf(scores[series], features @ mean[x.region[series]], covariance)
    of_hour = weight * -np.log(sigma) + np.log(2 * np.pi) / 2 * (1 - weight)
    return joint + (of_hour + np.log(sigma) - np.log(weight) / 2).sum()


def by_quadrature(point, data, x, scores):
    """Log density with θ integrated out over hours and σ² over a grid."""
    noise, likeness, between, _, mean, _ = coordinates(point, data)
    grid = np.linspace(np.log(0.01), np.log(10), 1500)  # log σ
    prior = stats.invgamma.logpdf(np.exp(2 * grid), likeness, scale=likeness * noise**2) + np.log(2) + 2 * grid
    total = prior_density(point, data)
    for series in range(len(scores)):
        values = [integrated_over_theta(np.exp(s), series, x, scores, mean, between) for s in grid]
        total += logsumexp(np.array(values) + prior) + np.log(grid[1] - grid[0])
    return total


@pytest.mark.parametrize("stretch", [(1.0, 1.0), (1.3, 0.5)])
def test_the_density_is_the_integral_over_coefficients_and_noise_of_every_group(stretch):
    x, scores, data = case(stretch)
    density = Density(data)
    apart = [value(density, point) - by_quadrature(point, data, x, scores) for point in points(density)]
    np.testing.assert_allclose(apart, apart[0], atol=1e-6)


def test_the_gradient_is_that_of_the_density():
    _, _, data = case()
    density = Density(data)
    for point in points(density, count=2):
        step = 1e-5 * np.eye(density.size)
        slope = [(value(density, point + s) - value(density, point - s)) / 2e-5 for s in step]
        np.testing.assert_allclose(density.at(point[None])[1][0], slope, rtol=1e-5, atol=1e-5)


def test_the_region_means_of_a_point_are_the_ones_in_its_density():
    _, _, data = case()
    density = Density(data)
    for point in points(density, count=2):
        np.testing.assert_allclose(density.at(point[None])[2][0], coordinates(point, data)[4], rtol=1e-12)


def uneven(weight):
    """Statistics of three regions of 1, 4 and 2 series, mixed up, with 5 features; ``weight`` of the first one."""
    rng = np.random.default_rng(6)
    region = np.array([1, 0, 1, 2, 1, 2, 1])
    weights = np.where(region == 0, weight, 1.0)
    rotation = np.stack([np.linalg.qr(rng.normal(size=(5, 5)))[0] for _ in region])
    eigenvalue = rng.gamma(2.0, 30.0, (7, 5))
    rotated = Rotated(eigenvalue, rng.normal(0, 20, (7, 5)), rotation, np.full(7, 900.0), rng.uniform(500, 900, 7))
    return Data(
        rotated=rotated,
        weight=weights,
        region=region,
        stretch=rng.uniform(0.5, 1.5, 5),
        rough_mean=rng.normal(0, 0.3, (3, 5)),
        rough_shared=rng.normal(0, 0.3, 5),
        rough_noise=0.5,
        information=rng.gamma(2.0, 50.0, (3, 5)),
        groups=np.array([weights[region == number].sum() for number in range(3)]),
    )


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_it_is_the_density_of_the_pymc_model_with_its_gradient_and_means(weight, monkeypatch):
    data = uneven(weight)
    feed(build(), data)
    values = [build().rvs_to_values[build()[name]] for name in PARAMETERS]
    log_density, (mean,) = build().logp(), build().replace_rvs_by_values([build()["region_mean"]])
    outputs = [log_density, *pytensor.grad(log_density, values), mean]
    of_pymc = build().compile_fn(outputs, inputs=values, point_fn=False, mode="FAST_COMPILE")
    density, apart = Density(data), []
    monkeypatch.setattr(marginal, "_CELLS", 80)  # in several parts
    some = np.stack(list(points(density, count=5)))
    for point, here, gradient, means in zip(some, *density.at(some), strict=True):
        there, *slopes, expected = of_pymc(*point[:3], point[3:8], point[8:].reshape(3, 5))
        apart.append(here - there)
        np.testing.assert_allclose(gradient, np.concatenate([np.ravel(x) for x in slopes]), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(means, expected, rtol=1e-12)
    np.testing.assert_allclose(apart, apart[0], rtol=1e-9)


def test_series_that_never_moved_say_nothing():
    x, scores, data = case()
    still = replace(data, weight=np.array([1.0, 1, 1, 0]))
    density = Density(data)
    some = list(points(density))
    whole = [value(density, point) for point in some]
    part = [value(Density(still), point) for point in some]
    alone = []
    for point in some:
        noise, likeness, between, _, mean, _ = coordinates(point, data)
        covariance = np.diag(1 / x.weight) + between**2 * x.features[3] @ x.features[3].T
        error = scores[3] - x.features[3] @ mean[1]
        squares, shape = error @ np.linalg.solve(covariance, error), likeness + x.weight.sum() / 2
        alone.append(
            gammaln(shape)
            - gammaln(likeness)
            + likeness * np.log(likeness * noise**2)
            - shape * np.log(likeness * noise**2 + squares / 2)
            - np.linalg.slogdet(covariance)[1] / 2
        )
    apart = np.array(whole) - part - alone
    np.testing.assert_allclose(apart, apart[0], atol=1e-8)
