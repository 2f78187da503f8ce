"""Usage and a moment → the past that may be looked at, and where it came from.

Place in the line: the first step of `learn` and of `forecast`.

    past, moment = past_of(usage, now=None)
"""

import json
import platform
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import xarray as xr

from forecasting import dims
from forecasting.basis import WEEK
from forecasting.errors import UsageError
from forecasting.settings import LONGEST_MEMORY_HOURS
from forecasting.usage import before, digest, require_history

HISTORY_HOURS = LONGEST_MEMORY_HOURS
"""Older hours are not looked at."""

MOST_BRIDGED_HOURS = 4 * 168
"""Longer ago, usage says too little of the moment of a forecast."""

_WORTH_A_NOTE_HOURS = 24
_LEAST_WEEKS = 2


def past_of(
    usage: xr.Dataset, now: datetime | None, most_hours: int = HISTORY_HOURS
) -> tuple[xr.Dataset, datetime]:
    """Return the hours before a moment, at most so many, and the moment.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)``.
    now
        Timezone-aware; by default the hour after the last one of ``usage``.

    Raises
    ------
    UsageError
        If there is too little history, none at all of some resource, or it ends more than `MOST_BRIDGED_HOURS`
        before the moment.
    """
    dims.check_usage(usage, "forecast")
    moment = _end(usage) if now is None else now
    past = before(usage, moment).isel({dims.TIME: slice(-most_hours, None)})
    require_history(past)
    if (missing := bridged_hours(past[dims.TIME].values[-1], moment)) > MOST_BRIDGED_HOURS:
        raise UsageError(
            f"usage ends {missing:,} hours before the moment of the forecast, and at most {MOST_BRIDGED_HOURS} "
            "can be bridged: bring newer usage"
        )
    known = past[dims.DEMAND].notnull().any((dims.GROUP, dims.TIME)).values
    if not known.all():
        names = ", ".join(past[dims.RESOURCE].values[~known])
        raise UsageError(f"no group has a known value of {names}; leave it out, or bring its usage")
    return past, moment


def bridged_hours(last: np.datetime64, moment: datetime) -> int:
    """Return the hours between the last one of usage and that of a moment: nobody knows what was used in them."""
    return int((dims.hour_of(moment) - last) / dims.HOUR) - 1


def bridge_notes(last: np.datetime64, moment: datetime) -> list[str]:
    """Say in words where usage ends long before a moment."""
    missing = bridged_hours(last, moment)
    if missing <= _WORTH_A_NOTE_HOURS:
        return []
    return [f"usage ends {missing} hours before the moment of the forecast: the forecast bridges them"]


def short_notes(hours: int) -> list[str]:
    """Say in words where usage reaches back too little to tell a weekend from the days before it."""
    if hours >= _LEAST_WEEKS * WEEK:
        return []
    return [
        f"usage reaches back {hours} hours: under {_LEAST_WEEKS} weeks say little of how days of the week differ"
    ]


def provenance(past: xr.Dataset, moment: datetime, seed: int) -> dict[str, object]:
    """Return attributes that say what something was made from, and with which software."""
    versions = {name: version(name) for name in ("numpy", "pymc", "pytensor", "scipy", "xarray")}
    with suppress(PackageNotFoundError):  # run from a checkout
        versions["headroom"] = version("headroom")
    return {
        "issued": moment.astimezone(UTC).isoformat(),
        "seed": seed,
        "data_digest": digest(past),
        "versions": json.dumps(versions | {"python": platform.python_version()}, sort_keys=True),
    }


def _end(usage: xr.Dataset) -> datetime:
    last = usage[dims.TIME].values[-1].astype("datetime64[s]").astype(int)
    return datetime.fromtimestamp(int(last), UTC) + timedelta(hours=1)
