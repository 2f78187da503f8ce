"""Small usage with a daily wave, and what might have been learnt of it, for the forecaster's tests."""

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import xarray as xr
from hierarchies import laid_out

from forecasting.appraisal import Appraisal
from forecasting.basis import LINEAR, basis_of
from forecasting.calibrate import LEVELS
from forecasting.chance import Chance, chance_at
from forecasting.conditionals import Learnt
from forecasting.hierarchy import Hierarchy
from forecasting.history import History, history_of
from forecasting.inference import Diagnostics, Posterior
from forecasting.network import Network
from forecasting.past import past_of
from forecasting.roughness import ALIKE
from forecasting.settings import COMPONENTS

FIRST = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""


def moment(hours: int) -> datetime:
    """The instant so many hours after the first."""
    return FIRST + timedelta(hours=hours)


def usage_of(demand: np.ndarray) -> xr.Dataset:
    groups, resources, hours = demand.shape
    regions = ["a"] * ((groups + 1) // 2) + ["b"] * (groups // 2)
    names = [f"g{i}" for i in range(groups)]
    return xr.Dataset(
        {"demand": (("group", "resource", "time"), demand)},
        coords={
            "group": [f"{r}/{n}" for r, n in zip(regions, names, strict=True)],
            "region": ("group", regions),
            "name": ("group", names),
            "resource": [f"r{i}" for i in range(resources)],
            "unit": ("resource", ["unit"] * resources),
            "time": np.datetime64("2026-01-05T00", "ns") + np.arange(hours) * np.timedelta64(1, "h"),
        },
    )


def wave(hours: np.ndarray) -> np.ndarray:
    """What `waves` is about, at hours after the first."""
    return 10 + 5 * np.sin(2 * np.pi * hours / 24)


def waves(groups=2, resources=1, hours=500) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 0.5, (groups, resources, hours))
    return (wave(np.arange(hours)) + noise).clip(0)


def swings(groups: int, hours: int, together: float, seed: int = 3) -> np.ndarray:
    """Waves with noise of which the share ``together`` of the variance is the same in all groups."""
    rng = np.random.default_rng(seed)
    own, common = rng.normal(size=(groups, 1, hours)), rng.normal(size=hours)
    return (wave(np.arange(hours)) + np.sqrt(together) * common + np.sqrt(1 - together) * own).clip(0)


def history(demand: np.ndarray, ahead: int = 0) -> History:
    return history_of(usage_of(demand), ahead)[0]


def of_block(whole: History, number: int = 0) -> History:
    return whole.of_series(np.flatnonzero(whole.block == number))


def chance_of(whole: History, hours: int, draws: int = 200, seed: int = 1, at: int | None = None) -> Chance:
    at = whole.length if at is None else at
    return chance_at(whole.time, at, hours, draws, (seed, at))


def learnt(
    component: str,
    history_hours: int,
    events: tuple[str, ...] = (),
    between: float = 0.2,
    noise: float = 0.3,
    likeness: float = 3.0,
    **centre: float,
) -> Learnt:
    """What is known of a block, in plain coordinates; ``centre`` names features, with _ for spaces and commas."""
    basis = basis_of(component, history_hours, events)
    plain_names = [name.replace(",", "").replace(" ", "_") for name in basis.names]
    place = np.zeros((1, basis.size))
    for name, value in centre.items():
        place[0, plain_names.index(name.removeprefix("of_"))] = value
    return Learnt(
        number=LINEAR.index(component),
        basis=basis,
        plain=np.eye(basis.size),
        centre=place,
        between_groups=np.array([between]),
        noise=np.array([noise]),
        likeness=np.array([likeness]),
    )


def made(
    usage: xr.Dataset,
    components: tuple[str, ...] = COMPONENTS,
    events: tuple[str, ...] = (),
    now: datetime | None = None,
    shared: int = 5,
    network: Network | None = None,
    alone: tuple[int, ...] = (),
) -> Hierarchy:
    """A hierarchy that fits usage and was made up, so that no test has to wait for inference.

    Of the resources whose numbers are ``alone``, no block has several series that move.
    """
    rng = np.random.default_rng(4)

    def posterior_of(basis, regions):
        return Posterior(
            region_mean=rng.normal(0, 0.02, (shared, regions, basis.size)),
            between_groups=rng.uniform(0.1, 0.2, shared),
            noise=rng.uniform(0.2, 0.4, shared),
            likeness=rng.uniform(2, 4, shared),
            diagnostics=Diagnostics("laplace", 0.2, 900.0),
        )

    def appraisal_of(block):
        weights, factors = rng.dirichlet(np.full(len(components), 5.0), 4), rng.uniform(0.9, 1.2, (4, len(LEVELS)))
        return Appraisal(weights, None, factors, ALIKE, np.array([0.2, 0.1, 0.2]))

    return laid_out(*past_of(usage, now), posterior_of, appraisal_of, components, events, alone, network)


@cache
def learnt_of_waves() -> tuple[xr.Dataset, Hierarchy]:
    """Usage of eight groups in two regions, and what is really learnt of it: once in a run of the tests."""
    from forecasting.learn import learn

    usage = usage_of(waves(groups=8, resources=1, hours=760))
    return usage, learn(usage, seed=1, horizon_hours=48)
