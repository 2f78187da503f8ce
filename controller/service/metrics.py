"""What a monitoring system may know of the daemon, as Prometheus metrics.

Place in the line: told of every run by ``loop``; served by ``health``. Names of pools are the environment's own,
so the number of series is bounded by its settings.

>>> Metrics("demo").text().decode().splitlines()[0]
'# HELP headroom_runs_total Runs, by how they ended.'
"""

import collections
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from controller.lease import fold
from controller.workflow import Round

_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1200)


class Metrics:
    """The metrics of one environment; how old the last forecast is, a scraper counts from its time stamp."""

    def __init__(self, environment: str) -> None:
        self._registry = CollectorRegistry()
        self._environment = environment
        self._runs = self._count("runs", "Runs, by how they ended.", "result")
        self._errors = self._count("errors", "Errors, by kind.", "kind")
        self._proposals = self._count("proposals", "What became of proposals, at each run.", "state")
        self._seconds = Histogram(
            "headroom_run_seconds",
            "How long runs took.",
            ["environment"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._forecast = self._gauge("forecast_timestamp_seconds", "When the last good forecast was issued.")
        self._success = self._gauge("success_timestamp_seconds", "When a run succeeded last.")
        self._leases = self._gauge("leases", "Leases that are merged and live.", "pool")
        self._held = self._gauge("held_nodes", "Nodes held by base and leases.", "pool", "kind")
        self._hours = self._gauge(
            "lease_node_hours", "Node-hours above base of live leases, to their expiry.", "pool"
        )
        self._short = self._gauge("shortfall_nodes", "Nodes that no admissible lease covers.", "pool")
        self._surprise = self._gauge(
            "surprise_factor", "How much more or less came than was foreseen; 1 is an alarm.", "pool", "side"
        )
        self._covered = self._gauge(
            "coverage_ratio", "Share of the last leases whose need lay within the 80 % interval.", "pool"
        )

    def _count(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"headroom_{name}", what, ["environment", *labels], registry=self._registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"headroom_{name}", what, ["environment", *labels], registry=self._registry)

    def succeeded(self, done: Round, now: datetime, seconds: float) -> None:
        """Count a run that ended well, and show what is held after it."""
        name, config = self._environment, done.config
        self._runs.labels(name, "done").inc()
        self._seconds.labels(name).observe(seconds)
        self._success.labels(name).set(now.timestamp())
        if done.issued is not None:
            self._forecast.labels(name).set(done.issued.timestamp())
        for state, n in collections.Counter(x.state for x in done.outcomes).items():
            self._proposals.labels(name, state).inc(n)
        held = fold(done.ledger, config.sizes, now)
        short = collections.Counter[str]()
        for x in done.plan.shortfalls:
            short[x.pool] = max(short[x.pool], x.needed - x.granted)
        for pool, settings in config.pools.items():
            live = [x for x in done.ledger if x.pool == pool and x.live(now)]
            hours = sum(max(0, x.floor + x.warm - settings.base) * (x.expires - now).total_seconds() for x in live)
            self._leases.labels(name, pool).set(len(live))
            self._held.labels(name, pool, "floor").set(held[pool].floor)
            self._held.labels(name, pool, "warm").set(held[pool].warm)
            self._hours.labels(name, pool).set(hours / 3600)
            self._short.labels(name, pool).set(short[pool])
            for side, factor in zip(("above", "below"), done.surprise.get(pool, ()), strict=False):
                self._surprise.labels(name, pool, side).set(factor)
            if (track := done.tracks.get(pool)) is not None and track.leases:
                self._covered.labels(name, pool).set(track.within / track.leases)

    def skipped(self) -> None:
        """Count a run that left, since another one was under way."""
        self._runs.labels(self._environment, "skipped").inc()

    def failed(self, error: BaseException) -> None:
        """Count a run that failed."""
        self._runs.labels(self._environment, "failed").inc()
        self._errors.labels(self._environment, type(error).__name__).inc()

    def text(self) -> bytes:
        """The metrics in Prometheus' own text format."""
        return generate_latest(self._registry)
