"""What in a configuration contradicts itself, although every value alone is allowed.

Place in the line: after the models have been filled; ``configtext`` puts file and line before each finding.
"""

from collections.abc import Iterator
from datetime import timedelta
from math import inf

from controller.config.environment import Config
from controller.config.fields import overlap

Finding = tuple[tuple[str, ...], str]  # keys down to what is wrong, and what to do


def contradictions(config: Config) -> Iterator[Finding]:
    """Find what cannot hold together: (where, what is wrong and the way out)."""
    yield from _repository(config)
    yield from _pools(config)
    yield from _regions(config)
    yield from _groups(config)
    yield from _ways(config)
    yield from _levels(config)
    yield from _limits(config)


def _repository(config: Config) -> Iterator[Finding]:
    settings = config.repository
    if settings.commits == "api" and settings.forge != "github":
        yield (
            ("repository", "commits"),
            f"api is GitHub's alone, and the forge is {settings.forge}; set commits: git, or forge: github",
        )


def _pools(config: Config) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, pool in config.pools.items():
        for pattern in pool.groups:
            if pattern in owners and owners[pattern] != name:
                yield (
                    ("pools", name, "groups"),
                    f"{pattern} is served by {owners[pattern]} already; a group is in one pool at most",
                )
            owners.setdefault(pattern, name)


def _regions(config: Config) -> Iterator[Finding]:
    regions = {pool.region for pool in config.pools.values() if pool.region}
    known = ", ".join(sorted(regions)) or "none: give pools a region"
    for name, region in config.regions.items():
        for other in sorted({name, *region.latency_ms} - regions):
            yield ("regions", name), f"no pool lies in region {other}; regions are {known}"
    for pattern, entry in config.groups.items():
        for name in (*(entry.regions or ()), *((entry.pinned,) if entry.pinned else ())):
            if name not in regions:
                yield ("groups", pattern), f"no pool lies in region {name}; regions are {known}"


def _groups(config: Config) -> Iterator[Finding]:
    entries = list(config.groups.items())
    for i, (pattern, entry) in enumerate(entries):
        at = ("groups", pattern)
        for name in entry.pools or ():
            if name not in config.pools:
                yield (*at, "pools"), f"there is no pool {name}; there are {', '.join(sorted(config.pools))}"
        if entry.pinned is None:
            continue
        strays = [x for x in entry.regions or () if x != entry.pinned]
        if strays:
            yield (*at, "regions"), f"pinned to {entry.pinned}, so it may not go to {', '.join(strays)}; drop one"
        for other, earlier in entries[:i]:
            if earlier.pinned not in (None, entry.pinned) and overlap(pattern, other):
                yield (
                    (*at, "pinned"),
                    f"groups that {other} names too would be pinned to {earlier.pinned} and to {entry.pinned}; "
                    "name each in one of them",
                )
        for name, pool in config.pools.items():
            if pool.region != entry.pinned and any(overlap(pattern, x) for x in pool.groups):
                where = f"lies in {pool.region}" if pool.region else "says no region"
                yield (*at, "pinned"), f"pinned to {entry.pinned}, but pool {name}, which serves it, {where}"


def _ways(config: Config) -> Iterator[Finding]:
    """Preferences that could never be followed: a group would stay where its owner thinks that it may leave."""
    families = {pool.family for pool in config.pools.values()}
    for pattern, entry in config.groups.items():
        at = ("groups", pattern)
        for family in entry.families or ():
            if family not in families:
                yield (*at, "families"), f"no pool is of family {family}"
        homes = [(n, p) for n, p in config.pools.items() if any(overlap(pattern, x) for x in p.groups)]
        for home, pool in homes:
            if pool.region is None:
                continue
            allowed = (None, pool.region, *(entry.regions or ()))
            named = [x for x in entry.pools or () if x != home and x in config.pools]
            barred = [x for x in named if config.pools[x].region not in allowed]
            if named and barred == named:
                where = ", ".join(sorted({str(config.pools[x].region) for x in barred}))
                yield (
                    (*at, "pools"),
                    f"none of {', '.join(barred)} may take what leaves {home}, which lies in {pool.region}: "
                    f"add {where} to regions",
                )
            limit, near = entry.latency_ms, config.regions.get(pool.region)
            known = near.latency_ms if near else {}
            others = [x for x in entry.regions or () if x != pool.region]
            far = [x for x in others if limit is not None and known.get(x, inf) > limit]
            if others and far == others:
                yield (
                    (*at, "latency_ms"),
                    f"none of {', '.join(far)} is known to be within {limit:g} ms of {pool.region}; set "
                    f"regions.{pool.region}.latency_ms, raise this, or drop the regions",
                )


def _levels(config: Config) -> Iterator[Finding]:
    settings = config.decide
    for name, pool in config.pools.items():
        if settings.propose_ahead_hours is not None:
            lead = config.lead_in(name) / timedelta(hours=1)
            if settings.propose_ahead_hours < lead:
                yield (
                    ("decide", "propose_ahead_hours"),
                    f"{settings.propose_ahead_hours:g} h is less than the lead time of {name}, {lead:.1f} h: "
                    "proposals would come too late; raise it, or leave it out",
                )
        if settings.shortfall_cost_per_node_hour is None:
            continue
        if not pool.priced:
            yield (
                ("decide", "shortfall_cost_per_node_hour"),
                f"a level from costs needs prices; set price_per_hour of {name}",
            )
        elif (settings.shadow_level or 1) < (service := config.levels(name, ()).service):
            yield (
                ("decide", "shadow_level"),
                f"is below the service level of pool {name}, which is {service:.4g} by its costs; raise it",
            )


def _limits(config: Config) -> Iterator[Finding]:
    limits = config.limits
    unpriced = [name for name, pool in config.pools.items() if not pool.priced]
    shown = ", ".join(unpriced[:5]) + (" …" if len(unpriced) > 5 else "")
    for key in ("budget_per_day", "budget_per_month") if unpriced else ():
        if getattr(limits, key) is not None:
            yield ("limits", key), f"a budget needs prices; set price_per_hour of {shown}"
    merges = config.proposals.auto_merge
    if merges is not None and merges.most_cost is not None and unpriced:  # without, whatever the size would pass
        at = ("proposals", "auto_merge", "most_cost")
        yield at, f"a limit of cost needs prices; set price_per_hour of {shown}, or take most_nodes"
    for i, quota in enumerate(limits.quotas):
        covered = [pool for pool in config.pools.values() if quota.covers(pool.family, pool.region)]
        if not covered:
            yield ("limits", "quotas", str(i)), "no pool has this family and region; name them as pools do"
        elif (bases := sum(pool.base + pool.base_warm for pool in covered)) > quota.nodes:
            yield (
                ("limits", "quotas", str(i)),
                f"{quota.nodes} nodes, but its pools' bases are {bases}; raise it, or lower the bases",
            )
    most = limits.open_proposals
    if most is not None and (limits.open_proposals_per_pool or 0) > most:
        yield ("limits", "open_proposals_per_pool"), f"is above open_proposals, {most}; lower it"
