"""The hierarchy: all that was learnt from usage, in one file that may be deleted at any time.

Place in the line: between `learn`, which makes it, and `forecast`, which conditions each block on it. It holds
what groups share and how far forecasts could be believed, never the usage of a group.

    hierarchy = Hierarchy.load("hierarchy.nc")
    hierarchy.learnt("eu-west", "cpu")["ar"].between_groups
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import xarray as xr

from forecasting.basis import LINEAR, WEEK, Basis, Floats, basis_of
from forecasting.conditionals import Learnt
from forecasting.errors import ForecastingError, HierarchyError
from forecasting.netcdf import Kind, read, write
from forecasting.network import Network, read_network
from forecasting.plausible import check_shapes, check_values
from forecasting.settings import LONGEST_MEMORY_HOURS, RECURRENT, Settings

OLD = timedelta(days=14)
"""From this age on, forecasts say that it is time to learn again."""

_NEEDED = ("weights", "factors", "lasting", "diagnostics", "alone")
_ATTRIBUTES = ("learnt_until", "history_hours", "horizon_hours", "seed", "data_digest", "inference", "components")
_INTEGERS = ("history_hours", "horizon_hours", "origins")
_REMEDY = "learn anew with `headroom learn --usage FILE --out FILE`; nothing is lost but the time it takes"
KIND = Kind("hierarchy", 4, _REMEDY, HierarchyError)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """What was learnt.

    Parameters
    ----------
    dataset
        ``weights(region, resource, range, component)``, ``factors(region, resource, range, level)``,
        ``lasting(region, resource, part)``, ``diagnostics(linear, resource, measure)``, ``alone(resource)`` and,
        for each linear component C, ``C_plain(resource, C_feature, C_theta)``, ``C_region_mean(shared, region,
        resource, C_theta)``, both with zeros after the features of a resource that is ``alone``, and
        ``C_scale(shared, region, resource, scale)``; those of `network.as_variables`, for the recurrent one.
        ``attrs`` name when and from what.

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
            raise HierarchyError(f"not a whole hierarchy: it lacks {', '.join(missing)}; {_REMEDY}")
        values = [self.dataset[name].values for name in self.dataset.data_vars if name != "diagnostics"]
        if not all(np.isfinite(value).all() for value in values if value.dtype.kind == "f"):
            raise HierarchyError(f"not a whole hierarchy: it holds values that are not finite; {_REMEDY}")
        try:
            self._make_sense()
        except (ValueError, TypeError, KeyError, IndexError, ForecastingError) as error:
            raise HierarchyError(f"not a whole hierarchy: {error}; {_REMEDY}") from error

    def _make_sense(self) -> None:
        """Hold that what is there fits together; a ValueError, or whatever NumPy says, if not."""
        for name in _INTEGERS:
            value = self.dataset.attrs.get(name, 1)
            if not isinstance(value, int | np.integer) or value < 0:
                raise ValueError(f"'{name}' is {value!r}, wanted an integer ≥ 0")
        if self.learnt_until.utcoffset() is None:
            raise ValueError("'learnt_until' has no timezone")
        Settings(components=self.components, memory_hours=self.memory_hours)
        check_shapes(self.dataset, self.components)
        for name in self.components:
            if name in LINEAR:
                size = max(self._basis(name, number).size for number in range(self.dataset.sizes["resource"]))
                if self.dataset[f"{name}_plain"].shape[1:] != (size, size):
                    raise ValueError(f"'{name}_plain' is not of {size} features")
        if RECURRENT in self.components:
            read_network(self.dataset, len(self.events))
        check_values(self.dataset, self.components)
        if not {"region", "resource"} <= set(self.dataset.coords):
            raise ValueError("regions or resources have no names")

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

    def factors(self, region: str, resource: str) -> Floats:
        """Return the factors of a block's last calibration, ``(range, level)``."""
        return self._of_block("factors", region, resource)

    def lasting(self, region: str, resource: str) -> Floats:
        """Return how long errors of a block last, ``(part,)``; see `lasting`."""
        return self._of_block("lasting", region, resource)

    def unknown(self, resources: list[str]) -> list[str]:
        """Return the resources of which nothing was learnt, so that nothing can be forecast of them."""
        return sorted(set(resources) - set(self.dataset["resource"].values.tolist()))

    def notes(
        self, regions: list[str], resources: list[str], groups: list[str], now: datetime, horizon_hours: int = 1
    ) -> list[str]:
        """Say what does not fit usage, in words, and what is done about it.

        Raises
        ------
        HierarchyError
            If a resource was not learnt at all.
        """
        if unknown := self.unknown(resources):
            raise HierarchyError(f"nothing was learnt of {', '.join(unknown)}; {_REMEDY}")
        found = []
        age = now - self.learnt_until
        if age > OLD:
            found.append(f"the hierarchy is {age.days} days old; learn anew, or on a schedule once a week")
        if age < timedelta(0):
            found.append("the hierarchy was learnt from hours after this moment: a replay sees its own future")
        if horizon_hours > (taught := int(self.dataset.attrs["horizon_hours"])) and taught < WEEK:
            found.append(
                f"weights were learnt {taught} hours ahead; further ahead, components weigh what they did last"
            )
        strangers = sorted(set(regions) - set(self.dataset["region"].values.tolist()))
        if strangers:
            found.append(f"new regions, forecast from what the others have in common: {', '.join(strangers)}")
        met = set(str(self.dataset.attrs.get("groups", "")).split("\n"))
        new = sorted(set(groups) - met)
        if new and len(new) == len(groups):
            found.append("not one of these groups was met in learning: is it the hierarchy of this usage?")
        elif new:
            shown = ", ".join(new[:3]) + (" …" if len(new) > 3 else "")
            found.append(f"{len(new)} groups were not met in learning and lean on their block: {shown}")
        return found

    def require_history(self, hours: int) -> None:
        """Hold that usage reaches back far enough for what was learnt.

        Raises
        ------
        HierarchyError
            If it does not.
        """
        needed = min(2 * WEEK + 2, self.history_hours)
        if hours < needed:
            raise HierarchyError(
                f"the usage has {hours} hours before the moment of the forecast and this hierarchy needs "
                f"{needed}: bring more history, or forecast without a hierarchy"
            )

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
            raise HierarchyError(f"nothing was learnt of {resource}; {_REMEDY}")
        return int(found[0])

    def _of_block(self, name: str, region: str, resource: str) -> Floats:
        values = self.dataset[name].values[:, self._resource(resource)]
        known = self.dataset["region"].values == region
        return np.asarray(values[known][0] if known.any() else values.mean(axis=0))
