"""What a pull request needs once it is open: reviewers, the forge's own merge, and labels, which come last.

Place in the line: the end of ``publish``. A pull request that lacks its labels was cut short, and is completed.
"""

from datetime import datetime

from controller import marker
from controller.autonomy import alone
from controller.errors import ForgeError
from controller.lease import edited
from controller.marker import Mark
from controller.plan import ForecastEvidence
from controller.proposal import Proposal
from controller.pull import PullRequest
from controller.standing import WITHDRAWN
from controller.workflow.place import Workplace

LABEL, LATE, QUESTION = "headroom", "headroom:late", "headroom:question"


def finish(place: Workplace, proposal: Proposal, request: PullRequest, tip: str, now: datetime) -> str:
    """Ask for reviews and put the labels on, unless they are there: then all of it was done.

    Gives in words what the forge refused: a reviewer that it does not know must not keep back what is asked.
    """
    settings, wanted = place.config.proposals, labels_of(proposal, place)
    late = overdue(request, now)
    stale = [x for x in _own(request.labels) if x not in wanted and not (x == LATE and late)]
    held = {x.casefold() for x in request.labels}
    missing = [x for x in wanted if x.casefold() not in held]
    if not missing and not stale:
        return ""
    refused = []
    # People may have taken off a reviewer, a label of their own or auto-merge: that is not asked again.
    new = not any(x in held for x in wanted if x == LABEL or x.startswith(f"{LABEL}:"))
    try:
        if new and (settings.reviewers or settings.teams or settings.assignees):
            place.forge.request(
                request.number,
                reviewers=settings.reviewers,
                teams=settings.teams,
                assignees=settings.assignees,
                now=now,
            )
    except ForgeError as error:
        refused.append(str(error))
    try:
        if new and _small(place, proposal) and not request.draft:
            place.forge.merge_when_ready(request.number, tip, now)
    except ForgeError as error:
        refused.append(str(error))
    place.forge.label(request.number, add=tuple(missing), remove=tuple(stale), now=now)
    return "; ".join(refused)


def labels_of(proposal: Proposal, place: Workplace) -> tuple[str, ...]:
    """Labels that the pull request of a proposal has."""
    actions = sorted({f"{LABEL}:{x.action}" for x in proposal.changes})
    question = (QUESTION,) if asks_first(proposal) else ()
    return (LABEL, *actions, *question, *place.config.proposals.labels)


def overdue(request: PullRequest, now: datetime) -> tuple[Mark, ...]:
    """What a pull request asks that should have been merged by now."""
    return tuple(x for x in marker.read(request.body) if x.merge_by is not None and x.merge_by < now)


def _own(labels: tuple[str, ...]) -> list[str]:
    return [x for x in labels if x in (WITHDRAWN, LATE, QUESTION) or x.startswith(f"{LABEL}:")]


def _small(place: Workplace, proposal: Proposal) -> bool:
    """Whether the environment lets the forge merge a proposal of this size by itself."""
    limit = place.config.proposals.auto_merge
    if limit is None or asks_first(proposal):
        return False
    known = [x.evidence.surprise for x in proposal.changes if isinstance(x.evidence, ForecastEvidence)]
    if not all(alone(x, place.config.autonomy) for x in known):
        return False
    nodes, cost = 0, 0.0
    for x in proposal.changes:
        evidence, before = x.evidence, x.before
        if isinstance(evidence, ForecastEvidence):
            held = (before.floor, before.warm) if before else (evidence.held, evidence.held_warm)
            nodes += max(0, x.lease.floor - held[0]) + max(0, x.lease.warm - held[1])
            cost += evidence.most.cost
    return limit.lets(nodes, cost)


def asks_first(proposal: Proposal) -> bool:
    """Whether somebody edited a lease by hand that the proposal would change or remove: then it is a question."""
    return any(x.before is not None and edited(x.before) for x in proposal.changes)
