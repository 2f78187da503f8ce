"""How long review, CI and boot take: one draw for each pool and hour, the same for every policy.

Place in the line: under everything that is decided in a replay. A delay is an inverse distribution function, from
a uniform number to minutes; that numbers are handed in, and are looked up by pool and hour of the decision, makes
policies differ by what they decide and by nothing else.

>>> _inverse(minutes.Delay(median=240, p90=600))(0.5)
240.0
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from controller import delay as minutes
from controller.config import Config
from controller.replay.need import Floats

Delay = Callable[[float], float]
"""Inverse distribution function: a number between 0 and 1 → minutes."""

_EDGE = 1e-6  # the ends of a distribution without bounds are at infinity


@dataclass(frozen=True, slots=True)
class Roads:
    """Delays of one environment, each an inverse distribution function; ``boot`` has one for each pool."""

    review: Delay
    ci: Delay
    boot: tuple[Delay, ...]


@dataclass(frozen=True, slots=True)
class Delays:
    """Minutes ``(pool, hour)``, by the hour in which something is decided or asked for."""

    review: Floats
    ci: Floats
    boot: Floats

    @property
    def whole(self) -> Floats:
        """Minutes from a decision to running nodes."""
        return self.review + self.ci + self.boot

    def of(self, pools: slice) -> "Delays":
        """The same of some of the pools."""
        return Delays(self.review[pools], self.ci[pools], self.boot[pools])


def roads_of(config: Config) -> Roads:
    """Delays that a configuration speaks of; pools in the order of their names."""
    times = config.lead_times
    return Roads(
        review=_inverse(times.review_minutes),
        ci=_inverse(times.ci_minutes),
        boot=tuple(_inverse(config.pools[name].boot_minutes) for name in sorted(config.pools)),
    )


def _inverse(delay: minutes.Delay) -> Delay:
    return lambda uniform: delay.quantile(min(max(uniform, _EDGE), 1 - _EDGE))


def delays_of(roads: Roads, uniforms: Floats) -> Delays:
    """Make minutes of uniform numbers ``(3, pool, hour)``: of review, CI and boot."""
    pools = uniforms.shape[1]
    return Delays(
        review=_minutes([roads.review] * pools, uniforms[0]),
        ci=_minutes([roads.ci] * pools, uniforms[1]),
        boot=_minutes(roads.boot, uniforms[2]),
    )


def _minutes(delays: Sequence[Delay], uniforms: Floats) -> Floats:
    rows = [[delay(u) for u in row] for delay, row in zip(delays, uniforms.tolist(), strict=True)]
    return np.array(rows, dtype=np.float64)
