"""How long something takes, as a distribution; sums of such, and what merged pull requests teach.

Place in the line: under the settings. A lead time is review + CI + boot, each uncertain; windows are proposed
early enough for a quantile of the sum, not for the sum of three averages.

>>> round(Delay(median=240, p90=600).quantile(0.9)), quantile_of_sum((Delay(median=15), Delay(median=5)), 0.9)
(600, 20.0)
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

_NORMAL = NormalDist()
_Z90 = _NORMAL.inv_cdf(0.9)
_GRID = 200  # equally likely values that stand for a distribution; their sum's quantiles are within 1 %
_PRIOR_WEIGHT = 5  # merged pull requests that what is configured counts as
_SHORTEST = 1.0  # minutes: a logarithm needs a positive number
LONGEST_MINUTES = 60 * 24 * 14


def _or_a_number(schema: dict[str, Any]) -> None:
    """Say in the JSON Schema, too, that a number alone will do."""
    schema |= {"anyOf": [{"type": "number", "minimum": 0, "maximum": LONGEST_MINUTES}, dict(schema)]}
    for key in set(schema) - {"anyOf"}:
        del schema[key]


class Delay(BaseModel):
    """A log-normal duration by its median and its 90 % quantile, in minutes; without the latter it is fixed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_or_a_number)

    median: float = Field(ge=0, le=LONGEST_MINUTES, description="Minutes that half of them take at most.")
    p90: float | None = Field(
        None,
        ge=0,
        le=LONGEST_MINUTES,
        description="Minutes that nine of ten take at most; none: always the median.",
    )

    @model_validator(mode="before")
    @classmethod
    def _plain_number(cls, value: object) -> object:
        """Read a number alone as a fixed duration."""
        return {"median": value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _in_order(self) -> "Delay":
        if self.p90 is not None and not 0 < self.median <= self.p90:
            raise ValueError("0 < median <= p90 does not hold")
        return self

    @property
    def sigma(self) -> float:
        """Standard deviation of the logarithm."""
        return 0.0 if self.p90 is None else math.log(self.p90 / self.median) / _Z90

    def quantile(self, level: float) -> float:
        """Minutes that a share ``level`` (0–1, both excluded) of them take at most."""
        return self.median if self.sigma == 0 else self.median * math.exp(self.sigma * _NORMAL.inv_cdf(level))

    def __str__(self) -> str:
        """Words such as ``median 240 min, 90 % within 600 min``."""
        return (
            f"{self.median:.0f} min"
            if self.sigma == 0
            else (f"median {self.median:.0f} min, 90 % within {self.p90:.0f} min")
        )


class Learned(Delay):
    """A delay that was updated by what was seen: it says by how much of it."""

    seen: int

    def __str__(self) -> str:
        """Words that end in ``, learnt from 7 merged pull requests``."""
        return f"{super().__str__()}, learnt from {self.seen} merged pull request{'' if self.seen == 1 else 's'}"


@lru_cache(maxsize=4096)
def quantile_of_sum(delays: tuple[Delay, ...], level: float) -> float:
    """Minutes that a share ``level`` (0–1) of the sums of independent ``delays`` take at most."""
    fixed = sum(x.median for x in delays if x.sigma == 0)
    free = [x for x in delays if x.sigma > 0]
    if not free:
        return float(fixed)
    if len(free) == 1:
        return fixed + free[0].quantile(level)
    middles = (np.arange(_GRID) + 0.5) / _GRID
    total = np.zeros(1)
    for delay in free:
        grid = np.array([delay.quantile(float(p)) for p in middles])
        total = np.quantile(np.add.outer(total, grid).ravel(), middles)
    return fixed + float(np.interp(level, middles, total))


def learned(configured: Delay, minutes: Sequence[float]) -> Delay:
    """Update a delay by what was seen, in minutes: the more there is of it, the less the configured counts.

    What is configured stands for five observations, at its own quantiles. The median and the 90 % quantile are
    those of both together, at Hazen's positions, which give back what is configured where nothing was seen. What
    somebody merged at once only moves the others up in rank, so that neither gets longer by it.
    """
    if not minutes:
        return configured
    centre = math.log(max(_SHORTEST, configured.median))
    scores = np.array([_NORMAL.inv_cdf((i + 0.5) / _PRIOR_WEIGHT) for i in range(_PRIOR_WEIGHT)])
    seen = np.log(np.clip(np.asarray(minutes, float), _SHORTEST, LONGEST_MINUTES))
    both = np.concatenate([centre + configured.sigma * scores, seen])
    median, p90 = np.minimum(LONGEST_MINUTES, np.exp(np.quantile(both, (0.5, 0.9), method="hazen"))).tolist()
    return Learned(median=median, p90=p90, seen=len(minutes))
