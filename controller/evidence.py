"""The need of a window → the evidence for its lease.

Place in the line: beside ``decide``; what is computed here is all that a commit, a pull request or a report
may say of a lease.

>>> need = Need(("eu/a",), ("cpu",), np.array([[[2, 5]], [[2, 1]]]), (_NOON, _NOON + _HOUR), np.array([3, 3]))
>>> need.probability(slice(0, 2)), need.largest(slice(0, 2)).tolist()
(0.5, [5, 2])
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from controller.capacity import Whole, quantile
from controller.config import Config
from controller.lease import Held, Lease, Scalar
from controller.plan import Change, ForecastEvidence, Interval, Stake
from forecasting.profile import DemandProfile

_HOUR = timedelta(hours=1)
_DIGEST = re.compile(r"[^0-9a-f]")  # a profile is a file from anywhere
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
_LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True, slots=True)
class Need:
    """What one pool needs and holds, hour by hour, in nodes.

    ``by_resource`` is an array (draw, resource, time): the nodes that each resource alone would take.
    ``held`` is an array (time,). Windows are half-open slices along time.
    """

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    by_resource: Whole
    times: tuple[datetime, ...]
    held: Whole

    @property
    def nodes(self) -> Whole:
        """Needed nodes, array (draw, time): the resource that ends first decides."""
        nodes: Whole = self.by_resource.max(axis=1)
        return nodes

    @property
    def exceeds(self) -> NDArray[np.bool_]:
        """Whether the need exceeds what is held, array (draw, time)."""
        return self.nodes > self.held

    def probability(self, window: slice) -> float:
        """P(the need exceeds what is held at some hour of the window)."""
        return float(self.exceeds[:, window].any(axis=1).mean())

    def largest(self, window: slice) -> Whole:
        """Largest need within the window, array (draw,)."""
        largest: Whole = self.nodes[:, window].max(axis=1)
        return largest

    def bounds(self, window: slice) -> tuple[datetime, datetime]:
        """Start and end of the window."""
        return self.times[window.start], self.times[window.stop - 1] + _HOUR


def forecast_evidence(
    profile: DemandProfile,
    need: Need,
    window: slice,
    lease: Lease,
    warm_held: int,
    config: Config,
    now: datetime,
) -> ForecastEvidence:
    """Say why ``lease`` is asked for over ``window``; ``warm_held`` nodes are warm without it."""
    settings, largest = config.decide, need.largest(window)
    short = np.maximum(need.nodes[:, window] - need.held[window], 0)
    alone = [
        (name, quantile(need.by_resource[:, i, window].max(axis=1), settings.service_level))
        for i, name in enumerate(need.resources)
    ]
    merge_by = max(now, need.bounds(window)[0] - config.ready_in(lease.pool))
    held = Held(int(need.held[window].min()), warm_held)
    planned, early, most = _stakes(lease, held, config, merge_by, now)
    return ForecastEvidence(
        issued=profile.issued,
        forecast=_DIGEST.sub("", str(profile.dataset.attrs.get("data_digest", "")))[:12],
        draws=need.by_resource.shape[0],
        probability=need.probability(window),
        threshold=settings.confidence_threshold,
        service_level=settings.service_level,
        shadow_level=settings.shadow_level,
        held=held.floor,
        held_warm=held.warm,
        median=quantile(largest, 0.5),
        intervals=tuple(
            Interval(p, quantile(largest, (1 - p) / 2), quantile(largest, (1 + p) / 2)) for p in _LEVELS
        ),
        needs=tuple(sorted(alone, key=lambda x: (-x[1], x[0]))),
        groups=need.groups,
        merge_by=merge_by,
        short_notice=now + timedelta(minutes=config.lead_times.review_minutes) > merge_by,
        shortfall_node_hours=float(short.sum(axis=1).mean()),
        shortfall_hours=float((short > 0).sum(axis=1).mean()),
        planned=planned,
        early=early,
        most=most,
    )


def stake(config: Config, pool_name: str, before: Held, after: Held, hours: float) -> Stake:
    """What holding ``after`` instead of ``before`` takes in so many hours, in node-hours and money."""
    pool, span = config.pools[pool_name], max(0.0, hours)
    floor, warm = after.floor - before.floor, after.warm - before.warm
    warm_price = pool.price_per_hour if pool.warm_runs else pool.warm_price_per_hour
    return Stake(span * (floor + warm), span * (floor * pool.price_per_hour + warm * warm_price))


def _stakes(
    lease: Lease, before: Held, config: Config, merge_by: datetime, now: datetime
) -> tuple[Stake, Stake, Stake]:
    """Planned, early and most, as the evidence names them."""
    pool = config.pools[lease.pool]
    after = Held(max(before.floor, lease.floor), max(before.warm, min(lease.warm, pool.max - lease.floor)))
    spans = ((lease.ends - merge_by) / _HOUR, 1.0, (lease.expires - now) / _HOUR)
    planned, early, most = (stake(config, lease.pool, before, after, hours) for hours in spans)
    return planned, early, most


def restaked(change: Change, config: Config, now: datetime) -> Change:
    """Count the stakes of a change anew, after a guardrail has made it smaller."""
    if isinstance(change.evidence, ForecastEvidence):
        held = Held(change.evidence.held, change.evidence.held_warm)
        planned, early, most = _stakes(change.lease, held, config, change.evidence.merge_by, now)
        evidence = replace(change.evidence, planned=planned, early=early, most=most)
        return replace(change, evidence=evidence)
    return change


def explained(lease: Lease, evidence: ForecastEvidence) -> Lease:
    """Put what a reader of the file wants to know into the lease; of it ``decay`` reads the count of groups."""
    known: dict[str, Scalar] = {
        "binding": evidence.binding,
        "forecast": evidence.forecast,
        "groups": len(evidence.groups),
        "held": evidence.held,
        "median": evidence.median,
        "probability": round(evidence.probability, 3),
    }
    return replace(lease, evidence=tuple(sorted(known.items())))
