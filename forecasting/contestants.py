"""Models that a backtest compares: their names, and how each is run.

Place in the line: beside it; `replay` runs what is named here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.errors import ForecastingError
from forecasting.events import Events
from forecasting.naive import seasonal_naive
from forecasting.settings import EVERY, RECURRENT, Settings

HEADROOM = "headroom"
UNCALIBRATED = "headroom-uncalibrated"
NAIVE = "seasonal-naive"
CHALLENGER = "headroom-recurrent"
COMPONENTS = "components"
"""Stands for each component by itself."""


def expand(names: Sequence[str]) -> tuple[str, ...]:
    """Return the models that names ask for, in that order and each once.

    Parameters
    ----------
    names
        `HEADROOM`; `UNCALIBRATED`, the same without its last calibration; `CHALLENGER`, with the recurrent
        component; `NAIVE`; the name of a component, which then forecasts by itself; or `COMPONENTS` for all of
        them but the recurrent one.

    Raises
    ------
    ForecastingError
        If there is no such model, or no name.
    """
    components = Settings().components
    there = (HEADROOM, UNCALIBRATED, CHALLENGER, NAIVE, RECURRENT, *components)
    strangers = [name for name in names if name not in (*there, COMPONENTS)]
    if strangers or not names:
        raise ForecastingError(
            f"no model {', '.join(map(repr, strangers)) or 'is named'}; there are {', '.join(there)}, and "
            f"'{COMPONENTS}' for the last {len(components)}"
        )
    return tuple(dict.fromkeys(x for name in names for x in (components if name == COMPONENTS else (name,))))


def draw(
    name: str, past: xr.Dataset, horizon_hours: int, seed: int, events: Events | None = None
) -> NDArray[np.float32]:
    """Return joint draws of one of the models that `expand` gives.

    Parameters
    ----------
    name
        Of the model.
    past
        ``demand(group, resource, time)``; the forecast begins with the hour after its last.
    horizon_hours
        How far ahead.
    seed
        Of every draw.
    events
        What is known of the calendar; the naive model knows none.

    Returns
    -------
    numpy.ndarray
        ``(draw, group, resource, time)``, ≥ 0, in the unit of the resource.

    Raises
    ------
    ForecastingError
        If the model cannot forecast from this past.
    """
    if name == NAIVE:
        return seasonal_naive(past, horizon_hours)
    from forecasting.forecast import forecast  # noqa: PLC0415 (PyMC takes seconds, and the naive needs none)

    last = past[dims.TIME].values[-1].astype("datetime64[s]").astype(int)
    now = datetime.fromtimestamp(int(last) + 3600, UTC)
    if name in (HEADROOM, UNCALIBRATED, CHALLENGER):
        settings = Settings(EVERY if name == CHALLENGER else Settings().components, calibrate=name != UNCALIBRATED)
    else:
        settings = Settings(components=(name,), calibrate=False)
    profile = forecast(past, horizon_hours=horizon_hours, now=now, seed=seed, settings=settings, events=events)
    return np.asarray(profile.draws.values)
