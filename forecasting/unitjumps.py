"""Whether part of a series is in another unit than the rest, say bytes in place of GiB.

Place in the line: under `usage`. Nothing is refused: demand may grow ten thousandfold, though it seldom does at
once and with nothing in between. But a forecast from such a past is wrong by as much, and must not be silent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

APART = 1e3
"""Smallest factor between the lowest of the high values and the highest of the low ones: nothing is in between."""

LEAST_FACTOR = 1e4
"""Between the middles of both parts. Units that are mistaken for each other are 10^6 or 10^9 apart, and one part
may be a weekend; what is 1,000 apart, as MiB and GiB are, cannot be told from idling and working."""

LEAST_HOURS = 6
"""Known hours above 0 that both parts need: a few wild values are no change of units."""

MOST_FACTOR = 1e13
"""Beyond what units explain: the low values are zeros that a rounding error has left a little above 0."""

MOST_TURNS = 3
"""Times that a series may go from one part to the other: what idles and works does so every day."""


@dataclass(frozen=True, slots=True)
class UnitJump:
    """A series that looks as if its unit changed.

    Parameters
    ----------
    group, resource
        Places along their axes.
    hour
        Place of the first hour of the last part.
    factor
        Middle value of the last part ÷ that of the other.
    """

    group: int
    resource: int
    hour: int
    factor: float


def unit_jumps(demand: NDArray[np.float64]) -> list[UnitJump]:
    """Find the series whose values above 0 fall into two parts that look like two units.

    Parameters
    ----------
    demand
        ``(group, resource, time)``, NaN where not known.
    """
    above = demand > 0  # also not NaN
    smallest = np.where(above, demand, np.inf).min(axis=2)
    largest = np.where(above, demand, 0.0).max(axis=2)
    found = []
    for group, resource in np.argwhere(largest > APART * smallest).tolist():
        hours = np.flatnonzero(above[group, resource])
        values = demand[group, resource, hours]
        ordered = np.sort(values)
        steps = np.diff(np.log(ordered))  # a ratio could overflow
        least = LEAST_HOURS - 1
        steps[:least] = steps[max(len(steps) - least, 0) :] = 0.0  # a few wild values are no part
        step = int(np.argmax(steps))
        low, high = ordered[: step + 1], ordered[step + 1 :]
        if steps[step] < np.log(APART):
            continue
        is_high = values >= high[0]
        turns = np.flatnonzero(is_high[1:] != is_high[:-1])
        apart = float(np.log10(np.median(high)) - np.log10(np.median(low)))
        if len(turns) > MOST_TURNS or not np.log10(LEAST_FACTOR) <= apart <= np.log10(MOST_FACTOR):
            continue
        factor = 10**apart
        found.append(UnitJump(group, resource, int(hours[turns[-1] + 1]), factor if is_high[-1] else 1 / factor))
    return found


def told(
    found: list[UnitJump], labels: NDArray[np.str_], resources: NDArray[np.str_], time: NDArray[np.datetime64]
) -> str:
    """Say in words which series look so, since when, and what to do; empty if none does."""
    if not found:
        return ""
    # The last one to change is named: what has just happened is what somebody can still undo.
    one = max(found, key=lambda x: x.hour)
    size, side = abs(round(np.log10(one.factor))), "larger" if one.factor > 1 else "smaller"
    since = np.datetime_as_string(time[one.hour], unit="m").replace("T", " ")
    more = f" ({len(found):,} series look so in all)" if len(found) > 1 else ""
    return (
        f"{resources[one.resource]} of {labels[one.group]} is about 10^{size} times {side} from {since} UTC on "
        f"than just before, with nothing in between{more}. If part of it is in another unit (bytes in place of "
        "GiB?), the forecast is wrong by as much: bring all of it in one unit, or leave out the hours in the other"
    )
