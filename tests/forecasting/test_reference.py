"""The reference is the same model as the fast road's, and the fast road finds what it finds."""

import numpy as np
import pytest
from posteriors import coordinates
from scipy import stats

from benchmarks.reference import FEW, HOURS, compare, small_usage
from forecasting.basis import Basis, memory
from forecasting.chance import chance_at
from forecasting.components.linear import features_of, statistics_of
from forecasting.density import Density
from forecasting.history import history_of
from forecasting.model import data_of
from forecasting.nuts import Effort
from forecasting.reference import Judged, build_reference, panel_of, paths, reference_posterior
from forecasting.sufficient import Statistics, recency, rotate


def blocks(hours=HOURS, ahead=24):
    history, _ = history_of(small_usage(3).isel(time=slice(0, hours)), ahead)
    return [history.of_series(np.flatnonzero(history.block == block)) for block in np.unique(history.block)]


def fed(histories, basis, panel):
    known = [statistics_of(each, basis, [each.length])[each.length] for each in histories]
    rotated = rotate(Statistics.joined(known), panel.frame.plain)
    return data_of(rotated, panel.frame, np.ones(len(panel.region), dtype=bool), panel.region)


def test_a_panel_has_every_hour_with_its_weight_in_the_coordinates_of_the_frame():
    histories = blocks()
    panel = panel_of(histories, FEW)
    assert panel.region.tolist() == [0, 0, 0, 1, 1, 1]
    usable = np.isfinite(features_of(histories[1], FEW, memory(histories[1].filled, histories[1].block, FEW))).all(
        -1
    )
    np.testing.assert_array_equal(panel.weight[:, 3:], recency(HOURS)[:, None] * usable)
    whitened = np.einsum("ts,tsf,tsg->fg", panel.weight, panel.features, panel.features) / panel.weight.sum()
    np.testing.assert_allclose(whitened, np.diag(panel.frame.stretch**2), atol=1e-3)


def test_the_fast_density_is_the_reference_s_over_that_of_coefficients_and_noise_given_the_rest():
    """p(shared | y) = p(shared, θ, σ² | y) / p(θ, σ² | shared, y), whatever θ and σ² are."""
    histories = blocks()
    panel = panel_of(histories, FEW)
    data, model = fed(histories, FEW, panel), build_reference(panel)
    density, joint = Density(data), model.compile_logp(mode="FAST_COMPILE")
    rng = np.random.default_rng(5)
    apart = []
    for _ in range(6):
        point = np.concatenate([np.log([0.3, 4.0, 0.3]), np.zeros(density.size - 3)])
        point += rng.normal(0, 0.5, density.size)
        noise, likeness, between, shared, mean, counted = coordinates(point, data)
        fast = density.at(point[None])[0][0] - counted

        left, log_variance = rng.normal(0, 1, (6, FEW.size)), rng.normal(-2.6, 0.3, 6)
        value = joint(
            {
                "noise_log__": point[0],
                "likeness_log__": point[1],
                "between_groups_log__": point[2],
                "shared": shared,
                "region_mean": mean,
                "variance_log__": log_variance,
                "left": left,
            }
        )
        theta, jacobian = uncounted(left, log_variance, between, mean, panel)
        inside = conditional(theta, log_variance, (noise, likeness, between), mean, panel)
        apart.append(fast - (value - jacobian - inside))
    np.testing.assert_allclose(apart, apart[0], atol=1e-3)


def uncounted(left, log_variance, between, mean, panel):
    """Undo the coordinates that the reference counts θ in."""
    own = panel.weight.sum(axis=0)[:, None] * panel.frame.stretch**2
    middle = (mean[panel.region] / between**2 + own * panel.frame.own) / (between**-2 + own)
    unit = np.exp(log_variance / 2)[:, None] / np.sqrt(between**-2 + own)
    return middle + unit * left, np.log(unit).sum()


