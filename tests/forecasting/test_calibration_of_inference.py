"""Simulation-based calibration (Talts et al. 2018) of what groups share.

Truths are drawn from the priors of the model, scores from the truths, and the posterior of each is inferred by the
fast road. If it is right, the rank of a truth among the draws is uniform.

A data set that the fast road's own check, k-hat, would send to NUTS is left out; at most one in fifty may be (none
of the 240 was). The others stay uniform: the check sees the data and its own random numbers, never the truth, and
ranks that are uniform given the data are uniform over any kind of data.
"""

import numpy as np
from posteriors import data_from, design, from_prior, scores_of
from scipy import stats

from forecasting.inference import MOST_PARETO_K, laplace

REGIONS, GROUPS, HOURS, FEATURES = 2, 4, 100, 3
DRAWS = 99  # so that there are 100 ranks
WORST = 0.002  # of the p-values: one in fifty such tests of five quantities by two would fail by chance
NAMES = ("noise", "likeness", "between_groups", "a region's level", "another region's last")


def simulate(times: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return truths ``(simulation, quantity)``, draws ``(simulation, draw, quantity)``, and how many had none."""
    x = design(REGIONS, GROUPS, HOURS, FEATURES, np.random.default_rng(11))
    truths, draws, failed = [], [], 0
    for number in range(times):
        rng = np.random.default_rng([7, number])
        truth = from_prior(REGIONS, FEATURES, rng)
        posterior = laplace(data_from(scores_of(truth, x, rng)[2], x), rng)
        if posterior is None or posterior.diagnostics.pareto_k > MOST_PARETO_K:
            failed += 1
            continue
        both = (quantities(posterior, posterior.region_mean), quantities(truth, truth.region_mean))
        draws.append(both[0][:DRAWS])
        truths.append(both[1])
    return np.array(truths), np.array(draws), failed


def quantities(of, region_mean: np.ndarray) -> np.ndarray:
    scales = [np.log(of.noise), np.log(of.likeness), np.log(of.between_groups)]
    return np.stack([*scales, region_mean[..., 0, 0], region_mean[..., -1, -1]], axis=-1)


def p_values(truths: np.ndarray, draws: np.ndarray) -> dict[str, float]:
    """Return, for each quantity, the smaller p-value of chi-square over ten bins and Kolmogorov–Smirnov."""
    ranks = (draws < truths[:, None]).sum(axis=1)
    found = {}
    for name, of in zip(NAMES, ranks.T, strict=True):
        bins = np.bincount(of // 10, minlength=10)
        uniform = stats.kstest((of + 0.5) / (DRAWS + 1), "uniform").pvalue
        found[name] = float(min(stats.chisquare(bins).pvalue, uniform))
    return found


def check(times: int) -> tuple[np.ndarray, np.ndarray]:
    truths, draws, failed = simulate(times)
    assert failed <= 0.02 * times
    low = {name: p for name, p in p_values(truths, draws).items() if p < WORST}
    assert not low
    return truths, draws


def test_ranks_are_uniform_and_would_not_be_if_draws_were_too_narrow_or_too_wide_or_aside():
    truths, draws = check(240)
    middle, spread = draws.mean(axis=1, keepdims=True), draws.std(axis=1, keepdims=True)
    for wrong in (middle + 0.6 * (draws - middle), middle + 1.7 * (draws - middle), draws + 0.4 * spread):
        assert max(p_values(truths, wrong).values()) < WORST
