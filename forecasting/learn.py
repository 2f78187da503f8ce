"""Learning: usage → hierarchy. The slow of the two speeds; once a week, or when surprise asks for it.

Place in the line: after everything that it composes; `forecast` conditions on what it finds.

Of many groups a panel is learnt from, drawn by the seed and spread over the regions. For each linear component
and resource the posterior of what groups share is inferred. Then the last weeks are forecast again from several
origins, by every component, and the weights of the mixture and its last calibration are found from how that went.

    hierarchy = learn(usage, seed=1)
    hierarchy.save("hierarchy.nc")
"""

from collections.abc import Callable
from datetime import datetime
from zlib import crc32

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.appraisal import judge
from forecasting.basis import LINEAR, WEEK, Basis, Floats, basis_of
from forecasting.components.linear import statistics_of
from forecasting.conditionals import Learnt
from forecasting.events import Events
from forecasting.hierarchy import Hierarchy
from forecasting.history import History, history_of
from forecasting.inference import Posterior
from forecasting.occurring import layer_of
from forecasting.past import past_of, provenance
from forecasting.pooling import pooled
from forecasting.rehearsal import Rehearsal, Task, plan_of, rehearse
from forecasting.representatives import panel_of
from forecasting.scale import Map, shared
from forecasting.settings import DEFAULT, RECURRENT, Settings
from forecasting.statefile import Place, dataset_of
from forecasting.sufficient import Statistics
from forecasting.teaching import require, teach
from forecasting.usage import before

Progress = Callable[[str, float], None]


def learn(
    usage: xr.Dataset,
    now: datetime | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    horizon_hours: int = WEEK,
    events: Events | None = None,
    settings: Settings = DEFAULT,
    jobs: int = 1,
    dask: str | None = None,
) -> Hierarchy:
    """Learn what groups share, and how far each component can be believed.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)``; hours that start at or after ``now`` are not looked at.
    now
        The moment, timezone-aware; by default the hour after the last one of ``usage``.
    seed
        Same usage, moment, settings and seed: same hierarchy.
    progress
        Is told the stage in words and the share that is done, 0 to 1.
    horizon_hours
        How far ahead the weights are learnt, at most a week; further ahead the last ones hold.
    events
        Holidays, events and covariates.
    settings
        Which components and inference.
    jobs, dask
        Over how many processes, or which Dask cluster, blocks are shared out.

    Raises
    ------
    UsageError
        If there is too little history, or none at all of some resource.
    FitError
        If a posterior does not pass its diagnostics.
    """
    tell = progress or (lambda stage, share: None)
    tell("reading history", 0.0)
    past, moment = past_of(usage, now, settings.memory_hours)
    panel = panel_of(past, np.random.default_rng([seed, 1]))
    seen = past.isel({dims.GROUP: panel})
    layer = layer_of(before(usage, moment).isel({dims.GROUP: panel}), seen, events, 0, 1, seed)
    history, transform = history_of(seen if layer is None else layer.past, 0, events)
    hours, cuts = plan_of(history.length, min(horizon_hours, WEEK))
    if RECURRENT in settings.components:
        require(cuts)
    names = events.names if events is not None else ()
    blocks = [int(number) for number in np.unique(history.block)]
    members = {block: np.flatnonzero(history.block == block) for block in blocks}
    of_block = {block: history.of_series(members[block]) for block in blocks}
    resource_of = {block: int(of_block[block].resource[0]) for block in blocks}
    alone = alone_in(history, past.sizes[dims.RESOURCE])
    linear = [name for name in settings.components if name in LINEAR]
    bases = {
        (name, resource): basis_of(name, history.length, names, bool(alone[resource]))
        for name in linear
        for resource in sorted(set(resource_of.values()))
    }
    with shared(jobs, dask) as run:
        statistics = _statistics(of_block, resource_of, bases, [*cuts, history.length], run)
        tell("learning what groups share", 0.1)
        posteriors, plains = {}, {}
        kinds = past[dims.RESOURCE].values.tolist()
        for number, (name, resource) in enumerate(bases):
            latest = {
                block: statistics[name, block][history.length]
                for block in blocks
                if resource_of[block] == resource
            }
            posteriors[name, resource], plains[name, resource] = pooled(
                {block: of_block[block] for block in latest},
                latest,
                bases[name, resource],
                (seed, LINEAR.index(name), crc32(kinds[resource].encode())),
                settings.inference,
            )
            tell("learning what groups share", 0.1 + 0.4 * (number + 1) / len(bases))
        network = None
        if RECURRENT in settings.components:
            network = teach(history, cuts, seed, lambda share: tell("training the network", 0.5 + 0.2 * share))
        begun = 0.5 if network is None else 0.7
        tasks = [
            Task(
                of_block[block],
                transform.of_series(members[block]),
                {
                    name: learnt_of(name, bases[name, r], posteriors[name, r], plains[name, r], of_block[block])
                    for name in linear
                },
                {name: statistics[name, block] for name in linear},
                settings.components,
                tuple(cuts),
                hours,
                seed,
                network.of_resource(r) if network is not None else None,
            )
            for block, r in resource_of.items()
        ]
        rehearsals: dict[int, Rehearsal] = {}
        if cuts:
            for number, (block, rehearsal) in enumerate(zip(blocks, run(rehearse, tasks), strict=True)):
                rehearsals[block] = rehearsal
                tell("rehearsing the last weeks", begun + (1 - begun) * (number + 1) / len(blocks))
    appraisals = judge(rehearsals, resource_of, settings.components)
    regions, resources = np.unique(past[dims.REGION].values), past[dims.RESOURCE].values
    return Hierarchy(
        dataset_of(
            posteriors,
            plains,
            {
                block: Place(
                    int(of_block[block].region[0]),
                    resource_of[block],
                    members[block] // past.sizes[dims.RESOURCE],
                )
                for block in blocks
            },
            appraisals,
            seen[dims.GROUP].values,
            regions,
            resources,
            alone,
            settings.components,
            provenance(past, moment, seed)
            | {
                "learnt_until": moment.isoformat(),
                "history_hours": history.length,
                "memory_hours": settings.memory_hours,
                "horizon_hours": hours,
                "inference": settings.inference,
                "components": " ".join(settings.components),
                "events": "\n".join(names),
                "groups": "\n".join(past[dims.GROUP].values.tolist()),
                "origins": len(cuts),
                "panel_groups": len(panel),
            },
            network,
        )
    )


