"""The record: how the forecasts of the last fortnight turned out, as one file that may be deleted at any time.

Place in the line: `judging` makes it and carries it on; `surprise` and `recalibration` are read off it. Every six
hours a forecast of the day ahead is kept, as quantiles; as hours come in, each is told where it lay, as a normal
score: 0 at the forecast's median, ±1.28 at the ends of its 80 % interval, further out by how far out it came.

    record = Record.load("record.nc")
    record.scores  # (origin, scope, resource, ahead)
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm

from forecasting.errors import RecordError
from forecasting.feedback.scopes import Scope
from forecasting.netcdf import Kind, read, write

STEP_HOURS, AHEAD_HOURS = 6, 24
"""Hours between forecasts that are judged, and how far ahead they are."""

MOST = 6.0
"""Scores are at most so far out."""

LEVELS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.175,
    0.25,
    0.375,
    0.5,
    0.625,
    0.75,
    0.825,
    0.9,
    0.95,
    0.975,
    0.99,
    0.995,
)
KIND = Kind("record", 1, "`headroom surprise --record FILE` makes it anew from usage", RecordError)
_NORMAL = norm.ppf(LEVELS)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Record:
    """How forecasts turned out.

    Parameters
    ----------
    dataset
        ``score(origin, scope, resource, ahead)``, NaN where not known yet; ``quantiles(origin, level, scope,
        resource, ahead)`` of those that still wait for usage, in the unit of the resource; ``kind(scope)`` and
        ``members(scope)``, a number of who they are.
    """

    dataset: xr.Dataset

    @property
    def origins(self) -> NDArray[np.datetime64]:
        """First hours of the forecasts, naive UTC, ascending."""
        return np.asarray(self.dataset["origin"].values)

    @property
    def scores(self) -> Floats:
        """``(origin, scope, resource, ahead)``."""
        return np.asarray(self.dataset["score"].values, dtype=np.float64)

    def save(self, path: Path | str) -> None:
        """Write it, whole or not at all.

        Raises
        ------
        RecordError
            If it cannot be written there.
        """
        write(self.dataset, path, KIND)

    @classmethod
    def load(cls, path: Path | str) -> "Record":
        """Read what `save` wrote.

        Raises
        ------
        RecordError
            If there is no file, it is damaged, or of another version.
        """
        dataset = read(path, KIND)
        if not {"score", "quantiles", "scope", "resource", "origin", "kind"} <= set(dataset.variables):
            raise RecordError(f"{path}: not a whole record; {KIND.remedy}")
        return cls(dataset)


def normal_scores(quantiles: NDArray[np.floating], came: Floats) -> NDArray[np.float32]:
    """Return where values lie within forecasts, as normal scores ``(…)``; NaN where not known, at most `MOST` out.

    Parameters
    ----------
    quantiles
        At `LEVELS`, ``(level, …)``.
    came
        What came, ``(…)``, in the same unit.
    """
    values = np.asarray(quantiles, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        after = np.clip((values < came).sum(axis=0), 1, len(LEVELS) - 1)[None]
        low, high = (np.take_along_axis(values, after - step, axis=0)[0] for step in (1, 0))
        left, right = _NORMAL[after[0] - 1], _NORMAL[after[0]]
        share = np.where(high > low, (came - low) / np.where(high > low, high - low, 1.0), 0.5)
        inside = left + (right - left) * np.clip(share, 0.0, 1.0)
        # Beyond the outermost quantiles, by how many times their distance from the median it is out.
        middle = values[len(LEVELS) // 2]
        above = _NORMAL[-1] * (came - middle) / np.maximum(values[-1] - middle, 1e-12)
        below = _NORMAL[0] * (middle - came) / np.maximum(middle - values[0], 1e-12)
        found = np.where(came > values[-1], np.maximum(above, _NORMAL[-1]), inside)
        found = np.where(came < values[0], np.minimum(below, _NORMAL[0]), found)
        tied = (values == came).sum(
            axis=0
        ) > 1  # a forecast that does not move at all, and what came does not either
        found = np.where(
            tied,
            np.where(values == came, _NORMAL.reshape(-1, *[1] * came.ndim), 0.0).sum(axis=0)
            / np.maximum((values == came).sum(axis=0), 1),
            found,
        )
    found = np.where(np.isnan(came) | np.isnan(values[0]), np.nan, np.clip(found, -MOST, MOST))
    return np.asarray(found, dtype=np.float32)


def dataset_of(
    origins: NDArray[np.datetime64],
    scopes: tuple[Scope, ...],
    resources: NDArray[np.str_],
    quantiles: NDArray[np.float32],
) -> xr.Dataset:
    """Return the dataset of a record whose forecasts still wait for usage: quantiles as in `Record`."""
    shape = (len(origins), len(scopes), len(resources), AHEAD_HOURS)
    return xr.Dataset(
        {
            "score": (("origin", "scope", "resource", "ahead"), np.full(shape, np.nan, dtype=np.float32)),
            "quantiles": (("origin", "level", "scope", "resource", "ahead"), quantiles),
        },
        coords={
            "origin": origins,
            "level": list(LEVELS),
            "scope": np.array([f"{x.kind}:{x.name}" for x in scopes]),
            "kind": ("scope", np.array([x.kind for x in scopes])),
            "members": ("scope", np.array([x.identity for x in scopes], dtype=np.int64)),
            "resource": resources,
        },
    )


def aligned(record: Record | None, scopes: tuple[Scope, ...], resources: NDArray[np.str_]) -> xr.Dataset:
    """Return a record of these scopes and resources: those that are new have no past in it.

    The sum of other groups than before is another sum: it begins anew, too.
    """
    shape = (0, len(LEVELS), len(scopes), len(resources), AHEAD_HOURS)
    empty = dataset_of(np.array([], dtype="datetime64[ns]"), scopes, resources, np.zeros(shape, dtype=np.float32))
    if record is None:
        return empty
    old = record.dataset
    fitted = old[["score", "quantiles"]].reindex(scope=empty["scope"], resource=empty["resource"])
    same = old["members"].reindex(scope=empty["scope"], fill_value=-1) == empty["members"]
    return (
        fitted.where(same)
        .transpose(*fitted["quantiles"].dims)
        .assign_coords(kind=empty["kind"], members=empty["members"])
    )
