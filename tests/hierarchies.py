"""A hierarchy that nobody learnt: quick, for tests of what is made of one."""

import numpy as np

from forecasting.appraisal import Appraisal
from forecasting.basis import LINEAR, basis_of
from forecasting.calibrate import LEVELS as INTERVALS
from forecasting.hierarchy import Hierarchy
from forecasting.lasting import UNKNOWN
from forecasting.past import past_of
from forecasting.roughness import ALIKE
from forecasting.settings import COMPONENTS
from forecasting.stacking import RANGES

SHARED = 8


def hierarchy_of(usage, components=COMPONENTS, events=(), **attributes) -> Hierarchy:
    """What might have been learnt of usage: most of an hour is that of the week before."""
    from forecasting.inference import Diagnostics, Posterior
    from forecasting.statefile import Place, dataset_of

    past, moment = past_of(usage, None)
    regions, resources = np.unique(past["region"].values), past["resource"].values
    rng = np.random.default_rng(1)
    posteriors, plains = {}, {}
    for name in (x for x in components if x in LINEAR):
        basis = basis_of(name, past.sizes["time"], events)
        mean = np.full(basis.size, 0.01)
        mean[basis.names.index("168 h ago")] = 0.8
        for number in range(len(resources)):
            posteriors[name, number] = Posterior(
                region_mean=mean + rng.normal(0, 0.001, (SHARED, len(regions), basis.size)),
                between_groups=np.full(SHARED, 0.05),
                noise=np.full(SHARED, 0.3),
                likeness=np.full(SHARED, 4.0),
                diagnostics=Diagnostics("laplace", 0.2, 900.0),
            )
            plains[name, number] = np.eye(basis.size)
    members = [np.flatnonzero(past["region"].values == region) for region in regions]
    blocks = {
        q * len(resources) + r: Place(q, r, members[q]) for q in range(len(regions)) for r in range(len(resources))
    }
    weights = np.tile(np.arange(len(components), 0, -1.0), (len(RANGES), 1))
    weights /= weights.sum(axis=1, keepdims=True)
    attributes = {
        "learnt_until": moment.isoformat(),
        "history_hours": past.sizes["time"],
        "horizon_hours": 168,
        "seed": 0,
        "data_digest": "none",
        "inference": "laplace",
        "components": " ".join(components),
        "events": "\n".join(events),
        "groups": "\n".join(past["group"].values.tolist()),
        "origins": 8,
        **attributes,
    }
    return Hierarchy(
        dataset_of(
            posteriors,
            plains,
            blocks,
            dict.fromkeys(
                blocks, Appraisal(weights, None, np.ones((len(RANGES), len(INTERVALS))), ALIKE, UNKNOWN)
            ),
            past["group"].values,
            regions,
            resources,
            np.zeros(len(resources), dtype=np.bool_),
            components,
            attributes,
        )
    )
