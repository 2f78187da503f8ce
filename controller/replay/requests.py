"""Plans → pull requests → ledger: how review and CI let decisions through.

Place in the line: under `leases`. It plays the platform team: a pull request is merged once its review is over, an
update of one that waits goes in with it, and one that nobody withdrew is merged too late rather than never.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from controller.lease import Lease, Ledger, digest
from controller.plan import Change, ForecastEvidence, Plan

MergeRule = Literal["on-approval", "when-due"]
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Lead:
    """How long this moment's requests take, for one pool."""

    review: timedelta
    ci: timedelta
    boot: timedelta


@dataclass(frozen=True, slots=True)
class Request:
    """A pull request under review: what it asks for now, when it was opened, and what its way takes."""

    change: Change
    opened: datetime
    lead: Lead

    @property
    def key(self) -> tuple[str, str, bool]:
        """What its branch is named by: pool, lease, and whether it is the way back."""
        return _key(self.change)

    def merges(self, rule: MergeRule) -> datetime:
        """When it is merged: on approval, or no sooner than it must be if that is how it is set up."""
        approved = self.opened + self.lead.review
        if rule == "when-due" and isinstance(self.change.evidence, ForecastEvidence):
            return max(approved, self.change.evidence.merge_by)
        return approved


@dataclass(frozen=True, slots=True)
class Hold:
    """What one version of a lease held, and from when until when."""

    lease: Lease
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """What reviewers saw: requests opened, newer versions of waiting ones, and the notice they were given."""

    requests: int = 0
    pushes: int = 0
    notices: int = 0
    notice_minutes: float = 0.0


@dataclass(frozen=True, slots=True)
class Book:
    """One run of the environment: what is merged, what waits for review, and what merged leases held."""

    ledger: Ledger = ()
    waiting: tuple[Request, ...] = ()
    holding: Mapping[tuple[str, str], tuple[Hold, ...]] | None = None
    counts: Counts = Counts()

    @property
    def pending(self) -> Ledger:
        """Leases that are proposed and not merged, as their branches have them."""
        return tuple(x.change.lease for x in self.waiting if x.change.action != "release")

    @property
    def holds(self) -> tuple[Hold, ...]:
        """Everything that was ever held."""
        return tuple(hold for holds in (self.holding or {}).values() for hold in holds)


def settled(book: Book, now: datetime, rule: MergeRule) -> Book:
    """Merge what is due by ``now``, in the order of the merges."""
    due = sorted((x for x in book.waiting if x.merges(rule) <= now), key=lambda x: (x.merges(rule), x.key))
    for request in due:
        book = _merged(replace(book, waiting=tuple(x for x in book.waiting if x is not request)), request, rule)
    return book


def proposed(book: Book, plan: Plan, leads: Mapping[str, Lead], minimum_step_nodes: int, counted: bool) -> Book:
    """Open a pull request for each change, or bring the one that waits up to date."""
    for change in plan.changes:
        waiting = {x.key: x for x in book.waiting}
        known = waiting.get(_key(change))
        counts = book.counts
        if known is None:
            request = Request(change, plan.now, leads[change.lease.pool])
            counts = replace(counts, requests=counts.requests + 1)
            if isinstance(change.evidence, ForecastEvidence):
                minutes = (change.evidence.merge_by - plan.now) / timedelta(minutes=1)
                counts = replace(
                    counts, notices=counts.notices + 1, notice_minutes=counts.notice_minutes + minutes
                )
        elif digest(known.change.lease) == digest(change.lease) or _settles(known, change, minimum_step_nodes):
            continue
        else:
            request = replace(known, change=change)
            counts = replace(counts, pushes=counts.pushes + 1)
        waiting[request.key] = request
        book = replace(book, waiting=tuple(waiting.values()), counts=counts if counted else book.counts)
    return book


def _key(change: Change) -> tuple[str, str, bool]:
    return change.lease.pool, change.lease.id, change.action == "release"


def _settles(known: Request, change: Change, minimum_step_nodes: int) -> bool:
    """Whether a step down that waits is left as it is: it could not be smaller by a whole step more."""
    if change.action != "update" or isinstance(change.evidence, ForecastEvidence):
        return False
    return 0 <= known.change.lease.floor - change.lease.floor < minimum_step_nodes


def _merged(book: Book, request: Request, rule: MergeRule) -> Book:
    """Bring one request into the ledger, and note from when on what is held."""
    change, lead = request.change, request.lead
    lease, where = change.lease, (change.lease.pool, change.lease.id)
    applied = request.merges(rule) + lead.ci
    rest = tuple(x for x in book.ledger if (x.pool, x.id) != where)
    holding = dict(book.holding or {})
    before = holding.get(where, ())
    if change.before is not None and len(rest) == len(book.ledger):
        return book  # what it would change was given back meanwhile: git says conflict, and it is closed
    if change.action == "release":
        return replace(book, ledger=rest, holding=holding | {where: _until(before, applied)})
    standing = next((x for x in book.ledger if (x.pool, x.id) == where), None)
    more = standing is None or lease.floor > standing.floor
    since = applied + lead.boot if more else applied
    holding[where] = (*_until(before, since), Hold(lease, since, lapse(lease) + lead.ci))
    return replace(book, ledger=(*rest, lease), holding=holding)


def _until(holds: tuple[Hold, ...], moment: datetime) -> tuple[Hold, ...]:
    """End what is held at a moment, if it would go on."""
    ended = (replace(x, until=min(x.until, moment)) for x in holds)
    return tuple(x for x in ended if x.since < x.until)


def lapse(lease: Lease) -> datetime:
    """When Terraform lets a lease go by itself: at the first hourly apply at or after its expiry."""
    start = lease.expires.replace(minute=0, second=0, microsecond=0)
    return start if start == lease.expires else start + _HOUR
