"""Plan → proposals: which changes share a pull request, on which branch, and a digest of what each asks for.

Place in the line: after the guards, before ``message``. A branch's name holds no value, so a newer forecast finds
its own pull request again.

>>> branch_of("release", "demo", "web", "20261127t0600-1a2b3c")
'headroom/demo/web/20261127t0600-1a2b3c-release'
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from controller.lease import Lease, digest
from controller.plan import Action, Change, ForecastEvidence

GroupBy = Literal["lease", "environment"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes that are reviewed together, on one branch."""

    branch: str
    changes: tuple[Change, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of what it asks for: equal digests mean that nothing new is asked."""
        return together(desired(x) for x in self.changes)


def proposals(changes: Iterable[Change], environment: str, group_by: GroupBy) -> tuple[Proposal, ...]:
    """Sort changes into pull requests: one for each lease, or one for all that ask and one for all that give back.

    What asks and what gives back are never joined: they come from other runs, and are reviewed with other eyes.
    """
    changes = tuple(changes)
    if group_by == "environment":
        asks = tuple(x for x in changes if isinstance(x.evidence, ForecastEvidence))
        gives = tuple(x for x in changes if not isinstance(x.evidence, ForecastEvidence))
        both = zip(shared_branches(environment), (asks, gives), strict=True)
        return tuple(Proposal(branch, each) for branch, each in both if each)
    return tuple(Proposal(branch_of(x.action, *_names(x.lease)), (x,)) for x in changes)


def together(digests: Iterable[str]) -> str:
    """One digest of several, whatever their order; of one it is that one, of none it is empty."""
    each = sorted(digests)
    return hashlib.sha256("\n".join(each).encode()).hexdigest() if len(each) > 1 else "".join(each)


def desired(change: Change) -> str:
    """SHA-256 of what a change asks for."""
    kind = "release" if change.action == "release" else "hold"
    return hashlib.sha256(f"{kind} {digest(change.lease)}".encode()).hexdigest()


def branch_of(action: Action, environment: str, pool: str, lease: str) -> str:
    """Branch of a lease's own pull request; that which gives it back has one of its own."""
    return f"{prefix(environment)}{pool}/{lease}{'-release' if action == 'release' else ''}"


def shared_branches(environment: str) -> tuple[str, str]:
    """Branches of the pull requests of a whole environment; no lease id is like them."""
    return f"{prefix(environment)}all/changes", f"{prefix(environment)}all/releases"


def prefix(environment: str) -> str:
    """How the branches of an environment begin."""
    return f"headroom/{environment}/"


def key(lease: Lease) -> str:
    """Name of a lease in markers and trailers."""
    return "/".join(_names(lease))


def _names(lease: Lease) -> tuple[str, str, str]:
    return lease.environment, lease.pool, lease.id
