"""An open pull request that no run asks for any more → why it should be withdrawn, or None: then it stays.

Place in the line: beside ``standing``. That a change is not wanted at this run is no reason by itself: a guardrail
may hold it back, a forecast may be too old, usage may be late. Only what is known closes what people may read.

>>> Facts(_NOW, (), {}).now.hour
12
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.capacity import held_floors
from controller.config import Config
from controller.foreseen import foreseen
from controller.lease import Lease, Ledger, digest
from controller.marker import Mark
from controller.proposal import key
from forecasting.profile import DemandProfile

_HOUR = timedelta(hours=1)
_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at ``now``.

    ``ledger`` is what is merged. ``needs`` gives, for the leases that wait, what the newest forecast needs in the
    rest of their window at the service level and what is held without them, both in nodes; leases that it says
    nothing of are left out. ``kept`` are the merged leases that it needs held, ``pools`` those of the settings.
    """

    now: datetime
    ledger: Ledger
    needs: Mapping[str, tuple[int, int]]
    kept: frozenset[str] = frozenset()
    pools: frozenset[str] | None = None


def fate(mark: Mark, waiting: Lease | None, facts: Facts) -> str | None:
    """Why what a pull request asks of one lease is not needed any more; None if it may be still.

    ``waiting`` is the lease as its branch has it, None where that is gone, or gives the lease back.
    """
    if facts.pools is not None and mark.action == "open" and mark.lease.split("/")[1] not in facts.pools:
        return "headroom.yaml has no such pool any more"
    merged = {key(x): x for x in facts.ledger}.get(mark.lease)
    if mark.action != "open" and merged is None:
        return "the base branch has no such lease any more"
    smaller = waiting is not None and merged is not None and waiting.floor < merged.floor
    if mark.action == "release" or (mark.action == "update" and smaller):
        return "the lease is needed as it is" if mark.lease in facts.kept else None
    return _asking(mark, waiting, merged, facts) if waiting is not None else None


def _asking(mark: Mark, waiting: Lease, merged: Lease | None, facts: Facts) -> str | None:
    """The same for what asks for capacity."""
    if merged is not None and digest(merged) == digest(waiting):
        return "the base branch holds it already"
    if waiting.ends <= facts.now:
        return "its window is over"
    need = facts.needs.get(mark.lease)
    if need is not None and need[0] <= need[1]:
        return f"the newest forecast needs {need[0]} nodes in its window, and {need[1]} are held without it"
    return None


def facts(
    about: Collection[str],
    ledger: Ledger,
    waiting: Ledger,
    profile: DemandProfile | None,
    config: Config,
    now: datetime,
) -> Facts:
    """Read off the newest forecast what it needs of some leases, ``about``, that wait or are merged.

    Raises
    ------
    PlanError
        If the profile does not fit the pools of the configuration.
    """
    asked, merged = ({key(x): x for x in side if key(x) in about} for side in (waiting, ledger))
    needs, kept = {}, set()
    found = foreseen(tuple(asked.values()), profile, config, now)
    for name, lease in asked.items():
        rest = found[lease.pool, lease.id].rest if (lease.pool, lease.id) in found else None
        if rest is not None:
            needs[name] = (rest, _held(lease, ledger, config, now))
    pools = {x.pool for x in merged.values()}  # whole pools: what others hold needs no extension
    found = foreseen(tuple(x for x in ledger if x.pool in pools), profile, config, now)
    for name, lease in merged.items():
        said = found.get((lease.pool, lease.id))
        others = [x for x in ledger if x is not lease]
        if said and (said.after is not None or (said.rest or 0) > _held(lease, others, config, now)):
            kept.add(name)
    return Facts(now, ledger, needs, frozenset(kept), frozenset(config.pools))


def _held(lease: Lease, ledger: Iterable[Lease], config: Config, now: datetime) -> int:
    """Nodes that are held in the worst hour of what is left of a lease's window, by other leases."""
    first, hours = max(now, lease.starts), []
    while first < lease.ends:
        hours.append(first)
        first += _HOUR
    others = [x for x in ledger if x.pool == lease.pool and x.live(now)]
    return int(held_floors(config.pools[lease.pool], others, hours).min(initial=config.pools[lease.pool].max))
