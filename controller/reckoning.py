"""Leases and usage → what became of each: what it held, what was used of it, whether it was needed, what it cost.

Place in the line: beside ``decay``; ``headroom score`` prints it. A lease is judged by its own window, as far as
usage is known of it.

    reckon(leases, usage["demand"], config, now)[0].outcome
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import xarray as xr

from controller.config import Config
from controller.evidence import stake
from controller.lease import Held, Lease
from controller.realised import uses

Outcome = Literal["hit", "short", "waste", "open", "unknown"]
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What became of a lease.

    ``before`` is what the pool held without it, ``most_used`` the most nodes that were used within the window,
    ``hours`` its hours of which usage is known. ``node_hours`` are what it held above ``before`` in them,
    ``used_node_hours`` what of them was used, ``cost`` their price with warm nodes. ``outcome``: ``hit``,
    more was used than was held before; ``short``, more than the lease holds; ``waste``, no more than before;
    ``open``, the window is not over; ``unknown``, usage does not say.
    """

    lease: Lease
    probability: float | None
    before: int
    foreseen: tuple[int, int, int] | None
    most_used: int | None
    hours: int
    node_hours: float
    used_node_hours: float
    cost: float
    outcome: Outcome


def reckon(leases: Sequence[Lease], demand: xr.DataArray, config: Config, now: datetime) -> list[Reckoned]:
    """Reckon up leases of pools that the settings still have, by pool and start.

    Parameters
    ----------
    leases : as they were merged last, live or not
    demand : usage, dims (group, resource, time)
    config, now : settings, and the moment in UTC
    """
    known = [x for x in leases if x.pool in config.pools]
    used = uses(demand, tuple(known), config, now) if known else {}
    found = []
    for lease in sorted(known, key=lambda x: (x.pool, x.starts, x.id)):
        evidence = dict(lease.evidence)
        before = max(config.pools[lease.pool].base, _whole(evidence.get("held")) or 0)
        ends = (_whole(evidence.get(x)) for x in ("lower80", "median", "upper80"))
        low, middle, high = ends
        nodes = (
            [n for t, n in used[lease.pool].since(lease.starts) if t < lease.ends] if lease.pool in used else []
        )
        share = evidence.get("probability")
        held = max(0, lease.floor - before)
        most = max(nodes, default=None)
        cost = stake(config, lease.pool, Held(before, 0), Held(before + held, lease.warm), len(nodes)).cost
        found.append(
            Reckoned(
                lease=lease,
                probability=float(share) if isinstance(share, int | float) else None,
                before=before,
                foreseen=None if low is None or middle is None or high is None else (low, middle, high),
                most_used=most,
                hours=len(nodes),
                node_hours=float(held * len(nodes)),
                used_node_hours=float(sum(min(held, max(0, n - before)) for n in nodes)),
                cost=cost,
                outcome=_outcome(lease, before, most, now),
            )
        )
    return found


def _outcome(lease: Lease, before: int, most: int | None, now: datetime) -> Outcome:
    if most is not None and most > lease.floor:
        return "short"
    if most is not None and most > before:
        return "hit"
    if now < lease.ends:
        return "open"
    return "unknown" if most is None else "waste"


def _whole(value: object) -> int | None:
    """Evidence is for readers and may be written by hand."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
