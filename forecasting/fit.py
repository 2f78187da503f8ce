"""Inference: the shared parameters' posterior by NUTS, and the gate that it must pass.

Place in the line: after `model`; `predict` draws from what passes. The one place that samples.

    posterior = fit(statistics, transform.moves, regions, seed=1)
    posterior.diagnostics.max_r_hat
"""

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting.errors import FitError
from forecasting.model import build, estimate, start
from forecasting.sufficient import Floats, Statistics

with warnings.catch_warnings():
    # ArviZ 0.23 announces its next version in a warning, on import.
    warnings.simplefilter("ignore", FutureWarning)
    import arviz as az
    import pymc as pm

CHAINS = 4
MOST_R_HAT = 1.05
LEAST_BULK_ESS = 100.0
MOST_DIVERGENT_SHARE = 0.01

PANEL_GROUPS = 48
"""Groups that the shared parameters are learnt from; more would cost time and hardly sharpen them."""

_PARAMETERS = ("region_mean", "between_groups", "noise", "likeness")


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to sample: steps of each chain, and how small the steps."""

    tune: int
    draws: int
    target_accept: float


FIRST = Effort(tune=250, draws=250, target_accept=0.8)
SECOND = Effort(tune=1000, draws=1000, target_accept=0.9)


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What says whether the chains can be believed (Vehtari et al. 2021: rank-normalised R-hat, bulk ESS)."""

    max_r_hat: float
    min_bulk_ess: float
    divergences: int
    draws: int
    chains: int
    worst: str
    """The parameter with the highest R-hat."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """Joint draws of the shared parameters, in whitened coordinates.

    Parameters
    ----------
    region_mean
        ``(draw, region, resource, feature)``.
    between_groups, noise, likeness
        ``(draw, resource)``.
    diagnostics
        Of the chains the draws are from.
    """

    region_mean: Floats
    between_groups: Floats
    noise: Floats
    likeness: Floats
    diagnostics: Diagnostics


def fit(
    statistics: Statistics,
    moves: NDArray[np.bool_],
    regions: NDArray[np.intp],
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Posterior:
    """Sample the shared parameters, and once more with more effort if the first try does not pass the gate.

    Parameters
    ----------
    statistics
        Of all groups. Of many, a panel is learnt from, drawn by the seed and spread over the regions.
    moves
        ``(group, resource)``: series that count.
    regions
        Number of the region of each group, ``(group,)``.
    seed
        Same input and seed, same draws.
    progress
        Is given the share that is done, from 0 to 1.

    Raises
    ------
    FitError
        If the second try does not pass either; the message says what is wrong and what to do.
    """
    panel = choose_panel(regions, np.random.default_rng([seed, 1]))
    learnt_from = statistics.of_groups(panel), moves[panel], regions[panel]
    model, rough = build(*learnt_from), estimate(*learnt_from)
    for effort in (FIRST, SECOND):
        rng = np.random.default_rng([seed, effort.tune])
        starts = [start(rough, rng) for _ in range(CHAINS)]
        chains, divergences = _sample(model, effort, starts, seed, progress)
        diagnostics = diagnose(chains, divergences)
        if not complaints(diagnostics):
            draws = {
                name: chains[name].stack(sample=("chain", "draw")).transpose("sample", ...).values
                for name in _PARAMETERS
            }
            return Posterior(**draws, diagnostics=diagnostics)
    raise FitError("; ".join(complaints(diagnostics)))


def choose_panel(regions: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return `PANEL_GROUPS` groups, as evenly over the regions as they allow; all, where there are no more.

    Every region keeps at least one group.
    """
    shuffled = rng.permutation(len(regions))
    turn = np.empty(len(regions), dtype=np.intp)
    for region in np.unique(regions):
        members = shuffled[regions[shuffled] == region]
        turn[members] = np.arange(len(members))
    most = max(PANEL_GROUPS, int((turn == 0).sum()))
    return np.sort(shuffled[np.argsort(turn[shuffled], kind="stable")][:most])


def diagnose(chains: xr.Dataset, divergences: int) -> Diagnostics:
    """Return the diagnostics of draws ``(chain, draw, …)`` of some parameters."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a stuck chain gives NaN, which fails below
        r_hat, ess = az.rhat(chains), az.ess(chains)
    worst = {str(name): float(values.max()) for name, values in r_hat.data_vars.items()}
    name = max(worst, key=lambda parameter: np.nan_to_num(worst[parameter], nan=np.inf))
    return Diagnostics(
        max_r_hat=worst[name],
        min_bulk_ess=min(float(values.min()) for values in ess.data_vars.values()),
        divergences=divergences,
        draws=chains.sizes["chain"] * chains.sizes["draw"],
        chains=chains.sizes["chain"],
        worst=name,
    )


def complaints(diagnostics: Diagnostics) -> list[str]:
    """Say in words what is wrong with the chains, and what to do; empty if they can be believed."""
    found = []
    # Written so that NaN, which a stuck chain gives, fails.
    if not diagnostics.max_r_hat <= MOST_R_HAT:
        found.append(
            f"the chains do not agree: R-hat of '{diagnostics.worst}' is {diagnostics.max_r_hat:.2f}, where "
            f"{MOST_R_HAT} is the most; try another seed, or leave out groups that jumped or hold other units"
        )
    if not diagnostics.min_bulk_ess >= LEAST_BULK_ESS:
        found.append(
            f"the draws are worth only {diagnostics.min_bulk_ess:.0f} independent ones, where "
            f"{LEAST_BULK_ESS:.0f} are wanted; give a longer history, or fewer regions with more groups each"
        )
    if diagnostics.divergences > MOST_DIVERGENT_SHARE * diagnostics.draws:
        found.append(
            f"{diagnostics.divergences} of {diagnostics.draws} steps diverged, so part of the posterior was "
            "not reached; look for series that are nearly constant or jump by orders of magnitude"
        )
    return found


def _sample(
    model: pm.Model,
    effort: Effort,
    starts: list[dict[str, Floats]],
    seed: int,
    progress: Callable[[float], None] | None,
) -> tuple[xr.Dataset, int]:
    """Run the chains one after the other: the same on every machine, and safe within any program."""
    steps = effort.tune + effort.draws

    def report(trace: object, draw: "pm.sampling.parallel.Draw") -> None:
        if progress is not None:
            progress((draw.chain * steps + draw.draw_idx + 1) / (CHAINS * steps))

    with model, _quiet(), _tidy():
        result = pm.sample(
            draws=effort.draws,
            tune=effort.tune,
            chains=CHAINS,
            cores=1,
            random_seed=seed,
            init="adapt_diag",
            initvals=starts,
            target_accept=effort.target_accept,
            progressbar=False,
            compute_convergence_checks=False,  # `complaints` is the gate
            compile_kwargs={"mode": "NUMBA"},
            callback=report,
        )
    chains = xr.Dataset({name: result["posterior"][name] for name in _PARAMETERS})
    return chains, int(result["sample_stats"]["diverging"].sum())


@contextmanager
def _tidy() -> Iterator[None]:
    """Take away the source files that PyTensor writes for Numba and leaves in the temporary directory."""
    usual = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="headroom-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = usual


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep PyMC's log lines to itself; progress is told through the callback."""
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # What PyTensor compiles with C would want a BLAS library; Numba brings its own.
            warnings.filterwarnings("ignore", message="PyTensor could not link to a BLAS")
            yield
    finally:
        logger.setLevel(level)
