"""Usage (and forecast) → regions whose usage fell all at once: silence that is likelier an outage than a saving.

Place in the line: before ``decay`` lets anything go. Every group is measured by its own usual hour, so a surge
that merely ends, a night and a weekend are no falls; groups that fall within an hour of each other are suspicious.

>>> ratio = np.array([[1.0, 0.9, 1.1, 0.2, 0.1], [1.0, 0.9, 1.1, 0.6, 0.8]])
>>> began(ratio < 0.5, ratio > 0)  # the hour in which each series went low and stayed so; −1: it is not low
array([ 3, -1])
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from controller.capacity import Floats
from controller.config.policy import Decay

Places = NDArray[np.intp]
Flags = NDArray[np.bool_]
_HOUR = timedelta(hours=1)
_DAY, _DAYS = 24, 7
_FEWEST_DAYS = 2  # days with a known value of the hour, from which on there is a usual one
_FEWEST_GROUPS = 2  # one group that goes quiet is its own affair
_TAIL = 0.01  # of the forecast of a region's sum: a PIT below it is a surprise on the low side
_SHORT = 1e-9  # a share of groups counts as reached within rounding


@dataclass(frozen=True, slots=True)
class Outage:
    """A suspected outage of a region: since when, until when it holds what is held, and why in words."""

    region: str
    since: datetime
    until: datetime
    why: str


def outages(demand: xr.DataArray, draws: xr.DataArray | None, settings: Decay, now: datetime) -> dict[str, Outage]:
    """Find the regions whose usage fell all at once within the last ``outage_hold_hours``.

    A group has fallen if its usage is under ``outage_fall`` of its usual one and was above it (median) in the 24 h
    before. A region is suspected if ``outage_share`` of its groups, two at least, fell within an hour of each
    other; or if the sum of its groups came below the forecast's 1 % quantile and fell by half as much.

    Parameters
    ----------
    demand : usage, dims (group, resource, time), hourly; hours that are not over at ``now`` are not looked at
    draws : newest forecast, dims (draw, group, resource, time), in the same units; None if there is none
    settings : which falls count, and for how long they hold
    now : UTC

    Returns
    -------
    outages by region; a region without two days of history, or with one group only, is never among them
    """
    hold = settings.outage_hold_hours
    if hold <= 0:
        return {}
    looked = math.ceil(hold) + _DAY + 1
    values, first = _grid(demand, looked + _DAYS * _DAY, now)
    begins = [first + (_DAYS * _DAY + i) * _HOUR for i in range(looked)]
    regions = np.array([region_of(demand, i) for i in range(demand.sizes["group"])])
    # The resource that fell most: an outage need not show in all of them, as idle processes keep their memory.
    ratio: Floats = np.fmin.reduce(_ratios(values, looked), axis=1)
    fell = _falls(ratio, settings.outage_fall)
    recent = np.array([x + hold * _HOUR > now for x in begins])
    found = {}
    for region in sorted(set(regions.tolist())):
        members = np.flatnonzero(regions == region)
        at, why = _together(fell[members], ratio[members], recent, region, settings.outage_share)
        if at < 0 and draws is not None:
            at, why = _surprised(values, demand, draws, members, begins, settings)
        if at >= 0 and recent[at]:
            until = begins[at] + hold * _HOUR
            found[region] = Outage(region, begins[at], until, f"usage of {why} at {begins[at]:%Y-%m-%d %H:%M} UTC")
    return found


def region_of(demand: xr.DataArray, place: int) -> str:
    """Region of the group at ``place``."""
    if "region" in demand.coords:
        return str(demand.coords["region"].values[place])
    return str(demand.coords["group"].values[place]).partition("/")[0]


def began(low: Flags, known: Flags) -> Places:
    """Hour in which each series went low and has stayed so until its last known hour; −1 if it has not.

    Parameters
    ----------
    low, known : arrays (series, time); hours that are not known neither begin nor end a stretch

    Returns
    -------
    array (series,)
    """
    hours = np.arange(low.shape[1])
    high = np.where(known & ~low, hours, -1).max(axis=1)
    stretch = low & known & (hours > high[:, None])
    return np.where(stretch.any(axis=1), stretch.argmax(axis=1), -1)


def _grid(demand: xr.DataArray, hours: int, now: datetime) -> tuple[Floats, datetime]:
    """Usage of the last hours that are over, array (group, resource, hours), NaN where unknown; their first."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - _HOUR
    first = last - (hours - 1) * _HOUR
    place = _places(demand, first)
    kept = np.flatnonzero((place >= 0) & (place < hours))
    values = demand.transpose("group", "resource", "time").isel(time=kept).to_numpy().astype(np.float64)
    grid = np.full((*values.shape[:2], hours), np.nan)
    grid[:, :, place[kept]] = np.where(np.isfinite(values) & (values >= 0), values, np.nan)
    return grid, first


