"""A plan and the ledger → which of the plan's moves are expired leases that let go.

Place in the line: before ``reviewed``, which holds the rest. When a lease goes was reviewed with the lease: it
stands in its file on the base branch. So a number that falls is explained if the pool stood where the ledger has
it with an expired lease, and goes to where the ledger has it now. From anywhere else it is somebody's change.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.config import Config, PlanAddress, Pool
from controller.errors import CheckError
from controller.lease import Held, Ledger, fold, stamp
from controller.plandiff import Json, parsed, spelled
from controller.planfile import PlanJson, value_at
from controller.planmoves import Move, moves

_EVER = datetime.min.replace(tzinfo=UTC)  # at which no lease has expired
_FLOOR, _WARM, _BOTH = range(3)
_RECENTLY = timedelta(hours=48)  # as in expired.sh: whoever raises a pool by hand afterwards is not undone
_FOLLOWERS = frozenset({"desired_size", "desired_capacity", "max_group_prepared_capacity"})


@dataclass(frozen=True, slots=True)
class LetGo:
    """What a plan takes from one pool since ``leases`` have expired: the moves of its resource, by their path."""

    pool: str
    address: str
    moves: Mapping[str, Move]
    leases: Ledger

    def __str__(self) -> str:
        """Say what goes and which file said when; nothing sensitive is ever explained."""
        gone = ", ".join(f"{path} {move}" for path, move in self.moves.items())
        why = " and ".join(f"{x.path} expired {stamp(x.expires)}" for x in self.leases)
        return f"{self.pool}: {gone}, since {why}"


def let_go(config: Config, ledger: Ledger, plan: PlanJson, now: datetime) -> tuple[LetGo, ...]:
    """List what expiry explains, pool by pool; ``now`` is the moment at which the plan's leases were folded."""
    found = []
    wanted, held = moves(plan), fold(ledger, config.sizes, now)
    for name, pool in sorted(config.pools.items()):
        item = wanted.get(pool.plan.address) if pool.plan is not None else None
        if pool.plan is None or item is None or item.action != "update":
            continue
        try:
            shown = _shown(pool, pool.plan)
            before = {path: value_at(plan, pool.plan.address, path, "before") for path in shown}
        except CheckError:
            continue  # the plan does not show the pool, for which the gate refuses it
        own = tuple(x for x in ledger if x.pool == name)
        candidates = [
            LetGo(name, pool.plan.address, falls, leases)
            for past, leases in _past(name, pool, own, now)
            if all(_is(before[path], _counts(past)[which]) for path, which in shown.items())
            if (falls := _falls(item.values, shown, _counts(past), _counts(held[name])))
        ]
        # Of several pasts that look alike where the plan shows the pool, the one that explains most.
        found += sorted(candidates, key=lambda x: -len(x.moves))[:1]
    return tuple(found)


def _shown(pool: Pool, place: PlanAddress) -> dict[str, int]:
    """Where the plan shows the pool, and which of its counts stands there."""
    found = {spelled(parsed(place.floor)): _BOTH if pool.warm_runs else _FLOOR}
    return found if place.warm is None else found | {spelled(parsed(place.warm)): _WARM}


def _past(name: str, pool: Pool, own: Ledger, now: datetime) -> Iterator[tuple[Held, Ledger]]:
    """Every way in which expired leases may have held the pool, and which ones; the last to expire come first.

    Floor and warm are maxima, so two leases make any of them, of which one has expired. The other may be live: it
    may have been merged since, or not.
    """
    recent = (x for x in own if not x.live(now) and now - x.expires < _RECENTLY)
    expired = sorted(recent, key=lambda x: x.expires, reverse=True)
    for group in [*((x,) for x in expired), *((x, y) for x in expired for y in own if y != x)]:
        yield fold(group, {name: pool.size}, _EVER)[name], tuple(x for x in group if not x.live(now))


def _falls(
    values: Mapping[str, Move], shown: Mapping[str, int], past: tuple[int, ...], held: tuple[int, ...]
) -> dict[str, Move]:
    """The numbers that fall from what the pool was to what it is; nothing, unless one that the plan shows does.

    Other numbers of the resource may follow floor, warm, or both: a desired size, the capacity that AWS prepares,
    one of the same name. They have to stand at these counts, too.
    """
    found = {}
    follow = _FOLLOWERS | {_last(path) for path in shown}
    for path, move in sorted(values.items()):
        whiches = (shown[path],) if path in shown else (_FLOOR, _WARM, _BOTH) if _last(path) in follow else ()
        if not move.sensitive and not move.unknown and any(_fall(move, past[x], held[x]) for x in whiches):
            found[path] = move
    return found if found.keys() & shown.keys() else {}


def _fall(move: Move, past: int, held: int) -> bool:
    return held < past and _is(move.before, past) and _is(move.after, held)


def _last(path: str) -> str | int:
    return parsed(path)[-1] if path else ""


def _counts(held: Held) -> tuple[int, ...]:
    return held.floor, held.warm, held.floor + held.warm


def _is(value: Json, count: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == count
