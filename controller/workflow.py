"""``propose``, ``release``: straight-line shells over the pure functions.

Place in the line: between ``cli`` and everything else. Each opens one throw-away clone, reads
configuration and ledger from its base branch, asks the pure rooms what to do, and publishes each change as
one pull request.

    outcomes = propose(Path("environments/demo"), profile, now, dry_run=True)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import xarray as xr

from controller.config import Config
from controller.configtext import parse
from controller.decay import decay
from controller.decide import decide
from controller.edge.checkout import Checkout, Location, clone, locate
from controller.edge.files import CONFIG, environment_texts, template_texts
from controller.edge.forge import Forge, PullRequest
from controller.edge.forge.local import LocalForge
from controller.errors import ConfigError, GitError, LeaseError
from controller.guardrails import guard
from controller.leadtimes import reviewed, taught
from controller.lease import Ledger, parse_ledger
from controller.lease import parse as parse_lease
from controller.message import Words, words
from controller.plan import Change, Plan, merge
from controller.render import branch as branch_of
from controller.render import files
from forecasting.profile import DemandProfile

State = Literal["opened", "updated", "unchanged", "silenced", "hands off", "dry run"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change: ``number`` is its pull request, ``diff`` is filled in a dry run."""

    change: Change
    words: Words
    branch: str
    state: State
    number: int | None = None
    diff: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A clone with what its base branch says of one environment."""

    where: Location
    checkout: Checkout
    forge: Forge
    config: Config
    ledger: Ledger


def read_environment(texts: Mapping[str, str], path: str) -> tuple[Config, Ledger]:
    """Parse an environment from ``{path below it: text}``; ``path`` names it in errors.

    Raises
    ------
    ConfigError, LeaseError
        If a file is not what it should be, or a lease belongs to another environment.
    """
    if CONFIG not in texts:
        raise ConfigError(f"{path}: no {CONFIG} is in it")
    config = parse(texts[CONFIG], f"{path}/{CONFIG}")
    ledger = parse_ledger({k: v for k, v in texts.items() if k.startswith("leases/") and k.endswith(".json")})
    for lease in ledger:
        if lease.environment != config.environment:
            raise LeaseError(f"{path}/{lease.path}: belongs to {lease.environment}, not {config.environment}")
    return config, ledger


def read_directory(directory: Path) -> tuple[Config, Ledger]:
    """Read an environment from a directory, as it lies there."""
    return read_environment(environment_texts(directory), str(directory))


@contextmanager
def workplace(directory: Path) -> Iterator[Workplace]:
    """Clone the repository of an environment's directory and read the environment from its base branch."""
    local, _ = read_directory(directory)
    where, own = locate(directory), local.repository
    with clone(where.url, own.base_branch, own.author_name, own.author_email) as checkout:
        # Only what Headroom owns: the rest of the directory may hold links and binary files.
        found = checkout.read(f"{where.path}/{CONFIG}") | checkout.read(f"{where.path}/leases")
        texts = {path.removeprefix(f"{where.path}/"): text for path, text in found.items()}
        if CONFIG not in texts:
            raise ConfigError(f"{where.path}/{CONFIG}: not on {own.base_branch} of origin; push it first")
        config, ledger = read_environment(texts, where.path)
        forge = LocalForge(checkout)
        yield Workplace(where, checkout, forge, taught(config, _review_minutes(forge, config.environment)), ledger)


def _review_minutes(forge: Forge, environment: str) -> list[float]:
    """How long the reviews of an environment's merged proposals took."""
    prefix = f"headroom/{environment}/"
    merged = [x for x in forge.list("merged") if x.head.startswith(prefix) and "release" not in x.labels]
    return reviewed((x.created, x.merged_at) for x in merged)


def plan(directory: Path, profile: DemandProfile, usage: xr.Dataset | None, now: datetime) -> tuple[Plan, Config]:
    """Say what would be opened, changed and released, from a directory alone; nothing is written."""
    config, ledger = read_directory(directory)
    asked = decide(profile, ledger, config, now)
    let_go = decay(ledger, usage, profile, config, now)
    return guard(merge(asked, let_go), config, ledger), config


def propose(
    directory: Path, profile: DemandProfile, now: datetime, dry_run: bool = False
) -> tuple[Plan, list[Outcome]]:
    """Open or update the pull requests that a profile asks for."""
    with workplace(directory) as place:
        waiting, notes = pending(place)
        wanted = guard(
            decide(profile, place.ledger, place.config, now, waiting), place.config, place.ledger, waiting
        )
        wanted = replace(wanted, notes=(*wanted.notes, *notes))
        return wanted, [publish(place, change, now, dry_run) for change in wanted.changes]


