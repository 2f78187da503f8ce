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
from zlib import crc32

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.basis import Floats
from forecasting.effects import Measured, believed, drawn, learn_kind, own_of
from forecasting.eventlayer import Ahead, Layer
from forecasting.events import Events
from forecasting.occasions import PARTS, Occasion, busy_hours, occasions_of
from forecasting.uplift import Uplift, measure

MOST_PAST = 64
"""Past occasions of a kind that are learnt from at most, the latest."""

MOST = float(np.log(20.0))
"""Furthest log factor, either way: no demand at all has none."""


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
    left = dict(kinds)
    for kind in sorted(kinds, key=lambda x: (-sum(float(y.share.sum()) for y in kinds[x]), x)):
        members = left.pop(kind)
        gone = [x for x in members if x.first < end]
        some = [*gone[-MOST_PAST:], *(x for x in members if x.first >= end)]
        if not any(x.first + x.hours > begin for x in some):
            continue
        key = (seed, crc32(kind.encode()))
        # What happens most is measured first, apart from the rest, and the rest in what it leaves.
        rest = busy_hours([y for x in left.values() for y in x], len(groups), first, roots.shape[2])
        uplifts = [measure(x, roots, busy, rest, first) for x in some]
        if not any(np.isfinite(x.factor).any() for x in uplifts):  # it never came alone
            uplifts = [measure(x, roots, busy, np.zeros_like(rest), first) for x in some]
        measured = _laid_out(some, uplifts, len(groups))
        shared = learn_kind(measured, key)
        rng = np.random.default_rng([*key, 12])
        own = own_of(shared, measured, rng)
        for place, x in enumerate(some):
            shared_hours = _window_of(rest, x, first).any()
            if x.first < end and (shared_hours or x.first + x.hours > begin):
                log = np.clip(believed(shared, own, measured, place)[x.groups], -MOST, MOST)
                _add(logs, usual, x, uplifts[place], log, begin)
                if shared_hours:
                    _divide(roots, x, log, first)
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


def _window_of(busy: NDArray[np.bool_], x: Occasion, first: int) -> NDArray[np.bool_]:
    begin, end = max(x.first - first, 0), max(min(x.first + x.hours - first, busy.shape[1]), 0)
    return busy[x.groups, begin:end]


def _divide(roots: Floats, x: Occasion, log: Floats, first: int) -> None:
    """Take an occasion's effect out of roots, in place, so that others can be measured in its hours."""
    at = x.first - first
    for hour in range(max(at, 0), min(at + x.hours, roots.shape[2])):
        share, part = x.share[:, hour - at], x.part[:, hour - at]
        roots[x.groups, :, hour] /= np.exp(share[:, None] * log[np.arange(len(part)), part] / 2)


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
