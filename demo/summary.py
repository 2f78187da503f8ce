"""The last table of the demo: what was forecast, proposed, applied, used and given back, per pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from controller.config import Config
from controller.lease import Held, Lease
from controller.plan import ForecastEvidence
from controller.workflow import Outcome
from demo.cloud import Count
from demo.picture import Timeline

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Release:
    """When a pool's capacity was last given back, and why each of its leases was."""

    at: datetime
    reasons: tuple[str, ...]


def facts(
    config: Config,
    asked: Sequence[Outcome],
    applied: Mapping[str, Count],
    last: Mapping[str, Count],
    used: Mapping[str, Mapping[datetime, int]],
    held: Timeline,
    released: Mapping[str, Release],
) -> list[list[str]]:
    """Rows of the table: what each is, then one cell per pool in sorted order.

    ``applied`` and ``last`` were read back from the cloud, with the leases and at the end.
    """
    pools = sorted(config.pools)
    wanted = {
        x.change.lease.pool: x.change for x in sorted(asked, key=lambda x: x.change.lease.floor)
    }  # the largest
    rows = [
        ["forecast need, median (80 %)", *(_need(wanted[p].evidence) if p in wanted else "–" for p in pools)],
        ["proposed floor + warm", *(_pair(wanted[p].lease) if p in wanted else "–" for p in pools)],
        ["applied min + warm, from the cloud", *(_read(applied.get(p)) for p in pools)],
        ["used at most, nodes", *(str(max(used[p].values(), default=0)) for p in pools)],
        ["hours short, had nothing been done", *(str(_short(used[p], config.pools[p].base)) for p in pools)],
        ["hours short, with the leases", *(str(_short_held(used[p], held, p)) for p in pools)],
        ["given back", *(f"{released[p].at:%a %d %b %H:%M}" if p in released else "–" for p in pools)],
        ["because", *("\n".join(dict.fromkeys(released[p].reasons)) if p in released else "–" for p in pools)],
        ["min + warm at the end, from the cloud", *(_read(last[p]) for p in pools)],
    ]
    stakes = [_stake(config, held, p) for p in pools]
    rows.append(["node-hours held above the baseline", *(f"{hours:.0f}" for hours, _ in stakes)])
    rows.append([f"cost of them, {config.currency}", *(f"{cost:,.2f}" for _, cost in stakes)])
    return rows


def _need(evidence: object) -> str:
    if not isinstance(evidence, ForecastEvidence):
        return "–"
    spans = {x.level: x for x in evidence.intervals}
    return f"{evidence.median} ({spans[0.8].lower}–{spans[0.8].upper})"


def _pair(lease: Lease) -> str:
    return f"{lease.floor} + {lease.warm}"


def _read(count: Count | None) -> str:
    return f"{count.minimum} + {count.warm}" if count else "–"


def _short(used: Mapping[datetime, int], floor: int) -> int:
    return sum(n > floor for n in used.values())


def _short_held(used: Mapping[datetime, int], held: Timeline, pool: str) -> int:
    return sum(n > _at(held, t)[pool].floor for t, n in used.items())


def _at(held: Timeline, moment: datetime) -> Mapping[str, Held]:
    return [x for t, x in held if t <= moment][-1]


def _stake(config: Config, held: Timeline, name: str) -> tuple[float, float]:
    """Node-hours above the pool's baseline between the applies, and their price."""
    pool, hours, cost = config.pools[name], 0.0, 0.0
    for (start, counts), (stop, _) in pairwise(held):
        span = (stop - start) / HOUR
        floor, warm = counts[name].floor - pool.base, counts[name].warm - pool.base_warm
        hours += span * (floor + warm)
        cost += span * (floor * pool.price_per_hour + warm * pool.warm_price)
    return hours, cost
