"""Where a forecast comes from: its parts, what is borrowed, and how much each component is believed.

Place in the line: beside `forecast`, of the same pieces; `headroom explain` prints it, `explain_chart` draws it.

    found = explain(usage, "eu-west/analytics", "cpu", hierarchy=hierarchy)
    found.parts.mean(axis=0)  # in the order of attribution.PARTS
"""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.attribution import PARTS, attribute, in_demand, share_of_movement
from forecasting.basis import DAY, LINEAR, WEEK, Floats
from forecasting.belief import Belief, believe
from forecasting.blocks import block_of
from forecasting.calibrate import LEVELS
from forecasting.chance import chance_at
from forecasting.components.linear import bounded, statistics_of
from forecasting.errors import ForecastingError
from forecasting.events import Events
from forecasting.fitting import fit
from forecasting.hierarchy import Hierarchy
from forecasting.history import history_of
from forecasting.lookup import place_of
from forecasting.mixture import forecast_block
from forecasting.occurring import layer_of
from forecasting.past import bridged_hours, past_of
from forecasting.settings import Settings
from forecasting.stacking import RANGES
from forecasting.usage import before

QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the forecast of one group and resource comes from.

    Parameters
    ----------
    group, region, resource, unit, issued
        What is forecast, and when.
    time
        Hours ahead, naive UTC.
    quantiles
        Of the whole forecast, ``(quantile, hour)`` at `QUANTILES`, in ``unit``.
    component
        The linear component that is taken apart.
    parts
        ``(hour, part)`` in ``unit``, in the order of `attribution.PARTS`; add up to the component's central path:
        posterior mean of the coefficients, no shocks. The level includes the demand that parts are counted from.
    components, weights, factors
        Names; ``(range, component)``; ``(range, level)``.
    own_weights
        Ends of the ranges, in hours, in which these weights are not those of its block.
    belief
        Of the series alone: every array is ``(1,)`` or ``(1, feature)``.
    noise_demand
        The series' own noise and its block's, in ``unit`` at the level of this forecast.
    known_hours, groups, elsewhere
        Hours of its own that are known; groups of the block, and of other regions, whose use of it changes.
    alone
        Whether it was learnt while no region had several such groups: then nothing follows the block.
    moves
        Whether the series ever changed; one that did not is forecast to stay as it is.
    past
        Times and demand of the last week before.
    notes
        What is unusual about the hierarchy for this usage, in words.
    """

    group: str
    region: str
    resource: str
    unit: str
    issued: datetime
    time: NDArray[np.datetime64]
    quantiles: Floats
    component: str
    parts: Floats
    components: tuple[str, ...]
    weights: Floats
    factors: Floats
    own_weights: tuple[int, ...]
    belief: Belief
    noise_demand: tuple[float, float]
    known_hours: int
    groups: int
    elsewhere: int
    alone: bool
    moves: bool
    past: tuple[NDArray[np.datetime64], Floats]
    notes: tuple[str, ...]

    @property
    def ahead(self) -> tuple[int, int]:
        """The first and the last of the hours that are looked at, counted from when it is issued, from 1."""
        first = int((self.time[0] - dims.hour_of(self.issued)) // dims.HOUR) + 1
        return first, first + len(self.time) - 1

    @property
    def size(self) -> Floats:
        """Mean absolute contribution of each part to an hour, ``(part,)``."""
        return np.asarray(np.abs(self.parts).mean(axis=0))

    @property
    def still(self) -> str:
        """Why there are no parts, of a series that does not move."""
        if self.known_hours:
            return "it never changed in its known past, so it is forecast to stay as it is"
        return "nothing is known of it, but of the group's other resources, so it is taken as not used"

    def record(self) -> dict[str, object]:
        """Return all of it as plain values, for JSON."""
        mean, size, share = self.parts.mean(axis=0), self.size, share_of_movement(self.size)
        belief = self.belief
        return {
            "group": self.group,
            "resource": self.resource,
            "unit": self.unit,
            "issued": self.issued.isoformat(),
            "hours": len(self.time),
            "forecast": {f"{q:.0%}": row.mean() for q, row in zip(QUANTILES, self.quantiles, strict=True)},
            "component": self.component,
            "parts": {
                name: {"adds_on_average": mean[i], "moves_an_hour_by": size[i], "share_of_movement": share[i]}
                for i, name in enumerate(PARTS)
            },
            "parts_by_hour": {name: self.parts[:, i].tolist() for i, name in enumerate(PARTS)},
            "time": [f"{np.datetime_as_string(x, unit='h')}:00Z" for x in self.time],
            "own_history": {"known_hours": self.known_hours, "effective_hours": float(belief.hours[0])},
            "borrowed": float(belief.borrowed[0]),
            "settled_coefficients": float(belief.settled[0]),
            "coefficients": belief.coefficient.shape[1],
            "groups_of_block": self.groups,
            "groups_of_other_regions": self.elsewhere,
            "noise": {"own": self.noise_demand[0], "block": self.noise_demand[1]},
            "weights": {
                str(end): dict(zip(self.components, row.tolist(), strict=True))
                for end, row in zip(RANGES, self.weights, strict=True)
            },
            "own_weights": list(self.own_weights),
            "calibration_factors": {
                str(end): {f"{level:.0%}": value for level, value in zip(LEVELS, row.tolist(), strict=True)}
                for end, row in zip(RANGES, self.factors, strict=True)
            },
            "moves": self.moves,
            "notes": list(self.notes),
        }


def explain(
    usage: xr.Dataset,
    group: str,
    resource: str,
    now: datetime | None = None,
    seed: int = 0,
    *,
    hierarchy: Hierarchy,
    events: Events | None = None,
    hours: int = DAY,
    after_hours: int = 0,
) -> Explanation:
    """Take the forecast of one group and resource apart.

    Parameters
    ----------
    usage, now, seed, hierarchy, events
        As of `forecast.forecast`.
    group, resource
        Label of the group, ``region/name``, and name of the resource.
    hours, after_hours
        How many hours are looked at, and how many hours ahead come before these.

    Raises
    ------
    ForecastingError
        If the usage has no such group or resource (the message says which are spelt like it), or the hierarchy has
        no linear component.
    UsageError, HierarchyError
        As of `forecast.forecast`.
    """
    past, moment = past_of(usage, now, hierarchy.memory_hours)
    groups, resources = past[dims.GROUP].values.tolist(), past[dims.RESOURCE].values.tolist()
    g, r = place_of(group, groups, "group"), place_of(resource, resources, "resource")
    notes = fit(hierarchy, past, moment, events, after_hours + hours)
    first, gap = dims.hour_of(moment), bridged_hours(past[dims.TIME].values[-1], moment)
    skipped = gap + after_hours
    layer = layer_of(before(usage, moment), past, events, skipped + hours, Settings().draws, seed)
    history, transform = history_of(past if layer is None else layer.past, skipped + hours, events)
    series = g * len(resources) + r
    members = np.flatnonzero(history.block == history.block[series])
    place = int(np.flatnonzero(members == series)[0])
    region = str(past[dims.REGION].values[g])
    block = block_of(members, history, past, hierarchy)
    own, learnt = block.history, block.learnt
    if not learnt:
        raise ForecastingError(
            f"the hierarchy has {', '.join(hierarchy.components)} only, none of which is made of parts; "
            f"learn anew with one of {', '.join(LINEAR)}"
        )
    name = next(iter(learnt))
    basis = learnt[name].basis
    belief = believe(statistics_of(own, basis, [own.length])[own.length], learnt[name])
    moves = bool(own.moves[place])
    coefficient, growth = bounded(belief.coefficient, basis, own.filled)
    scores = attribute(own, basis, coefficient, growth, skipped + hours)[skipped:, place] * moves
    one = transform.of_series(members[place : place + 1])
    parts, counted_from = in_demand(scores, one)
    slope = float((one.mean * one.spread * 2)[0] * (one.centre[0] + one.spread[0] * scores.sum(axis=-1).mean()))
    parts[:, 0] += counted_from

    chance = chance_at(history.time, history.length, skipped + hours, Settings().draws, (seed, history.length))
    drawn = forecast_block(block, chance)[skipped:, :, place]
    demand = past[dims.DEMAND].values[g, r]
    drawn = one.demand_of(drawn)
    if layer is not None:
        lift = layer.factors(g, r, hours, skipped)  # (draw, hour)
        drawn = drawn * lift.T
        middle = np.median(lift, axis=0)
        parts[:, PARTS.index("events")] += parts.sum(axis=1) * (middle - 1)
    weights = hierarchy.own_weights(region, resource, [group])[..., 0]
    own_way = (weights != block.weights).any(axis=1)  # (range,)
    ours = {key: getattr(belief, key)[[place]] for key in ("coefficient", "borrowed", "settled", "noise", "hours")}
    return Explanation(
        group=group,
        region=region,
        resource=resource,
        unit=str(past[dims.UNIT].values[r]),
        issued=moment,
        time=first + (after_hours + np.arange(hours)) * dims.HOUR,
        quantiles=np.quantile(drawn, QUANTILES, axis=1),
        component=name,
        parts=parts,
        components=hierarchy.components,
        weights=weights,
        factors=cast(Floats, block.factors)[:, :, place],  # there are some: it is the calibrated forecast
        own_weights=tuple(end for end, differs in zip(RANGES, own_way, strict=True) if differs),
        belief=Belief(block_noise=belief.block_noise, **ours),
        noise_demand=(slope * float(belief.noise[place]) * moves, slope * belief.block_noise * moves),
        known_hours=int(np.isfinite(demand).sum()),
        groups=int(own.moves.sum()),
        elsewhere=int(history.moves[history.resource == r].sum() - own.moves.sum()),
        alone=hierarchy.alone(resource),
        moves=moves,
        past=(past[dims.TIME].values[-WEEK:], demand[-WEEK:]),
        notes=tuple(notes),
    )
