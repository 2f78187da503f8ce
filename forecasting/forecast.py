"""The composition: usage → demand profile. The fast of the two speeds, where a hierarchy is given.

Place in the line: the whole slow half in one call.

    profile = forecast(usage, horizon_hours=96, seed=1)
    profile.interval(0.8).sel(group="eu-west/analytics", resource="cpu")
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import xarray as xr

from forecasting import dims
from forecasting.basis import LINEAR
from forecasting.blocks import block_of, members_of
from forecasting.chance import Chance, chance_at
from forecasting.continuing import continued, opened
from forecasting.errors import ForecastingError
from forecasting.events import Events
from forecasting.feedback.recalibration import factors_of
from forecasting.feedback.record import Record
from forecasting.feedback.surprise import surprises, told
from forecasting.fitting import fit
from forecasting.hierarchy import Hierarchy
from forecasting.learn import Progress, learn
from forecasting.mixture import Block, Floats32, forecast_block
from forecasting.newcomers import newcomers
from forecasting.occurring import layer_of
from forecasting.past import bridged_hours, past_of, provenance
from forecasting.profile import DemandProfile
from forecasting.scale import shared
from forecasting.sequential import Carried, Turn
from forecasting.settings import DEFAULT, Settings
from forecasting.state import State
from forecasting.usage import before

_LEARNING = 0.7  # share of the work, where there is no hierarchy yet


def forecast(
    usage: xr.Dataset,
    horizon_hours: int = 168,
    now: datetime | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    hierarchy: Hierarchy | None = None,
    events: Events | None = None,
    settings: Settings = DEFAULT,
    jobs: int = 1,
    dask: str | None = None,
    record: Record | None = None,
    state: State | None = None,
    keep: Callable[[State], object] | None = None,
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
        The same usage, moment, hierarchy and seed give the same draws.
    progress
        Is told the stage in words and the share that is done, 0 to 1.
    hierarchy
        What was learnt before; without one, it is learnt first.
    events
        Holidays, events and covariates; the same names of covariates as the hierarchy was learnt with.
    settings
        Components and inference count where no hierarchy is given; calibration and draws always.
    jobs, dask
        Over how many processes, or which Dask cluster, blocks are shared out.
    record
        How recent forecasts turned out: each half of a series' draws is stretched by what they missed lately, and
        the surprise factors travel with the profile.
    state
        Statistics kept from the last run: only the hours since then enter. One that does not fit, or blocks whose
        past is another now, are made anew.
    keep
        Is given the state for the next run; without it, and without ``state``, none is made.

    Returns
    -------
    DemandProfile
        Joint draws, with inference, diagnostics, weights of blocks, ranges in which groups have their own, data
        digest and versions in its attributes, and as JSON what is known of ``events`` ahead: see
        `occurring.Layer.told`.

    Raises
    ------
    UsageError
        If there is too little history, none at all of some resource, or it ends weeks before the moment.
    HierarchyError
        If the hierarchy does not fit the usage.
    FitError
        If a posterior does not pass its diagnostics.
    ForecastingError
        If an argument is out of its range.
    """
    tell = progress or (lambda stage, share: None)
    if horizon_hours < 1:
        raise ForecastingError(f"the horizon is {horizon_hours} hours; it must be at least 1")
    memory = settings.memory_hours if hierarchy is None else hierarchy.memory_hours
    past, moment = past_of(usage, now, memory)
    state, longer = opened(state, before(usage, moment), past, memory)
    known = 0.0
    if hierarchy is None:
        known = _LEARNING
        hierarchy = learn(
            usage,
            moment,
            seed,
            lambda stage, share: tell(stage, _LEARNING * share),
            horizon_hours=horizon_hours,
            events=events,
            settings=settings,
            jobs=jobs,
            dask=dask,
        )
    last = past[dims.TIME].values[-1]
    notes = fit(hierarchy, past, moment, events, horizon_hours)
    first, gap = dims.hour_of(moment), bridged_hours(last, moment)
    tell("drawing", known)
    layer = layer_of(before(usage, moment), longer, events, gap + horizon_hours, settings.draws, seed)
    continuing = continued(state, longer if layer is None else layer.past, gap + horizon_hours, events)
    history, transform = continuing.history.last(memory), continuing.transform
    chance = chance_at(history.time, history.length, gap + horizon_hours, settings.draws, (seed, history.length))
    widening = None
    if record is not None:
        named = past[dims.GROUP].values, past[dims.RESOURCE].values
        widening = factors_of(record, *named, history.level_since)
    places = members_of(history)
    blocks = [block_of(members, history, past, hierarchy, settings.calibrate, widening) for members in places]
    tasks = [
        _Task(block, chance, None if keep is None and state is None else continuing.turn(members, block.bases))
        for members, block in zip(places, blocks, strict=True)
    ]
    draws = np.empty((settings.draws, history.scores.shape[1], horizon_hours), dtype=np.float32)
    kept = []
    with shared(jobs, dask) as run:
        for number, (members, (scores, carried)) in enumerate(zip(places, run(_forecast, tasks), strict=True)):
            demand = transform.of_series(members).demand_of(scores[gap:])
            draws[:, members] = demand.transpose(1, 2, 0)
            kept.append((members, carried))
            tell("drawing", known + (1 - known) * (number + 1) / len(places))
    if keep is not None:
        keep(continuing.following(kept, [block.bases for block in blocks], memory))
    shape = (settings.draws, past.sizes[dims.GROUP], past.sizes[dims.RESOURCE], horizon_hours)
    draws = draws.reshape(shape)
    if layer is not None:
        layer.into(draws, gap)
    tell("done", 1.0)
    new = past[dims.GROUP].values[newcomers(past[dims.DEMAND].values)]
    until = datetime.fromtimestamp(int(last.astype("datetime64[s]").astype(int)), UTC) + timedelta(hours=1)
    said = {"notes": "\n".join(notes), "newcomers": "\n".join(new), "known_until": until.isoformat()}
    attributes = provenance(past, moment, seed) | _belief(hierarchy, settings) | said
    if layer is not None:
        attributes["events"] = json.dumps(layer.told(past[dims.RESOURCE].values.tolist()))
    coords = {name: past[name] for name in (dims.GROUP, dims.REGION, dims.NAME, dims.RESOURCE, dims.UNIT)}
    horizon = first + np.arange(horizon_hours) * dims.HOUR
    dataset = xr.Dataset(
        {dims.DEMAND: (dims.PROFILE_DIMS, draws)},
        coords={**coords, dims.TIME: horizon},
        attrs=attributes,
    )
    return DemandProfile(dataset if record is None else dataset.assign(told(surprises(record))))


