"""The composition: usage, forecasts and settings → every policy, scored.

Place in the line: the whole of a replay in one call; `headroom replay` hands it forecasts as they are made.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import xarray as xr

from controller.config import Config
from controller.replay import policies
from controller.replay.leases import at_level, held, keep_books, moments, unfollowed
from controller.replay.need import Need
from controller.replay.policies import OURS, SERVICE_LEVELS, Ours, Outcome, outcome
from controller.replay.pools import pooled_config, pooled_usage
from controller.replay.requests import MergeRule
from controller.replay.roads import Delays
from forecasting.profile import DemandProfile

Progress = Callable[[str, float], None]
_DECIDING = 0.8  # share of the work


@dataclass(frozen=True, slots=True)
class Rules:
    """How a replay is played: how often is forecast, and when an approved request is merged."""

    refit_hours: int = 6
    merge: MergeRule = "on-approval"
    service_levels: tuple[float, ...] = SERVICE_LEVELS


def compare(
    usage: xr.Dataset,
    config: Config,
    need: Need,
    delays: Delays,
    profiles: Iterable[DemandProfile],
    names: Sequence[str] = policies.POLICIES,
    rules: Rules = Rules(),
    tell: Progress = lambda stage, share: None,
) -> list[Outcome]:
    """Replay policies over the end of usage.

    Parameters
    ----------
    usage
        ``demand(group, resource, time)``.
    config
        Of the environment.
    need, delays
        Of the same usage and pools, as `need.need_of` and `roads.delays_of` make them.
    profiles
        Of pools, at the moments of `leases.moments`; not looked at where none of our policies is asked for.
    names
        Of policies.
    rules
        How it is played.
    tell
        Is told the stage in words and the share that is done.

    Raises
    ------
    PlanError
        If a policy is not known, or a forecast does not fit the pools.
    """
    asked = policies.chosen(names)
    ours: dict[str, Ours] = {}
    begun = 0.0
    if set(asked) & set(OURS):
        begun = _DECIDING
        ours = _ours(usage, config, need, delays, profiles, rules, lambda x: tell("deciding", _DECIDING * x))
    outcomes = []
    for number, name in enumerate(asked):
        tell(name, begun + (1 - begun) * number / len(asked))
        outcomes.append(outcome(name, need, delays, rules.refit_hours, ours.get(name)))
    tell("done", 1.0)
    return outcomes


def _ours(
    usage: xr.Dataset,
    config: Config,
    need: Need,
    delays: Delays,
    profiles: Iterable[DemandProfile],
    rules: Rules,
    tell: Callable[[float], None],
) -> dict[str, Ours]:
    small = pooled_config(config)
    count, levels = len(moments(need, rules.refit_hours)), rules.service_levels
    # Alone, our leases must hold every hour. Beside a reactive loop they may be told of it, if the settings are:
    # what that is worth depends on how dear a shortfall is, so it is a knob like the level.
    alone = [at_level(unfollowed(small), level) for level in levels]
    beside = [at_level(small, level) for level in levels] if unfollowed(small) != small else []
    books = keep_books(
        profiles,
        pooled_usage(usage, config),
        alone + beside,
        need,
        delays,
        rules.merge,
        lambda done: tell(done / count),
    )
    told = (False,) * len(alone) + (True,) * len(beside)
    floors, warm = held(books, small, need)
    first = slice(len(alone))
    return {
        "headroom": Ours(levels, told[first], floors[first], warm[first], books[first]),
        "headroom+reactive": Ours(levels * (len(books) // len(levels)), told, floors, warm, books),
    }
