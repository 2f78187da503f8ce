"""NUTS, and its gate: for the posteriors that the fast road cannot vouch for, and for its judge.

Place in the line: beside `inference`, which falls back to it; `reference` samples with it too.

    chains, gate = sample(model, start, seed=1)
"""

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import xarray as xr

from forecasting.basis import Floats
from forecasting.errors import FitError

with warnings.catch_warnings():
    # ArviZ 0.23 announces its next version in a warning, on import.
    warnings.simplefilter("ignore", FutureWarning)
    import arviz as az
    import pymc as pm

CHAINS = 4
MOST_R_HAT = 1.05
LEAST_BULK_ESS = 100.0
MOST_DIVERGENT_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to sample: steps of each chain, and how small the steps."""

    tune: int
    draws: int
    target_accept: float


EFFORTS = (Effort(tune=300, draws=250, target_accept=0.8), Effort(tune=700, draws=500, target_accept=0.95))


@dataclass(frozen=True, slots=True)
class Gate:
    """What says whether the chains can be believed (Vehtari et al. 2021: rank-normalised R-hat, bulk ESS)."""

    max_r_hat: float
    min_bulk_ess: float
    divergences: int
    draws: int
    worst: str
    """The parameter with the highest R-hat."""


def sample(
    model: pm.Model,
    start: Mapping[str, Floats],
    seed: int,
    progress: Callable[[float], None] | None = None,
    efforts: tuple[Effort, ...] = EFFORTS,
) -> tuple[dict[str, Floats], Gate]:
    """Sample a model, and again with more effort if the first try does not pass the gate.

    Parameters
    ----------
    model
        Any model.
    start
        Where chains begin; each is scattered around it, as R-hat wants chains to be.
    seed
        Same model and seed, same draws.
    progress
        Is given the share that is done, from 0 to 1.

    Returns
    -------
    tuple
        Draws ``(draw, …)`` of every free parameter and deterministic, and the gate.

    Raises
    ------
    FitError
        If the last try does not pass either; the message says what is wrong and what to do.
    """
    for effort in efforts:
        rng = np.random.default_rng([seed, effort.tune])
        chains, divergences = _chains(model, effort, start, rng, seed, progress)
        gate = judge(chains, divergences)
        if not complaints(gate):
            stacked = chains.stack(sample=("chain", "draw")).transpose("sample", ...)
            return {str(name): values.values for name, values in stacked.data_vars.items()}, gate
    raise FitError("; ".join(complaints(gate)))


def judge(chains: xr.Dataset, divergences: int) -> Gate:
    """Return the diagnostics of draws ``(chain, draw, …)`` of some parameters."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a stuck chain gives NaN, which fails below
        r_hat, ess = az.rhat(chains), az.ess(chains)
    worst = {str(name): float(values.max()) for name, values in r_hat.data_vars.items()}
    name = max(worst, key=lambda parameter: np.nan_to_num(worst[parameter], nan=np.inf))
    return Gate(
        max_r_hat=worst[name],
        min_bulk_ess=min(float(values.min()) for values in ess.data_vars.values()),
        divergences=divergences,
        draws=chains.sizes["chain"] * chains.sizes["draw"],
        worst=name,
    )


def complaints(gate: Gate) -> list[str]:
    """Say in words what is wrong with the chains, and what to do; empty if they can be believed."""
    found = []
    # Written so that NaN, which a stuck chain gives, fails.
    if not gate.max_r_hat <= MOST_R_HAT:
        found.append(
            f"the chains do not agree: R-hat of '{gate.worst}' is {gate.max_r_hat:.2f}, where "
            f"{MOST_R_HAT} is the most; try another seed, or leave out groups that jumped or hold other units"
        )
    if not gate.min_bulk_ess >= LEAST_BULK_ESS:
        found.append(
            f"the draws are worth only {gate.min_bulk_ess:.0f} independent ones, where "
            f"{LEAST_BULK_ESS:.0f} are wanted; give a longer history, or fewer regions with more groups each"
        )
    if gate.divergences > MOST_DIVERGENT_SHARE * gate.draws:
        found.append(
            f"{gate.divergences} of {gate.draws} steps diverged, so part of the posterior was "
            "not reached; look for series that are nearly constant or jump by orders of magnitude"
        )
    return found


def _chains(
    model: pm.Model,
    effort: Effort,
    start: Mapping[str, Floats],
    rng: np.random.Generator,
    seed: int,
    progress: Callable[[float], None] | None,
) -> tuple[xr.Dataset, int]:
    """Run the chains one after the other: the same on every machine, and safe within any program."""
    steps = effort.tune + effort.draws

    def report(trace: object, draw: "pm.sampling.parallel.Draw") -> None:
        if progress is not None:
            progress((draw.chain * steps + draw.draw_idx + 1) / (CHAINS * steps))

    positive = {variable.name for variable in model.free_RVs if model.rvs_to_transforms[variable] is not None}
    starts = [
        {
            name: value * np.exp(rng.normal(0, 0.3, np.shape(value)))
            if name in positive
            else value + rng.normal(0, 0.5, np.shape(value))
            for name, value in start.items()
        }
        for _ in range(CHAINS)
    ]
    with model, quiet(), tidy():
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
    chains = xr.Dataset({name: result["posterior"][name] for name in result["posterior"].data_vars})
    return chains, int(result["sample_stats"]["diverging"].sum())


@contextmanager
def tidy() -> Iterator[None]:
    """Take away the source files that PyTensor writes for Numba and leaves in the temporary directory."""
    usual = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="headroom-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = usual


@contextmanager
def quiet() -> Iterator[None]:
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
