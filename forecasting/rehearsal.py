"""Rehearsal: the last weeks forecast again from earlier origins, to see how far each component can be believed.

Place in the line: within `learn`. A series' own coefficients are conditioned on the hours before the origin only.
What is common to all origins was found from later hours too: the scale of scores, what fills gaps, where levels
moved, what groups share, the coefficients that residuals are about. So components are judged a little too kindly.

    rehearsal = rehearse(Task(...))
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, WEEK, Floats
from forecasting.chance import chance_at
from forecasting.components.linear import condition
from forecasting.components.recurrent import watch
from forecasting.conditionals import Learnt
from forecasting.history import History
from forecasting.mixture import draw_component, draw_recurrent
from forecasting.network import Network
from forecasting.roughness import roughness_of
from forecasting.settings import RECURRENT
from forecasting.stacking import LEVELS, RANGES, Terms, terms_of
from forecasting.sufficient import Statistics
from forecasting.transform import Transform

ORIGINS, ORIGIN_STEP = 8, 37
"""Origins that are forecast again, and hours between them: a step that meets other hours of the day each time."""

_LEAST_STEP = 6  # of a short past
_FAIR = WEEK + 2 * DAY  # hours before the last origin from which on no component goes without what it looks at
_DRAWS = 120
_EACH = _DRAWS // len(LEVELS)
_EVEN = (np.array(LEVELS) * _DRAWS).astype(np.intp)
_OUTER = np.array([*range(_EACH), *range(_DRAWS - _EACH, _DRAWS)])
POINTS = np.union1d(_EVEN[1:-1], _OUTER)
"""Sorted draws that are kept of a rehearsal: those at `stacking.LEVELS`, and all of the tails."""

SHARES = np.where(np.isin(POINTS, _OUTER), 1, _EACH) / _DRAWS
"""Of all draws, what each of these stands for."""

_AT_LEVELS = np.searchsorted(POINTS, _EVEN)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How forecasts of one block from earlier origins went, by component.

    Parameters
    ----------
    terms
        By origin, of the CRPS of its mixtures.
    evidence
        Days that were forecast, times series.
    quantiles
        By origin, draws as scores, ``(component, point, hour, series)``; those of `POINTS`.
    actual
        By origin, scores ``(hour, series)``.
    roughness
        Of the series, ``(series,)``; see `roughness`.
    known_hours
        Hours of the past that each origin knew, ascending.
    past_hours
        Hours that are known now.
    """

    terms: list[Terms]
    evidence: float
    quantiles: list[NDArray[np.float32]]
    actual: list[Floats]
    roughness: Floats
    known_hours: tuple[int, ...]
    past_hours: int


@dataclass(frozen=True, slots=True)
class Task:
    """What a rehearsal of one block needs, and nothing else.

    Parameters
    ----------
    history, transform
        Of the block's series.
    learnt, statistics
        By linear component; statistics by cut.
    components
        Names.
    cuts
        Origins, ascending.
    hours
        Steps ahead.
    seed
        Of every draw.
    network
        Of the resource, where the recurrent component is to be judged; it never saw an hour after the first cut.
    """

    history: History
    transform: Transform
    learnt: dict[str, Learnt]
    statistics: dict[str, dict[int, Statistics]]
    components: tuple[str, ...]
    cuts: tuple[int, ...]
    hours: int
    seed: int
    network: Network | None = None


def rehearse(task: Task) -> Rehearsal:
    """Forecast one block again from each cut, by each component alone."""
    history = task.history
    conditioned = {name: condition(history, learnt, task.statistics[name]) for name, learnt in task.learnt.items()}
    watched = watch(history, task.network, task.cuts) if task.network is not None else None
    every = np.arange(_DRAWS)
    terms: list[Terms] = []
    kept, came = [], []
    for cut in task.cuts:
        chance = chance_at(history.time, cut, task.hours, _DRAWS, (task.seed, cut))
        quantiles = []
        for name in task.components:
            if name == RECURRENT:
                drawn = draw_recurrent(history, task.network, watched, chance, every, task.hours)
            else:
                known = task.learnt.get(name), conditioned.get(name)
                drawn = draw_component(name, history, *known, chance, every, task.hours)
            drawn = np.sort(np.where(history.moves, np.clip(drawn, history.lowest, history.highest), 0.0), axis=1)
            quantiles.append(drawn[:, POINTS].transpose(1, 0, 2).astype(np.float32))
        scores = np.stack(quantiles)
        actual = history.scores[cut : cut + task.hours]
        if history.censored is not None:  # what was wanted is not known, so nobody is judged by it
            actual = np.where(history.censored[cut : cut + task.hours], np.nan, actual)
        terms.append(terms_of(task.transform.demand_of(scores[:, _AT_LEVELS]), task.transform.demand_of(actual)))
        kept.append(scores)
        came.append(np.where(history.moves, actual, np.nan))
    if not terms:
        raise ValueError("no cuts")
    days = min(task.cuts[-1] - task.cuts[0] + task.hours, len(task.cuts) * task.hours) / DAY
    evidence = days * max(int(history.moves.sum()), 1)
    return Rehearsal(terms, evidence, kept, came, roughness_of(history), task.cuts, history.length)


def plan_of(length: int, horizon_hours: int) -> tuple[int, list[int]]:
    """Return how far ahead can be rehearsed, and the origins; none, where history is too short for that.

    A short history is rehearsed less far ahead, so that all components have something to learn from at each
    origin: one that looks back a week would else be judged by what it does without.
    """
    shorter = (horizon_hours, *(hours for hours in reversed(RANGES) if hours < horizon_hours))
    fair = [hours for hours in shorter if length - hours >= _FAIR]
    for hours in (*fair, *shorter):
        if cuts := cuts_of(length, hours):
            return hours, cuts
    return horizon_hours, []


def cuts_of(length: int, hours: int) -> list[int]:
    """Return the origins that are forecast again, ascending: rows of the first hour ahead."""
    # With a week and a day, the weekly component has a day to learn from.
    least = max(min(2 * WEEK + 6, length // 2), WEEK + DAY if length - hours >= _FAIR else 2 * DAY)
    room = length - hours - least
    step = min(ORIGIN_STEP, max(room // (ORIGINS - 1), _LEAST_STEP))
    cuts = [length - hours - number * step for number in range(ORIGINS)]
    return [cut for cut in reversed(cuts) if cut >= least]
