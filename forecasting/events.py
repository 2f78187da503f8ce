"""What is known of the past and the future besides usage: holidays, events, and covariates, which are features.

Place in the line: beside `basis`; the model adds ``design(…) @ effect`` to the score of an hour. What holidays and
events do is learnt by a layer of its own, see `occurring`.

Nothing is learnt here. A region that no covariate names has zeros throughout, and regions that usage does not
have yet may be named. The region `EVERYWHERE` stands for all; a region's own covariate, country and zone go
before those of `EVERYWHERE`, events of both hold.

>>> from_tables({"eu-west": "DE-BY"}, {"eu-west": "Europe/Berlin"}).occur
True
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.errors import ForecastingError
from forecasting.eventtable import (
    COVARIATES,
    Covariate,
    Event,
    decode_covariates,
    decode_events,
)
from forecasting.places import check_places

Floats = NDArray[np.float64]

EVERYWHERE = "*"
MOST_KINDS = 500
"""Kinds of events at most: each takes a moment to learn."""

_FLAT = 1e-12  # sd, relative to the largest value, under which a series is constant but for rounding
_STRETCH = 3.0  # sd beyond what the history has seen: further out its effect is anyone's guess


@dataclass(frozen=True, slots=True)
class Events:
    """All that is known besides usage; made by `from_tables`, sorted, so that row order changes nothing."""

    holidays: tuple[tuple[str, str], ...] = ()
    zones: tuple[tuple[str, str], ...] = ()
    events: tuple[Event, ...] = ()
    covariates: tuple[Covariate, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature, sorted: the same whatever the hours and the regions that are looked at.

        Only covariates are features; holidays and events are `occasions`.
        """
        return tuple(sorted({x.name for x in self.covariates}))

    @property
    def occur(self) -> bool:
        """Whether there are holidays or events."""
        return bool(self.holidays or self.events)


def from_tables(
    holidays: Mapping[str, str],
    zones: Mapping[str, str] | None = None,
    table: pd.DataFrame | None = None,
    covariates: pd.DataFrame | None = None,
    written: Iterable[Event] = (),
) -> Events:
    """Check what a user has written down, and make `Events` of it.

    Parameters
    ----------
    holidays
        Region → country or subdivision whose holidays it keeps: ``DE``, ``US-NY`` (ISO 3166).
    zones
        Region → time zone (IANA) that says when its day begins; UTC for others.
    table
        Columns ``region``, ``start``, ``end`` (instants with offset, half-open), ``name``, and where wanted
        ``kind`` and ``group``.
    covariates
        Columns ``timestamp`` (UTC where no timezone is given; the hour that holds it), ``region``, ``name`` and
        ``value``, NaN where not known, for the past and for the hours ahead. Other columns are ignored.

    written
        Events that were read from elsewhere, see `eventfile` and `icsfile`.

    Raises
    ------
    ForecastingError
        Naming the table, the row (from 1, without the header) and what to do: for unknown countries and zones,
        bad instants, ends that do not come after their starts, bad or too many names, and hours that
        a covariate has twice.
    """
    zones = zones or {}
    check_places(holidays, zones)
    found = Events(
        holidays=tuple(sorted(holidays.items())),
        zones=tuple(sorted(zones.items())),
        events=tuple(sorted({*(() if table is None else decode_events(table)), *written})),
        covariates=() if covariates is None else decode_covariates(covariates),
    )
    kinds = {x.kind for x in found.events}
    if len(kinds) > MOST_KINDS:
        raise ForecastingError(
            f"events of {len(kinds)} different kinds, and at most {MOST_KINDS} can be learnt; give things of one "
            "sort the same kind"
        )
    return found


def design(
    events: Events, regions: NDArray[np.str_], time: NDArray[np.datetime64], history: int
) -> NDArray[np.float64]:
    """Return the features of each region and hour; the features of a region do not depend on the other regions.

    Parameters
    ----------
    events
        What is known.
    regions
        Names of regions, ``(region,)``.
    time
        Starts of hours, naive UTC, ``(time,)``: the history, then the hours ahead.
    history
        How many of the hours are history: covariates are standardised by its mean and standard deviation.

    Returns
    -------
    numpy.ndarray
        ``(region, time, feature)``, features as `Events.names`: each region's own covariate in standard
        deviations, 0 in hours of the history for which it is not known, and throughout if it does not vary in
        the history. Ahead it is held within three standard deviations of the range that the history has seen.

    Raises
    ------
    ForecastingError
        If a covariate of one of the regions is not known for an hour ahead (the message says which), or
        ``history`` is not within ``time``.
    """
    if not 0 <= history <= len(time):
        raise ForecastingError(f"{history} hours of history out of {len(time)}; give 0 to {len(time)}")
    place = {name: column for column, name in enumerate(events.names)}
    features = np.zeros((len(regions), len(time), len(place)))
    series = {(x.region, x.name): x for x in events.covariates}
    made: dict[tuple[str, str], Floats] = {}  # regions share the covariates of EVERYWHERE
    for name in {x.name for x in events.covariates}:
        for row, region in enumerate(regions.tolist()):
            key = (region if (region, name) in series else EVERYWHERE, name)
            if key in series:
                if key not in made:
                    made[key] = _standardise(series[key], time, history)
                features[row, :, place[name]] = made[key]
    return features


def _standardise(covariate: Covariate, time: NDArray[np.datetime64], history: int) -> Floats:
    hours = time.astype("datetime64[h]").astype(np.int64)
    position = np.minimum(covariate.hours.searchsorted(hours), len(covariate.hours) - 1)
    known = covariate.hours[position] == hours
    missing = hours[history:][~known[history:]]
    if len(missing):
        raise ForecastingError(
            f"covariate {covariate.name!r} of region '{covariate.region}' is not known for {len(missing)} of "
            f"{len(time) - history} hours ahead: {_spans(missing)}; add them to the {COVARIATES}, forecast fewer "
            "hours, or leave the covariate out"
        )
    past = covariate.values[position[:history][known[:history]]]
    largest = np.abs(past).max(initial=0.0)
    if largest == 0.0 or (past / largest).std() <= _FLAT:  # divided first: the square of a huge value overflows
        return np.zeros(len(time))
    mean, sd = (past / largest).mean(), (past / largest).std()
    seen = (past / largest - mean) / sd
    with np.errstate(over="ignore"):  # an infinite quotient is held within bounds by the next line
        scores = (covariate.values[position] / largest - mean) / sd
    scores = np.clip(scores, seen.min() - _STRETCH, seen.max() + _STRETCH)
    return np.where(known, scores, 0.0)


def _spans(hours: NDArray[np.int64]) -> str:
    runs = np.split(hours, np.flatnonzero(np.diff(hours) != 1) + 1)
    told = [" to ".join(f"{np.datetime64(int(hour), 'h')}:00Z" for hour in sorted({x[0], x[-1]})) for x in runs]
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")
