"""The need of a window → the evidence for its lease.

Place in the line: beside ``decide``; what is computed here is all that a commit, a pull request or a report
may say of a lease.

    evidence = forecast_evidence(profile, need, slice(20, 26), lease, warm_held=1, config=config, now=now)
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from controller.capacity import quantile
from controller.config import Config
from controller.drivers import drivers
from controller.lease import Held, Lease, Ledger, Scalar, fold, stamp
from controller.need import Need
from controller.plan import Change, ForecastEvidence, Interval, Stake
from forecasting.profile import DemandProfile

_HOUR = timedelta(hours=1)
_DIGEST = re.compile(r"[^0-9a-f]")  # a profile is a file from anywhere
_LEVELS = (0.5, 0.8, 0.95)


def forecast_evidence(
    profile: DemandProfile,
    need: Need,
    window: slice,
    lease: Lease,
    leases: Sequence[Lease],
    config: Config,
    now: datetime,
) -> ForecastEvidence:
    """Say why ``lease`` is asked for over ``window``; ``leases`` are the pool's merged ones."""
    levels, largest = config.levels(lease.pool, need.groups), need.largest(window)
    short = need.nodes[:, window] > need.held[window]
    alone = [
        (name, quantile(need.by_resource[:, i, window].max(axis=1), levels.service))
        for i, name in enumerate(need.resources)
    ]
    needs = tuple(sorted(alone, key=lambda x: (-x[1], x[0])))
    merge_by = max(now, need.bounds(window)[0] - config.ready_in(lease.pool))
    first = slice(window.start, window.start + 1)
    times, newcomers = config.lead_times, set(_newcomers(profile))
    starts, pool = need.bounds(window)[0], config.pools[lease.pool]
    warm = max([pool.base_warm, *(x.warm for x in leases if x.ends > starts)])
    held = Held(int(need.held[window].min()), warm)
    planned, early, most = _stakes(lease, leases, config, merge_by, now)
    return ForecastEvidence(
        issued=profile.issued,
        forecast=_DIGEST.sub("", str(profile.dataset.attrs.get("data_digest", "")))[:12],
        draws=need.by_resource.shape[0],
        probability=need.probability(window),
        threshold=config.decide.confidence_threshold,
        service_level=levels.service,
        shadow_level=levels.shadow,
        held=held.floor,
        held_warm=held.warm,
        median=quantile(largest, 0.5),
        intervals=tuple(
            Interval(p, quantile(largest, (1 - p) / 2), quantile(largest, (1 + p) / 2)) for p in _LEVELS
        ),
        needs=needs,
        groups=need.groups,
        merge_by=merge_by,
        short_notice=now + timedelta(minutes=times.review_minutes.median) > merge_by,
        shortfall_node_hours=need.missing(window),
        shortfall_hours=float(short.sum(axis=1).mean()),
        planned=planned,
        early=early,
        most=most,
        largest=need.distribution(window),
        levels_why=levels.why,
        late_node_hours=need.missing(first, lease.floor),
        lead=f"review {times.review_minutes}, CI {times.ci_minutes}, boot {pool.boot_minutes}",
        newcomers=tuple(x for x in need.groups if x in newcomers),
        priority=max((config.preference(x).priority or 0 for x in need.groups), default=0) if config.groups else 0,
        spills=need.spills(lease.pool, window),
        unserved=need.left_short(window),
        course=need.course(window),
        surprise=profile.surprise(f"set:{lease.pool}"),
        drivers=drivers(profile.dataset.attrs.get("events"), need.groups, needs[0][0], *need.bounds(window)),
    )


def _newcomers(profile: DemandProfile) -> list[str]:
    """Labels of groups that the forecast found too little history of, as the profile's attributes name them."""
    found: object = profile.dataset.attrs.get("newcomers", "")
    return [x for x in str(found).split("\n") if x]


