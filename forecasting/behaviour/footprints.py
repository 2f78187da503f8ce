"""What one concurrent session of an application takes of each resource, given in YAML or learnt.

Place in the line: beside the road from events to activity; `learning` makes them, `sizing` uses them.

    applications:
      notebook: {cpu: 0.5, memory: {mean: 2, spread: 0.3}}
      other: {cpu: 0.2, memory: 1}      # of every application that is not named

``spread`` is the standard deviation of the logarithm; the mean stays what it says.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml
from numpy.typing import NDArray

from forecasting import dims
from forecasting.errors import ForecastingError
from forecasting.netcdf import Kind, read, write
from forecasting.yamlkeys import MISREAD, repeated

APPLICATION = "application"
KIND = Kind("footprints", 1, "make it anew with `headroom ingest --learn-footprints FILE`", ForecastingError)
DRAWS = 1000
LARGEST = 1e9


@dataclass(frozen=True, slots=True)
class Footprints:
    """Draws of footprints.

    Parameters
    ----------
    dataset
        ``footprint(draw, application, resource)``, ≥ 0, per concurrent session; ``idle(draw, resource)``, ≥ 0,
        what a
        group takes without any; ``unit(resource)``.
    """

    dataset: xr.Dataset

    def __post_init__(self) -> None:
        values = [self.dataset["footprint"].transpose("draw", APPLICATION, "resource"), self.dataset["idle"]]
        if any(not (np.isfinite(x.values).all() and (x.values >= 0).all() and x.size) for x in values):
            raise ForecastingError("footprints must be finite, ≥ 0 and at least one")

    @property
    def applications(self) -> list[str]:
        """Names of the applications."""
        return [str(x) for x in self.dataset[APPLICATION].values]

    @property
    def resources(self) -> list[str]:
        """Names of the resources, sorted."""
        return [str(x) for x in self.dataset[dims.RESOURCE].values]

    def save(self, path: Path | str) -> None:
        """Write them as netCDF."""
        write(self.dataset, path, KIND)


def made(
    draws: NDArray[np.float64], idle: NDArray[np.float64], applications: list[str], resources: list[str]
) -> Footprints:
    """Put draws (draw, application, resource) and idle (draw, resource) together; resources are put in order."""
    units = [dims.UNITS.get(x, "") for x in resources]
    dataset = xr.Dataset(
        {
            "footprint": ((dims.DRAW, APPLICATION, dims.RESOURCE), draws),
            "idle": ((dims.DRAW, dims.RESOURCE), idle),
        },
        coords={APPLICATION: applications, dims.RESOURCE: resources, dims.UNIT: (dims.RESOURCE, units)},
    )
    return Footprints(dataset.sortby([APPLICATION, dims.RESOURCE]))


def load(path: Path) -> Footprints:
    """Read footprints: netCDF if the name ends in .nc, else YAML.

    Raises
    ------
    ForecastingError
        Naming the file and what in it is wrong.
    """
    if path.suffix.lower() == ".nc":
        return Footprints(read(path, KIND))
    try:
        text = path.read_text(encoding="utf-8")
        document, twice = yaml.safe_load(text), repeated(yaml.compose(text, yaml.SafeLoader))
    except (OSError, *MISREAD) as error:
        raise ForecastingError(f"{path}: cannot be read as YAML: {error}") from error
    if twice:
        raise ForecastingError(f"{path}:{twice[0]}: {twice[1]!r} stands here a second time")
    try:
        return _parse(document)
    except ForecastingError as error:
        raise ForecastingError(f"{path}: {error}") from None


def _parse(document: Any) -> Footprints:
    """Draw log-normal footprints around the given means, the same for the same document."""
    table = (
        document.get("applications") if isinstance(document, dict) and set(document) == {"applications"} else None
    )
    if not isinstance(table, dict) or not table or not all(isinstance(x, dict) for x in table.values()):
        raise ForecastingError("wanted `applications:` and below it, for each, `name: {cpu: 0.5, memory: 2}`")
    for name in (*table, *(x for row in table.values() for x in row)):
        if not isinstance(name, str) or not name.isprintable() or not name or name != name.strip():
            raise ForecastingError(f"{name!r} is no name; write it in quotation marks, without blanks around it")
    applications = [str(x) for x in table]
    resources = sorted({str(name) for row in table.values() for name in row})
    if not resources:
        raise ForecastingError("no application has a resource")
    rng = np.random.default_rng(0)
    draws = np.zeros((DRAWS, len(applications), len(resources)))
    for i, (application, row) in enumerate(table.items()):
        for name, given in row.items():
            where = f"applications.{application}.{name}"
            pair = given if isinstance(given, dict) else {"mean": given}
            if not set(pair) <= {"mean", "spread"} or "mean" not in pair:
                raise ForecastingError(f"{where}: wanted a number, or mean and spread")
            mean, spread = (_number(x, where) for x in (pair["mean"], pair.get("spread", 0)))
            if spread > 3:
                raise ForecastingError(f"{where}: a spread of {spread:g} says next to nothing; at most 3")
            noise = np.exp(spread * rng.standard_normal(DRAWS) - spread**2 / 2)
            draws[:, i, resources.index(str(name))] = mean * noise
    return made(draws, np.zeros((DRAWS, len(resources))), applications, resources)


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST:
        raise ForecastingError(f"{where}: wanted a number from 0 to {LARGEST:g}")
    return float(value)
