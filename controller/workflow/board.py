"""The dashboard issue: its boxes are heeded before a run decides, and it is written anew where its words differ.

Place in the line: around everything that a run does. A forge that keeps no issues, or forbids them, fails no run.

    seen = see(place)
    desk = heed(look(place), seen.boxes)
    notes = keep(place, desk, seen, Ran(plan.shortfalls, outcomes), now)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller import boxes, dashboard, marker
from controller.boxes import Boxes
from controller.config import Config
from controller.dashboard import Board
from controller.edge.forge.refusal import Refused
from controller.errors import ConfigError, ForgeError
from controller.lease import Lease
from controller.plan import Shortfall
from controller.proposal import key, prefix
from controller.pull import Issue, PullRequest
from controller.record import tracks
from controller.standing import WITHDRAWN, Refusal, refusals
from controller.workflow.desk import Desk, look
from controller.workflow.place import Workplace, workplace
from controller.workflow.publish import Outcome

_FORBIDDEN = (403, 404, 410)  # no leave to see issues, or issues are switched off
_WROTE = {"opened", "updated", "withdrawn", "merged"}
PAUSED = "Headroom is paused by the box on its dashboard; untick it, or run `headroom dashboard --resume`"


@dataclass(frozen=True, slots=True)
class Seen:
    """The dashboard as a run found it: its boxes and body, or why it could not be read."""

    boxes: Boxes = field(default_factory=Boxes)
    body: str | None = None
    kept: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run did; ``short`` is None where it did not look at what will be needed."""

    short: tuple[Shortfall, ...] | None = None
    outcomes: tuple[Outcome, ...] = ()


def see(place: Workplace) -> Seen:
    """Read the dashboard of an environment, where it has one.

    Raises
    ------
    ForgeError
        If the forge does not answer: whether somebody has paused Headroom is then unknown, and nothing is done.
    """
    if not place.config.proposals.dashboard:
        return Seen(kept=False)
    try:
        issue = place.forge.issue(_name(place.config))
    except Refused as error:
        if error.status not in _FORBIDDEN:  # it may say that Headroom is paused, and will be there again
            raise
        note = f"the dashboard issue cannot be read, so nobody can pause by it: {error}"
        return Seen(kept=False, notes=(f"{note}; let Headroom keep issues, or set proposals.dashboard: false",))
    return Seen(boxes.read(issue.body), issue.body) if issue else Seen()


def heed(desk: Desk, found: Boxes) -> Desk:
    """Take into account what people ticked: pull requests so far about those leases silence them no more."""
    last = {lease: max((x.number for x in _about(desk, lease)), default=0) for lease in found.reopen}
    return replace(desk, reopened={**found.reopened, **{lease: n for lease, n in last.items() if n}})


def keep(place: Workplace, desk: Desk, seen: Seen, ran: Ran, now: datetime) -> tuple[str, ...]:
    """Write the dashboard anew where its words differ; what could not be done is told."""
    if not seen.kept:
        return ()
    try:
        made = _board(place, desk, seen.boxes, ran, now)
        if (seen.body is None and made.empty) or _same(dashboard.written(made), seen.body):
            return ()
        # Somebody may have ticked a box meanwhile: it must not be lost.
        fresh = see(place)
        if not fresh.kept:
            return fresh.notes
        if fresh.body != seen.body:
            desk = heed(desk, replace(fresh.boxes, reopened={**desk.reopened, **fresh.boxes.reopened}))
            made = _board(place, desk, fresh.boxes, ran, now)
        _save(place, made, now)
    except ForgeError as error:
        return (f"the dashboard issue could not be written: {error}",)
    return ()


def change(directory: Path, now: datetime, pause: bool | None = None, reopen: tuple[str, ...] = ()) -> Issue:
    """Give the dashboard as it would be written now; pause or resume, or have refused leases asked for again.

    Raises
    ------
    ConfigError
        If the environment keeps no dashboard.
    ForgeError
        If the issue cannot be read or written, or nobody refused such a lease.
    """
    with workplace(directory) as place:
        if not place.config.proposals.dashboard:
            raise ConfigError(
                "proposals.dashboard is false, so runs look at none; set it to true in headroom.yaml"
            )
        issue = place.forge.issue(_name(place.config))
        found, desk = boxes.read(issue.body) if issue else Boxes(), look(place)
        for lease in reopen:
            if not _about(desk, lease):
                known = ", ".join(x.lease for x in _refused(place, desk, now)) or "none"
                raise ForgeError(f"nobody refused {lease} of late; refused are: {known}")
        found = replace(
            found, paused=found.paused if pause is None else pause, reopen=found.reopen | frozenset(reopen)
        )
        made = _board(place, heed(desk, found), found, Ran(), now)
        if pause is None and not reopen:
            number, url = (issue.number, issue.url) if issue else (0, "")
            return Issue(number, dashboard.title(made.environment), dashboard.written(made), url)
        return _save(place, made, now)