def stake(config: Config, pool_name: str, before: Held, after: Held, hours: float) -> Stake:
    """What holding ``after`` instead of ``before`` takes in so many hours, in node-hours and money."""
    pool, span = config.pools[pool_name], max(0.0, hours)
    floor, warm = after.floor - before.floor, after.warm - before.warm
    return Stake(span * (floor + warm), span * (floor * pool.price_per_hour + warm * pool.warm_price))


def _stakes(
    lease: Lease, leases: Iterable[Lease], config: Config, merge_by: datetime, now: datetime
) -> tuple[Stake, Stake, Stake]:
    """Planned, early and most, as the evidence names them: with the lease, and as the pool's ``leases`` are."""
    standing = list(leases)
    asked = [*(x for x in standing if x.id != lease.id), lease]
    # As planned, every lease is given back at the end of its window; at the most, none before it expires.
    old, new = ([replace(x, expires=x.ends) for x in side] for side in (standing, asked))
    return (
        _difference(lease.pool, old, new, config, merge_by, lease.ends),
        _difference(lease.pool, old, new, config, merge_by - _HOUR, merge_by),
        _difference(lease.pool, standing, asked, config, now, lease.expires),
    )


def _difference(
    name: str, before: Sequence[Lease], after: Sequence[Lease], config: Config, start: datetime, stop: datetime
) -> Stake:
    """What ``after`` takes above ``before`` between two moments: both hold the same between expiries."""
    inside = {x.expires for x in (*before, *after) if start < x.expires < stop}
    hours = cost = 0.0
    size = {name: config.pools[name].size}
    for since, until in pairwise(sorted({start, stop, *inside})) if start < stop else ():
        without, held = (fold(side, size, since)[name] for side in (before, after))
        part = stake(config, name, without, held, (until - since) / _HOUR)
        hours, cost = hours + part.node_hours, cost + part.cost
    return Stake(hours, cost)


def restaked(change: Change, config: Config, now: datetime, leases: Ledger = ()) -> Change:
    """Count the stakes of a change anew, after the guardrails; ``leases`` are the pool's merged ones."""
    evidence = change.evidence
    if isinstance(evidence, ForecastEvidence):
        others = (x for x in leases if x.id != change.lease.id)
        standing = [*others, *([change.before] if change.before else [])]
        planned, early, most = _stakes(change.lease, standing, config, evidence.merge_by, now)
        # An hour of the first hour's need, of which a smaller floor covers no more nodes than it adds.
        late = min(evidence.late_node_hours, float(max(0, change.lease.floor - evidence.held)))
        evidence = replace(evidence, planned=planned, early=early, most=most, late_node_hours=late)
        return replace(change, evidence=evidence)
    if change.clips and change.before is not None:
        name, before = change.lease.pool, change.before
        rest = [x for x in leases if x.id != before.id]
        after = [*rest, *(() if change.action == "release" else (change.lease,))]
        held, left = (fold(x, {name: config.pools[name].size}, now)[name] for x in (leases, after))
        given_back = stake(config, name, left, held, (before.expires - now) / _HOUR)
        return replace(change, evidence=replace(evidence, given_back=given_back))
    return change


def explained(lease: Lease, evidence: ForecastEvidence, now: datetime) -> Lease:
    """Put what a reader of the file wants to know into the lease.

    Of it ``decay`` reads the count of groups, and the guardrails read when it was ``changed`` last.
    """
    inner = next(x for x in evidence.intervals if x.level == 0.8)
    known: dict[str, Scalar] = {
        "binding": evidence.binding,
        "changed": stamp(now),
        "forecast": evidence.forecast,
        "groups": len(evidence.groups),
        "held": evidence.held,
        "lower80": inner.lower,
        "median": evidence.median,
        "probability": round(evidence.probability, 3),
        "upper80": inner.upper,
    }
    if evidence.drivers:
        known["events"] = "; ".join(x.words for x in evidence.drivers)
    return replace(lease, evidence=tuple(sorted(known.items())))
