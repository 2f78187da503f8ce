"""The lease and the ledger: records ⇄ text, and the fold that Terraform and Pulumi do alike.

Place in the line: git holds lease files; ``parse`` makes records of them, ``fold`` says what they hold,
``dump`` writes them. A lease is "this pool keeps at least ``floor`` nodes, and ``warm`` more in readiness".

>>> a = Lease("demo", "web", "20261127t0600-1a2b3c", _utc("2026-11-27T06:00:00Z"),
...           _utc("2026-11-27T12:00:00Z"), _utc("2026-11-28T12:00:00Z"), floor=8, warm=2)
>>> fold([a], {"web": Size(base=3, base_warm=0, max=12)}, _utc("2026-11-26T00:00:00Z"))
{'web': Held(floor=8, warm=2)}
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.errors import LeaseError

VERSION = 1
# Names become paths, refs and Terraform keys, so only what is harmless in all three may pass.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
MOST_NODES = 100_000
LONGEST = timedelta(days=92)  # a lease that hardly ever expires would void the dead-man switch
_KEYS = ("ends", "environment", "evidence", "expires", "floor", "id", "pool", "starts", "version", "warm")
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A time-bounded commitment of one pool.

    ``starts`` and ``ends`` bound the window of the forecast demand (half-open, UTC); ``expires``, at or after
    ``ends``, is when Terraform lets the capacity go even if nobody asks for it. ``floor`` and ``warm`` are
    whole nodes. ``evidence`` is what was known at opening, for readers; ``decay`` reads the count of groups.
    """

    environment: str
    pool: str
    id: str
    starts: datetime
    ends: datetime
    expires: datetime
    floor: int
    warm: int
    evidence: tuple[tuple[str, Scalar], ...] = field(default=(), compare=False)

    @property
    def path(self) -> str:
        """Path of the file below the environment's directory."""
        return f"leases/{self.pool}/{self.id}.json"

    @property
    def changed(self) -> datetime | None:
        """When it was opened, raised or stepped down last, as its evidence says; None if it does not."""
        try:
            moment = datetime.fromisoformat(str(dict(self.evidence).get("changed")))
        except ValueError:
            return None  # evidence is for readers, and may be written by hand
        return moment if moment.utcoffset() is not None else None

    def live(self, now: datetime) -> bool:
        """Whether the fold counts the lease at ``now``: until it expires, and before it starts too."""
        return now < self.expires


@dataclass(frozen=True, slots=True)
class Size:
    """What a pool is without leases, and the most it may be, in nodes."""

    base: int
    base_warm: int
    max: int


@dataclass(frozen=True, slots=True)
class Held:
    """What a pool holds, in nodes."""

    floor: int
    warm: int


Ledger = tuple[Lease, ...]


def lease_id(environment: str, pool: str, starts: datetime) -> str:
    """Name the lease of a window: the same environment, pool and start always give the same id."""
    key = f"{environment}/{pool}/{stamp(starts)}".encode()
    return f"{starts:%Y%m%dt%H%M}-{hashlib.sha256(key).hexdigest()[:6]}"


def digest(lease: Lease) -> str:
    """SHA-256 of what the lease commits to; two leases with the same digest ask for the same thing."""
    record = _record(lease)
    del record["evidence"]
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def signed(lease: Lease) -> Lease:
    """The lease with a digest of itself in its evidence, as it is written: see :func:`edited`."""
    known = dict(lease.evidence) | {"desired": digest(lease)}
    return replace(lease, evidence=tuple(sorted(known.items())))


def edited(lease: Lease) -> bool:
    """Whether somebody changed a lease after Headroom wrote it, whatever way it was merged."""
    return dict(lease.evidence).get("desired", digest(lease)) != digest(lease)


def fold(leases: Iterable[Lease], sizes: Mapping[str, Size], now: datetime) -> dict[str, Held]:
    """Say what each pool holds at ``now``: the largest of its base and its live leases, within its max.

    The order of the leases and repeats of one do not matter. The Terraform module in
    ``templates/terraform/modules/leases`` computes the same; a property test holds the two together.
    """
    live = [lease for lease in leases if lease.live(now)]
    held = {}
    for pool, size in sorted(sizes.items()):
        floor = min(size.max, max([size.base, *(x.floor for x in live if x.pool == pool)]))
        warm = max([size.base_warm, *(x.warm for x in live if x.pool == pool)])
        held[pool] = Held(floor, min(size.max - floor, warm))
    return held


