"""The fast road against the reference: the same posterior by Laplace with importance weights, and by NUTS on all.

    python -m benchmarks.reference --json reference.json

Usage is synthetic: two regions of three groups, one resource, 400 hours, the same for both roads. Differences of
means are in posterior standard deviations of the reference, those of spread are ratios; of each kind of parameter
the worst is told. Scales are compared as logarithms: they are positive and skewed. One inference keeps so few
draws that chance alone moves a mean by a sixteenth of a standard deviation, so the fast road's are those of many
seeds; what the middle one of them is off by is told beside it. The CRPS is of the day that follows, with the same
rows of past residuals for both roads.
"""

import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr

from benchmarks.report import parser, table, write
from forecasting.basis import Basis, Floats, basis_of
from forecasting.chance import chance_at
from forecasting.components.linear import condition, paths, statistics_of
from forecasting.conditionals import Learnt, draw
from forecasting.history import History, history_of
from forecasting.inference import MOST_PARETO_K, Posterior, laplace
from forecasting.model import data_of
from forecasting.nuts import Effort
from forecasting.reference import Judged, panel_of, sample_reference
from forecasting.reference import paths as plain_paths
from forecasting.score import crps_from_draws
from forecasting.sufficient import Frame, Statistics, rotate

HOURS, HORIZON = 400, 24
FEW = Basis(harmonics=1, lags=(1, 24))
"""Level, day and two lags: what NUTS has done with soon."""

_PATHS = 2000


@dataclass(frozen=True)
class Comparison:
    """How far the fast road is off.

    Parameters
    ----------
    means, single
        Largest difference of posterior means, in standard deviations: of many seeds, and of one.
    spreads
        Ratio of standard deviations that is furthest from 1.
    crps
        Fast over reference.
    pareto_k
        Of each seed that passed its check.
    seeds
        How many were tried.
    effective_draws
        Of the reference: the fewest of any parameter.
    fast_seconds, reference_seconds
        Of one inference, and of the reference, compiling included.
    """

    means: dict[str, float]
    single: dict[str, float]
    spreads: dict[str, float]
    crps: float
    pareto_k: list[float]
    seeds: int
    effective_draws: float
    fast_seconds: float
    reference_seconds: float


def main() -> None:
    """Compare on few features, and on those of a component."""
    options = _options()
    figures: dict[str, Comparison] = {}
    for name in options.features:
        basis = FEW if name == "few" else basis_of(name, HOURS)
        effort = Effort(tune=500, draws=options.draws, target_accept=0.8)
        figures[name] = compare(small_usage(options.seed), basis, options.seed, options.seeds, effort)
    _show(figures)
    write(options.json, options, {name: asdict(each) for name, each in figures.items()})


