"""The posterior, on series made from the model itself, and what happens where the fast road does not lead."""

import numpy as np
import pytest
import xarray as xr
from posteriors import Truth, data_from, design, scores_of

from forecasting import inference, nuts
from forecasting.density import Density, normals_of, pareto_smoothed
from forecasting.errors import FitError
from forecasting.inference import DRAWS, MOST_PARETO_K, infer, laplace
from forecasting.model import NOISE, REGION_SCALE, SHARED_SCALE, build, data_of, feed
from forecasting.nuts import Effort, sample
from forecasting.sufficient import advance, frame_of, nothing, rotate

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


FEATURES, SEEN, NEVER = 20, 2, 3  # number of features; columns of events
EFFECT = np.array([0.8, 1.2, 1.0, 0.9, 1.1, 1.6])  # of the event that was seen, by region


def eventful(groups=1, hours=500, seed=4):
    """Few groups, many features that resemble each other, and two events: a day of one, of the other none yet.

    Each region has ``groups`` groups of its own, and features that resemble each other in its own way; in the last
    nobody had the day. Returns what the model is fed, and the matrix that leads back to plain coefficients.
    """
    rng = np.random.default_rng(seed)
    region = np.repeat(np.arange(len(EFFECT)), groups)
    mixed = rng.normal(size=(len(EFFECT), FEATURES, FEATURES)) * 0.7 ** np.arange(FEATURES)[:, None]
    x = np.einsum("hsf,sfg->hsg", rng.normal(size=(hours, len(region), FEATURES)), mixed[region])
    x[..., 0] = 1.0
    x[..., [SEEN, NEVER]] = 0.0
    x[300:324, region < len(EFFECT) - 1, SEEN] = 1.0
    theta = np.full((len(region), FEATURES), 0.02) + rng.normal(0, 0.02, (len(region), FEATURES))
    theta[:, SEEN] = EFFECT[region]
    scores = (x * theta).sum(axis=-1) + rng.normal(0, 0.3, (hours, len(region)))
    known, moves = advance(nothing(len(region), FEATURES), scores, x), np.ones(len(region), dtype=bool)
    frame = frame_of(known, moves, slice(SEEN, NEVER + 1))
    return data_of(rotate(known, frame.plain), frame, moves, region), frame.plain


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_laplace_passes_where_groups_are_few_and_events_rare(seed):
    data, plain = eventful(seed=seed)
    posterior = laplace(data, np.random.default_rng(seed))
    assert posterior is not None
    assert posterior.diagnostics.pareto_k <= MOST_PARETO_K
    assert posterior.diagnostics.effective_draws > DRAWS / 2
    effect = posterior.region_mean @ plain.T  # (draw, region, feature)
    mean, spread = effect.mean(axis=0), effect.std(axis=0)
    # Where it happened it is found; where it did not, it is what the others say, and far less certain.
    assert (np.abs(mean[:-1, SEEN] - EFFECT[:-1]) < 0.25).all()
    assert 0.5 < mean[-1, SEEN] < 1.2
    assert spread[-1, SEEN] > 2 * spread[:-1, SEEN].max()
    # What never happened keeps its prior, in units of scores.
    np.testing.assert_allclose(mean[:, NEVER], 0.0, atol=0.1)
    np.testing.assert_allclose(spread[:, NEVER], np.hypot(SHARED_SCALE, REGION_SCALE), rtol=0.15)


def test_where_the_scales_lie_is_known_before_a_draw_is_made():
    data, _ = eventful()
    density = Density(data)
    start = np.concatenate([np.log([data.rough_noise, 3.0, 0.1]), np.zeros(density.size - 3)])
    mode = density.mode(start)
    assert mode is not None
    place, lower = mode
    normals = normals_of(density, place, lower)
    assert normals is not None
    middle, _ = normals.scales()
    expected = (place[:3] + lower[:3, :3] @ middle)[-1]
    posterior = laplace(data, np.random.default_rng(1))
    assert posterior is not None
    drawn = np.log(posterior.between_groups)
    assert expected == pytest.approx(drawn.mean(), abs=0.3 * drawn.std())
    assert place[2] < drawn.mean() - 2 * drawn.std()  # the mode of all is no place to begin from


def test_at_the_mode_the_normal_of_the_means_is_that_of_laplace():
    density = Density(made(groups=3))
    mode = density.mode(np.concatenate([np.log([0.4, 3.0, 0.1]), np.zeros(density.size - 3)]))
    assert mode is not None
    place, lower = mode
    standard = np.random.default_rng(1).normal(size=(5, density.size))
    standard[:, :3] = 0.0
    normals = normals_of(density, place, lower)
    assert normals is not None
    points, log_volume = normals.points(standard)
    np.testing.assert_allclose(points, place + standard @ lower.T, atol=1e-4)
    np.testing.assert_allclose(log_volume, np.log(np.diag(lower)[3:]).sum(), atol=1e-4)


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


def test_another_set_of_proposals_is_tried_before_minutes_go_into_nuts(monkeypatch):
    tried = []

    def once_unlucky(data, rng):
        tried.append(rng)
        return None if len(tried) == 1 else laplace(data, rng)

    monkeypatch.setattr(inference, "laplace", once_unlucky)
    assert infer(made(groups=3, hours=60), seed=1).diagnostics.method == "laplace"
    assert len(tried) == 2


@pytest.fixture
def demanding(monkeypatch):
    """Chains that do not pass their gate, behind a check that Laplace does not pass."""
    few = xr.Dataset({"noise": (("chain", "draw"), np.random.default_rng(1).normal(size=(4, 5)))})
    monkeypatch.setattr(inference, "MOST_PARETO_K", -np.inf)
    monkeypatch.setattr(nuts, "_chains", lambda *_: (few, 0))


def test_what_nuts_does_not_pass_either_is_left_to_laplace_where_it_is_not_hopeless(demanding):
    assert infer(made(groups=3, hours=60), seed=1).diagnostics.method == "laplace"


def test_what_is_hopeless_for_both_is_refused_in_words(demanding, monkeypatch):
    monkeypatch.setattr(inference, "HOPELESS_PARETO_K", -np.inf)
    with pytest.raises(FitError, match=r"worth only \d+ independent ones.*give a longer history"):
        infer(made(groups=3, hours=60), seed=1)


def test_the_tail_that_is_judged_is_that_of_large_weights():
    light = -np.random.default_rng(1).exponential(size=2000) * 3  # log weights: many small, none large
    assert pareto_smoothed(light)[1] < 0.5
    assert pareto_smoothed(-light)[1] > 1
