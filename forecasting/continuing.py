"""What of a state can be carried on, now that there is new usage; the rest is made anew.

Place in the line: `forecast` begins here, with a state or without. Scores, filled gaps, level shifts and effects
of events rest on the whole past. So each block's scores that have entered are compared with those of now: where
one is another, since usage was corrected, a gap is filled otherwise, a level has shifted or an event is seen
otherwise, the block is made anew. Everything is, where groups have changed and once a week.

    state, past = opened(state, usage, past, memory_hours=1344)
    run = continued(state, past, ahead_hours=24, events=None)
    run.turn(members, bases)
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.basis import WEEK, Basis
from forecasting.events import Events
from forecasting.history import History, history_of
from forecasting.newcomers import newcomers
from forecasting.sequential import Carried, Turn
from forecasting.state import State, state_of
from forecasting.transform import Transform

SETTLED_HOURS = 24
"""Hours after which an hour enters for good: the newest ones are often corrected."""

LONGEST_HOURS = WEEK
"""Hours after which everything is made anew: scales and rough fits grow old."""


@dataclass(frozen=True, slots=True)
class Continuing:
    """A past on the scales of a state, and how far that goes.

    Parameters
    ----------
    state
        What this run begins from; None where all is made anew.
    past, history, transform
        From the first hour of the state on: up to a week more than components look back.
    on
        Whether the state of a series can be carried on, ``(series,)``.
    """

    state: State | None
    past: xr.Dataset
    history: History
    transform: Transform
    on: NDArray[np.bool_]

    @property
    def entered(self) -> int:
        """Hours of the past that have entered after this run."""
        before = 0 if self.state is None else self.state.entered
        return max(before, self.history.length - SETTLED_HOURS)

    def turn(self, members: NDArray[np.intp], bases: Mapping[str, Basis]) -> Turn:
        """Return what this run does with the statistics of a block."""
        history = self.history.of_series(members)
        if self.state is None or not self.on[members].all():
            return Turn(history, {}, 0, self.entered)
        return Turn(history, self.state.carried(members, bases), self.state.entered, self.entered)

    def following(
        self,
        blocks: Sequence[tuple[NDArray[np.intp], Mapping[str, Carried]]],
        bases: Sequence[Mapping[str, Basis]],
        memory_hours: int,
    ) -> State:
        """Return the state for the next run.

        Parameters
        ----------
        blocks, bases
            As of `state.state_of`.
        memory_hours
            As of `opened`.
        """
        start = hour_number(self.history.time[0])
        made = start + self.history.length if self.state is None else self.state.made
        attributes = {"start": start, "made": made, "entered": self.entered, "memory_hours": memory_hours}
        number = numbers(self.history, self.entered)
        return state_of(self.past, self.transform, number, blocks, bases, attributes)


def opened(
    state: State | None, whole: xr.Dataset, past: xr.Dataset, memory_hours: int
) -> tuple[State | None, xr.Dataset]:
    """Return the state and the past that goes with it, from its first hour on.

    None and ``past``, where it is of other groups or another memory, from another time, or a week old.

    Parameters
    ----------
    whole, past
        Usage before the moment of the forecast, and its last hours, that are looked at without a state.
    memory_hours
        Most hours that are looked at where all is made anew.
    """
    first, last = (hour_number(whole[dims.TIME].values[place]) for place in (0, -1))
    if (
        state is None
        or not state.is_of(past)
        or state.memory_hours != memory_hours
        or not first <= state.start <= last + 1 - state.entered
        or not 0 <= last + 1 - state.made < LONGEST_HOURS
    ):
        return None, past
    return state, whole.isel({dims.TIME: slice(state.start - first, None)})


def continued(state: State | None, past: xr.Dataset, ahead_hours: int, events: Events | None) -> Continuing:
    """Return the past on the scales of the state, as far as it can be carried on.

    Not where a score that has entered is another one now, nor beside a newcomer, whose scale follows its every
    hour and whose past is lent anew.

    Parameters
    ----------
    state, past
        That `opened` gave; the past without its occasions.
    ahead_hours, events
        As of `history_of`.
    """
    if state is None:
        history, transform = history_of(past, ahead_hours, events)
        return Continuing(None, past, history, transform, np.zeros(len(history.block), dtype=np.bool_))
    new = np.repeat(newcomers(past[dims.DEMAND].values), past.sizes[dims.RESOURCE])
    history, transform = history_of(past, ahead_hours, events, state.scale(~new))
    on = (numbers(history, state.entered) == state.number) & ~np.isin(history.block, history.block[new])
    if not on.all():  # what is made anew gets a new scale, too; blocks do not see each other
        history, transform = history_of(past, ahead_hours, events, state.scale(on))
    return Continuing(state, past, history, transform, on)


def numbers(history: History, hours: int) -> NDArray[np.int64]:
    """Return a number of the first hours of each series' block, ``(series,)``: of another past, another number."""
    out = np.zeros(len(history.block), dtype=np.int64)
    for block in np.unique(history.block):
        members = np.flatnonzero(history.block == block)
        some = history.of_series(members)
        seen = hashlib.blake2b(some.filled[:hours].tobytes(), digest_size=8)
        seen.update(np.packbits(np.isfinite(some.scores[:hours])).tobytes())
        seen.update(some.moves.tobytes())
        seen.update(some.events[some.region[0], :hours].tobytes())
        out[members] = int.from_bytes(seen.digest(), "little", signed=True)
    return out


def hour_number(time: np.datetime64) -> int:
    """Return hours since 1970."""
    return int(time.astype("datetime64[h]").astype(np.int64))