def dump(lease: Lease) -> str:
    """Write the canonical text of a lease: sorted keys, two spaces, final newline."""
    return json.dumps(_record(lease), indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def parse(text: str, path: str) -> Lease:
    """Read one lease file; ``path`` is where it lies below the environment's directory.

    Raises
    ------
    LeaseError
        If the text is not a lease, or does not belong at ``path``. The message names the file and the field.
    """
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise LeaseError(f"{path}: not JSON ({error})") from error
    if not isinstance(record, dict):
        raise LeaseError(f"{path}: a lease is a JSON object, this is {type(record).__name__}")
    unknown, missing = sorted(set(record) - set(_KEYS)), sorted(set(_KEYS) - set(record))
    if unknown or missing:
        raise LeaseError(f"{path}: unknown keys {unknown}, missing keys {missing}; a lease has {', '.join(_KEYS)}")
    if (type(record["version"]), record["version"]) != (int, VERSION):  # True equals 1
        raise LeaseError(f"{path}: version is {record['version']!r}; this Headroom reads version {VERSION}")
    lease = Lease(
        environment=_name(record, "environment", path),
        pool=_name(record, "pool", path),
        id=_name(record, "id", path),
        starts=_moment(record, "starts", path),
        ends=_moment(record, "ends", path),
        expires=_moment(record, "expires", path),
        floor=_count(record, "floor", path),
        warm=_count(record, "warm", path),
        evidence=_evidence(record, path),
    )
    if not lease.starts < lease.ends <= lease.expires:
        raise LeaseError(f"{path}: starts < ends <= expires does not hold")
    if path != lease.path:
        raise LeaseError(f"{path}: pool and id say it belongs at {lease.path}")
    return lease


def parse_ledger(files: Mapping[str, str]) -> Ledger:
    """Read a ledger from ``{path below the environment: text}``, sorted by path; see :func:`parse`.

    Raises
    ------
    LeaseError
        Naming every file that is no lease, a line each.
    """
    leases, wrong = list[Lease](), list[str]()
    for path in sorted(files):
        try:
            leases.append(parse(files[path], path))
        except LeaseError as error:
            wrong.append(str(error))
    if wrong:
        raise LeaseError("\n".join(wrong))
    return tuple(leases)


def stamp(moment: datetime) -> str:
    """Write a moment as the lease files and trailers have it, UTC to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _record(lease: Lease) -> dict[str, Any]:
    return {
        "environment": lease.environment,
        "pool": lease.pool,
        "id": lease.id,
        "starts": stamp(lease.starts),
        "ends": stamp(lease.ends),
        "expires": stamp(lease.expires),
        "floor": lease.floor,
        "warm": lease.warm,
        "evidence": dict(lease.evidence),
        "version": VERSION,
    }


def _name(record: Mapping[str, Any], key: str, path: str) -> str:
    value = record[key]
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise LeaseError(f"{path}: {key} is {value!r}; allowed are 1–40 of a–z, 0–9 and inner hyphens")
    return value


def _moment(record: Mapping[str, Any], key: str, path: str) -> datetime:
    value = record[key]
    try:
        if isinstance(value, str) and _STAMP.fullmatch(value):
            return _utc(value)
    except ValueError:
        pass  # a well-formed text that names no day, such as 30 February: refused below
    raise LeaseError(f"{path}: {key} is {value!r}; write UTC as 2026-11-27T06:00:00Z")


def _count(record: Mapping[str, Any], key: str, path: str) -> int:
    value = record[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_NODES:
        raise LeaseError(f"{path}: {key} is {value!r}; it must be a whole number from 0 to {MOST_NODES}")
    return value


def _evidence(record: Mapping[str, Any], path: str) -> tuple[tuple[str, Scalar], ...]:
    value = record["evidence"]
    if not isinstance(value, dict) or not all(isinstance(x, Scalar) for x in value.values()):
        raise LeaseError(f"{path}: evidence must be an object of plain values")
    return tuple(sorted(value.items()))
