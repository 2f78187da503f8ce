"""Kinds of values in ``headroom.yaml``, and the model that refuses unknown keys.

>>> matches("eu-west/checkout", "eu-*/check*"), overlap("eu-west/*", "*/checkout"), overlap("eu-west/*", "us/*")
(True, True, False)
"""

import re
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from controller.lease import MOST_NODES

Nodes = Annotated[int, Field(ge=0, le=MOST_NODES)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Hours = Annotated[float, Field(gt=0, le=24 * 92)]
Minutes = Annotated[float, Field(ge=0, le=60 * 24 * 14)]
Money = Annotated[float, Field(ge=0, le=1e6)]
Budget = Annotated[float, Field(ge=0, le=1e12)]
Label = Annotated[str, Field(min_length=1, max_length=120)]


class MisplacedError(ValueError):
    """Something is wrong further down than the model that notices it; ``at`` are the keys that lead there."""

    def __init__(self, said: str, *at: str) -> None:
        super().__init__(said)
        self.at = at


class Settings(BaseModel):
    """Frozen settings; a key that is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)


def matches(label: str, pattern: str) -> bool:
    """Whether a label is what a pattern says; ``*`` stands for any text, everything else for itself."""
    return label == pattern if "*" not in pattern else _compiled(pattern).fullmatch(label) is not None


def overlap(one: str, other: str) -> bool:
    """Whether some label is what both patterns say."""
    # states[j]: the part of `one` read so far can be matched by the first j characters of `other`.
    states = [all(c == "*" for c in other[:j]) for j in range(len(other) + 1)]
    for a in one:
        row = [a == "*" and states[0]]
        for j, b in enumerate(other, 1):
            if a == "*" or b == "*":
                # A star takes any text: nothing, or one more character of the other pattern.
                row.append(states[j] or row[j - 1] or states[j - 1])
            else:
                row.append(a == b and states[j - 1])
        states = row
    return states[-1]


@lru_cache(maxsize=65536)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), flags=re.DOTALL)
