"""One proposal → its branch, its commits, its pull request; every step may be run again after a crash.

Place in the line: after ``desk``. The order is: commits, push, pull request, reviewers, labels. Labels come last,
so that a pull request that lacks them was cut short, and is completed by the next run.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from controller import marker
from controller.edge.files import template_texts
from controller.errors import LeaseError
from controller.lease import fold, parse_ledger
from controller.message import Context, Words, words
from controller.plan import Change
from controller.proposal import Proposal, desired, together
from controller.pull import PullRequest
from controller.record import tracks
from controller.render import files
from controller.workflow.desk import Desk
from controller.workflow.finishing import asks_first, finish
from controller.workflow.place import Workplace
from controller.workflow.pushing import push

State = Literal[
    "opened", "updated", "unchanged", "silenced", "hands off", "dry run", "withdrawn", "merged", "late", "paused"
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the changes of one pull request, ``number``; ``diff`` is filled in a dry run."""

    changes: tuple[Change, ...]
    title: str
    branch: str
    state: State
    number: int | None = None
    diff: str = ""
    why: str = ""
    words: Words | None = None

    @property
    def change(self) -> Change:
        """The first of the changes."""
        return self.changes[0]


def publish(place: Workplace, desk: Desk, proposal: Proposal, now: datetime, dry_run: bool = False) -> Outcome:
    """Bring a proposal to its pull request."""
    said = words(proposal, _context(place, desk, proposal, now))
    branch, tip, request = proposal.branch, desk.tips.get(proposal.branch), desk.open.get(proposal.branch)
    number = request.number if request else None

    def outcome(state: State, number: int | None = number, **more: str) -> Outcome:
        return Outcome(proposal.changes, said.title, branch, state, number, words=said, **more)

    checkout = place.checkout
    if why := _left_alone(place, desk, proposal, said, now, dry_run):
        return outcome("hands off", why=why)
    would = "would be updated" if request else "would be opened"
    fits = tip is not None and _fits(place, proposal, tip, now)
    if request is not None and tip is not None and fits and _asks(request) == said.digest:
        return outcome("unchanged", why="" if dry_run else finish(place, proposal, request, tip, now))
    if tip is None or not fits:
        commit = _commit(place, proposal, said, now)
        if dry_run:
            return outcome("dry run", why=would, diff=checkout.diff(checkout.base_commit, commit))
        tip = push(place, branch, commit, tip)
    elif dry_run:
        diff = checkout.diff(checkout.fork(tip) or checkout.base_commit, tip)
        return outcome("dry run", why=f"{would}; its branch is pushed already", diff=diff)
    if request is not None:
        request = place.forge.edit(request.number, title=said.title, body=said.body, now=now)
        return outcome("updated", why=finish(place, proposal, request, tip, now))
    base, draft = place.config.repository.base_branch, place.config.proposals.draft or asks_first(proposal)
    opened = place.forge.open(title=said.title, body=said.body, head=branch, base=base, draft=draft, now=now)
    if _asks(opened) != said.digest:  # it was open already, and the list did not show it yet
        opened = place.forge.edit(opened.number, title=said.title, body=said.body, now=now)
    return outcome("opened", opened.number, why=finish(place, proposal, opened, tip, now))


def _left_alone(
    place: Workplace, desk: Desk, proposal: Proposal, said: Words, now: datetime, dry_run: bool
) -> str | None:
    """Why a branch is somebody else's now; its pull request is told once what the newest forecast would change."""
    branch, request = proposal.branch, desk.open.get(proposal.branch)
    if branch in desk.strays:
        return f"{desk.strays[branch]}; close it, or point it back"
    tip = desk.tips.get(branch)
    strangers = place.strangers(tip) if tip else []
    if not strangers:
        return None
    if request is not None and not dry_run and _asks(request) != said.digest:
        place.forge.comment(request.number, key="newer", body=_newer(proposal), now=now)
    return f"{', '.join(strangers)} committed to {branch}"


def _context(place: Workplace, desk: Desk, proposal: Proposal, now: datetime) -> Context:
    checkout, path = place.checkout, place.where.path
    openings = {
        x.lease.path: commit
        for x in proposal.changes
        if x.action == "release" and (commit := checkout.opening_commit(f"{path}/{x.lease.path}"))
    }
    return Context(
        place.ledger,
        place.config,
        template_texts("pull_request"),
        checkout.base_commit,
        now,
        path,
        openings,
        tracks(desk.recent.pulls),
    )


def _commit(place: Workplace, proposal: Proposal, said: Words, now: datetime) -> str:
    """Commit each change on top of the one before, the first on the base branch."""
    checkout, path = place.checkout, place.where.path
    tip = checkout.base_commit
    for change, message in zip(proposal.changes, said.commits, strict=True):
        written = {f"{path}/{name}": text for name, text in files(change).items()}
        tip = checkout.commit_on(tip, written, message, now, f"{path}/leases")
    return tip


def _fits(place: Workplace, proposal: Proposal, tip: str, now: datetime) -> bool:
    """Whether a branch asks for what is wanted, would merge, and does what its reviewers were told.

    That is so if the base that it left has the files as they are now, and its pools hold by it what they hold now:
    else a plan of it, and the counts in its words, are out of date.
    """
    checkout, fork, path = place.checkout, place.checkout.fork(tip), place.where.path
    if fork is None or sorted(checkout.digests(tip)) != sorted(desired(x) for x in proposal.changes):
        return False
    if fork == checkout.base_commit:
        return True
    pools = {x.lease.pool for x in proposal.changes}
    for pool in pools:
        old = checkout.read_at(fork, f"{path}/leases/{pool}")
        if old == checkout.read(f"{path}/leases/{pool}"):
            continue
        own = {f"{path}/{x.lease.path}" for x in proposal.changes}
        if any(old.get(x) != checkout.read(x).get(x) for x in own if x.startswith(f"{path}/leases/{pool}/")):
            return False
        texts = {name.removeprefix(f"{path}/"): text for name, text in old.items() if name.endswith(".json")}
        try:
            before = parse_ledger(texts)
        except LeaseError:  # what was wrong there has been mended since
            return False
        sizes = {pool: place.config.sizes[pool]}
        if fold(before, sizes, now) != fold((x for x in place.ledger if x.pool == pool), sizes, now):
            return False
    return True


def _asks(request: PullRequest) -> str:
    """Digest of what a pull request asks for by its marker."""
    return together(x.desired for x in marker.read(request.body))


def _newer(proposal: Proposal) -> str:
    """What the newest forecast would change on a branch that is somebody else's now."""
    lines = [
        f"- `{x.lease.pool}`: {_what(x)}, {x.lease.starts:%a %d %b %H:%M} to {x.lease.ends:%a %d %b %H:%M} UTC"
        for x in proposal.changes
    ]
    return "\n".join(
        [
            "Somebody has committed to this branch, so Headroom leaves it alone. The newest forecast asks for:",
            "",
            *lines,
            "",
            "To have that, close this pull request and delete its branch; to keep yours, do nothing.",
        ]
    )


def _what(change: Change) -> str:
    if change.action == "release":
        return "give the lease back"
    return f"hold {change.lease.floor} nodes and {change.lease.warm} warm"
