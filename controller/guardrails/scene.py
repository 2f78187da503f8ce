"""What every guard looks at and works with: the scene, what a pool holds in it, clips and drops.

Place in the line: under the guards. A change either asks for capacity (a forecast's) or lets go (decay's).

>>> Stack(floor=3, warm=1).nodes
4
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.autonomy import Surprise
from controller.config import Config, Pool
from controller.guardrails.shortfalls import shortfall
from controller.lease import Lease, Ledger
from controller.plan import Change, Clip, ForecastEvidence, Plan


@dataclass(frozen=True, slots=True)
class Queue:
    """What reviewers have before them: when pull requests were opened, and what open ones may cost at most.

    ``costs`` are by pool and lease id, in the environment's currency.
    """

    opened: tuple[datetime, ...] = ()
    costs: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a guard may look at besides the plan: settings, leases merged and waiting, their queue, surprise."""

    config: Config
    ledger: Ledger = ()
    pending: Ledger = ()
    queue: Queue = Queue()
    surprise: Mapping[str, Surprise] = field(default_factory=dict)
    leases: Mapping[str, Ledger] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the merged leases by pool: ten thousand pools are looked at one by one."""
        found: dict[str, list[Lease]] = {}
        for lease in self.ledger:
            found.setdefault(lease.pool, []).append(lease)
        object.__setattr__(self, "leases", {name: tuple(x) for name, x in found.items()})

    def merged(self, plan: Plan, pool: str) -> Ledger:
        """Merged leases of a pool that the fold counts at the moment of the plan."""
        return tuple(x for x in self.leases.get(pool, ()) if x.live(plan.now))


@dataclass(frozen=True, slots=True)
class Stack:
    """Nodes of a pool: its floor, and the warm ones on top of it as leases ask for them.

    The fold lets warm nodes give way where floor and warm exceed the pool's max. Here they are kept, so that one
    node less at the floor is never one more in all.
    """

    floor: int
    warm: int

    @property
    def nodes(self) -> int:
        """Floor and warm together."""
        return self.floor + self.warm

    @classmethod
    def of(cls, pool: Pool, leases: Iterable[Lease]) -> "Stack":
        """What leases hold together, all of them live."""
        known = list(leases)
        floor = max([pool.base, *(x.floor for x in known)])
        return cls(min(pool.max, floor), max([pool.base_warm, *(x.warm for x in known)]))


def asks(change: Change) -> bool:
    """Whether a change asks for capacity, as opposed to letting it go."""
    return change.action != "release" and isinstance(change.evidence, ForecastEvidence)


def by_pool(plan: Plan, wanted: Callable[[Change], bool]) -> dict[str, list[int]]:
    """Places in the plan of the changes that are wanted, by pool."""
    found: dict[str, list[int]] = {}
    for i, change in enumerate(plan.changes):
        if wanted(change):
            found.setdefault(change.lease.pool, []).append(i)
    return found


def clipped(
    change: Change, guard: str, why: str, remedy: str = "", floor: int | None = None, warm: int | None = None
) -> Change:
    """Set floor or warm of a change, and keep in a clip what that does, why, and to which risk."""
    before = change.lease
    lease = replace(
        before, floor=before.floor if floor is None else floor, warm=before.warm if warm is None else warm
    )
    moved = [
        f"{what} {old} → {new}"
        for what, old, new in (("floor", before.floor, lease.floor), ("warm", before.warm, lease.warm))
        if old != new
    ]
    if not moved:
        return change
    clip = Clip(guard, f"{', '.join(moved)}: {why}", risk_of(change, lease.floor), remedy)
    return replace(change, lease=lease, clips=(*change.clips, clip))


def risk_of(change: Change, floor: int) -> tuple[float, float] | None:
    """P(need > floor) as the change is, and with another floor; None where no forecast says it."""
    if not isinstance(change.evidence, ForecastEvidence):
        return None
    return change.evidence.largest.above(change.lease.floor), change.evidence.largest.above(floor)


def changed(plan: Plan, clips: Mapping[int, Change]) -> Plan:
    """The plan with some of its changes, by place, replaced."""
    if not clips:
        return plan
    return replace(plan, changes=tuple(clips.get(i, x) for i, x in enumerate(plan.changes)))


def dropped(plan: Plan, drops: Mapping[int, Clip]) -> Plan:
    """The plan without some of its changes, by place; each is noted, and what stays uncovered is a shortfall."""
    if not drops:
        return plan
    kept, notes, short = [], list(plan.notes), list(plan.shortfalls)
    for i, change in enumerate(plan.changes):
        if i not in drops:
            kept.append(change)
            continue
        clip, lease = drops[i], change.lease
        notes.append(f"{lease.pool}: {change.action} of {lease.id} waits: {clip.reason}")
        if isinstance(change.evidence, ForecastEvidence):
            clip = replace(clip, risk=risk_of(change, change.evidence.held))
            found = shortfall(replace(change, clips=(*change.clips, clip)), change.evidence.held)
            short += [found] if found else []
    return replace(plan, changes=tuple(kept), notes=tuple(notes), shortfalls=tuple(dict.fromkeys(short)))
