"""The hierarchy: all that was learnt from usage, in one file that may be deleted at any time.

Place in the line: between `learn`, which makes it, and `forecast`, which conditions each block on it. It holds
what groups share and how far forecasts could be believed, of some by group, never the usage of a group.

    hierarchy = Hierarchy.load("hierarchy.nc")
    hierarchy.learnt("eu-west", "cpu")["ar"].between_groups
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting.basis import LINEAR, Basis, Floats, basis_of
from forecasting.conditionals import Learnt
from forecasting.errors import ForecastingError, HierarchyError
from forecasting.netcdf import Kind, read, write
from forecasting.network import Network, read_network
from forecasting.plausible import check_shapes, check_values
from forecasting.settings import LONGEST_MEMORY_HOURS, RECURRENT, Settings

_NEEDED = ("weights", "own_weights", "factors", "tilt", "lasting", "diagnostics", "alone")
_ATTRIBUTES = ("learnt_until", "history_hours", "horizon_hours", "seed", "data_digest", "inference", "components")
_INTEGERS = ("history_hours", "horizon_hours", "origins")
REMEDY = "learn anew with `headroom learn --usage FILE --out FILE`; nothing is lost but the time it takes"
KIND = Kind("hierarchy", 5, REMEDY, HierarchyError)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """What was learnt.

    Parameters
    ----------
    dataset
        ``weights(region, resource, range, component)``, ``own_weights(group, resource, range, component)``,
        ``factors(region, resource, range, level)``, ``tilt(region, resource, term)``, ``lasting(region, resource,
        part)``, ``diagnostics(linear, resource, measure)``, ``alone(resource)`` and, for each linear component C,
        ``C_plain(resource, C_feature, C_theta)``, ``C_region_mean(shared, region, resource, C_theta)``, both with
        zeros after the features of a resource that is ``alone``, and ``C_scale(shared, region, resource, scale)``;
        those of `network.as_variables`, for the recurrent one. ``attrs`` name when and from what.

    Raises
    ------
    HierarchyError
        If the dataset is not that.
    """

    dataset: xr.Dataset

    def __post_init__(self) -> None:
        missing = [name for name in _NEEDED if name not in self.dataset.data_vars]
        missing += [name for name in _ATTRIBUTES if name not in self.dataset.attrs]
        wanted = [name for name in self.components if name in LINEAR] if not missing else []
        missing += [
            f"{name}_{part}"
            for name in wanted
            for part in ("plain", "region_mean", "scale")
            if f"{name}_{part}" not in self.dataset
        ]
        if missing:
            raise HierarchyError(f"not a whole hierarchy: it lacks {', '.join(missing)}; {REMEDY}")
        values = [self.dataset[name].values for name in self.dataset.data_vars if name != "diagnostics"]
        if not all(np.isfinite(value).all() for value in values if value.dtype.kind == "f"):
            raise HierarchyError(f"not a whole hierarchy: it holds values that are not finite; {REMEDY}")
        try:
            self._make_sense()
        except (ValueError, TypeError, KeyError, IndexError, ForecastingError) as error:
            raise HierarchyError(f"not a whole hierarchy: {error}; {REMEDY}") from error

    def _make_sense(self) -> None:
        """Hold that what is there fits together; a ValueError, or whatever NumPy says, if not."""
        for name in _INTEGERS:
            value = self.dataset.attrs.get(name, 1)
            if not isinstance(value, int | np.integer) or value < 0:
                raise ValueError(f"'{name}' is {value!r}, wanted an integer ≥ 0")
        if self.learnt_until.utcoffset() is None:
            raise ValueError("'learnt_until' has no timezone")
        Settings(components=self.components, memory_hours=self.memory_hours)
        if not {"group", "region", "resource"} <= set(self.dataset.coords):
            raise ValueError("groups, regions or resources have no names")
        check_shapes(self.dataset, self.components)
        for name in self.components:
            if name in LINEAR:
                size = max(self._basis(name, number).size for number in range(self.dataset.sizes["resource"]))
                if self.dataset[f"{name}_plain"].shape[1:] != (size, size):
                    raise ValueError(f"'{name}_plain' is not of {size} features")
        if RECURRENT in self.components:
            read_network(self.dataset, len(self.events))
        check_values(self.dataset, self.components)

    def _basis(self, component: str, resource: int) -> Basis:
        return basis_of(component, self.history_hours, self.events, bool(self.dataset["alone"].values[resource]))

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components, in the order of the weights."""
        return tuple(str(self.dataset.attrs["components"]).split())

    @property
    def learnt_until(self) -> datetime:
        """The end of the usage that it was learnt from."""
        return datetime.fromisoformat(str(self.dataset.attrs["learnt_until"]))

    @property
    def events(self) -> tuple[str, ...]:
        """Names of the events and covariates that effects were learnt of."""
        text = str(self.dataset.attrs.get("events", ""))
        return tuple(text.split("\n")) if text else ()

    @property
    def memory_hours(self) -> int:
        """Most hours before a moment that forecasts from it look at."""
        return int(self.dataset.attrs.get("memory_hours", LONGEST_MEMORY_HOURS))

    @property
    def history_hours(self) -> int:
        """Hours of usage that it was learnt from."""
        return int(self.dataset.attrs["history_hours"])

    @property
    def horizon_hours(self) -> int:
        """How far ahead weights were learnt."""
        return int(self.dataset.attrs["horizon_hours"])

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions that it was learnt from."""
        return tuple(self.dataset["region"].values.tolist())

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that were met in learning."""
        return tuple(str(self.dataset.attrs.get("groups", "")).split("\n"))

    def learnt(self, region: str, resource: str) -> dict[str, Learnt]:
        """Return what is known of a block, by linear component; of a new region, the mean of the others."""
        number = self._resource(resource)
        found = {}
        for code, name in enumerate(LINEAR):
            if name not in self.components:
                continue
            data = self.dataset.isel(resource=number)
            means = data[f"{name}_region_mean"]
            known = data["region"].values == region
            centre = means.values[:, known][:, 0] if known.any() else means.values.mean(axis=1)
            scales = data[f"{name}_scale"].values
            scale = scales[:, known][:, 0] if known.any() else scales.mean(axis=1)
            noise, likeness, between = scale.T
            basis = self._basis(name, number)
            plain = data[f"{name}_plain"].values[: basis.size, : basis.size]
            found[name] = Learnt(code, basis, plain, centre[:, : basis.size], between, noise, likeness)
        return found

    def alone(self, resource: str) -> bool:
        """Whether no region had several groups, of those learnt from, whose use of a resource changed."""
        return bool(self.dataset["alone"].values[self._resource(resource)])

    def network(self, resource: str) -> Network | None:
        """Return the network of a resource, if the recurrent component is among the components."""
        if RECURRENT not in self.components:
            return None
        return read_network(self.dataset, len(self.events)).of_resource(self._resource(resource))

    def weights(self, region: str, resource: str) -> Floats:
        """Return the weights of a block's components, ``(range, component)``."""
        return self._of_block("weights", region, resource)

    def own_weights(self, region: str, resource: str, groups: Sequence[str]) -> Floats:
        """Return the weights of components for each group, ``(range, component, group)``.

        Those of the block, for groups that were not learnt from.
        """
        known = {name: place for place, name in enumerate(self.dataset["group"].values.tolist())}
        values = self.dataset["own_weights"].values[:, self._resource(resource)]
        block = self.weights(region, resource)
        return np.stack([values[known[name]] if name in known else block for name in groups], axis=-1)

    def own_ranges(self, resource: str) -> NDArray[np.bool_]:
        """Return in which ranges groups have weights that are not those of a block, ``(range,)``."""
        number = self._resource(resource)
        each, blocks = (self.dataset[name].values[:, number] for name in ("own_weights", "weights"))
        of_a_block = np.isclose(each[:, None], blocks[None]).all(axis=-1).any(axis=1)  # (group, range)
        return np.asarray(~of_a_block.all(axis=0))

    def factors(self, region: str, resource: str) -> Floats:
        """Return the factors of a block's last calibration, ``(range, level)``."""
        return self._of_block("factors", region, resource)

    def tilt(self, region: str, resource: str) -> Floats:
        """Return how factors of a block differ between its series, ``(term,)``; see `roughness`."""
        return self._of_block("tilt", region, resource)

    def lasting(self, region: str, resource: str) -> Floats:
        """Return how long errors of a block last, ``(part,)``; see `lasting`."""
        return self._of_block("lasting", region, resource)

    def unknown(self, resources: list[str]) -> list[str]:
        """Return the resources of which nothing was learnt, so that nothing can be forecast of them."""
        return sorted(set(resources) - set(self.dataset["resource"].values.tolist()))

    def save(self, path: Path | str) -> None:
        """Write the hierarchy as netCDF: whole or not at all, replacing what is there.

        Raises
        ------
        HierarchyError
            If it cannot be written there.
        """
        write(self.dataset, path, KIND)

    @classmethod
    def load(cls, path: Path | str) -> "Hierarchy":
        """Read a hierarchy that `save` wrote.

        Raises
        ------
        HierarchyError
            If there is no file, it is not netCDF, it is damaged, or another version of this package wrote it.
        """
        dataset = read(path, KIND)
        try:
            return cls(dataset)
        except HierarchyError as error:
            raise HierarchyError(f"{path}: {error}") from error

    def _resource(self, resource: str) -> int:
        found = np.flatnonzero(self.dataset["resource"].values == resource)
        if not found.size:
            raise HierarchyError(f"nothing was learnt of {resource}; {REMEDY}")
        return int(found[0])

    def _of_block(self, name: str, region: str, resource: str) -> Floats:
        values = self.dataset[name].values[:, self._resource(resource)]
        known = self.dataset["region"].values == region
        return np.asarray(values[known][0] if known.any() else values.mean(axis=0))
