"""Hierarchies that nobody learnt: quick, for tests of what is made of one."""

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


def laid_out(
    past, until, posterior_of, appraisal_of, components, events=(), alone=(), network=None, **attributes
) -> Hierarchy:
    """A hierarchy of posteriors ``posterior_of(basis, regions)`` and appraisals ``appraisal_of(block)``.

    Of the resources whose numbers are ``alone``, no block has several series that move.
    """
    from forecasting.statefile import Place, dataset_of

    of_group, resources = past["region"].values, past["resource"].values
    regions = np.unique(of_group)
    posteriors, plains = {}, {}
    for name in (x for x in components if x in LINEAR):
        for number in range(len(resources)):
            basis = basis_of(name, past.sizes["time"], events, alone=number in alone)
            posteriors[name, number] = posterior_of(basis, len(regions))
            plains[name, number] = np.eye(basis.size)
    places = {
        q * len(resources) + r: Place(q, r, np.flatnonzero(of_group == region))
        for q, region in enumerate(regions)
        for r in range(len(resources))
    }
    attributes = {
        "learnt_until": until.isoformat(),
        "history_hours": past.sizes["time"],
        "horizon_hours": 168,
        "seed": 0,
        "data_digest": "0" * 64,
        "inference": "laplace",
        "components": " ".join(components),
        "events": "\n".join(events),
        "groups": "\n".join(past["group"].values.tolist()),
        **attributes,
    }
    return Hierarchy(
        dataset_of(
            posteriors,
            plains,
            places,
            {block: appraisal_of(block) for block in places},
            past["group"].values,
            regions,
            resources,
            np.array([number in alone for number in range(len(resources))]),
            components,
            attributes,
            network,
        )
    )


def hierarchy_of(usage, components=COMPONENTS, events=(), **attributes) -> Hierarchy:
    """What might have been learnt of usage: most of an hour is that of the week before."""
    from forecasting.inference import Diagnostics, Posterior

    rng = np.random.default_rng(1)

    def posterior_of(basis, regions):
        mean = np.full(basis.size, 0.01)
        mean[basis.names.index("168 h ago")] = 0.8
        return Posterior(
            region_mean=mean + rng.normal(0, 0.001, (SHARED, regions, basis.size)),
            between_groups=np.full(SHARED, 0.05),
            noise=np.full(SHARED, 0.3),
            likeness=np.full(SHARED, 4.0),
            diagnostics=Diagnostics("laplace", 0.2, 900.0),
        )

    weights = np.tile(np.arange(len(components), 0, -1.0), (len(RANGES), 1))
    weights /= weights.sum(axis=1, keepdims=True)
    appraisal = Appraisal(weights, None, np.ones((len(RANGES), len(INTERVALS))), ALIKE, UNKNOWN)
    attributes = {"origins": 8, "data_digest": "none", **attributes}
    return laid_out(*past_of(usage, None), posterior_of, lambda block: appraisal, components, events, **attributes)
