import numpy as np

from forecasting.basis import choose_basis
from forecasting.fit import Diagnostics, Posterior
from forecasting.predict import BLOCK_HOURS, bootstrap_rows, condition, filled, residuals
from forecasting.sufficient import summarise

START = np.datetime64("2026-01-05T00", "ns")
HOURS = START + np.arange(900) * np.timedelta64(1, "h")


def posterior_of(regions: int, resources: int, features: int, between: float, draws: int = 50) -> Posterior:
    return Posterior(
        region_mean=np.zeros((draws, regions, resources, features)),
        between_groups=np.full((draws, resources), between),
        noise=np.full((draws, resources), 0.3),
        likeness=np.full((draws, resources), 3.0),
        diagnostics=Diagnostics(1.0, 1000.0, 0, draws, 4, "noise"),
    )


def series(seed=1, groups=2):
    """Scores with a daily wave and noise of 0.3."""
    source = np.random.default_rng(seed)
    wave = np.sin(2 * np.pi * np.arange(900) / 24)
    return wave[:, None, None] + 0.3 * source.normal(size=(900, groups, 1))


def conditioned(between=10.0, draws=200):
    basis, scores = choose_basis(900), series()
    statistics = summarise(scores, HOURS, basis, np.ones((2, 1), dtype=bool))
    posterior = posterior_of(1, 1, basis.size, between)
    rng = np.random.default_rng(1)
    return condition(posterior, statistics, np.zeros(2, dtype=np.intp), draws, rng), basis, scores


def test_a_group_with_history_lives_on_it():
    made, _, _ = conditioned()
    np.testing.assert_allclose(made.noise.mean(axis=0), 0.3, atol=0.04)


def test_a_narrow_region_pulls_its_groups():
    free, basis, _ = conditioned(between=10.0)
    tied, _, _ = conditioned(between=1e-4)
    size = np.abs(free.coefficient.mean(axis=0)[..., 1 : basis.calendar_size]).max()
    assert size > 0.1
    assert np.abs(tied.coefficient.mean(axis=0)).max() < 0.1 * size


def test_residuals_have_a_mean_square_of_one_and_no_gaps():
    made, basis, scores = conditioned()
    scores[300:330, 0] = np.nan
    found = residuals(made, scores, HOURS, basis, np.random.default_rng(1))
    assert np.isfinite(found).all()
    np.testing.assert_allclose((found[400:] ** 2).mean(axis=0), 1.0, atol=0.2)


def test_rows_are_runs_from_about_the_same_hour():
    horizon = HOURS[-1] + np.arange(1, 50) * np.timedelta64(1, "h")
    rows = bootstrap_rows(900, HOURS, horizon, 300, np.random.default_rng(1))
    assert rows.shape == (300, 49)
    assert rows.min() >= 0
    assert rows.max() < 900
    ahead = (horizon.astype("datetime64[h]").astype(int) % 24)[None]
    then = rows % 24  # history starts at midnight
    assert (np.minimum((then - ahead) % 24, (ahead - then) % 24) <= 1).all()
    assert (np.diff(rows[:, :BLOCK_HOURS]) == 1).all()
    assert (rows > 450).mean() > 0.5  # the recent half is met more often


def test_gaps_are_filled_from_last_week_then_yesterday_then_the_last_hour():
    scores = np.arange(400.0)[:, None, None].copy()
    scores[300] = np.nan
    scores[30] = np.nan
    scores[5] = np.nan
    scores[0] = np.nan
    out = filled(scores)[:, 0, 0]
    assert out[300] == 132
    assert out[30] == 6
    assert out[5] == 4
    assert out[0] == 0