def _places(demand: xr.DataArray, first: datetime) -> Places:
    """Hours from ``first`` to each hour of ``demand``, array (time,)."""
    stamps = demand.coords["time"].to_numpy().astype("datetime64[s]").astype(np.int64)
    hours: Places = ((stamps - int(first.timestamp())) // 3600).astype(np.intp)
    return hours


def _ratios(values: Floats, looked: int) -> Floats:
    """Usage over its usual in the last ``looked`` hours of ``values``, arrays (…, time); NaN where there is none.

    Usual is the median of the same hour on the seven days before, or the same hour a week before if that is less:
    Saturdays are measured by a Saturday.
    """
    end = values.shape[-1]
    days = np.stack([values[..., end - looked - _DAY * k : end - _DAY * k] for k in range(1, _DAYS + 1)], axis=-1)
    enough = (~np.isnan(days)).sum(axis=-1) >= _FEWEST_DAYS
    usual = np.where(enough, np.fmin(_median(days), days[..., -1]), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(usual > 0, values[..., end - looked :] / usual, np.nan)


def _median(values: Floats) -> Floats:
    """Median of the known values along the last axis; NaN where none is."""
    ordered = np.sort(values, axis=-1)  # NaN last
    count = (~np.isnan(values)).sum(axis=-1, keepdims=True)
    halves = [np.take_along_axis(ordered, np.maximum(x, 0), axis=-1) for x in ((count - 1) // 2, count // 2)]
    # An even count's upper half is within the known ones; of none both are the first, which is NaN.
    middle: Floats = ((halves[0] + halves[1]) / 2)[..., 0]
    return middle


def _before(ratio: Floats, at: Places) -> Floats:
    """Median ratio of each series in the day before hour ``at`` of it, array (series,)."""
    hours = np.arange(ratio.shape[1])
    day = (hours < at[:, None]) & (hours >= at[:, None] - _DAY)
    return _median(np.where(day, ratio, np.nan))


def _falls(ratio: Floats, fall: float) -> Places:
    """Hour in which each series (series, time) fell; −1 where it did not, or was low all the day before."""
    at = began(ratio < fall, ~np.isnan(ratio))
    return np.where((at >= 0) & (_before(ratio, at) > fall), at, -1)


def _together(fell: Places, ratio: Floats, recent: Flags, region: str, share: float) -> tuple[int, str]:
    """Hour in which enough of a region's groups fell, −1 if they did not; and that in words."""
    judged = int((~np.isnan(ratio)).any(axis=1).sum())
    hours = fell[(fell >= 0) & recent[fell]]
    if hours.size < _FEWEST_GROUPS:
        return -1, ""
    counts = [(int(((hours >= x) & (hours <= x + 1)).sum()), -int(x)) for x in np.unique(hours)]
    count, at = max(counts)
    if count < max(_FEWEST_GROUPS, share * judged - _SHORT):
        return -1, ""
    return -at, f"{count} of the {judged} groups of {region} fell together"


def _surprised(
    values: Floats,
    demand: xr.DataArray,
    draws: xr.DataArray,
    members: Places,
    begins: Sequence[datetime],
    settings: Decay,
) -> tuple[int, str]:
    """Hour since which a region's sum is below its forecast and has fallen, −1 if none; and that in words."""
    labels = demand.coords["group"].values[members]
    both = np.isin(labels, draws.coords["group"].values)
    place = _places(draws, begins[0])
    covered = np.flatnonzero((place >= 0) & (place < len(begins)))
    resources = demand.coords["resource"].values
    if (
        both.sum() < _FEWEST_GROUPS
        or not covered.size
        or not np.isin(resources, draws.coords["resource"].values).all()
    ):
        return -1, ""
    part = draws.isel(time=covered).sel(group=labels[both], resource=resources)
    sums = part.transpose("draw", "group", "resource", "time").to_numpy().sum(axis=1, dtype=np.float64)
    total = values[members[both]].sum(axis=0)
    ratio, came = _ratios(total, len(begins)), total[:, -len(begins) :]
    lowest = np.full(came.shape, np.nan)
    lowest[:, place[covered]] = np.quantile(sums, _TAIL, axis=0)
    at = began(came < lowest, ~np.isnan(came + lowest + ratio))
    # A forecast that promised too much is a surprise as well, but no outage: usage itself must have fallen.
    dip = (1 + settings.outage_fall) / 2 * _before(ratio, at)
    hours = [int(x) for x, r, d in zip(at, ratio, dip, strict=True) if x >= 0 and r[x] < d]
    where = region_of(demand, int(members[0]))
    return (min(hours), f"{where} fell below the 1 % quantile of its forecast") if hours else (-1, "")
