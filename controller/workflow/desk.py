"""What lies on the reviewers' desk: branches, open pull requests, what was merged or closed lately.

Place in the line: looked at once per command, by one listing each, before anything is decided.

    desk = look(place)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from controller import marker
from controller.errors import GitError, LeaseError
from controller.guardrails import Queue
from controller.lease import Lease, Ledger, parse
from controller.marker import Mark
from controller.plan import Action, Change
from controller.proposal import branch_of, desired, key, prefix, shared_branches
from controller.pull import PullRequest, Recent
from controller.standing import Settled, settled
from controller.workflow.place import Workplace


@dataclass(frozen=True, slots=True)
class Desk:
    """Branches with their tips, open pull requests by branch, recent ones, and the leases that wait.

    ``strays`` says of branches which pull request of theirs asks for another base. ``reopened`` gives, for leases
    that somebody had asked for again, the number of the last pull request about them that counts no more.
    """

    tips: Mapping[str, str]
    open: Mapping[str, PullRequest]
    recent: Recent
    waiting: Ledger
    notes: tuple[str, ...]
    reopened: Mapping[str, int] = field(default_factory=dict)
    strays: Mapping[str, str] = field(default_factory=dict)

    @property
    def queue(self) -> Queue:
        """What reviewers have before them, for the guardrails."""
        marks = [mark for x in self.open.values() for mark in marker.read(x.body)]
        return Queue(
            tuple(x.created for x in (*self.open.values(), *self.recent.pulls)),
            {(mark.lease.split("/")[1], mark.lease.split("/")[2]): mark.cost for mark in marks if mark.cost},
        )

    def about(self, lease: str) -> tuple[PullRequest, ...]:
        """Open pull requests that are about a lease (``environment/pool/id``)."""
        return tuple(x for x in self.open.values() if any(mark.lease == lease for mark in marker.read(x.body)))


def look(place: Workplace) -> Desk:
    """List what there is."""
    start = prefix(place.config.environment)
    tips = place.checkout.remote_branches(start)
    base, strays = place.config.repository.base_branch, dict[str, str]()
    pulls: dict[str, PullRequest] = {}
    for pull in place.forge.open_pulls(start):
        if pull.base == base:
            pulls[pull.head] = _marked(place, pull, tips)
        else:
            strays[pull.head] = f"#{pull.number} asks to merge {pull.head} into {pull.base}, not {base}"
    found = place.forge.recent_pulls(start)
    recent = replace(found, pulls=tuple(_marked(place, x, tips) for x in found.pulls if x.base == base))
    waiting, notes = _waiting(place, tips, recent)
    return Desk(tips, pulls, recent, waiting, notes, strays=strays)


def settled_by_people(place: Workplace, desk: Desk, change: Change) -> Settled | None:
    """Whether people refused what a change asks, or undid it; looks further back only where it must."""
    wanted, lease = desired(change), key(change.lease)
    for pull in desk.about(lease):
        if any(mark.desired == wanted and mark.lease == lease for mark in marker.read(pull.body)):
            return None  # it is open, so nobody has refused it, or somebody has opened it again
    after = desk.reopened.get(lease, 0)
    found = settled(change, (x for x in desk.recent.pulls if x.number > after))
    if found is not None or desk.recent.complete:
        return found
    pulls = {x.number: x for x in desk.recent.pulls}
    for branch in _branches(place, change):
        pulls |= {
            x.number: _marked(place, x, desk.tips) for x in place.forge.pulls_of(branch) if x.state != "open"
        }
    return settled(change, [pulls[n] for n in sorted(pulls) if n > after])


def _marked(place: Workplace, pull: PullRequest, tips: Mapping[str, str]) -> PullRequest:
    """The pull request with the marker that its branch still tells of, where people took it out of the body."""
    tip, parts = tips.get(pull.head), pull.head.split("/")
    shared = pull.head in shared_branches(place.config.environment)
    if tip is None or shared or len(parts) != 4 or marker.read(pull.body):
        return pull
    gives_back = pull.head.endswith("-release")
    lease = f"{parts[1]}/{parts[2]}/{parts[3].removesuffix('-release')}"
    action: Action = "release" if gives_back else "open"
    marks = [Mark(lease, action, x) for x in place.checkout.digests(tip)]
    return replace(pull, body=f"{pull.body}\n{marker.written(marks)}") if len(marks) == 1 else pull


def merged(place: Workplace, pull: PullRequest | None, tip: str) -> bool:
    """Whether what a branch asks has reached the base, by whatever method ``pull``, its newest, was merged."""
    if place.checkout.merged(tip):
        return True
    if pull is None or pull.state != "merged":
        return False
    # A squash leaves the branch as it was; a rebase may have moved it, and the forge tell of either commit.
    asked = [x.desired for x in marker.read(pull.body)]
    return pull.head_commit == tip or (bool(asked) and sorted(place.checkout.digests(tip)) == sorted(asked))


def _branches(place: Workplace, change: Change) -> tuple[str, ...]:
    if place.config.proposals.group_by == "environment":
        return shared_branches(place.config.environment)
    names = change.lease.environment, change.lease.pool, change.lease.id
    return branch_of("open", *names), branch_of("release", *names)


def _waiting(place: Workplace, tips: Mapping[str, str], recent: Recent) -> tuple[Ledger, tuple[str, ...]]:
    """Leases that are proposed and not merged, as their branches have them, and what could not be read.

    The branch says which lease it is, whoever committed last. Refused ones count too, so that the same ask finds
    its name again, and stays silent.
    """
    newest = {x.head: x for x in recent.pulls}
    leases: list[Lease] = []
    notes = []
    for branch, tip in tips.items():
        if branch.endswith("-release") or merged(place, newest.get(branch), tip):
            continue
        try:
            leases += _leases(place, branch, tip)
        except (GitError, LeaseError) as error:
            notes.append(f"{branch} is passed over: {error}")
    return tuple(leases), tuple(notes)


def _leases(place: Workplace, branch: str, tip: str) -> list[Lease]:
    """Leases that a branch opens or changes."""
    checkout, root = place.checkout, f"{place.where.path}/"
    if branch in shared_branches(place.config.environment):
        fork = checkout.fork(tip)
        paths = checkout.changed_paths(fork, tip) if fork else []
        paths = [x for x in paths if x.startswith(f"{root}leases/") and x.endswith(".json")]
    else:
        pool, _, name = branch.split("/", 2)[2].partition("/")
        paths = [f"{root}leases/{pool}/{name}.json"]
    texts = {path: checkout.read_at(tip, path).get(path) for path in paths}
    return [parse(text, path.removeprefix(root)) for path, text in texts.items() if text is not None]
