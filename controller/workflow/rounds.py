"""``plan``, ``propose``, ``release``, ``run``: straight-line shells over the pure functions.

Place in the line: between ``cli`` and everything else. Each opens one throw-away clone, reads configuration and
ledger from its base branch, asks the pure rooms what to do, and brings each proposal to its pull request.

    plan, outcomes = propose(Path("environments/demo"), profile, now, dry_run=True)
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import xarray as xr

from controller import marker
from controller.autonomy import Surprise, surprises
from controller.config import Config
from controller.decay import decay
from controller.decide import decide
from controller.errors import GitError
from controller.fate import facts
from controller.guardrails import guard
from controller.leadtimes import reviewed, taught
from controller.lease import Ledger
from controller.plan import Change, Plan, merge
from controller.proposal import key, proposals
from controller.record import Track, tracks
from controller.workflow import board, upkeep
from controller.workflow.desk import Desk, look, settled_by_people
from controller.workflow.finishing import LABEL
from controller.workflow.place import Workplace, read_directory, workplace
from controller.workflow.publish import Outcome, publish
from forecasting.profile import DemandProfile

_ATTEMPTS = 4  # two controllers at once: whoever comes second looks again
_PAUSE_SECONDS = 0.2
Result = tuple[Plan, list[Outcome]]


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at an environment found and did.

    ``ledger`` is what was merged, ``issued`` the instant of the forecast, ``tracks`` the record of each pool,
    ``surprise`` how surprising it was lately, as far as it is known.
    """

    plan: Plan
    outcomes: list[Outcome]
    config: Config
    ledger: Ledger
    issued: datetime | None
    tracks: Mapping[str, Track]
    surprise: Mapping[str, Surprise]

    @property
    def result(self) -> Result:
        """Plan and outcomes alone."""
        return self.plan, self.outcomes


@dataclass(frozen=True, slots=True)
class Known:
    """What a round knows of demand: the newest forecast, and realised usage; either may be missing.

    ``asks`` says whether it looks for what will be needed.
    """

    profile: DemandProfile | None = None
    usage: xr.Dataset | None = None
    asks: bool = True


def plan(directory: Path, profile: DemandProfile, usage: xr.Dataset | None, now: datetime) -> tuple[Plan, Config]:
    """Say what would be opened, changed and released, from a directory alone; nothing is written."""
    config, ledger = read_directory(directory)
    asked = decide(profile, ledger, config, now)
    let_go = decay(ledger, usage, profile, config, now)
    made = guard(merge(asked, let_go), config, ledger, surprise=surprises(profile, config))
    return replace(made, notes=(*made.notes, _assumed(config))), config


def _assumed(config: Config) -> str:
    """What a plan takes from the directory that the other commands take from elsewhere, and may differ in."""
    times, base = config.lead_times, config.repository.base_branch
    taught_too = ", and the review time that merged pull requests teach" if times.learn else ""
    return (
        f"settings and leases are those of the working tree, with the configured review time "
        f"({times.review_minutes}); `propose` and `run` take those of {base} of origin{taught_too}"
    )


def settled(directory: Path) -> Config:
    """Settings of the base branch, with the review time that merged pull requests teach."""
    with workplace(directory) as place:
        return taught(place.config, _review_minutes(look(place)))


def propose(directory: Path, profile: DemandProfile, now: datetime, dry_run: bool = False) -> Result:
    """Open or update the pull requests that a profile asks for; close those that it needs no more."""

    def wanted(place: Workplace, desk: Desk) -> Plan:
        return decide(profile, place.ledger, place.config, now, desk.waiting)

    return _round(directory, Known(profile), wanted, now, dry_run).result


def release(
    directory: Path,
    usage: xr.Dataset | None,
    profile: DemandProfile | None,
    now: datetime,
    dry_run: bool = False,
) -> Result:
    """Open or update the pull requests that give capacity back."""

    def wanted(place: Workplace, desk: Desk) -> Plan:
        del desk
        return decay(place.ledger, usage, profile, place.config, now)

    return _round(directory, Known(profile, usage, asks=False), wanted, now, dry_run).result


def run(
    directory: Path, usage: xr.Dataset | None, profile: DemandProfile, now: datetime, dry_run: bool = False
) -> Round:
    """Do both: what ``propose`` and ``release`` do, in one look at the repository."""

    def wanted(place: Workplace, desk: Desk) -> Plan:
        asked = decide(profile, place.ledger, place.config, now, desk.waiting)
        return merge(asked, decay(place.ledger, usage, profile, place.config, now))

    return _round(directory, Known(profile, usage), wanted, now, dry_run)


