"""Change → ``{path: text}``: what the commit writes, below the environment's directory.

Place in the line: after the guards. A lease is data, not code: canonical JSON, which neither Terraform nor
Pulumi evaluates, so nothing in it can become HCL.

>>> files(Change("release", _LEASE, _LEASE, _EVIDENCE))
{'leases/web/20261127t0600-1a2b3c.json': None}
"""

from datetime import UTC, datetime

from controller.errors import GuardError
from controller.lease import NAME, Lease, dump, signed
from controller.plan import Change, DecayEvidence, Stake

_LEASE = Lease(
    "demo",
    "web",
    "20261127t0600-1a2b3c",
    datetime(2026, 11, 27, 6, tzinfo=UTC),
    datetime(2026, 11, 27, 12, tzinfo=UTC),
    datetime(2026, 11, 28, 12, tzinfo=UTC),
    floor=8,
    warm=2,
)
_EVIDENCE = DecayEvidence("expired", None, 8, 3, 0, 0, 0, None, (), 0.7, 2.0, None, Stake(0, 0))


def files(change: Change) -> dict[str, str | None]:
    """Files that the change writes, with their whole text; None deletes one.

    Raises
    ------
    GuardError
        If a name of the lease could leave the directory of leases.
    """
    lease = change.lease
    for name in (lease.environment, lease.pool, lease.id):
        if not NAME.fullmatch(name):
            raise GuardError(f"{name!r} is no name for a path; nothing was written")
    return {lease.path: None if change.action == "release" else dump(signed(lease))}
