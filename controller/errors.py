"""The errors a user can meet, and the exit code of each.

Place in the line: above everything; every room may raise these, only ``cli`` catches them.

>>> LeaseError("leases/web/a.json: floor is -1; it must be 0 or more").exit_code
1
"""

from typing import ClassVar


class HeadroomError(Exception):
    """Something was refused or failed; the message says what to do next."""

    exit_code: ClassVar[int] = 1


class ConfigError(HeadroomError):
    """``headroom.yaml`` is missing, unreadable or contradicts itself."""


class LeaseError(HeadroomError):
    """A lease file is not what the ledger may hold."""


class PlanError(HeadroomError):
    """A decision cannot be made from what was given (profile, usage, ledger)."""


class GuardError(HeadroomError):
    """A change would leave the ground that Headroom owns."""


class GitError(HeadroomError):
    """A git operation failed; the cause is chained."""


class ForgeError(HeadroomError):
    """A forge refused or could not be reached."""


class EngineError(HeadroomError):
    """Terraform, OpenTofu or Pulumi failed or is missing."""


class CheckError(HeadroomError):
    """The CI gate found a plan or a lease that must not be applied."""
