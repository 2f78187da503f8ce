"""What in a configuration contradicts itself, although every value alone is allowed.

Place in the line: after the models have been filled; ``configtext`` puts file and line before each finding.
"""

from collections.abc import Iterator

from controller.config.environment import Config
from controller.config.fields import matches, overlap
from controller.config.pools import Pool

Finding = tuple[tuple[str, ...], str]  # keys down to what is wrong, and what to do


def contradictions(config: Config) -> Iterator[Finding]:
    """Find what cannot hold together: (where, what is wrong and the way out)."""
    yield from _pools(config)
    yield from _regions(config)
    yield from _groups(config)
    yield from _limits(config)


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
            if pool.region not in (None, entry.pinned) and _serves(config, pool, pattern, entry.pinned):
                yield (
                    (*at, "pinned"),
                    f"pinned to {entry.pinned}, but pool {name}, which serves it, lies in {pool.region}",
                )


def _serves(config: Config, pool: Pool, pattern: str, pinned: str) -> bool:
    """Whether a pool names the pattern, or a group that it pins and no later entry pins elsewhere."""
    return pattern in pool.groups or any(
        "*" not in x and matches(x, pattern) and config.preference(x).pinned == pinned for x in pool.groups
    )


def _limits(config: Config) -> Iterator[Finding]:
    limits = config.limits
    for key in ("budget_per_day", "budget_per_month"):
        unpriced = [name for name, pool in config.pools.items() if pool.price_per_hour == 0]
        if getattr(limits, key) is not None and unpriced:
            shown = ", ".join(unpriced[:5]) + (" …" if len(unpriced) > 5 else "")
            yield ("limits", key), f"a budget needs prices; set price_per_hour of {shown}"
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
