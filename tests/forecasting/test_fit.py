"""The gate, on chains made to be bad; and the posterior, on data made from the model itself."""

import numpy as np
import pytest
import xarray as xr

from forecasting.fit import choose_panel, complaints, diagnose, fit
from forecasting.sufficient import Statistics

rng = np.random.default_rng(5)


def chains(**values):
    return xr.Dataset({name: (("chain", "draw"), value) for name, value in values.items()})


def test_good_chains_pass():
    assert complaints(diagnose(chains(noise=rng.normal(size=(4, 500))), divergences=0)) == []


def test_chains_that_disagree_are_named():
    apart = rng.normal(size=(4, 500)) + np.arange(4)[:, None]
    diagnostics = diagnose(chains(noise=rng.normal(size=(4, 500)), likeness=apart), divergences=0)
    assert any("R-hat of 'likeness'" in text for text in complaints(diagnostics))


def test_chains_that_crawl_are_named():
    crawling = rng.normal(size=(4, 500)).cumsum(axis=1)
    assert any("independent" in text for text in complaints(diagnose(chains(noise=crawling), divergences=0)))


def test_a_stuck_chain_does_not_pass_as_perfect():
    assert complaints(diagnose(chains(noise=np.ones((4, 500))), divergences=0))


def test_divergences_are_counted():
    good = chains(noise=rng.normal(size=(4, 500)))
    assert complaints(diagnose(good, divergences=20)) == []
    assert any("diverged" in text for text in complaints(diagnose(good, divergences=21)))


def test_a_panel_has_every_region():
    regions = np.array([0] * 200 + [1] * 3 + [2])
    panel = choose_panel(regions, np.random.default_rng(1))
    assert len(panel) == 48
    assert np.bincount(regions[panel]).tolist() == [44, 3, 1]
    assert choose_panel(regions[-4:], np.random.default_rng(1)).tolist() == [0, 1, 2, 3]


def made(groups: int, hours: int, truth: np.ndarray, between: float, noise: float, seed: int):
    """Statistics of groups drawn from the model with independent features, in its own coordinates."""
    source = np.random.default_rng(seed)
    features = truth.shape[-1]
    sigma = noise * np.sqrt(5.0 / source.gamma(5.0, size=groups))
    theta = truth + between * sigma[:, None] * source.normal(size=(groups, features))
    eigenvalue, projection = np.empty((groups, 1, features)), np.empty((groups, 1, features))
    rotation, energy, own = (
        np.empty((groups, 1, features, features)),
        np.empty((groups, 1)),
        np.empty((groups, 1, features)),
    )
    for g in range(groups):
        x = source.normal(size=(hours, features))
        y = x @ theta[g] + sigma[g] * source.normal(size=hours)
        values, vectors = np.linalg.eigh(x.T @ x)
        eigenvalue[g, 0], rotation[g, 0] = values, vectors.T
        projection[g, 0], energy[g, 0] = vectors.T @ (x.T @ y), y @ y
        own[g, 0] = np.linalg.solve(x.T @ x, x.T @ y)
    unit = np.eye(features)[None]
    count = np.full((groups, 1), float(hours))
    return Statistics(
        eigenvalue, projection, rotation, energy, count, unit, np.ones((1, features)), own.mean(axis=0), own
    )


@pytest.mark.slow
def test_the_posterior_finds_the_truth_that_made_the_data():
    truth = np.array([0.5, -0.3, 0.1, 0.0])
    statistics = made(groups=40, hours=300, truth=truth, between=0.3, noise=0.4, seed=2)
    shares = []
    posterior = fit(
        statistics, np.ones((40, 1), dtype=bool), np.zeros(40, dtype=np.intp), seed=1, progress=shares.append
    )
    for draws, value in (
        (posterior.between_groups[:, 0], 0.3),
        (posterior.noise[:, 0], 0.4),
        (posterior.likeness[:, 0], 5.0),
        *((posterior.region_mean[:, 0, 0, k], truth[k]) for k in range(4)),
    ):
        lower, upper = np.quantile(draws, [0.005, 0.995])
        assert lower < value < upper
    assert posterior.between_groups.std() < 0.05  # and it has learnt: the prior's is 0.26
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] <= 1
    again = fit(statistics, np.ones((40, 1), dtype=bool), np.zeros(40, dtype=np.intp), seed=1)
    np.testing.assert_array_equal(again.region_mean, posterior.region_mean)