def alone_in(history: History, resources: int) -> NDArray[np.bool_]:
    """Return of which resources no block has more than one series that moves, ``(resource,)``.

    Of those that are learnt from: what they cannot tell apart cannot be learnt.
    """
    moving = np.bincount(history.block[history.moves], minlength=int(history.block.max()) + 1)
    blocks, first = np.unique(history.block, return_index=True)
    out = np.ones(resources, dtype=np.bool_)
    out[history.resource[first[moving[blocks] > 1]]] = False
    return out


def learnt_of(name: str, basis: Basis, posterior: Posterior, plain: Floats, history: History) -> Learnt:
    """Return what is known of a block before its groups are looked at."""
    region = int(history.region[0])
    scales = (
        scale if scale.ndim == 1 else scale[:, region]
        for scale in (posterior.between_groups, posterior.noise, posterior.likeness)
    )
    return Learnt(LINEAR.index(name), basis, plain, posterior.region_mean[:, region], *scales)


def _statistics(
    of_block: dict[int, History],
    resource_of: dict[int, int],
    bases: dict[tuple[str, int], Basis],
    cuts: list[int],
    run: Map,
) -> dict[tuple[str, int], dict[int, Statistics]]:
    todo = {
        (name, block): basis
        for (name, resource), basis in bases.items()
        for block in of_block
        if resource_of[block] == resource
    }
    found = run(_statistics_of, [(of_block[block], basis, cuts) for (_, block), basis in todo.items()])
    return dict(zip(todo, found, strict=True))


def _statistics_of(task: tuple[History, Basis, list[int]]) -> dict[int, Statistics]:
    return statistics_of(*task)