def conditional(theta, log_variance, scales, mean, panel):
    """Log density of θ and log σ² given what is shared: normal–inverse-gamma (Gelman et al. 2013, ch. 14)."""
    noise, likeness, between = scales
    total = 0.0
    for g, region in enumerate(panel.region):
        x, w, y = panel.features[:, g], panel.weight[:, g], panel.scores[:, g]
        precision = np.eye(x.shape[1]) / between**2 + (x.T * w) @ x
        centre = np.linalg.solve(precision, mean[region] / between**2 + (x.T * w) @ y)
        squares = w @ y**2 + (mean[region] ** 2).sum() / between**2 - centre @ precision @ centre
        variance = np.exp(log_variance[g])
        total += stats.multivariate_normal.logpdf(theta[g], centre, variance * np.linalg.inv(precision))
        rate = likeness * noise**2 + squares / 2
        total += stats.invgamma.logpdf(variance, likeness + w.sum() / 2, scale=rate) + log_variance[g]
    return total


def test_paths_are_what_the_coefficients_say_hour_by_hour():
    history = blocks()[0]
    basis = Basis(harmonics=1, lags=(1, 24), block_lags=(1,))
    theta = np.tile([0.1, 0.2, 0.3, 0.5, 0.2, 0.1], (4, 3, 1))
    judged = Judged(None, theta, np.full((4, 3), 1e-9), np.zeros(3, dtype=np.intp), np.eye(6))
    ahead = paths(judged, history, basis, chance_at(history.time, HOURS, 24, 4, (1,)), draws=4)
    known = history.filled.copy()
    for hour in range(24):
        angle = 2 * np.pi * ((HOURS + hour) % 24) / 24
        expected = 0.1 + 0.2 * np.sin(angle) + 0.3 * np.cos(angle) + 0.5 * known[-1] + 0.2 * known[-24]
        known = np.vstack([known, np.clip(expected + 0.1 * known[-1].mean(), history.lowest, history.highest)])
        np.testing.assert_allclose(ahead[hour], np.tile(known[-1], (4, 1)), atol=1e-6)


def test_paths_that_would_run_away_have_the_trend_of_the_component():
    history = blocks()[0]
    basis = Basis(harmonics=0, lags=(1,))
    theta = np.tile([0.2, 1.0], (4, 3, 1))
    judged = Judged(None, theta, np.full((4, 3), 1e-9), np.zeros(3, dtype=np.intp), np.eye(2))
    ahead = paths(judged, history, basis, chance_at(history.time, HOURS, 24, 4, (1,)), draws=4)
    rest = history.filled[-168:].mean(axis=0)
    growth = 0.2 / (1 + 25)  # an hour ago it was lower by that
    expected = 0.01 * (rest + growth * 168 / 2) + 0.99 * (history.filled[-1] + growth)
    np.testing.assert_allclose(
        ahead[0], np.tile(np.clip(expected, history.lowest, history.highest), (4, 1)), atol=1e-6
    )


def close(found):
    assert {name: far for name, far in found.means.items() if far >= 0.1} == {}
    assert {name: ratio for name, ratio in found.spreads.items() if not 0.9 < ratio < 1.1} == {}
    assert abs(found.crps - 1) < 0.01
    assert len(found.pareto_k) >= 0.9 * found.seeds
    assert found.effective_draws > 1000  # the judge's own error of a mean is then 0.03 standard deviations


@pytest.mark.slow
def test_the_fast_road_finds_what_the_reference_finds():
    close(compare(small_usage(3), FEW, seed=1, seeds=30, effort=Effort(500, 1500, 0.8)))


@pytest.mark.slow
def test_a_reference_posterior_is_had_from_histories():
    judged = reference_posterior(blocks(200, 0), Basis(harmonics=1), seed=1)
    draws = len(judged.sigma)
    assert judged.posterior.region_mean.shape == (draws, 2, 3)
    assert judged.theta.shape == (draws, 6, 3)
    assert judged.posterior.diagnostics.max_r_hat < 1.05
