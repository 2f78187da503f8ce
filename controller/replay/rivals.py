"""What other policies plan: the peak, last week, a decayed histogram, a fortnight's forecast, and the truth.

Place in the line: beside `leases`. A plan is fractional nodes, as of the need; the policy's knob scales it.
Nobody sees an hour that was not over when it decided, but the oracle.
"""

from dataclasses import dataclass

import numpy as np

from controller.capacity import Whole
from controller.replay.capacity import STEP_MINUTES, STEPS_PER_HOUR, steps_of
from controller.replay.need import WEEK, Floats, Need, whole
from controller.replay.roads import Delays

DAY = 24
AWS_HISTORY_HOURS, AWS_HORIZON_HOURS, AWS_REFRESH_HOURS = 14 * DAY, 48, 6
HALF_LIFE_HOURS, PERCENTILE, HISTOGRAM_HOURS = 24.0, 0.9, 14 * DAY


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was planned, decision by decision.

    Parameters
    ----------
    hours
        ``(decision,)``: when each was made, as hours of the usage, ascending.
    nodes
        ``(decision, pool, lead)``: what it plans for the hours from its own on; the last value holds further on.
    """

    hours: Whole
    nodes: Floats


def static_peak(need: Need) -> Decisions:
    """Hold the largest need of the past, for good."""
    peak = np.nanmax(need.nodes[:, : need.first], axis=1)
    return Decisions(np.array([0], dtype=np.int32), peak[None, :, None])


def oracle(need: Need) -> Decisions:
    """Know every need before it comes; what is not known, as the last that is."""
    return Decisions(np.array([0], dtype=np.int32), need.known[None])


def schedule(need: Need) -> Decisions:
    """Hold what the same hour of last week took; where that is not known, of the week before; else the last known.

    Last week's hours are known so long before that no review is too slow.
    """
    nodes = need.nodes
    plan = np.full_like(nodes, np.nan)
    for weeks in (2, 1):
        back = np.full_like(nodes, np.nan)
        back[:, weeks * WEEK :] = nodes[:, : -weeks * WEEK]
        plan = np.where(np.isfinite(back), back, plan)
    late = np.zeros_like(nodes)
    late[:, WEEK:] = need.known[:, :-WEEK]
    return Decisions(np.array([0], dtype=np.int32), np.where(np.isfinite(plan), plan, late)[None])


def percentile(need: Need, every_hours: int) -> Decisions:
    """Hold the 90th percentile of a histogram in which an hour counts half of one a day later."""
    hours = np.arange(need.first, need.nodes.shape[1], every_hours, dtype=np.int32)
    rows = []
    for hour in hours.tolist():
        past = need.nodes[:, max(0, hour - HISTOGRAM_HOURS) : hour]
        weights = 0.5 ** (np.arange(past.shape[1], 0, -1) / HALF_LIFE_HOURS)
        rows.append([weighted_quantile(row, weights, PERCENTILE) for row in past])
    return Decisions(hours, np.array(rows)[..., None])


def weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    """Smallest known value that holds ``level`` of the weight; 0 where none is known.

    >>> weighted_quantile(np.array([4.0, 1.0, np.nan]), np.array([1.0, 3.0, 9.0]), 0.8)
    4.0
    """
    known = np.isfinite(values)
    if not known.any():
        return 0.0
    order = np.argsort(values[known], kind="stable")
    mass = np.cumsum(weights[known][order])
    place = int(np.searchsorted(mass, level * mass[-1] * (1 - 1e-12)))
    return float(values[known][order][min(place, len(order) - 1)])


def aws_style(need: Need) -> Decisions:
    """Forecast 48 hours from a fortnight, every 6 hours.

    What Amazon forecasts with is not published. Here: the mean of the same hour of both weeks and of the same hour
    of all 14 days, half and half, times how the last day stood to the same of its own.
    """
    hours = np.arange(need.first, need.nodes.shape[1], AWS_REFRESH_HOURS, dtype=np.int32)
    return Decisions(
        hours, np.stack([_fortnight(need.nodes[:, hour - AWS_HISTORY_HOURS : hour]) for hour in hours])
    )


def _fortnight(past: Floats) -> Floats:
    """Forecast ``(pool, lead)`` from ``(pool, 336 hours)``."""
    past = np.where(np.isfinite(past), past, _means(past, DAY))
    shape = (_means(past, WEEK) + _means(past, DAY)) / 2
    recent, usual = past[:, -DAY:].mean(axis=1), shape[:, -DAY:].mean(axis=1)
    level = np.clip(np.divide(recent, usual, out=np.ones_like(usual), where=usual > 0), 0.5, 2.0)
    # The fortnight's shape repeats by the week, so its first hours are those after its last.
    return np.asarray(shape[:, :AWS_HORIZON_HOURS] * level[:, None])


def _means(past: Floats, period: int) -> Floats:
    """Mean of the known hours whole periods apart, at each hour; the pool's mean where there is none."""
    folded = past.reshape(past.shape[0], -1, period)
    known = np.isfinite(folded)
    count, sums = known.sum(axis=1), np.where(known, folded, 0.0).sum(axis=1)
    overall = sums.sum(axis=1) / np.maximum(1, count.sum(axis=1))
    means = np.where(count > 0, sums / np.maximum(1, count), overall[:, None])
    tiled: Floats = np.tile(means, folded.shape[1])
    return tiled