def _round(
    directory: Path, known: Known, wanted: Callable[[Workplace, Desk], Plan], now: datetime, dry_run: bool
) -> Round:
    """Work once through everything; where another controller was faster, look again."""
    for attempt in range(_ATTEMPTS):
        try:
            with workplace(directory) as place:
                return _work(place, known, wanted, now, dry_run)
        except GitError as error:
            if not str(error).startswith("stale") or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    raise AssertionError("unreachable")


def _work(
    place: Workplace, known: Known, wanted: Callable[[Workplace, Desk], Plan], now: datetime, dry_run: bool
) -> Round:
    seen = board.see(place)
    desk = board.heed(look(place), seen.boxes)
    place = replace(place, config=taught(place.config, _review_minutes(desk)))

    def finished(made: Plan, outcomes: list[Outcome]) -> Round:
        issued = known.profile.issued if known.profile else None
        return Round(made, outcomes, place.config, place.ledger, issued, tracks(desk.recent.pulls), surprise)

    surprise = surprises(known.profile, place.config)
    made = guard(wanted(place, desk), place.config, place.ledger, desk.waiting, desk.queue, surprise)
    changes = tuple(_settled_step(x, desk.waiting, place.config.decay.minimum_step_nodes) for x in made.changes)
    made = replace(made, changes=changes, notes=(*made.notes, *desk.notes, *seen.notes))
    if seen.boxes.paused:
        made = replace(made, notes=(*made.notes, board.PAUSED))
        if not dry_run:
            return finished(
                made, [Outcome((), "nothing is changed", "", "paused", why="by the box on the dashboard")]
            )
    asked, outcomes = _unsettled(place, desk, changes)
    wanted_branches = {x.branch for x in outcomes}
    for proposal in proposals(asked, place.config.environment, place.config.proposals.group_by):
        wanted_branches.add(proposal.branch)
        outcomes.append(publish(place, desk, proposal, now, dry_run))
    order = {id(x): i for i, x in enumerate(changes)}
    outcomes.sort(key=lambda x: order[id(x.change)])
    about = {x.lease for b, pull in desk.open.items() if b not in wanted_branches for x in marker.read(pull.body)}
    said = facts(about, place.ledger, desk.waiting, known.profile, place.config, now)
    elsewhere = {
        (key(x.lease), x.action == "release"): f"it is asked for in #{outcome.number} now"
        for outcome in outcomes
        if outcome.state in ("opened", "updated", "unchanged") and outcome.number
        for x in outcome.changes
    }
    outcomes += upkeep.withdraw(place, desk, wanted_branches, elsewhere, said, dry_run)
    if not dry_run:
        # What this run closed or rewrote is not what the desk shows: the next run looks at it.
        touched = {x.branch for x in outcomes if x.state in ("withdrawn", "updated")}
        desk = replace(desk, open={branch: x for branch, x in desk.open.items() if branch not in touched})
        outcomes += upkeep.tell_late(place, desk, {key(x.lease): x for x in changes}, now)
        outcomes += upkeep.merge_due(place, desk, now)
        upkeep.clear(place, desk, wanted_branches, now)
        ran = board.Ran(made.shortfalls if known.asks else None, tuple(outcomes))
        made = replace(made, notes=(*made.notes, *board.keep(place, desk, seen, ran, now)))
    return finished(made, outcomes)


def _unsettled(place: Workplace, desk: Desk, changes: Iterable[Change]) -> tuple[list[Change], list[Outcome]]:
    """Changes that may be asked for, and outcomes of those that people refused or undid."""
    asked, silenced = [], []
    for change in changes:
        found = settled_by_people(place, desk, change)
        if found is None:
            asked.append(change)
            continue
        (single,) = proposals([change], place.config.environment, "lease")
        title = f"{change.action} {change.lease.pool}/{change.lease.id}"
        silenced.append(Outcome((change,), title, single.branch, "silenced", found.number, why=found.why))
    return asked, silenced


def _settled_step(change: Change, waiting: Ledger, minimum_step_nodes: int) -> Change:
    """Leave a step-down that waits for review as it is, unless it could be smaller by a whole step more."""
    for lease in waiting:
        same = (lease.pool, lease.id) == (change.lease.pool, change.lease.id)
        if change.action == "update" and same and 0 <= lease.floor - change.lease.floor < minimum_step_nodes:
            return replace(change, lease=lease)
    return change


def _review_minutes(desk: Desk) -> list[float]:
    """How long the reviews of the environment's merged proposals took."""
    merged = [x for x in desk.recent.pulls if x.state == "merged" and f"{LABEL}:release" not in x.labels]
    return reviewed((x.created, x.merged_at) for x in merged)
