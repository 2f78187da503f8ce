"""What forecasts are judged at: every group, every region, and whatever sets of groups the caller names.

Place in the line: under `record`. A pool is a set of groups to this package: its sum is judged by joint draws,
since quantiles of groups do not add up.

>>> [scope.name for scope in scopes_of(np.array(["eu/a", "eu/b"]), np.array(["eu", "eu"]), {"web": ["eu/b"]})]
['eu/a', 'eu/b', 'eu', 'web']
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

GROUP, REGION, SET = "group", "region", "set"

Sets = Mapping[str, Iterable[str]]
"""Name of a set → labels of its groups."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A group, or a sum over groups: ``members`` are places along that dim, ``identity`` rests on their names."""

    kind: str
    name: str
    members: tuple[int, ...]
    identity: int


def scopes_of(groups: NDArray[np.str_], regions: NDArray[np.str_], sets: Sets | None = None) -> tuple[Scope, ...]:
    """Return the scopes of usage.

    Parameters
    ----------
    groups, regions
        Labels of the groups and their regions, ``(group,)``.
    sets
        Sets of groups beside them; labels that usage does not have are passed over, and so are sets without any.
    """
    labels = [str(label) for label in groups]

    def scope(kind: str, name: str, members: tuple[int, ...]) -> Scope:
        return Scope(kind, name, members, crc32("\0".join(labels[x] for x in members).encode()))

    found = [scope(GROUP, label, (place,)) for place, label in enumerate(labels)]
    for region in np.unique(regions):
        found.append(scope(REGION, str(region), tuple(np.flatnonzero(regions == region).tolist())))
    place_of = {label: place for place, label in enumerate(labels)}
    for name in sorted(sets or {}):
        members = tuple(sorted({place_of[x] for x in (sets or {})[name] if x in place_of}))
        if members:
            found.append(scope(SET, name, members))
    return tuple(found)


def summed(values: NDArray[np.floating], scopes: Iterable[Scope]) -> NDArray[np.float64]:
    """Return sums ``(…, scope, resource, time)`` of values ``(…, group, resource, time)``.

    A member that is not known makes its sum not known, unless the member never is: then it adds nothing.
    """
    never = np.isnan(values).all(
        axis=tuple(i for i in range(values.ndim) if i not in (values.ndim - 3, values.ndim - 2))
    )
    some = np.where(never[:, :, None], 0.0, values)
    parts = [
        values[..., scope.members[0], :, :]
        if scope.kind == GROUP
        else some[..., list(scope.members), :, :].sum(axis=-3)
        for scope in scopes
    ]
    return np.stack(parts, axis=-3).astype(np.float64)
