"""Differential privacy for what is published: noise by OpenDP, its budget in numbers.

Place in the line: between `features`, which bounds what one person adds in a day, and `publish`.

The unit is one person's day: ``epsilon`` bounds what all numbers of a day tell of one person's sessions of that
day; over d days it adds up to d × epsilon. It covers the numbers, not which hours are left out for having fewer
than k people.

Method: Dwork and Roth, The Algorithmic Foundations of Differential Privacy (2014), sections 3.3 and 3.5.1, A.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import ForecastingError

FEATURES = 3
"""Numbers that are published of a group's hour, between which the budget is divided."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be told of one person's day.

    Parameters
    ----------
    epsilon
        For all features together.
    mechanism
        ``laplace``, or ``gaussian`` which needs ``delta`` > 0.
    delta
        Chance that the bound does not hold, for all features together.
    """

    epsilon: float
    mechanism: str = "laplace"
    delta: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.epsilon < 100):
            raise ForecastingError(f"epsilon is {self.epsilon:g}; it must lie between 0 and 100")
        if self.mechanism not in {"laplace", "gaussian"}:
            raise ForecastingError(f"there is no mechanism {self.mechanism!r}: laplace or gaussian")
        if self.mechanism == "gaussian" and not (0 < self.delta < 1):
            raise ForecastingError("gaussian noise needs a delta between 0 and 1, such as 1e-6")


def opened() -> Any:
    """Return OpenDP.

    Raises
    ------
    ForecastingError
        If it is not there; asked before the work, so that nobody waits for it.
    """
    try:
        import opendp.prelude as dp  # noqa: PLC0415 - 45 MB that few need
    except ImportError:
        said = "noise needs OpenDP: `pip install '.[privacy]'` in a checkout of Headroom"
        raise ForecastingError(said) from None
    dp.enable_features("contrib")
    return dp


def noised(
    values: NDArray[np.float64], most: float, cells_per_day: int, budget: Budget
) -> tuple[NDArray[np.float64], float, float]:
    """Add noise to one feature.

    Parameters
    ----------
    values
        (cell,) of one day or more.
    most
        The most that one person adds to one cell, in the unit of ``values``.
    cells_per_day
        In how many cells of a day one person can be.

    Returns
    -------
    tuple
        Values with noise, below zero set to zero; the scale of the noise; the epsilon it costs, by OpenDP's
        reckoning.

    Raises
    ------
    ForecastingError
        If OpenDP is not there.
    """
    dp = opened()
    domain = dp.vector_domain(dp.atom_domain(T=float, nan=False))
    epsilon, delta = budget.epsilon / FEATURES, budget.delta / FEATURES
    measurement: Any
    if budget.mechanism == "laplace":
        reach = most * cells_per_day
        scale = reach / epsilon * (1 + 1e-9)
        measurement = dp.m.make_laplace(domain, dp.l1_distance(T=float), scale=scale)
        spent = float(measurement.map(d_in=reach))
    else:
        reach = most * math.sqrt(cells_per_day)

        def made(scale: float) -> Any:
            return dp.c.make_zCDP_to_approxDP(dp.m.make_gaussian(domain, dp.l2_distance(T=float), scale=scale))

        low, high = reach / epsilon / 100, reach / epsilon * 100
        for _ in range(60):  # the least scale that keeps to the budget
            scale = math.sqrt(low * high)
            low, high = (low, scale) if made(scale).map(d_in=reach).epsilon(delta) <= epsilon else (scale, high)
        scale, measurement = high, made(high)
        spent = float(measurement.map(d_in=reach).epsilon(delta))
    return np.maximum(np.array(measurement(values.tolist()), dtype=np.float64), 0.0), scale, spent
