"""What an environment holds, asks for, was refused and falls short of → the body of its dashboard issue.

Place in the line: after a run. Nothing in it moves by itself: no time of a run, no probability, so a run that
changed nothing writes nothing.

>>> "- [x] <!-- headroom pause -->" in written(Board("demo", paused=True))
True
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from controller.boxes import Short, box, memory
from controller.lease import Lease
from controller.markdown import markdown, short, span
from controller.marker import read as marks
from controller.message import MOST_CHARACTERS
from controller.pull import PullRequest
from controller.record import Track
from controller.standing import Refusal

_URL = re.compile(r"https?://[A-Za-z0-9._~:/-]{1,300}")
# Rows that are told of each kind: all of them together stay well under what a forge takes.
_MOST_SHORT, _MOST_PULLS, _MOST_HELD, _MOST_NEXT, _MOST_POOLS = 12, 50, 150, 10, 80


@dataclass(frozen=True, slots=True)
class Board:
    """What a dashboard tells of one environment.

    ``held`` are merged leases that live, ``pulls`` the open proposals; ``upcoming`` are leases that are held or
    proposed and whose window has not begun. ``reopened`` are refused leases that somebody asked
    for again, as in :class:`controller.boxes.Boxes`.
    """

    environment: str
    paused: bool = False
    held: tuple[Lease, ...] = ()
    pulls: tuple[PullRequest, ...] = ()
    upcoming: tuple[Lease, ...] = ()
    refused: tuple[Refusal, ...] = ()
    reopened: Mapping[str, int] = field(default_factory=dict)
    short: tuple[Short, ...] = ()
    tracks: Mapping[str, Track] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell: then no issue is opened for it."""
        told = (self.held, self.pulls, self.refused, self.reopened, self.short, self.tracks)
        return not self.paused and not any(told)


def title(environment: str) -> str:
    """Title of the issue."""
    return f"Headroom: {environment}"


def written(board: Board) -> str:
    """Write the body of the issue: what needs somebody first, what is remembered last."""
    parts = [
        f"{box('pause', board.paused)}**Pause Headroom:** while this is ticked, no run changes anything of "
        f"`{board.environment}`.",
        _section("Stays short", _shortfalls(board.short), len(board.short)),
        _section("Open proposals", _proposals(board.pulls), len(board.pulls), "None."),
        _section("Refused or undone, and silent", _refused(board.refused), len(board.refused)),
        _section("Asked again", _reopened(board), 0),
        _section("Next windows", _upcoming(board), 0),
        _section("Held leases", _held(board.held), len(board.held), "None: every pool is at its base."),
        _section("How forecasts turned out", _tracks(board.tracks), 0),
        "<sub>Tick boxes, and change nothing else: Headroom writes this anew when something has changed.</sub>",
    ]
    hidden = memory(board.reopened, board.short[:_MOST_SHORT])
    return _fitted("\n\n".join(x for x in parts if x), hidden)


def _section(heading: str, lines: Sequence[str], count: int, nothing: str = "") -> str:
    """A heading and what is below it; without lines only where that is worth saying."""
    if not lines and not nothing:
        return ""
    return "\n".join([f"### {heading}{f' ({count})' if count else ''}", "", *(lines or [nothing])])


def _shortfalls(found: Sequence[Short]) -> list[str]:
    rows = [
        f"| {_code(x.pool)} | {span(x.starts, x.ends)} | {x.needed} | {x.granted} | {markdown(x.cause, 160)} | "
        f"{markdown(x.suggestion, 200)} |"
        for x in found
    ]
    heads = ["| pool | window (UTC) | needed | held | why | way out |", "| --- | --- | --- | --- | --- | --- |"]
    return [*heads, *_first(rows, _MOST_SHORT)] if rows else []


def _proposals(pulls: Sequence[PullRequest]) -> list[str]:
    rows = []
    for pull in pulls:
        due = min((x.merge_by for x in marks(pull.body) if x.merge_by is not None), default=None)
        until = f", merge by {short(due)} UTC" if due else ""
        rows.append(f"- {_link(pull.number, pull.url)} {markdown(pull.title, 160)}{until}")
    return _first(rows, _MOST_PULLS)


def _refused(refused: Sequence[Refusal]) -> list[str]:
    rows = [
        f"{box(f'reopen {x.lease}')}{_code(x.lease.split('/', 1)[1])}: {_why(x)} {_link(x.number, x.url)}"
        for x in refused
    ]
    return ["Tick one to have it asked for again.", "", *_first(rows, _MOST_PULLS)] if rows else []


def _why(refusal: Refusal) -> str:
    if refusal.undone:
        return "somebody undid"
    return "giving it back was refused in" if refusal.release else "refused in"


def _reopened(board: Board) -> list[str]:
    asked = {mark.lease for pull in board.pulls for mark in marks(pull.body)}
    left = sorted(set(board.reopened) - asked)
    return _first((f"- {_code(x.split('/', 1)[1])}: by the next run that needs it" for x in left), _MOST_PULLS)


def _upcoming(board: Board) -> list[str]:
    held = {(x.pool, x.id) for x in board.held}
    rows = []
    for x in sorted(board.upcoming, key=lambda x: (x.starts, x.pool, x.id)):
        nodes = f"{x.floor} nodes{f' and {x.warm} warm' if x.warm else ''}"
        state = "held" if (x.pool, x.id) in held else "proposed"
        rows.append(f"- {span(x.starts, x.ends)} UTC: {_code(x.pool)}, {nodes}, {state}")
    return rows[:_MOST_NEXT]


def _held(held: Sequence[Lease]) -> list[str]:
    rows = [
        f"| {_code(x.pool)} | {x.floor} | {x.warm} | {span(x.starts, x.ends)} | {short(x.expires)} |"
        for x in sorted(held, key=lambda x: (x.expires, x.pool, x.id))
    ]
    heads = ["| pool | floor | warm | window (UTC) | expires (UTC) |", "| --- | --- | --- | --- | --- |"]
    return [*heads, *_first(rows, _MOST_HELD)] if rows else []


def _tracks(tracks: Mapping[str, Track]) -> list[str]:
    rows = [f"- {_code(pool)}: {track.words}" for pool, track in sorted(tracks.items()) if track.leases]
    return _first(rows, _MOST_POOLS)


def _first(rows: Iterable[str], most: int) -> list[str]:
    """The first rows, and how many more there are."""
    rows = list(rows)
    return rows if len(rows) <= most else [*rows[:most], "", f"(and {len(rows) - most} more)"]


def _code(name: str) -> str:
    """A name of pool or lease; what is no such name is data."""
    return f"`{name}`" if re.fullmatch(r"[a-z0-9/-]{1,81}", name) else markdown(name)


def _link(number: int, url: str) -> str:
    return f"[#{number}]({url})" if _URL.fullmatch(url) else f"#{number}"


def _fitted(body: str, hidden: str) -> str:
    """Join the body and what is remembered; what is too long is cut at a line, and said to be."""
    note = f"(cut at {MOST_CHARACTERS:,} characters)"
    if len(body) + len(hidden) + 3 > MOST_CHARACTERS:
        body = body[: MOST_CHARACTERS - len(hidden) - len(note) - 8].rsplit("\n", 1)[0] + f"\n\n{note}"
    return f"{body}\n\n{hidden}\n"
