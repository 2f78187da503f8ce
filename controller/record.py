"""Pull requests that gave leases back → how the forecasts of a pool turned out.

Place in the line: beside ``standing``; reviewers see it, the dashboard too. The marker of a release has what was
foreseen at the opening and what was used, so git and the forge are all the memory that this needs.

>>> Track(leases=4, within=3, errors=(1, -2, 0, 0)).words
'in 3 of the last 4 leases given back the largest need lay within the 80 % interval; median error 0 nodes'
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from controller import marker
from controller.pull import PullRequest

_LATEST = 20  # leases of a pool: how it was forecast long ago says little of today


@dataclass(frozen=True, slots=True)
class Track:
    """Of how many leases the largest need lay within the 80 % interval, and by how many nodes the median was off.

    An error is what was used less what was foreseen: positive where the forecast was too low.
    """

    leases: int = 0
    within: int = 0
    errors: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """The record in words."""
        if not self.leases:
            return "no lease of this pool has been given back yet, so there is no record"
        error = median(self.errors)
        last = "the last lease" if self.leases == 1 else f"{self.within} of the last {self.leases} leases"
        lay = "did not lie" if self.leases == 1 and not self.within else "lay"
        nodes = f"{error:+g}" if error else "0"
        return (
            f"in {last} given back the largest need {lay} within the 80 % interval; "
            f"median error {nodes} node{'' if abs(error) == 1 else 's'}"
        )


def tracks(pulls: Iterable[PullRequest]) -> dict[str, Track]:
    """Collect the record of each pool from the releases that are merged, newest last."""
    found: dict[str, list[tuple[tuple[int, int, int], int]]] = {}
    for pull in sorted((x for x in pulls if x.state == "merged"), key=lambda x: x.number):
        for mark in marker.read(pull.body):
            if mark.action == "release" and mark.foreseen is not None and mark.used is not None:
                found.setdefault(mark.lease.split("/")[1], []).append((mark.foreseen, mark.used))
    made = {}
    for pool, cases in sorted(found.items()):
        last = cases[-_LATEST:]
        within = sum(low <= used <= high for (low, _, high), used in last)
        made[pool] = Track(len(last), within, tuple(used - middle for (_, middle, _), used in last))
    return made
