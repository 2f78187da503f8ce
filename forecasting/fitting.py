"""Whether a hierarchy can be used for usage, and what is unusual about that.

Place in the line: before anything is forecast from a hierarchy; `forecast` and `explain` ask here.

    notes = fit(hierarchy, past, moment, events=None, horizon_hours=24)
"""

from datetime import datetime, timedelta

import xarray as xr

from forecasting import dims
from forecasting.basis import WEEK
from forecasting.errors import HierarchyError
from forecasting.events import Events
from forecasting.hierarchy import REMEDY, Hierarchy
from forecasting.outages import outage_notes
from forecasting.past import bridge_notes, short_notes

OLD = timedelta(days=14)
"""From this age on, forecasts say that it is time to learn again."""


def fit(
    hierarchy: Hierarchy, past: xr.Dataset, moment: datetime, events: Events | None, horizon_hours: int
) -> list[str]:
    """Say what does not fit, in words, and what is done about it.

    Raises
    ------
    HierarchyError
        If history is too short for what was learnt, other events were learnt, or a resource was not.
    """
    _require_history(hierarchy, past.sizes[dims.TIME])
    given = events.names if events is not None else ()
    if given != hierarchy.events:
        raise HierarchyError(
            f"the hierarchy was learnt with the covariates {', '.join(hierarchy.events) or 'none'}, and these are "
            f"given: {', '.join(given) or 'none'}; give the same, or learn anew"
        )
    if unknown := hierarchy.unknown(past[dims.RESOURCE].values.tolist()):
        raise HierarchyError(f"nothing was learnt of {', '.join(unknown)}; {REMEDY}")
    found = short_notes(past.sizes[dims.TIME]) + bridge_notes(past[dims.TIME].values[-1], moment)
    found += outage_notes(past)
    return found + _of_age(hierarchy, moment, horizon_hours) + _of_strangers(hierarchy, past)


def _require_history(hierarchy: Hierarchy, hours: int) -> None:
    """Hold that usage reaches back far enough for what was learnt."""
    needed = min(2 * WEEK + 2, hierarchy.history_hours)
    if hours < needed:
        raise HierarchyError(
            f"the usage has {hours} hours before the moment of the forecast and this hierarchy needs "
            f"{needed}: bring more history, or forecast without a hierarchy"
        )


def _of_age(hierarchy: Hierarchy, moment: datetime, horizon_hours: int) -> list[str]:
    found = []
    age = moment - hierarchy.learnt_until
    if age > OLD:
        found.append(f"the hierarchy is {age.days} days old; learn anew, or on a schedule once a week")
    if age < timedelta(0):
        found.append("the hierarchy was learnt from hours after this moment: a replay sees its own future")
    if horizon_hours > hierarchy.horizon_hours and hierarchy.horizon_hours < WEEK:
        found.append(
            f"weights were learnt {hierarchy.horizon_hours} hours ahead; "
            "further ahead, components weigh what they did last"
        )
    return found


def _of_strangers(hierarchy: Hierarchy, past: xr.Dataset) -> list[str]:
    found = []
    if strangers := sorted(set(past[dims.REGION].values.tolist()) - set(hierarchy.regions)):
        found.append(f"new regions, forecast from what the others have in common: {', '.join(strangers)}")
    groups = past[dims.GROUP].values.tolist()
    new = sorted(set(groups) - set(hierarchy.groups))
    if new and len(new) == len(groups):
        found.append("not one of these groups was met in learning: is it the hierarchy of this usage?")
    elif new:
        shown = ", ".join(new[:3]) + (" …" if len(new) > 3 else "")
        found.append(f"{len(new)} groups were not met in learning and lean on their block: {shown}")
    return found
