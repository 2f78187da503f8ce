"""The state: statistics kept from run to run, as one file that may be deleted at any time.

Place in the line: over `sequential`; `continuing` says what of it can be carried on.

It holds, of each series, its scale of scores, its statistics of the hours that have entered, and a number of the
scores that these were; no usage.

    state = State.load("state.nc")
    state.carried(np.array([0, 1]), {"ar": basis})["ar"].statistics
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.basis import Basis, Floats
from forecasting.errors import StateError
from forecasting.netcdf import Kind, read, write
from forecasting.sequential import Carried
from forecasting.sufficient import Statistics
from forecasting.transform import Scale, Transform
from forecasting.trust import Fit

KIND = Kind("state", 2, "delete it: it is made anew from usage", StateError)
# A new version, too, where features, trust or statistics change their meaning: no number of scores tells that.

_SCALE = ("mean", "centre", "spread")
_ATTRIBUTES = ("start", "made", "entered", "memory_hours")
_SERIES = (dims.GROUP, dims.RESOURCE)


@dataclass(frozen=True, slots=True)
class State:
    """What is kept from run to run.

    Parameters
    ----------
    dataset
        ``mean``, ``centre``, ``spread`` as of `transform.Transform` and ``number`` (of the scores of the series'
        block that have entered), each ``(group, resource)``; for each linear component C, ``C_feature``, names,
        and ``C_kept(group, resource, C_place)``: gram, moment, energy and hours of `sufficient.Statistics`, then
        coefficient and variance of `trust.Fit` (a file of few variables is read and written quickly); NaN for
        features that a series does not have. ``attrs`` as the properties.

    Raises
    ------
    StateError
        If the dataset is not that.
    """

    dataset: xr.Dataset

    def __post_init__(self) -> None:
        missing = {*_SCALE, "number", *_SERIES} - set(map(str, self.dataset.variables))
        missing |= set(_ATTRIBUTES) - set(self.dataset.attrs)
        if missing:
            raise StateError(f"not a whole state: it lacks {', '.join(sorted(missing))}; {KIND.remedy}")

    @property
    def start(self) -> int:
        """The first hour of the past, since 1970 UTC."""
        return int(self.dataset.attrs["start"])

    @property
    def made(self) -> int:
        """The hour in which all was made from scratch, since 1970 UTC."""
        return int(self.dataset.attrs["made"])

    @property
    def entered(self) -> int:
        """Hours of the past that have entered."""
        return int(self.dataset.attrs["entered"])

    @property
    def memory_hours(self) -> int:
        """Most hours that were looked at when all was made."""
        return int(self.dataset.attrs["memory_hours"])

    @property
    def number(self) -> NDArray[np.int64]:
        """A number of the scores of each series' block that have entered, ``(series,)``."""
        return np.asarray(self.dataset["number"].values, dtype=np.int64).reshape(-1)

    def is_of(self, past: xr.Dataset) -> bool:
        """Whether usage has the groups and resources of this state, in its order."""
        return all(np.array_equal(self.dataset[name].values, past[name].values) for name in _SERIES)

    def scale(self, on: NDArray[np.bool_]) -> Scale:
        """Return the scales of the series that are ``on``, ``(series,)``, for `transform.standardise`."""
        kept = (self.dataset[name].values for name in _SCALE)
        return Scale(*(np.where(on.reshape(x.shape), x, np.nan) for x in kept))

    def carried(self, members: NDArray[np.intp], bases: Mapping[str, Basis]) -> dict[str, Carried]:
        """Return what is kept of some series, by linear component; not of components that have other features."""
        found = {}
        for name, basis in bases.items():
            coordinate = f"{name}_feature"
            names = self.dataset[coordinate].values.tolist() if coordinate in self.dataset else []
            if names[: basis.size] == list(basis.names):
                values = self.dataset[f"{name}_kept"].values
                whole = _unpacked(values.reshape(-1, values.shape[-1])[members], len(names))
                if (np.isfinite(whole.fit.coefficient).sum(axis=1) == basis.size).all():
                    found[name] = whole.of_features(basis.size)
        return found

    def save(self, path: Path | str) -> None:
        """Write it, whole or not at all.

        Raises
        ------
        StateError
            If it cannot be written there.
        """
        write(self.dataset, path, KIND)

    @classmethod
    def load(cls, path: Path | str) -> "State":
        """Read what `save` wrote.

        Raises
        ------
        StateError
            If there is no file, it is damaged, or of another version.
        """
        dataset = read(path, KIND)
        try:
            return cls(dataset)
        except StateError as error:
            raise StateError(f"{path}: {error}") from error


def state_of(
    past: xr.Dataset,
    transform: Transform,
    number: NDArray[np.int64],
    blocks: Sequence[tuple[NDArray[np.intp], Mapping[str, Carried]]],
    bases: Sequence[Mapping[str, Basis]],
    attributes: Mapping[str, int],
) -> State:
    """Lay out what is kept.

    Parameters
    ----------
    past, transform
        Usage, for its labels, and the scales of its scores.
    number
        As `State.number`.
    blocks
        Of each block, its series and what is carried of them.
    bases
        Features of the linear components, of each block; some may have the first ones of others only.
    attributes
        As of `State`.
    """
    shape = tuple(past.sizes[name] for name in _SERIES)
    variables: dict[str, tuple[tuple[str, ...], NDArray[np.generic]]] = {
        name: (_SERIES, getattr(transform, name)) for name in _SCALE
    }
    variables["number"] = (_SERIES, number.reshape(shape))
    coords = {name: past[name].values for name in _SERIES}
    order = np.argsort(np.concatenate([members for members, _ in blocks]))
    for name in bases[0]:
        basis = max((each[name] for each in bases), key=lambda basis: basis.size)
        whole = Carried.joined([carried[name].of_features(basis.size) for _, carried in blocks]).of_series(order)
        coords[f"{name}_feature"] = np.array(basis.names)
        variables[f"{name}_kept"] = ((*_SERIES, f"{name}_place"), _packed(whole).reshape(*shape, -1))
    return State(xr.Dataset(variables, coords=coords, attrs=dict(attributes)))


def _packed(carried: Carried) -> Floats:
    """Lay what is kept of each series out in a row: ``(series, place)``."""
    of, fit = carried.statistics, carried.fit
    parts = (of.gram, of.moment, of.energy, of.hours, fit.coefficient, fit.variance)
    return np.concatenate([x.reshape(len(of.hours), -1) for x in parts], axis=1)


def _unpacked(rows: Floats, size: int) -> Carried:
    """Return what `_packed` laid out, of so many features."""
    ends = np.cumsum([size * size, size, 1, 1, size])
    gram, moment, energy, hours, coefficient, variance = np.split(rows, ends, axis=1)
    statistics = Statistics(gram.reshape(-1, size, size), moment, energy[:, 0], hours[:, 0])
    return Carried(Fit(coefficient, variance[:, 0]), statistics)
