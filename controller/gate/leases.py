"""Lease files, and what a change does to them → what speaks against it.

Place in the line: the half of the gate that needs no plan. ``judge_ledger`` holds all leases against the limits,
``judge_change`` what a pull request touches against what a proposal may touch.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.config import Config
from controller.gate.verdict import Finding, Verdict
from controller.lease import LONGEST, Lease, Ledger, lease_id, stamp

_ID = re.compile(r"(?P<first>(?P<start>[0-9]{8}t[0-9]{4})-[0-9a-f]{6})(?:-(?:[2-9]|[1-9][0-9]+))?")


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change touches: lease files by their path below the environment, all else by that from the root."""

    added: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    strays: tuple[str, ...] = ()

    @property
    def written(self) -> frozenset[str]:
        """Lease files that the change answers for."""
        return self.added | self.changed


def judge_ledger(config: Config, ledger: Ledger, now: datetime, touched: Touched | None = None) -> Verdict:
    """Hold the lease files against the limits of the environment.

    Where it is known what a change has ``touched``, it answers for that only: what lay there before and has
    expired, or is overlong, is a warning, for the release that mends it must pass.
    """
    found: list[Finding] = []
    for lease in ledger:
        found += _beyond(config, lease)
        if lease.expires - lease.starts > LONGEST:
            text = f"{lease.path}: it expires over {LONGEST.days} days after its start, so hardly ever"
            old = touched is not None and lease.path not in touched.written
            found.append(Finding("overlong-lease", text, lease.path, "warning" if old else "failure"))
        if not lease.live(now):
            mine = touched is not None and lease.path in touched.written
            advice = "a proposal cannot ask for it any more" if mine else "its release should be merged"
            text = f"{lease.path}: expired {stamp(lease.expires)}; {advice}"
            found.append(Finding("expired-lease", text, lease.path, "failure" if mine else "warning"))
    count = f"{len(ledger)} lease file{'' if len(ledger) == 1 else 's'}"
    good = not any(x.level == "failure" for x in found)
    return Verdict((f"{count} valid and within limits",) if good else (), tuple(found))


def judge_change(touched: Touched, ledger: Ledger, where: str) -> Verdict:
    """Hold a change against what a proposal may be: lease files below ``where``, with the ids they would get."""
    outside = f"lies outside {where}/leases, which is all a proposal may change"
    found = [Finding("outside-leases", f"{x}: {outside}", x, rooted=True) for x in touched.strays]
    found += [
        Finding("lease-identity", f"{x.path}: {wrong}", x.path)
        for x in ledger
        if x.path in touched.added and (wrong := _misnamed(x))
    ]
    if found:
        return Verdict(found=tuple(found))
    said = _counted(("added", touched.added), ("changed", touched.changed), ("removed", touched.removed))
    return Verdict((f"the change stays within {where}/leases: {said}",))


def _beyond(config: Config, lease: Lease) -> list[Finding]:
    pool = config.pools.get(lease.pool)
    if pool is None:
        text = f"{lease.path}: headroom.yaml has no pool {lease.pool}"
    elif lease.floor + lease.warm > pool.max:
        text = f"{lease.path}: floor {lease.floor} and warm {lease.warm} exceed the pool's max {pool.max}"
    else:
        return []
    return [Finding("beyond-limits", text, lease.path)]


def _misnamed(lease: Lease) -> str:
    """Why a new lease's id was not made for it; empty if it was.

    The id is that of the window's start when it was first proposed, and stays while newer forecasts move the
    window, so it is held against the start that it names and not against ``starts``. A second lease of one hour
    has a number at its end.
    """
    match = _ID.fullmatch(lease.id)
    example = lease_id(lease.environment, lease.pool, lease.starts)
    if match is None:
        return f"its id is no id of Headroom's; for this window it would be {example}"
    try:
        named = datetime.strptime(match["start"], "%Y%m%dt%H%M").replace(tzinfo=UTC)
    except ValueError:
        return f"its id names no hour; for this window it would be {example}"
    if match["first"] != lease_id(lease.environment, lease.pool, named):
        return f"its id was not made for pool {lease.pool} of {lease.environment}; it would be {example}"
    return ""


def _counted(*kinds: tuple[str, Collection[str]]) -> str:
    return ", ".join(f"{len(paths)} {word}" for word, paths in kinds if paths) or "nothing is changed"
