"""The posterior, on series made from the model itself, and what happens where the fast road does not lead."""

import numpy as np
import pytest
from posteriors import Truth, data_from, design, scores_of

from forecasting import inference, nuts
from forecasting.density import pareto_smoothed
from forecasting.errors import FitError
from forecasting.inference import DRAWS, MOST_PARETO_K, infer, laplace
from forecasting.model import NOISE, REGION_SCALE, SHARED_SCALE, build, feed
from forecasting.nuts import Effort, sample

TRUTH = Truth(0.4, 5.0, 0.3, np.array([[0.5, -0.3, 0.1, 0.0], [0.2, -0.3, 0.4, 0.1]]))
SCALES = ("noise", "likeness", "between_groups")


def made(groups: int, hours: int = 200, truth: Truth = TRUTH, seed: int = 2):
    """Series of two regions, drawn from the model."""
    rng = np.random.default_rng(seed)
    x = design(2, groups, hours, truth.region_mean.shape[1], rng)
    return data_from(scores_of(truth, x, rng)[2], x)


def test_the_posterior_finds_the_truth_that_made_the_data():
    posterior = infer(made(groups=30), seed=1)
    found = [(getattr(posterior, name), getattr(TRUTH, name)) for name in SCALES]
    means = posterior.region_mean.reshape(DRAWS, -1)
    found += list(zip(means.T, TRUTH.region_mean.ravel(), strict=True))
    for draws, value in found:
        lower, upper = np.quantile(draws, [0.005, 0.995])
        assert lower <= value <= upper
    assert np.log(posterior.between_groups).std() < 0.1  # and it has learnt: the prior's is 1
    diagnostics = posterior.diagnostics
    assert diagnostics.method == "laplace"
    assert diagnostics.pareto_k <= MOST_PARETO_K
    assert diagnostics.effective_draws > DRAWS


def test_the_same_seed_gives_the_same_draws_whatever_came_in_between():
    data, other = made(groups=5), made(groups=3, seed=9)
    first = infer(data, seed=1)
    infer(other, seed=1)
    again, another = infer(data, seed=1), infer(data, seed=2)
    np.testing.assert_array_equal(first.region_mean, again.region_mean)
    np.testing.assert_array_equal(first.noise, again.noise)
    assert (first.noise != another.noise).all()


def test_draws_are_joint_and_not_in_order_of_weight():
    posterior = infer(made(groups=5), seed=1)
    assert len(np.unique(posterior.noise)) > 0.9 * DRAWS
    halves = np.log(posterior.between_groups).reshape(2, -1)
    assert abs(np.diff(halves.mean(axis=1))) < 4 * halves.std() * np.sqrt(2 / (DRAWS / 2))


def test_series_without_any_history_leave_the_prior():
    x = design(1, 2, 1, 2, np.random.default_rng(1))
    x.weight[:] = 0.0
    posterior = infer(data_from(np.zeros((2, 1)), x), seed=1)
    assert np.log(posterior.noise).std() == pytest.approx(NOISE[1], rel=0.15)
    assert posterior.region_mean.std() == pytest.approx(np.hypot(SHARED_SCALE, REGION_SCALE), rel=0.15)


@pytest.mark.slow
def test_nuts_on_the_same_density_agrees():
    data = made(groups=4)
    passed = [laplace(data, np.random.default_rng(seed)) for seed in range(20)]
    feed(build(), data)
    regions, features = data.rough_mean.shape
    start = {"noise": 0.4, "likeness": 3.0, "between_groups": 0.3}
    start |= {"shared": np.zeros(features), "place": np.zeros((regions, features))}
    chains, gate = sample(build(), start, seed=3, efforts=(Effort(500, 1500, 0.8),))
    assert gate.min_bulk_ess > 1000
    for name in (*SCALES, "region_mean"):
        quick = np.concatenate([getattr(each, name) for each in passed if each is not None])
        slow = chains[name]
        if name in SCALES:
            quick, slow = np.log(quick), np.log(slow)
        assert (np.abs(quick.mean(axis=0) - slow.mean(axis=0)) < 0.1 * slow.std(axis=0)).all(), name
        np.testing.assert_allclose(quick.std(axis=0), slow.std(axis=0), rtol=0.1, err_msg=name)


@pytest.mark.slow
def test_what_the_check_does_not_pass_goes_to_nuts(monkeypatch):
    monkeypatch.setattr(inference, "MOST_PARETO_K", -np.inf)
    shares = []
    posterior = infer(made(groups=3, hours=60), seed=1, progress=shares.append)
    diagnostics = posterior.diagnostics
    assert diagnostics.method == "nuts"
    assert np.isnan(diagnostics.pareto_k)
    assert diagnostics.max_r_hat <= nuts.MOST_R_HAT
    assert diagnostics.effective_draws >= nuts.LEAST_BULK_ESS
    assert posterior.region_mean.shape == (DRAWS, 2, 4)
    assert 0.9 < shares[-1] <= 1


@pytest.fixture
def demanding(monkeypatch):
    """A gate that NUTS does not pass, behind a check that Laplace does not pass."""
    monkeypatch.setattr(inference, "MOST_PARETO_K", -np.inf)
    monkeypatch.setattr(nuts, "LEAST_BULK_ESS", 1e6)


@pytest.mark.slow
def test_what_nuts_does_not_pass_either_is_left_to_laplace_where_it_is_not_hopeless(demanding):
    assert infer(made(groups=3, hours=60), seed=1).diagnostics.method == "laplace"


@pytest.mark.slow
def test_what_is_hopeless_for_both_is_refused_in_words(demanding, monkeypatch):
    monkeypatch.setattr(inference, "HOPELESS_PARETO_K", -np.inf)
    with pytest.raises(FitError, match=r"worth only \d+ independent ones.*give a longer history"):
        infer(made(groups=3, hours=60), seed=1)


def test_the_tail_that_is_judged_is_that_of_large_weights():
    light = -np.random.default_rng(1).exponential(size=2000) * 3  # log weights: many small, none large
    assert pareto_smoothed(light)[1] < 0.5
    assert pareto_smoothed(-light)[1] > 1
