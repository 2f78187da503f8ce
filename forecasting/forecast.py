"""The composition: usage → demand profile.

Place in the line: the whole slow half in one call.

    profile = forecast(usage, horizon_hours=96, seed=1)
    profile.interval(0.8).sel(group="eu-west/analytics", resource="cpu")
"""

import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import numpy as np
import xarray as xr

from forecasting import dims
from forecasting.basis import choose_basis
from forecasting.errors import ForecastingError, UsageError
from forecasting.fit import fit
from forecasting.predict import condition, simulate
from forecasting.profile import DemandProfile
from forecasting.sufficient import summarise
from forecasting.transform import standardise
from forecasting.usage import before, digest, require_history

HISTORY_HOURS = 8 * 168
"""Older hours are not looked at: by their half-life they would hardly count."""

DRAWS = 500

Progress = Callable[[str, float], None]


def forecast(
    usage: xr.Dataset,
    horizon_hours: int = 168,
    now: datetime | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> DemandProfile:
    """Forecast the demand of every group and resource.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)``; hours that start at or after ``now`` are not looked at.
    horizon_hours
        How far ahead, at least 1.
    now
        The moment of the forecast, timezone-aware; its hour is the first of the horizon. By default the hour
        after the last one of ``usage``.
    seed
        The same usage, moment and seed give the same draws.
    progress
        Is told the stage in words and the share that is done, 0 to 1.

    Returns
    -------
    DemandProfile
        `DRAWS` joint draws, with diagnostics, data digest and versions in its attributes.

    Raises
    ------
    UsageError
        If there is too little history, or none at all of some resource.
    FitError
        If the posterior does not pass its diagnostics.
    ForecastingError
        If an argument is out of its range.
    """
    tell = progress or (lambda stage, share: None)
    if horizon_hours < 1:
        raise ForecastingError(f"the horizon is {horizon_hours} hours; it must be at least 1")
    dims.check_usage(usage, "forecast")
    moment = _end(usage) if now is None else now
    past = before(usage, moment).isel({dims.TIME: slice(-HISTORY_HOURS, None)})
    require_history(past)
    _require_every_resource(past)

    tell("reading history", 0.0)
    regions = np.unique(past[dims.REGION].values, return_inverse=True)[1].astype(np.intp)
    time = past[dims.TIME].values
    scores, transform = standardise(past[dims.DEMAND].values, regions)
    basis = choose_basis(len(time))
    statistics = summarise(scores, time, basis, transform.moves)
    tell("learning", 0.02)
    posterior = fit(
        statistics, transform.moves, regions, seed, lambda share: tell("learning", 0.02 + 0.78 * share)
    )
    rng = np.random.default_rng([seed, 2])
    tell("drawing", 0.8)
    conditioned = condition(posterior, statistics, regions, DRAWS, rng)
    first = dims.hour_of(moment)
    horizon = first + np.arange(horizon_hours) * dims.HOUR
    gap = int((first - time[-1]) / dims.HOUR) - 1
    ahead = first - gap * dims.HOUR + np.arange(gap + horizon_hours) * dims.HOUR
    draws = simulate(conditioned, scores, time, ahead, basis, transform, rng)[..., gap:]
    tell("done", 1.0)
    return DemandProfile(_dataset(past, draws, horizon, moment, seed, asdict(posterior.diagnostics)))


def _require_every_resource(past: xr.Dataset) -> None:
    known = past[dims.DEMAND].notnull().any((dims.GROUP, dims.TIME)).values
    if not known.all():
        names = ", ".join(past[dims.RESOURCE].values[~known])
        raise UsageError(f"no group has a known value of {names}; leave it out, or bring its usage")


def _end(usage: xr.Dataset) -> datetime:
    last = usage[dims.TIME].values[-1].astype("datetime64[s]").astype(int)
    return datetime.fromtimestamp(int(last), UTC) + timedelta(hours=1)


def _dataset(
    past: xr.Dataset,
    draws: np.ndarray,
    horizon: np.ndarray,
    moment: datetime,
    seed: int,
    diagnostics: dict[str, object],
) -> xr.Dataset:
    coords = {name: past[name] for name in (dims.GROUP, dims.REGION, dims.NAME, dims.RESOURCE, dims.UNIT)}
    versions = {name: version(name) for name in ("numpy", "pymc", "pytensor", "xarray")}
    return xr.Dataset(
        {dims.DEMAND: (dims.PROFILE_DIMS, draws)},
        coords={**coords, dims.TIME: horizon},
        attrs={
            "issued": moment.astimezone(UTC).isoformat(),
            "seed": seed,
            "inference": "NUTS over the shared parameters, exact conditionals for each group",
            "diagnostics": json.dumps(diagnostics, sort_keys=True),
            "data_digest": digest(past),
            "versions": json.dumps(versions | {"python": platform.python_version()}, sort_keys=True),
        },
    )