def small_usage(seed: int) -> xr.Dataset:
    """Make usage of two regions of three groups, `HOURS` + `HORIZON` hours: a day, and noise that persists."""
    rng = np.random.default_rng(seed)
    groups, hours = 6, HOURS + HORIZON
    shock, noise = rng.normal(size=(groups, hours)), np.zeros((groups, hours))
    for hour in range(1, hours):
        noise[:, hour] = 0.6 * noise[:, hour - 1] + shock[:, hour]
    height, phase = rng.uniform(2, 5, (groups, 1)), rng.normal(0, 0.6, (groups, 1))
    day = height * np.sin(2 * np.pi * np.arange(hours) / 24 + phase)
    demand = (12 + day + rng.uniform(0.4, 1.2, (groups, 1)) * noise).clip(0)
    region, name = np.repeat(["a", "b"], groups // 2), [f"g{number}" for number in range(groups)]
    return xr.Dataset(
        {"demand": (("group", "resource", "time"), demand[:, None])},
        coords={
            "group": [f"{r}/{n}" for r, n in zip(region, name, strict=True)],
            "region": ("group", region),
            "name": ("group", name),
            "resource": ["cpu"],
            "unit": ("resource", ["cores"]),
            "time": np.datetime64("2026-01-05T00", "ns") + np.arange(hours) * np.timedelta64(1, "h"),
        },
    )


def compare(usage: xr.Dataset, basis: Basis, seed: int, seeds: int, effort: Effort) -> Comparison:
    """Take both roads on the first `HOURS` hours of usage of one resource; the hours after them are forecast."""
    history, transform = history_of(usage.isel(time=slice(0, HOURS)), HORIZON)
    histories = [history.of_series(np.flatnonzero(history.block == block)) for block in np.unique(history.block)]
    panel = panel_of(histories, basis)
    started = time.perf_counter()
    judged = sample_reference(panel, seed, efforts=(effort,))
    reference_seconds = time.perf_counter() - started

    statistics = [statistics_of(each, basis, [HOURS]) for each in histories]
    rotated = rotate(Statistics.joined([each[HOURS] for each in statistics]), panel.frame.plain)
    data = data_of(rotated, panel.frame, np.ones(len(panel.region), dtype=np.bool_), panel.region)
    started = time.perf_counter()
    tried = [laplace(data, np.random.default_rng([seed, number])) for number in range(seeds)]
    fast_seconds = (time.perf_counter() - started) / seeds
    passed = [each for each in tried if each is not None and each.diagnostics.pareto_k <= MOST_PARETO_K]

    truth = _shared(judged.posterior) | {"theta": judged.theta, "sigma": np.log(judged.sigma)}
    fast = [
        _shared(each) | _own(each, histories, statistics, basis, panel.frame, number, 2_000)
        for number, each in enumerate(passed)
    ]
    many = {name: np.concatenate([each[name] for each in fast]) for name in truth}
    means = {name: _apart(many[name], truth[name]) for name in truth}
    single = {name: float(np.median([_apart(each[name], truth[name]) for each in fast])) for name in truth}
    spreads = {name: _furthest(many[name].std(axis=0) / truth[name].std(axis=0)) for name in truth}

    actual = usage["demand"].values[:, 0, HOURS:].T  # (hour, group)
    both = _forecasts(_joined(passed), judged, histories, statistics, basis)
    order = np.argsort(history.block, kind="stable")
    crps = [
        np.mean(crps_from_draws(transform.of_series(order).demand_of(scores.transpose(1, 0, 2)), actual[:, order]))
        for scores in both
    ]
    return Comparison(
        means,
        single,
        spreads,
        float(crps[0] / crps[1]),
        [each.diagnostics.pareto_k for each in passed],
        seeds,
        judged.posterior.diagnostics.effective_draws,
        fast_seconds,
        reference_seconds,
    )


def _shared(posterior: Posterior) -> dict[str, Floats]:
    scales = {name: np.log(getattr(posterior, name)) for name in ("noise", "likeness", "between_groups")}
    return scales | {"region_mean": posterior.region_mean}


def _joined(posteriors: Sequence[Posterior]) -> Posterior:
    def of_all(name: str) -> Floats:
        return np.concatenate([getattr(each, name) for each in posteriors])

    return Posterior(
        region_mean=of_all("region_mean"),
        between_groups=of_all("between_groups"),
        noise=of_all("noise"),
        likeness=of_all("likeness"),
        diagnostics=posteriors[0].diagnostics,
    )


def _learnt(posterior: Posterior, region: int, basis: Basis, plain: Floats) -> Learnt:
    scales = (posterior.between_groups, posterior.noise, posterior.likeness)
    return Learnt(0, basis, plain, posterior.region_mean[:, region], *scales)


def _own(
    posterior: Posterior,
    histories: Sequence[History],
    statistics: Sequence[Mapping[int, Statistics]],
    basis: Basis,
    frame: Frame,
    number: int,
    draws: int,
) -> dict[str, Floats]:
    """Draw the coefficients and the noise of every group as `components.linear` does, in the frame's θ."""
    back = np.linalg.inv(frame.plain).T
    theta, sigma = [], []
    for block, (history, known) in enumerate(zip(histories, statistics, strict=True)):
        learnt = _learnt(posterior, int(history.region[0]), basis, frame.plain)
        rng = np.random.default_rng([number, block])
        coefficient, noise = draw(rotate(known[HOURS], frame.plain), learnt, np.arange(draws), rng)
        theta.append(coefficient @ back)
        sigma.append(np.log(noise))
    return {"theta": np.concatenate(theta, axis=1), "sigma": np.concatenate(sigma, axis=1)}


def _forecasts(
    posterior: Posterior,
    judged: Judged,
    histories: Sequence[History],
    statistics: Sequence[dict[int, Statistics]],
    basis: Basis,
) -> tuple[Floats, Floats]:
    """Forecast every block by both roads: scores ``(hour, draw, series)``."""
    fast, plain = [], []
    chance = chance_at(histories[0].time, HOURS, HORIZON, _PATHS, (1, HOURS))
    for history, known in zip(histories, statistics, strict=True):
        region = int(history.region[0])
        learnt = _learnt(posterior, region, basis, judged.plain)
        conditioned = condition(history, learnt, known)
        fast.append(paths(conditioned, history, learnt, chance, np.arange(_PATHS), HORIZON).astype(np.float64))
        plain.append(plain_paths(judged, history, basis, chance, _PATHS))
    return np.concatenate(fast, axis=2), np.concatenate(plain, axis=2)


def _apart(fast: Floats, truth: Floats) -> float:
    return float((np.abs(fast.mean(axis=0) - truth.mean(axis=0)) / truth.std(axis=0)).max())


def _furthest(ratios: Floats) -> float:
    flat = np.ravel(ratios)
    return float(flat[np.abs(np.log(flat)).argmax()])


def _show(figures: Mapping[str, Comparison]) -> None:
    rows = [
        [features, name, each.means[name], each.spreads[name], each.single[name]]
        for features, each in figures.items()
        for name in each.means
    ]
    table(["features", "parameter", "means apart, sd", "ratio of sds", "means apart, one seed"], rows)
    rows = [
        [
            features,
            each.crps,
            each.fast_seconds,
            each.reference_seconds,
            each.effective_draws,
            float(np.median(each.pareto_k)),
            f"{len(each.pareto_k)} of {each.seeds}",
        ]
        for features, each in figures.items()
    ]
    table(["features", "CRPS, fast / reference", "fast, s", "reference, s", "ESS", "k̂", "k̂ passed"], rows)


def _options() -> Namespace:
    made = parser(__doc__, data=False)
    made.add_argument("--features", nargs="+", default=["few", "weekly", "seasonal", "ar"], metavar="NAME")
    made.add_argument("--seeds", type=int, default=40, help="inferences by the fast road; default 40")
    made.add_argument(
        "--draws", type=int, default=1500, help="draws of each of the reference's chains; default 1500"
    )
    return made.parse_args()


if __name__ == "__main__":
    main()