def release(
    directory: Path,
    usage: xr.Dataset | None,
    profile: DemandProfile | None,
    now: datetime,
    dry_run: bool = False,
) -> tuple[Plan, list[Outcome]]:
    """Open or update the pull requests that give capacity back."""
    with workplace(directory) as place:
        waiting, notes = pending(place)
        wanted = guard(decay(place.ledger, usage, profile, place.config, now), place.config, place.ledger, waiting)
        step = place.config.decay.minimum_step_nodes
        changes = tuple(_settled(change, waiting, step) for change in wanted.changes)
        wanted = replace(wanted, changes=changes, notes=(*wanted.notes, *notes))
        return wanted, [publish(place, change, now, dry_run) for change in changes]


def _settled(change: Change, waiting: Ledger, minimum_step_nodes: int) -> Change:
    """Leave a step-down that waits for review as it is, unless it could be smaller by a whole step more."""
    for lease in waiting:
        same = (lease.pool, lease.id) == (change.lease.pool, change.lease.id)
        if change.action == "update" and same and 0 <= lease.floor - change.lease.floor < minimum_step_nodes:
            return replace(change, lease=lease)
    return change


def pending(place: Workplace) -> tuple[Ledger, tuple[str, ...]]:
    """Leases that are proposed and not merged, as their branches have them, and what could not be read.

    The branch's name says which lease it is, whoever committed last. Refused ones count too, so that the same ask
    finds its name again, and stays silent.
    """
    leases, notes = [], []
    for branch, tip in place.checkout.remote_branches(f"headroom/{place.config.environment}/").items():
        pool, _, name = branch.split("/", 2)[2].partition("/")
        below = f"leases/{pool}/{name}.json"
        if name.endswith("-release") or place.checkout.merged(tip):
            continue
        try:
            text = place.checkout.read_at(tip, f"{place.where.path}/{below}").get(f"{place.where.path}/{below}")
            if text is not None:
                leases.append(parse_lease(text, below))
        except (GitError, LeaseError) as error:
            notes.append(f"{branch} is passed over: {error}")
    return tuple(leases), tuple(notes)


def publish(place: Workplace, change: Change, now: datetime, dry_run: bool = False) -> Outcome:
    """Bring one change to its pull request; every step may be run again after a crash at any point."""
    checkout, forge, path = place.checkout, place.forge, place.where.path
    opening = checkout.opening_commit(f"{path}/{change.lease.path}") if change.action == "release" else None
    templates = template_texts("pull_request")
    said = words(change, place.ledger, place.config, templates, checkout.base_commit, now, opening, path)
    branch = branch_of(change)
    tip = checkout.remote_branches(branch).get(branch)
    request = forge.find(branch)
    if standing := _standing(place, change, said, branch, tip, request):
        return standing
    if tip is None or not _fits(place, change, said, tip):
        written = {f"{path}/{name}": text for name, text in files(change).items()}
        commit = checkout.commit_on(checkout.base_commit, written, said.commit, now, f"{path}/leases")
        if dry_run:
            diff = checkout.diff(checkout.base_commit, commit)
            return Outcome(change, said, branch, "dry run", diff=diff)
        checkout.push(branch, commit, tip)
    elif dry_run:
        return Outcome(change, said, branch, "dry run", why="its branch is pushed already")
    labels = ("headroom", change.action)
    if request and request.state == "open":
        forge.update(request.number, title=said.title, body=said.body, digest=said.digest, labels=labels, now=now)
        return Outcome(change, said, branch, "updated", request.number)
    base = place.config.repository.base_branch
    opened = forge.open(
        title=said.title, body=said.body, head=branch, base=base, digest=said.digest, labels=labels, now=now
    )
    return Outcome(change, said, branch, "opened", opened.number)


def _standing(
    place: Workplace, change: Change, said: Words, branch: str, tip: str | None, request: PullRequest | None
) -> Outcome | None:
    """Say why a change needs nothing written: it stands as wanted, was refused, or belongs to a human now."""
    checkout, number = place.checkout, request.number if request else None
    for refused in place.forge.list("closed"):
        if refused.head == branch and refused.digest == said.digest:
            return Outcome(change, said, branch, "silenced", refused.number, why="it was closed without a merge")
    if tip is None or checkout.merged(tip):
        return None
    strangers = checkout.foreign_authors(checkout.base_commit, tip, checkout.author.email)
    if strangers:
        why = f"{', '.join(strangers)} committed to {branch}"
        return Outcome(change, said, branch, "hands off", number, why=why)
    is_open = request is not None and request.state == "open" and request.digest == said.digest
    return (
        Outcome(change, said, branch, "unchanged", number) if is_open and _fits(place, change, said, tip) else None
    )


def _fits(place: Workplace, change: Change, said: Words, tip: str) -> bool:
    """Whether a branch asks for what is wanted, and would merge: its base had the lease's file as it is now."""
    checkout, path = place.checkout, f"{place.where.path}/{change.lease.path}"
    if checkout.merged(tip) or checkout.trailers(tip).get("Desired-Digest") != said.digest:
        return False
    return checkout.read_at(checkout.parent(tip), path) == checkout.read(path)