def in_effect(decisions: Decisions, need: Need, delays: Delays) -> Floats:
    """What is planned and has come through at each step, ``(pool, step)``, fractional nodes.

    A decision takes over once it has been reviewed, applied and booted; until then the one before holds. The first
    one holds from the start: it could have been made earlier.
    """
    minutes = np.arange(steps_of(need)) * STEP_MINUTES + need.first * 60
    hour = need.first + np.arange(steps_of(need)) // STEPS_PER_HOUR
    rows = []
    for pool in range(len(need.pools)):
        through = decisions.hours * 60 + delays.whole[pool, decisions.hours]
        # The newest that is through; one that was overtaken on its way no longer says anything.
        newest = np.zeros(len(minutes), dtype=np.int64)
        for number in range(1, len(decisions.hours)):
            newest[minutes >= through[number]] = number
        lead = np.minimum(hour - decisions.hours[newest], decisions.nodes.shape[2] - 1)
        rows.append(decisions.nodes[newest, pool, lead])
    return np.stack(rows)


def refreshes(decisions: Decisions, scale: Floats, need: Need) -> Floats:
    """Pull requests that planning takes, ``(knob,)``: decisions whose whole nodes differ from those before.

    They are proposed for each pool by itself. Of decisions far ahead (the peak, last week) a week's are one.
    """
    weekly = float(len(need.pools)) * need.weeks
    if len(decisions.hours) == 1:
        return np.full(len(scale), 0.0 if decisions.nodes.shape[2] == 1 else weekly)
    first = int(np.searchsorted(decisions.hours, need.scored))
    counts = np.zeros(len(scale))
    leads = decisions.nodes.shape[2]
    for number in range(max(1, first), len(decisions.hours)):
        apart = int(decisions.hours[number] - decisions.hours[number - 1])
        new = planned(decisions.nodes[number], scale, need)
        old = planned(decisions.nodes[number - 1], scale, need)
        before = old[..., np.minimum(np.arange(leads) + apart, leads - 1)]
        counts += (new != before).any(axis=-1).sum(axis=1)
    return counts


def planned(nodes: Floats, scale: Floats, need: Need) -> Whole:
    """Whole nodes within base and max, ``(knob, pool, …)``, of fractional ones ``(pool, …)`` and scales."""
    counts = whole(scale[:, None, None] * nodes[None])
    return np.clip(counts, need.base[None, :, None], need.most[None, :, None])
