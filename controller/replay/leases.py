"""Forecasts → the floors that our own leases would have held: `decide`, `decay` and the guards, over and over.

Place in the line: beside `rivals`. Every service level has a ledger of its own and sees the same forecasts, which
are streamed: at each refit all ledgers are moved on, and the forecast is forgotten.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import xarray as xr

from controller.capacity import Whole
from controller.config import Config
from controller.decay import decay
from controller.decide import decide
from controller.guardrails import guard
from controller.plan import Plan
from controller.replay.capacity import STEP_MINUTES, steps_of
from controller.replay.need import Need
from controller.replay.requests import Book, Lead, MergeRule, proposed, settled
from controller.replay.roads import Delays
from forecasting.profile import DemandProfile

_HOUR = timedelta(hours=1)
_STEP = timedelta(minutes=STEP_MINUTES)
_LOOKED_AT_HOURS = 9 * 24  # of usage, at least: what is usual is that of the week before


def moments(need: Need, every_hours: int) -> list[int]:
    """Hours of the usage at which is decided."""
    return list(range(need.first, need.nodes.shape[1], every_hours))


def at_level(config: Config, service_level: float) -> Config:
    """The configuration with another service level, whatever it was to follow from."""
    update = {"service_level": service_level, "shortfall_cost_per_node_hour": None}
    settings = config.decide.model_copy(update=update)
    return config.model_copy(update={"decide": settings})


def unfollowed(config: Config) -> Config:
    """The configuration without the autoscalers that follow its pools."""
    pools = {name: pool.model_copy(update={"autoscaler_minutes": None}) for name, pool in config.pools.items()}
    return config.model_copy(update={"pools": pools})


def keep_books(
    profiles: Iterable[DemandProfile],
    usage: xr.Dataset,
    configs: Sequence[Config],
    need: Need,
    delays: Delays,
    rule: MergeRule,
    tell: Callable[[int], None] = lambda done: None,
) -> list[Book]:
    """Decide at each forecast with each configuration, and let review and CI do the rest.

    Parameters
    ----------
    profiles
        In the order of their moments; of pools, as `pools.pooled_profile` makes them.
    usage
        Of pools, over all of the replay; only what was over at a moment is looked at then.
    configs
        One for each ledger, which differ in `decide` or `decay`.
    need, delays, rule
        Of the replay: its hours, how long requests take, and when an approved one is merged.
    tell
        Is told how many forecasts were decided on.

    Returns
    -------
    list of Book
        One for each configuration, everything merged that is due by the end.
    """
    books = [Book() for _ in configs]
    for number, profile in enumerate(profiles):
        now = profile.issued
        hour = round((now - need.start) / _HOUR)
        leads = leads_at(hour, need, delays)
        counted = hour >= need.scored
        for place, config in enumerate(configs):
            book = settled(books[place], now, rule)
            past = _looked_at(usage, book, need, hour)
            for plan in _plans(book, profile, past, config, now):
                book = proposed(book, plan, leads, config.decay.minimum_step_nodes, counted)
            books[place] = book
        tell(number + 1)
    return [settled(book, need.start + need.nodes.shape[1] * _HOUR, rule) for book in books]


def leads_at(hour: int, need: Need, delays: Delays) -> Mapping[str, Lead]:
    """How long the requests of an hour take, by pool."""
    return {
        name: Lead(
            timedelta(minutes=float(delays.review[place, hour])),
            timedelta(minutes=float(delays.ci[place, hour])),
            timedelta(minutes=float(delays.boot[place, hour])),
        )
        for place, name in enumerate(need.pools)
    }


def _plans(book: Book, profile: DemandProfile, usage: xr.Dataset, config: Config, now: datetime) -> list[Plan]:
    """What is asked for and what is given back, both as the environment stands now."""
    return [
        guard(decide(profile, book.ledger, config, now, book.pending), config, book.ledger, book.pending),
        guard(decay(book.ledger, usage, profile, config, now), config, book.ledger, book.pending),
    ]


def _looked_at(usage: xr.Dataset, book: Book, need: Need, hour: int) -> xr.Dataset:
    """Usage since the first lease started: more is not looked at, and would be counted anew each time."""
    back = max([_LOOKED_AT_HOURS, *(hour - math.floor((x.starts - need.start) / _HOUR) for x in book.ledger)])
    return usage.isel(time=slice(max(0, hour - back), hour))


def held(books: Sequence[Book], config: Config, need: Need) -> tuple[Whole, Whole]:
    """Floor and warm nodes that the leases of each book held, both ``(book, pool, step)``.

    Warm nodes are those above the pool's base, which every policy has.
    """
    shape = (len(books), len(need.pools), steps_of(need))
    floors, warm = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    floors += need.base[None, :, None]
    for place, book in enumerate(books):
        for hold in book.holds:
            pool = need.pools.index(hold.lease.pool)
            part = place, pool, slice(step_of(hold.since, need), step_of(hold.until, need))
            floors[part] = np.maximum(floors[part], hold.lease.floor)
            warm[part] = np.maximum(warm[part], hold.lease.warm)
    floors = np.minimum(floors, need.most[None, :, None])
    warm = np.minimum(warm, need.most[None, :, None] - floors)
    spare = np.array([config.pools[name].base_warm for name in need.pools])
    return floors, np.maximum(warm - spare[None, :, None], 0)


def step_of(moment: datetime, need: Need) -> int:
    """First step of the replay that starts at or after a moment."""
    return max(0, math.ceil((moment - need.start - need.first * _HOUR) / _STEP))
