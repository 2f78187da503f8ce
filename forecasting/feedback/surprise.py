"""How surprising the last days were: one-sided both ways, accumulated, and what it looks like.

Place in the line: read off a record; the controller lowers what a pool may do by itself, and `retrain` asks it.

A tabular CUSUM (Page 1954) of the mean normal score of each six hours: ``S⁺ = max(0, S⁺ + z̄ − k)``, and so
downwards. The surprise factor is S over the height of the alarm: 0 is calm, 1 an alarm. A score counts up to
three, so that one bad stretch, however bad, adds less than half of an alarm; hours that all come two standard
deviations out make one in a day and a half.

    found = surprises(record)
    found.sel(side="above", scope="group:eu-west/shop", resource="cpu")
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting.feedback.record import AHEAD_HOURS, STEP_HOURS, Floats, Record
from forecasting.feedback.scopes import GROUP

SLACK, ALARM = 0.75, 6.0
"""k and h of the CUSUM, in standard deviations of a score."""

MOST = 2.0
"""The factor is at most so many alarms, so that it comes down within a few calm days."""

_OUTLIER = 2.6  # mean score of six hours beyond which they are an outlier: 1 % of a normal one, both sides
_COUNTED = 3.0
_TOGETHER = 0.5  # share of a region's groups, and of all, that makes an event of what happens to each
_FEWEST = 3

SIDES = ("above", "below")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the last six hours look like: ``kind`` of what, where, and to which side."""

    kind: str
    """``outlier`` or ``shift`` of a group, ``regional`` event, ``global`` outage or surge."""
    where: str
    side: str
    factor: float


def stretches(record: Record) -> tuple[NDArray[np.datetime64], Floats]:
    """Return the first of each six hours, and their mean score ``(stretch, scope, resource)``, NaN if unknown.

    Forecasts of other origins that are about the same hours are averaged: they are wrong
    together.
    """
    scores, origins = record.scores, record.origins
    if not len(origins):
        return origins, np.zeros((0, *scores.shape[1:3]))
    parts = AHEAD_HOURS // STEP_HOURS
    hours = np.timedelta64(STEP_HOURS, "h")
    places = ((origins - origins[0]) / hours).astype(np.intp)
    total = np.zeros((places[-1] + parts, *scores.shape[1:3]))
    count = np.zeros_like(total)
    by_part = np.clip(scores, -_COUNTED, _COUNTED).reshape(*scores.shape[:3], parts, STEP_HOURS)
    known = np.isfinite(by_part)
    for part in range(parts):
        np.add.at(total, places + part, np.where(known[:, :, :, part], by_part[:, :, :, part], 0.0).sum(axis=-1))
        np.add.at(count, places + part, known[:, :, :, part].sum(axis=-1))
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return origins[0] + np.arange(len(mean)) * hours, mean


def cusum(means: Floats) -> Floats:
    """Return the surprise factor after each stretch: ``(side, stretch, scope, resource)``, 0 to `MOST`.

    Parameters
    ----------
    means
        ``(stretch, scope, resource)``; what is not known changes nothing.
    """
    out = np.zeros((2, *means.shape))
    level = np.zeros((2, *means.shape[1:]))
    for number, mean in enumerate(means):
        for side, sign in enumerate((1.0, -1.0)):
            moved = np.clip(level[side] + sign * mean - SLACK, 0.0, MOST * ALARM)
            level[side] = np.where(np.isnan(mean), level[side], moved)
        out[:, number] = level / ALARM
    return out


def surprises(record: Record) -> xr.DataArray:
    """Return the surprise factor of now: ``(side, scope, resource)``; 0 where nothing is known."""
    _, means = stretches(record)
    last = cusum(means)[:, -1] if len(means) else np.zeros((2, *record.scores.shape[1:3]))
    data = record.dataset
    coords = {"side": list(SIDES), "scope": data["scope"], "resource": data["resource"], "kind": data["kind"]}
    return xr.DataArray(last, dims=("side", "scope", "resource"), coords=coords, name="surprise")


def verdicts(record: Record, regions: dict[str, str]) -> list[Verdict]:
    """Tell apart what the newest stretch looks like, the widest first.

    All regions together are ``global``; half of a region's groups ``regional``; a group by itself has a ``shift``
    where surprise has piled up to an alarm, and else an ``outlier``.

    Parameters
    ----------
    record
        How forecasts turned out.
    regions
        Region of each group, by label.
    """
    _, means = stretches(record)
    known = np.flatnonzero(np.isfinite(means).any(axis=(1, 2)))
    if not known.size:
        return []
    last = known[-1]
    data = record.dataset
    names = [str(x).partition(":")[2] for x in data["scope"].values]
    groups = np.flatnonzero(data["kind"].values == GROUP)
    factors = cusum(means)[:, last].max(axis=-1)  # (side, scope)
    found: list[Verdict] = []
    told: set[tuple[str, int]] = set()
    for side, sign in ((0, 1.0), (1, -1.0)):
        out = np.nan_to_num(sign * means[last], nan=0.0).max(axis=-1)  # (scope,)
        struck = {names[x] for x in groups if out[x] > _OUTLIER or factors[side, x] >= 1}
        by_region: dict[str, list[str]] = {}
        for x in groups:
            by_region.setdefault(regions[names[x]], []).append(names[x])
        events = [
            region
            for region, members in sorted(by_region.items())
            if len(members) >= _FEWEST and len(struck & set(members)) >= _TOGETHER * len(members)
        ]
        if len(events) > 1 and len(events) == len(by_region):
            found.append(Verdict("global", "", SIDES[side], float(factors[side, groups].max())))
        else:
            for region in events:
                place = [x for x in groups if regions[names[x]] == region]
                found.append(Verdict("regional", region, SIDES[side], float(factors[side, place].max())))
        told |= {(label, side) for region in events for label in by_region[region]}
        for x in groups:
            if names[x] in struck and (names[x], side) not in told:
                kind = "shift" if factors[side, x] >= 1 else "outlier"
                found.append(Verdict(kind, names[x], SIDES[side], float(factors[side, x])))
    order = {"global": 0, "regional": 1, "shift": 2, "outlier": 3}
    return sorted(found, key=lambda x: (order[x.kind], -x.factor, x.where, x.side))


def told(surprise: xr.DataArray) -> dict[str, xr.DataArray]:
    """Return surprise as a variable of a profile, apart from its resources: ``surprise(side, scope, judged)``."""
    return {"surprise": surprise.rename(resource="judged").reset_coords("kind", drop=True).astype(np.float32)}
