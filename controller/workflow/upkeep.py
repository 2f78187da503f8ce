"""Open pull requests after a run: withdraw what nothing needs, tell what is late, merge what is due, clear up.

Place in the line: after everything that is wanted is published. What people have committed to is left alone.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from controller import marker
from controller.errors import GitError
from controller.fate import Facts, fate
from controller.marker import Mark
from controller.plan import Change, ForecastEvidence
from controller.proposal import key
from controller.pull import PullRequest
from controller.standing import WITHDRAWN
from controller.workflow.desk import Desk, merged
from controller.workflow.finishing import LATE, QUESTION, overdue
from controller.workflow.place import Workplace
from controller.workflow.publish import Outcome, State


def withdraw(
    place: Workplace,
    desk: Desk,
    wanted: Collection[str],
    elsewhere: Mapping[tuple[str, bool], str],
    facts: Facts,
    dry_run: bool,
) -> list[Outcome]:
    """Close what is not wanted and, for all that it asks, not needed any more; say why, and delete its branch.

    ``wanted`` are the branches that this run asked for, ``elsewhere`` says of leases (and whether they are given
    back) where they were asked for.
    """
    waiting = {key(x): x for x in desk.waiting}
    done = []
    for branch, pull in desk.open.items():
        marks = marker.read(pull.body)
        reasons = [
            elsewhere.get((x.lease, x.action == "release")) or fate(x, waiting.get(x.lease), facts) for x in marks
        ]
        if branch in wanted or not reasons or None in reasons:
            continue
        why = "; ".join(dict.fromkeys(x for x in reasons if x))
        if _strangers(place, desk, branch):
            if not dry_run:
                said = f"This is not needed by now: {why}. Somebody has committed here, so it is left open."
                place.forge.comment(pull.number, key="newer", body=said, now=facts.now)
            continue
        if not dry_run:
            # The label comes first: closed without it, it would look as if people had refused it.
            place.forge.label(pull.number, add=(WITHDRAWN,), remove=(), now=facts.now)
            place.forge.comment(pull.number, key="withdrawn", body=_withdrawn(why), now=facts.now)
            place.forge.close(pull.number, facts.now)
            _delete(place, desk, branch)
        state: State = "dry run" if dry_run else "withdrawn"
        done.append(Outcome((), pull.title, branch, state, pull.number, why=f"closes: {why}" if dry_run else why))
    return done


def tell_late(place: Workplace, desk: Desk, changes: Mapping[str, Change], now: datetime) -> list[Outcome]:
    """Label what was not merged in time, and say what is lost; ``changes`` are what is wanted, by lease."""
    told = []
    for branch, pull in desk.open.items():
        late = overdue(pull, now)
        if not late or LATE in pull.labels or WITHDRAWN in pull.labels:
            continue
        place.forge.comment(pull.number, key="late", body=_late(late, changes), now=now)
        place.forge.label(pull.number, add=(LATE,), remove=(), now=now)
        told.append(Outcome((), pull.title, branch, "late", pull.number, why="the time to merge it by has passed"))
    return told


def merge_due(place: Workplace, desk: Desk, now: datetime) -> list[Outcome]:
    """Merge what is approved and due, where ``lead_times.merge`` is ``when-due``; give-backs are due at once.

    Nothing is merged in a freeze.
    """
    frozen = any(x.until(now) for x in place.config.limits.freezes)
    if place.config.lead_times.merge != "when-due" or frozen:
        return []
    margin, done = timedelta(hours=place.config.decide.propose_margin_hours), []
    for branch, pull in desk.open.items():
        due = [x.merge_by for x in marker.read(pull.body) if x.merge_by is not None]
        tip = desk.tips.get(branch)
        if pull.draft or QUESTION in pull.labels or tip is None or (due and min(due) - margin > now):
            continue
        if not _is_own(place, desk, pull, tip):
            continue
        if place.forge.readiness(pull.number).ready:
            place.forge.merge(pull.number, tip, now)
            _delete(place, desk, branch)
            done.append(Outcome((), pull.title, branch, "merged", pull.number, why="approved, and due"))
    return done


def clear(place: Workplace, desk: Desk, wanted: Collection[str], now: datetime) -> None:
    """Delete branches that nobody needs: merged ones, withdrawn ones, and refused ones whose window is over."""
    over = {key(x) for x in desk.waiting if x.ends <= now}
    newest: dict[str, PullRequest] = {x.head: x for x in desk.recent.pulls}
    for branch, tip in desk.tips.items():
        pull = newest.get(branch)
        if (
            branch in desk.open
            or branch in desk.strays
            or branch in wanted
            or pull is None
            or _strangers(place, desk, branch)
        ):
            continue
        done = pull.state == "merged" and merged(place, pull, tip)
        passed = bool(leases := marker.read(pull.body)) and all(x.lease in over for x in leases)
        if done or (pull.state == "closed" and (WITHDRAWN in pull.labels or passed)):
            _delete(place, desk, branch)


def _is_own(place: Workplace, desk: Desk, pull: PullRequest, tip: str) -> bool:
    """Whether a pull request is just what Headroom made: its commits, their digests, and those leases alone."""
    checkout, marks, fork = place.checkout, marker.read(pull.body), place.checkout.fork(tip)
    if not marks or fork is None or _strangers(place, desk, pull.head):
        return False
    if checkout.merged(tip):
        return True  # a merge that was cut short: the base holds it, the forge does not know yet
    leases = {f"{place.where.path}/leases/{x.lease.split('/', 1)[1]}.json" for x in marks}
    asked = sorted(x.desired for x in marks)
    return sorted(checkout.digests(tip)) == asked and set(checkout.changed_paths(fork, tip)) <= leases


def _strangers(place: Workplace, desk: Desk, branch: str) -> bool:
    """Whether somebody else has committed to a branch: then it is theirs."""
    tip = desk.tips.get(branch)
    return tip is not None and bool(place.strangers(tip))


def _delete(place: Workplace, desk: Desk, branch: str) -> None:
    tip = desk.tips.get(branch)
    if tip is not None:
        with suppress(GitError):  # it is gone already, or moved: then it is somebody else's
            place.checkout.delete_branch(branch, tip)


def _withdrawn(why: str) -> str:
    return f"Headroom closes this, since {why}. Nothing is refused by that: if the need returns, it asks again."


def _late(late: tuple[Mark, ...], changes: Mapping[str, Change]) -> str:
    lines = [_lost(x, changes.get(x.lease)) for x in late]
    return "\n".join(["**The time to merge this by has passed.**", "", *lines])


def _lost(mark: Mark, change: Change | None) -> str:
    pool = mark.lease.split("/")[1]
    due = f"- `{pool}` was due {mark.merge_by:%a %d %b %H:%M} UTC"
    if change is None or not isinstance(change.evidence, ForecastEvidence):
        return f"{due}; what is merged later holds from then on."
    evidence, lease = change.evidence, change.lease
    return (
        f"{due}. Without it {evidence.shortfall_node_hours:,.1f} node-hours are expected to be short; merged now, "
        f"it holds {lease.floor} nodes from about {evidence.merge_by:%H:%M} UTC and the time to apply and boot on."
    )
