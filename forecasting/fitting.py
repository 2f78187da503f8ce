"""Whether a hierarchy can be used for usage, and what is unusual about that.

Place in the line: before anything is forecast from a hierarchy; `forecast` and `explain` ask here.

    notes = fit(hierarchy, past, moment, events=None, horizon_hours=24)
"""

from datetime import datetime

import numpy as np
import xarray as xr

from forecasting import dims
from forecasting.errors import HierarchyError
from forecasting.events import Events
from forecasting.hierarchy import Hierarchy
from forecasting.outages import outage_notes
from forecasting.past import bridge_notes, short_notes


def fit(
    hierarchy: Hierarchy, past: xr.Dataset, moment: datetime, events: Events | None, horizon_hours: int
) -> list[str]:
    """Return notes, in words.

    Raises
    ------
    HierarchyError
        If history is too short for what was learnt, other events were learnt, or a resource was not.
    """
    hierarchy.require_history(past.sizes[dims.TIME])
    given = events.names if events is not None else ()
    if given != hierarchy.events:
        raise HierarchyError(
            f"the hierarchy was learnt with the covariates {', '.join(hierarchy.events) or 'none'}, and these are "
            f"given: {', '.join(given) or 'none'}; give the same, or learn anew"
        )
    of_past = short_notes(past.sizes[dims.TIME]) + bridge_notes(past[dims.TIME].values[-1], moment)
    of_past += outage_notes(past)
    return of_past + hierarchy.notes(
        np.unique(past[dims.REGION].values).tolist(),
        past[dims.RESOURCE].values.tolist(),
        past[dims.GROUP].values.tolist(),
        moment,
        horizon_hours,
    )
