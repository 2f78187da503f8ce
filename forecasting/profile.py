"""The demand profile: joint draws of what groups will need over the horizon, and what is read off them.

Place in the line: between the slow stochastic half, which makes it, and the fast deterministic half, which
decides from it. The file that it is saved to is that border, so this module needs neither PyMC nor a clock.

    profile = DemandProfile.load("profile.nc")
    profile.interval(0.8).sel(group="eu-west/analytics", resource="cpu", bound="upper").max()
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import xarray as xr

from forecasting import dims
from forecasting.errors import ForecastingError, ProfileError
from forecasting.netcdf import Kind, read, stream, write

KIND = Kind("profile", 2, "make it anew with `headroom forecast --out FILE`", ProfileError)

_ENCODING: dict[str, dict[str, object]] = {
    dims.DEMAND: {"zlib": True, "complevel": 1, "shuffle": True, "fletcher32": True},
    dims.TIME: {"units": "hours since 1970-01-01", "calendar": "proleptic_gregorian", "dtype": "int64"},
}
_LABELS = (dims.GROUP, dims.REGION, dims.NAME, dims.RESOURCE, dims.UNIT)


@dataclass(frozen=True, slots=True)
class DemandProfile:
    """Joint posterior-predictive draws of demand.

    Draws keep the dependence between groups, resources and hours: sum over groups within a draw first, and
    take quantiles after.

    Parameters
    ----------
    dataset
        ``demand(draw, group, resource, time)``, float32, ≥ 0, in ``unit(resource)``, with the coordinates of
        usage over the horizon. ``attrs`` has at least ``issued``, the ISO 8601 instant of the forecast with
        its timezone.
    streamed
        Whether draws are read from a file as they are asked for; whoever reads them checks them then.

    Raises
    ------
    ForecastingError
        If the dataset is not that.
    """

    dataset: xr.Dataset
    streamed: bool = False

    def __post_init__(self) -> None:
        dims.check_profile(self.dataset, "DemandProfile", values=not self.streamed)
        _parse_issued(self.dataset.attrs.get("issued"))

    @property
    def draws(self) -> xr.DataArray:
        """``demand(draw, group, resource, time)`` in ``unit(resource)``."""
        return self.dataset[dims.DEMAND]

    @property
    def issued(self) -> datetime:
        """The instant of the forecast, in UTC: nothing later was known to it."""
        return _parse_issued(self.dataset.attrs.get("issued"))

    @property
    def known_until(self) -> datetime:
        """Where the usage that it rests on ends, in UTC, at the latest when it was issued."""
        told = self.dataset.attrs.get("known_until")
        return self.issued if told is None else min(self.issued, _parse_issued(told))

    def surprise(self, scope: str) -> tuple[float, float] | None:
        """Surprise factors of a scope, such as ``set:web``, ``region:eu-west`` or ``group:eu-west/shop``.

        How much more, and how much less, came than was foreseen lately: of the resource that surprised most, 0 for
        calm, 1 for an alarm. None where no record of forecasts was kept.
        """
        if "surprise" not in self.dataset or scope not in self.dataset["scope"].values:
            return None
        found = self.dataset["surprise"].sel(scope=scope).max("judged").values
        return float(found[0]), float(found[1])

    @property
    def horizon_hours(self) -> int:
        """Length of the horizon, in hours."""
        return int(self.draws.sizes[dims.TIME])

    def quantile(self, levels: float | Sequence[float]) -> xr.DataArray:
        """Return quantiles of demand, series by series and hour by hour.

        Parameters
        ----------
        levels
            One or more levels, each between 0 and 1.

        Returns
        -------
        xarray.DataArray
            ``demand(quantile, group, resource, time)``, float64, in ``unit(resource)``. Quantiles of several
            groups do not add up to the quantile of their sum.

        Raises
        ------
        ForecastingError
            If there is no level, or one is not between 0 and 1.
        """
        wanted = np.atleast_1d(np.asarray(levels, dtype=np.float64))
        if wanted.ndim != 1 or wanted.size == 0 or not ((wanted > 0) & (wanted < 1)).all():
            raise ForecastingError(f"quantile levels must lie between 0 and 1, both excluded; got {levels}")
        # Draws last and contiguous: quantiles of 1,000 draws are then several times as fast.
        series = np.ascontiguousarray(np.moveaxis(self.draws.values, 0, -1))
        values = np.quantile(series, wanted, axis=-1, overwrite_input=True)
        return self._reduced(values, {dims.QUANTILE: wanted})

    def interval(self, level: float) -> xr.DataArray:
        """Return the central interval of demand that holds ``level`` of the draws.

        Parameters
        ----------
        level
            Between 0 and 1; 0.8 gives the 10 % and the 90 % quantile.

        Returns
        -------
        xarray.DataArray
            ``demand(bound, group, resource, time)`` in ``unit(resource)``; ``bound`` is ``lower``, ``upper``.

        Raises
        ------
        ForecastingError
            If the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ForecastingError(f"interval levels must lie between 0 and 1, both excluded; got {level}")
        ends = self.quantile([(1 - level) / 2, (1 + level) / 2])
        bounds = self._reduced(ends.values, {dims.BOUND: np.array(["lower", "upper"])})
        return bounds.assign_attrs(level=level)

    def exceedance(self, threshold: float | xr.DataArray) -> xr.DataArray:
        """Return the probability that demand exceeds a threshold.

        Parameters
        ----------
        threshold
            In ``unit(resource)``: one number, or an array along any of ``group``, ``resource`` and ``time``.

        Returns
        -------
        xarray.DataArray
            P(demand > threshold), ``(group, resource, time)``, between 0 and 1.
        """
        share = (self.draws > threshold).mean(dims.DRAW)
        return share.transpose(*dims.USAGE_DIMS).rename("exceedance")

    def save(self, path: Path | str) -> None:
        """Write the profile as netCDF: whole or not at all, replacing what is there.

        Raises
        ------
        ProfileError
            If it cannot be written there.
        """
        sizes = self.draws.sizes
        # A group at a time is what a decision reads.
        chunks = (sizes[dims.DRAW], 1, sizes[dims.RESOURCE], sizes[dims.TIME])
        demand = _ENCODING[dims.DEMAND] | {"chunksizes": chunks}
        write(self.dataset, path, KIND, _ENCODING | {dims.DEMAND: demand})

    @classmethod
    def load(cls, path: Path | str) -> "DemandProfile":
        """Read a profile that `save` wrote.

        Raises
        ------
        ProfileError
            If there is no file, it is not netCDF, it is damaged, or another version of this package wrote it.
        """
        dataset = read(path, KIND)
        try:
            return cls(dataset)
        except ForecastingError as error:
            raise ProfileError(f"{path}: not a whole profile: {error}; {KIND.remedy}") from error

    @classmethod
    @contextmanager
    def stream(cls, path: Path | str) -> Iterator["DemandProfile"]:
        """Open a profile that `save` wrote without reading its draws: for more groups than fit into memory.

        Damage is noticed where it is read, by HDF5's own checksum of each group's draws.

        Raises
        ------
        ProfileError
            If there is no file, it is not netCDF, or another version of this package wrote it.
        """
        with stream(path, KIND) as dataset:
            try:
                profile = cls(dataset, streamed=True)
            except ForecastingError as error:
                raise ProfileError(f"{path}: not a whole profile: {error}; {KIND.remedy}") from error
            yield profile

    def _reduced(self, values: np.ndarray, first: dict[str, np.ndarray]) -> xr.DataArray:
        """Label an array whose first dim stands where the draws were."""
        coords = {name: self.draws.coords[name] for name in (*_LABELS, dims.TIME)}
        return xr.DataArray(values, dims=(*first, *dims.USAGE_DIMS), coords={**first, **coords}, name=dims.DEMAND)


def _parse_issued(text: object) -> datetime:
    try:
        issued = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ForecastingError(
            f"DemandProfile: attrs['issued'] is {text!r}, wanted an ISO 8601 instant"
        ) from error
    if issued.utcoffset() is None:
        raise ForecastingError(f"DemandProfile: attrs['issued'] is {text!r}, which has no timezone")
    return issued.astimezone(UTC)