def _board(place: Workplace, desk: Desk, found: Boxes, ran: Ran, now: datetime) -> Board:
    """Gather what the dashboard tells."""
    config, start = place.config, prefix(place.config.environment)
    pulls = tuple(desk.open.values())
    if any(x.state in _WROTE for x in ran.outcomes):
        pulls = place.forge.open_pulls(start)
    new = [x for x in ran.outcomes if x.state in ("opened", "updated")]  # what the desk does not show yet
    asked = [x.lease for y in new for x in y.changes if x.action != "release"]
    named = {mark.lease for pull in pulls for mark in marker.read(pull.body)}
    waiting = {key(x): x for x in (*desk.waiting, *asked) if key(x) in named}
    held = tuple(x for x in place.ledger if x.live(now))
    settings, short = config.decide, found.short
    if ran.short is not None:
        short = boxes.steady(ran.short, short, settings.hysteresis_nodes, settings.hysteresis_hours)
    return Board(
        config.environment,
        found.paused,
        held,
        tuple(sorted(pulls, key=lambda x: x.number)),
        tuple(x for x in (waiting | {key(x): x for x in held}).values() if x.starts > now),
        _refused(place, replace(desk, open={x.head: x for x in pulls}), now),
        _standing(place, desk, now),
        short,
        tracks(desk.recent.pulls),
    )


def _refused(place: Workplace, desk: Desk, now: datetime) -> tuple[Refusal, ...]:
    """What is silent: refused or undone, not asked for again, and not over yet."""
    found = refusals(desk.recent.pulls, {key(x) for x in place.ledger})
    asked = {(mark.lease, mark.action == "release") for x in desk.open.values() for mark in marker.read(x.body)}
    return tuple(
        x
        for x in found
        if (x.lease, x.release) not in asked
        and x.number > desk.reopened.get(x.lease, 0)
        and not _over(place, desk, x.lease, now)
    )


def _standing(place: Workplace, desk: Desk, now: datetime) -> Mapping[str, int]:
    """Leases that are to be asked for again: not those that were merged or refused anew, or are over."""
    return {
        lease: number
        for lease, number in desk.reopened.items()
        if all(x.number <= number for x in _about(desk, lease))
        and (_about(desk, lease) or not desk.recent.complete)
        and not _over(place, desk, lease, now)
    }


def _about(desk: Desk, lease: str) -> list[PullRequest]:
    """Pull requests in which people settled something of a lease."""
    settled = (x for x in desk.recent.pulls if x.state == "merged" or WITHDRAWN not in x.labels)
    return [x for x in settled if any(mark.lease == lease for mark in marker.read(x.body))]


def _over(place: Workplace, desk: Desk, lease: str, now: datetime) -> bool:
    """Whether a lease has had its time; where its file is gone, its name says when its window began."""
    known: Iterable[Lease] = (x for x in (*desk.waiting, *place.ledger) if key(x) == lease)
    ends = max((x.expires if x in place.ledger else x.ends for x in known), default=None)
    if ends is None:
        try:
            starts = datetime.strptime(lease.rsplit("/", 1)[1][:13], "%Y%m%dt%H%M").replace(tzinfo=UTC)
        except ValueError:
            return True
        ends = starts + timedelta(hours=place.config.decide.longest_window_hours)
    return ends <= now


def _save(place: Workplace, made: Board, now: datetime) -> Issue:
    name, title = _name(place.config), dashboard.title(made.environment)
    return place.forge.save_issue(name, title=title, body=dashboard.written(made), now=now)


def _name(config: Config) -> str:
    return f"dashboard-{config.environment}"


def _same(body: str, kept: str | None) -> bool:
    """Whether a forge keeps these words already; it may have put its own line ends, or a marker beside them."""
    return kept is not None and body.strip() in kept.replace("\r\n", "\n")
