"""Headroom, by its public functions, as one forecaster among others.

Its variants switch one thing: ``headroom-uncalibrated`` leaves out the last calibration, ``headroom-only-ar`` (or
another component) is one component unstacked, ``headroom-nuts`` infers by NUTS, ``headroom-recurrent`` has the
recurrent component, too.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import xarray as xr

from forecasting import dims
from forecasting.forecast import forecast
from forecasting.hierarchy import Hierarchy
from forecasting.learn import learn as learn_hierarchy
from forecasting.profile import DemandProfile
from forecasting.settings import EVERY, Settings

NAME = "headroom"
_ONLY = f"{NAME}-only-"


def is_ours(model: str) -> bool:
    """Whether a model's name is Headroom's or that of a variant."""
    return model == NAME or model.startswith(f"{NAME}-")


def run(
    usage: xr.Dataset,
    horizon: int,
    seed: int,
    model: str = NAME,
    hierarchy: Hierarchy | None = None,
    now: np.datetime64 | None = None,
) -> DemandProfile:
    """Forecast from the end of usage, or from ``now`` (naive UTC); learns first where there is no hierarchy."""
    return forecast(
        usage,
        horizon_hours=horizon,
        now=_instant(now),
        seed=seed,
        hierarchy=hierarchy,
        settings=settings_of(model),
    )


def learn(usage: xr.Dataset, horizon: int, seed: int, model: str = NAME, jobs: int = 1) -> Hierarchy:
    """Learn a hierarchy from usage, for `run`."""
    return learn_hierarchy(usage, seed=seed, horizon_hours=horizon, settings=settings_of(model), jobs=jobs)


def grid_of(profile: DemandProfile, levels: Sequence[float]) -> np.ndarray:
    """Quantiles of a profile, ``(level, group, resource, hour)``."""
    return profile.quantile(levels).transpose(dims.QUANTILE, *dims.USAGE_DIMS).values


def settings_of(model: str) -> Settings:
    """Settings of Headroom or a variant, by its name."""
    if model.startswith(_ONLY):
        return Settings(components=(model.removeprefix(_ONLY),))
    known = {
        NAME: Settings(),
        f"{NAME}-uncalibrated": Settings(calibrate=False),
        f"{NAME}-nuts": Settings(inference="nuts"),
        f"{NAME}-recurrent": Settings(components=EVERY),
    }
    if model not in known:
        raise SystemExit(f"{model}: no such variant; there are {', '.join(known)} and {_ONLY}COMPONENT")
    return known[model]


def _instant(moment: np.datetime64 | None) -> datetime | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(int(moment.astype("datetime64[s]").astype(np.int64)), UTC)