@dataclass(frozen=True, slots=True)
class _Task:
    block: Block
    chance: Chance
    turn: Turn | None


def _forecast(task: _Task) -> tuple[Floats32, dict[str, Carried]]:
    if task.turn is None:
        return forecast_block(task.block, task.chance), {}
    carried, conditioned = task.turn.taken(task.block.history, task.block.learnt)
    return forecast_block(task.block, task.chance, conditioned), carried


def _belief(hierarchy: Hierarchy, settings: Settings) -> dict[str, object]:
    """Return attributes that say what the forecast rests on."""
    data = hierarchy.dataset
    linear = [name for name in hierarchy.components if name in LINEAR]
    resources = data["resource"].values.tolist()
    measured = data["diagnostics"].values
    measures = data["measure"].values.tolist()
    diagnostics = {
        f"{name}/{resource}": {
            measure: round(float(value), 4)
            for measure, value in zip(measures, measured[row, column], strict=True)
            if np.isfinite(value)
        }
        for row, name in enumerate(linear)
        for column, resource in enumerate(resources)
    }
    weights = {
        f"{region}/{resource}": data["weights"].sel(region=region, resource=resource).values.round(4).tolist()
        for region in data["region"].values.tolist()
        for resource in resources
    }
    nuts = bool((measured[..., 0] == 1).any())
    return {
        "inference": "exact conditionals of each group, given what groups share by "
        + ("NUTS" if nuts else "Laplace with importance sampling"),
        "diagnostics": json.dumps(diagnostics, sort_keys=True),
        "components": " ".join(hierarchy.components),
        "weights": json.dumps(weights, sort_keys=True),
        "own_weights": json.dumps(
            {resource: data["range"].values[hierarchy.own_ranges(resource)].tolist() for resource in resources}
        ),
        "calibrated": int(settings.calibrate),
        "learnt_until": hierarchy.learnt_until.isoformat(),
        "hierarchy_digest": str(data.attrs["data_digest"]),
    }
