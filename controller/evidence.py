"""The need of a window → the evidence for its lease.

Place in the line: beside ``decide``; what is computed here is all that a commit, a pull request or a report
may say of a lease.

>>> need = Need(("eu/a",), ("cpu",), np.array([[[2, 5]], [[2, 1]]]), (_NOON, _NOON + _HOUR), np.array([3, 3]))
>>> need.probability(slice(0, 2)), need.largest(slice(0, 2)).tolist()
(0.5, [5, 2])
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from controller.capacity import Whole, quantile
from controller.config import Config
from controller.lease import Lease, Scalar
from controller.plan import Change, ForecastEvidence, Interval, Stake
from forecasting.profile import DemandProfile

_HOUR = timedelta(hours=1)
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
    profile: DemandProfile, need: Need, window: slice, lease: Lease, config: Config, now: datetime
) -> ForecastEvidence:
    """Say why ``lease`` is asked for over ``window``."""
    settings, largest = config.decide, need.largest(window)
    short = np.maximum(need.nodes[:, window] - need.held[window], 0)
    alone = [
        (name, quantile(need.by_resource[:, i, window].max(axis=1), settings.service_level))
        for i, name in enumerate(need.resources)
    ]
    merge_by = lease.starts - config.ready_in(lease.pool)
    planned, early, most = _stakes(lease, config, merge_by, now)
    return ForecastEvidence(
        issued=profile.issued,
        forecast=str(profile.dataset.attrs.get("data_digest", ""))[:12],
        draws=need.by_resource.shape[0],
        probability=need.probability(window),
        threshold=settings.confidence_threshold,
        service_level=settings.service_level,
        shadow_level=settings.shadow_level,
        held=int(need.held[window].min()),
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


def stake(lease: Lease, config: Config, since: datetime, until: datetime) -> Stake:
    """What ``lease`` holds above the pool's base from ``since`` to ``until``, in node-hours and money."""
    pool = config.pools[lease.pool]
    hours = max(0.0, (until - since) / _HOUR)
    floor, warm = max(0, lease.floor - pool.base), max(0, lease.warm - pool.base_warm)
    warm_price = pool.price_per_hour if pool.warm_runs else pool.warm_price_per_hour
    return Stake(hours * (floor + warm), hours * (floor * pool.price_per_hour + warm * warm_price))


def _stakes(lease: Lease, config: Config, merge_by: datetime, now: datetime) -> tuple[Stake, Stake, Stake]:
    """Planned, early and most, as the evidence names them."""
    return (
        stake(lease, config, merge_by, lease.ends),
        stake(lease, config, now, now + _HOUR),
        stake(lease, config, now, lease.expires),
    )


def restaked(change: Change, config: Config, now: datetime) -> Change:
    """Count the stakes of a change anew, after a guardrail has made it smaller."""
    if isinstance(change.evidence, ForecastEvidence):
        planned, early, most = _stakes(change.lease, config, change.evidence.merge_by, now)
        evidence = replace(change.evidence, planned=planned, early=early, most=most)
        return replace(change, evidence=evidence)
    return change


def explained(lease: Lease, evidence: ForecastEvidence) -> Lease:
    """Put what a reader of the file wants to know into the lease; no decision reads it."""
    known: dict[str, Scalar] = {
        "binding": evidence.binding,
        "forecast": evidence.forecast,
        "held": evidence.held,
        "median": evidence.median,
        "probability": round(evidence.probability, 3),
    }
    return replace(lease, evidence=tuple(sorted(known.items())))
