"""Settings and lease files of an environment → what each of its pools holds. Pure: texts in, nodes out.

Place in the line: before ``pools`` declares anything. The fold is the one that Headroom decides by.

    counts = count({"headroom.yaml": "…", "leases/web/20261127t0600-de5619.json": "…"}, now)
    counts.held["web"], counts.max["web"]   # (Held(floor=8, warm=2), 14)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.configtext import parse
from controller.errors import ConfigError, LeaseError
from controller.lease import Held, Ledger, fold, parse_ledger, stamp

CONFIG = "headroom.yaml"


@dataclass(frozen=True, slots=True)
class Counts:
    """Nodes of each pool: ``held`` and ``max``, by name, with what somebody should be told about.

    ``expired`` are the paths of lease files that are no longer counted, ``warnings`` the words for it.
    """

    held: Mapping[str, Held]
    max: Mapping[str, int]
    expired: tuple[str, ...]
    warnings: tuple[str, ...]


def count(texts: Mapping[str, str], now: datetime) -> Counts:
    """Fold the leases that are live at ``now``; ``texts`` is ``{path below the environment: text}``.

    Raises
    ------
    ConfigError
        If ``headroom.yaml`` is wrong, or leaves the pools to another engine.
    LeaseError
        If a lease file is malformed or of a pool that ``headroom.yaml`` does not have. It names the file.
    """
    config = parse(texts[CONFIG], CONFIG)
    if config.engine != "pulumi":  # two engines that hold one pool would undo each other's counts
        raise ConfigError(f"{CONFIG}: engine is {config.engine}; for this program write engine: pulumi")
    ledger = parse_ledger({path: text for path, text in texts.items() if path != CONFIG})
    for lease in ledger:
        if lease.pool not in config.pools:
            raise LeaseError(
                f"{lease.path}: pool {lease.pool} is not declared; declared are {', '.join(config.pools)}"
            )
    expired = tuple(lease for lease in ledger if not lease.live(now))
    most = {name: size.max for name, size in config.sizes.items()}
    return Counts(
        held=fold(ledger, config.sizes, now),
        max=most,
        expired=tuple(lease.path for lease in expired),
        warnings=(
            *(f"{x.path}: expired {stamp(x.expires)}, so no longer counted; release it" for x in expired),
            *_clamped(ledger, most, now),
        ),
    )


def moment(text: str) -> datetime:
    """Read a moment such as 2026-11-27T06:00:00Z.

    Raises
    ------
    ConfigError
        If it is none, or does not say its offset from UTC.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"now is {text!r}, which is no time; write 2026-11-27T06:00:00Z") from error
    if read.tzinfo is None:
        raise ConfigError(f"now is {text!r}, without an offset from UTC; write 2026-11-27T06:00:00Z")
    return read.astimezone(UTC)


def _clamped(ledger: Ledger, most: Mapping[str, int], now: datetime) -> list[str]:
    """Words for each live lease that asks for more than its pool may have."""
    return [
        f"{lease.path}: asks for {lease.floor} nodes, and {lease.pool} gets its max, {most[lease.pool]}"
        for lease in ledger
        if lease.live(now) and lease.floor > most[lease.pool]
    ]
