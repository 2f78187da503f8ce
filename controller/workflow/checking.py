"""``check``: an environment, a plan and a base → a report of the gate.

Place in the line: the straight-line shell under ``headroom check``, in the user's CI. With a base, limits are
the base branch's, since a pull request's head could have raised its own.

    check(Path("environments/prod"), plan, now, base="origin/main").verdict.passed
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from controller.config import Config
from controller.configtext import parse
from controller.edge.checkout import Compared, compared
from controller.edge.files import CONFIG, environment_texts
from controller.errors import CheckError, ConfigError, LeaseError
from controller.gate import (
    Finding,
    Touched,
    Verdict,
    digest,
    folded_at,
    judge_change,
    judge_ledger,
    judge_plan,
    judge_reviewed,
    let_go,
)
from controller.gate.counts import counts
from controller.gate.forms import Report
from controller.lease import Ledger, parse_ledger
from controller.planfile import PlanJson, summary


def check(
    directory: Path,
    document: PlanJson | None,
    now: datetime,
    base: str | None = None,
    reviewed: Sequence[PlanJson] | None = None,
    accepted: str | None = None,
) -> Report:
    """Judge the lease files of a directory and, where there is one, the Terraform plan made from them.

    ``base`` is the branch that they are to be merged into, ``reviewed`` are plans that people have seen,
    ``accepted`` the digest of one that a person has passed without.
    """
    try:
        return _checked(directory, document, now, base, reviewed, accepted)
    except RecursionError as error:
        raise CheckError("the plan is nested too deeply to be looked through, so it cannot be passed") from error


def _checked(
    directory: Path,
    document: PlanJson | None,
    now: datetime,
    base: str | None,
    reviewed: Sequence[PlanJson] | None,
    accepted: str | None,
) -> Report:
    found = compared(directory, base, CONFIG) if base is not None else None
    where = found.where if found else directory.as_posix()
    config, ledger = _read(directory, found)
    touched = _touched(found) if found else None
    moment = now if document is None else folded_at(document)
    verdict = judge_ledger(config, ledger, moment, touched)
    if touched is not None:
        verdict = judge_change(touched, ledger, where) + verdict
    if document is None:
        return Report(where, verdict)
    verdict += judge_plan(config, ledger, document, moment)
    if document.get("errored"):
        return Report(where, verdict)
    if reviewed is not None:
        gone = let_go(config, ledger, document, moment)
        verdict += judge_reviewed(document, reviewed, accepted, gone)
    return Report(where, verdict, summary(document), counts(config, document), digest(document))


def refused(directory: Path, error: Exception) -> Report:
    """Make a report of what could not even be read, for forms that a forge shows; of leases, a finding each."""
    said = str(error).split("\n") if isinstance(error, LeaseError) else [str(error)]
    return Report(directory.as_posix(), Verdict(found=tuple(Finding("unreadable", x) for x in said)))


def _read(directory: Path, found: Compared | None) -> tuple[Config, Ledger]:
    """Leases as they lie there, with the settings of the base where it is known."""
    texts = environment_texts(directory)
    if found is not None:
        if found.settings is None:
            raise ConfigError(
                f"{found.where}/{CONFIG}: not on the base branch, whose limits hold; merge the settings first"
            )
        texts[CONFIG] = found.settings
    config = parse(texts[CONFIG], f"{directory}/{CONFIG}")
    ledger = parse_ledger({path: text for path, text in texts.items() if path != CONFIG})
    for lease in ledger:
        if lease.environment != config.environment:
            raise LeaseError(f"{directory}/{lease.path}: belongs to {lease.environment}, not {config.environment}")
    return config, ledger


def _touched(found: Compared) -> Touched:
    """Sort what a change touched into lease files and everything else."""
    start = f"{found.where}/leases/"

    def leases(paths: frozenset[str]) -> frozenset[str]:
        own = {x for x in paths if x.startswith(start) and x.endswith(".json")}
        return frozenset(x.removeprefix(f"{found.where}/") for x in own)

    every = found.added | found.changed | found.removed | found.odd
    strays = sorted(x for x in every if not (x.startswith(start) and x.endswith(".json")) or x in found.odd)
    return Touched(leases(found.added), leases(found.changed), leases(found.removed), tuple(strays))
