"""Usage without its occasions, and draws with them: a layer around the forecaster.

Place in the line: around `history` and all that follows. Components forecast demand as if nothing special
happened, from a past out of which the effects of events and holidays were taken; the factors of those ahead are
multiplied into the draws. So an event reaches every component of the mixture, and what is drawn of it is common
to all that it touches.

    layer = layer_of(usage, past, events, ahead_hours=96, draws=500, seed=1)
    layer.past, layer.into(draws)
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zlib import crc32

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.basis import Floats
from forecasting.effects import Measured, believed, drawn, learn_kind, own_of
from forecasting.events import Events
from forecasting.occasions import PARTS, Occasion, busy_hours, occasions_of
from forecasting.uplift import Uplift, measure

MOST_PAST = 64
"""Past occasions of a kind that are learnt from at most, the latest."""

MOST = float(np.log(20.0))
"""Furthest log factor, either way: no demand at all has none."""

MOST_TOLD = 200
"""Occasions ahead that a profile names at most."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """An occasion ahead, draws of its log factor ``(draw, touched, part, resource)``, whether it is the first."""

    occasion: Occasion
    factor: NDArray[np.float32]
    new: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """What occasions did and will do.

    Parameters
    ----------
    past
        The usage that components look at, with past effects taken out.
    ahead
        Occasions that touch the hours ahead.
    first
        Hours since 1970 UTC of the first hour ahead.
    """

    past: xr.Dataset
    ahead: tuple[Ahead, ...]
    first: int

    def into(self, draws: NDArray[np.float32], skipped_hours: int = 0) -> None:
        """Multiply the factors into draws ``(draw, group, resource, hour)``, in place; hours from ``first`` on.

        Parameters
        ----------
        draws
            Of demand as usual.
        skipped_hours
            Hours ahead that the draws do not have.
        """
        hours = draws.shape[3]
        for x in self.ahead:
            at = x.occasion.first - self.first - skipped_hours
            for hour in range(max(at, 0), min(at + x.occasion.hours, hours)):
                share, part = x.occasion.share[:, hour - at], x.occasion.part[:, hour - at]
                some = np.flatnonzero(share > 0)
                log = x.factor[:, some, part[some]] * share[some, None].astype(
                    np.float32
                )  # (draw, touched, resource)
                draws[..., hour][:, x.occasion.groups[some]] *= np.exp(log)

    def factors(self, group: int, resource: int, hours: int, skipped_hours: int = 0) -> NDArray[np.float32]:
        """Return the factors of one series, ``(draw, hour)``."""
        draws = len(self.ahead[0].factor) if self.ahead else 1
        out = np.ones((draws, hours), dtype=np.float32)
        for x in self.ahead:
            at = x.occasion.first - self.first - skipped_hours
            for place in np.flatnonzero(x.occasion.groups == group):
                for hour in range(max(at, 0), min(at + x.occasion.hours, hours)):
                    log = x.factor[:, place, x.occasion.part[place, hour - at], resource]
                    out[:, hour] *= np.exp(log * np.float32(x.occasion.share[place, hour - at]))
        return out

    def told(self, resources: Sequence[str]) -> list[dict[str, object]]:
        """Return what a reader of the forecast may want to know of the occasions ahead, as plain values.

        Parameters
        ----------
        resources
            Names.

        Returns
        -------
        list of dict
            By start: ``kind``, ``name``, ``start`` and ``end`` (ISO 8601, UTC), ``regions`` and ``groups`` as they
            were written, ``new`` if none of the kind was seen before, and ``factor``: for each resource the 10, 50
            and 90 % quantile of what demand is multiplied by, in the mean over what it touches.
        """
        found: list[dict[str, object]] = []
        for x in sorted(self.ahead, key=lambda x: (x.occasion.start, x.occasion.name, x.occasion.kind))[
            :MOST_TOLD
        ]:
            touched = np.einsum("gh,ghp->gp", x.occasion.share, x.occasion.part[..., None] == np.arange(PARTS))
            mean = np.einsum("dgpr,gp->dr", x.factor, touched) / touched.sum()
            factor = np.exp(np.quantile(mean, (0.1, 0.5, 0.9), axis=0)).round(3)
            start, end = (
                datetime.fromtimestamp(at / 1e6, UTC).isoformat() for at in (x.occasion.start, x.occasion.end)
            )
            found.append(
                {
                    "kind": x.occasion.kind,
                    "name": x.occasion.name,
                    "start": start,
                    "end": end,
                    "regions": sorted({row.region for row in x.occasion.rows}),
                    "groups": sorted({row.group for row in x.occasion.rows}),
                    "new": x.new,
                    "factor": {name: factor[:, r].tolist() for r, name in enumerate(resources)},
                }
            )
        return found


def layer_of(
    usage: xr.Dataset,
    past: xr.Dataset,
    events: Events | None,
    ahead_hours: int,
    draws: int,
    seed: int,
) -> Layer | None:
    """Learn what occasions did, over all of the usage, and draw what those ahead will do; None if there is none.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)``, all that is known before the moment of the forecast.
    past
        The last hours of it, that components look at.
    events
        What is known of the calendar.
    ahead_hours
        Hours after the past for which occasions are looked up.
    draws, seed
        Of the factors ahead.
    """
    if events is None or not events.occur:
        return None
    groups, regions = usage[dims.GROUP].values, usage[dims.REGION].values
    first, begin, end = (
        _hour(x) for x in (usage[dims.TIME].values[0], past[dims.TIME].values[0], past[dims.TIME].values[-1])
    )
    end += 1
    occasions = occasions_of(events, groups, regions, first, end + ahead_hours)
    if not occasions:
        return None
    roots = np.sqrt(usage[dims.DEMAND].values)
    if dims.CENSORED in usage.data_vars:  # a bound measures nothing
        roots = np.where(usage[dims.CENSORED].values, np.nan, roots)
    busy = busy_hours(occasions, len(groups), first, roots.shape[2])
    kinds: dict[str, list[Occasion]] = defaultdict(list)
    for x in occasions:
        kinds[x.kind].append(x)
    shape = (len(groups), roots.shape[1], past.sizes[dims.TIME])
    logs, usual = np.zeros(shape), np.full(shape, np.nan)
    ahead: list[Ahead] = []
    for kind, members in kinds.items():
        gone = [x for x in members if x.first < end]
        some = [*gone[-MOST_PAST:], *(x for x in members if x.first >= end)]
        if not any(x.first + x.hours > begin for x in some):
            continue
        key = (seed, crc32(kind.encode()))
        uplifts = [measure(x, roots, busy, first) for x in some]
        measured = _laid_out(some, uplifts, len(groups))
        shared = learn_kind(measured, key)
        rng = np.random.default_rng([*key, 12])
        own = own_of(shared, measured, rng)
        for place, x in enumerate(some):
            if x.first < end and x.first + x.hours > begin:
                log = np.clip(believed(shared, own, measured, place)[x.groups], -MOST, MOST)
                _add(logs, usual, x, uplifts[place], log, begin)
            if x.first + x.hours > end:
                log = np.clip(drawn(shared, own, measured, place, draws, rng)[:, x.groups], -MOST, MOST)
                ahead.append(Ahead(x, log.astype(np.float32), not np.isfinite(measured.factor).any()))
    return Layer(_without(past, logs, usual), tuple(ahead), end)


def _hour(time: np.datetime64) -> int:
    return int(time.astype("datetime64[h]").astype(np.int64))


def _laid_out(occasions: Sequence[Occasion], uplifts: Sequence[Uplift], groups: int) -> Measured:
    """Lay the factors of touched groups out over all groups."""
    shape = (len(occasions), groups, PARTS, uplifts[0].factor.shape[2])
    factor, variance = np.full(shape, np.nan), np.full(shape, np.nan)
    for place, (x, uplift) in enumerate(zip(occasions, uplifts, strict=True)):
        factor[place, x.groups], variance[place, x.groups] = uplift.factor, uplift.variance
    expected = np.array([x.expected or (np.nan, np.nan) for x in occasions])
    return Measured(factor, variance, expected)


def _add(logs: Floats, usual: Floats, x: Occasion, uplift: Uplift, log: Floats, begin: int) -> None:
    """Add an occasion's log factors ``(touched, part, resource)`` to those of the past's hours, in place."""
    at = x.first - begin
    for hour in range(max(at, 0), min(at + x.hours, logs.shape[2])):
        share, part = x.share[:, hour - at], x.part[:, hour - at]
        logs[x.groups, :, hour] += share[:, None] * log[np.arange(len(part)), part]
        usual[x.groups, :, hour] = uplift.usual[:, :, hour - at]


def _without(past: xr.Dataset, logs: Floats, usual: Floats) -> xr.Dataset:
    """Take log factors out of usage.

    What is above or below the usual beside the effect is kept as it is where the effect made demand smaller: to
    divide next to nothing by next to nothing would blow up noise.
    """
    demand = past[dims.DEMAND].values
    touched = logs != 0
    root, factor = np.sqrt(demand), np.exp(logs / 2)
    plain = root / factor
    kept = usual + root - usual * factor
    root = np.where((factor < 1) & np.isfinite(usual), np.maximum(kept, 0.0), plain)
    return past.assign({dims.DEMAND: (past[dims.DEMAND].dims, np.where(touched, root**2, demand))})
