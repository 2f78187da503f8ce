"""``score``: the leases that were ever merged in an environment, from the history of its base branch.

Place in the line: read by ``cli``, which forecasts again what they were opened for; nothing is written.

    config, leases = acted_on(Path("environments/prod"), most=200)
"""

from collections.abc import Iterable
from pathlib import Path

from controller.config import Config
from controller.errors import LeaseError
from controller.lease import Lease, parse
from controller.workflow.place import workplace

_SUFFIX = ".json"


def acted_on(directory: Path, most: int) -> tuple[Config, list[Lease], list[str]]:
    """Return settings, leases as each was written, the newest first, and what could not be read, in words.

    A lease that was raised later is there as often as it was written; ``most`` limits how many are looked at.
    """
    with workplace(directory) as place:
        below = f"{place.where.path}/leases"
        leases, notes = [], []
        for commit, path in place.checkout.writings(below, most):
            if not path.endswith(_SUFFIX):
                continue
            try:
                (text,) = place.checkout.read_at(commit, path).values()
                leases.append(parse(text, path.removeprefix(f"{place.where.path}/")))
            except (LeaseError, ValueError) as error:
                notes.append(f"{path} at {commit[:12]} is left out: {error}")
        return place.config, leases, notes


def latest(leases: Iterable[Lease]) -> list[Lease]:
    """Return each lease once, as it was written last."""
    found: dict[tuple[str, str], Lease] = {}
    for lease in leases:
        found.setdefault((lease.pool, lease.id), lease)
    return list(found.values())
