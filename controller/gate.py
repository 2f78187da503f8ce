"""Configuration + ledger + Terraform plan → what CI must know before it applies.

Place in the line: after the pull request, in the user's CI. A plan may apply if it holds in every pool what
the leases say, and destroys nothing.

>>> Verdict(failures=("web: …",)).passed
False
"""

from dataclasses import dataclass
from datetime import datetime

from controller import planfile
from controller.config import Config, PlanAddress, Pool
from controller.errors import CheckError
from controller.lease import LONGEST, Held, Ledger, fold, stamp


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, in words; ``failures`` are reasons not to apply."""

    checked: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the plan may be applied."""
        return not self.failures

    def __add__(self, other: "Verdict") -> "Verdict":
        """Both verdicts together."""
        return Verdict(
            self.checked + other.checked, self.warnings + other.warnings, self.failures + other.failures
        )


def judge_ledger(config: Config, ledger: Ledger, now: datetime) -> Verdict:
    """Hold the lease files against the limits of the environment."""
    failures, warnings = [], []
    for lease in ledger:
        pool = config.pools.get(lease.pool)
        if pool is None:
            failures.append(f"{lease.path}: headroom.yaml has no pool {lease.pool}")
        elif lease.floor + lease.warm > pool.max:
            failures.append(
                f"{lease.path}: floor {lease.floor} and warm {lease.warm} exceed the pool's max {pool.max}"
            )
        if lease.expires - lease.starts > LONGEST:
            failures.append(f"{lease.path}: it expires over {LONGEST.days} days after its start, so hardly ever")
        if not lease.live(now):
            warnings.append(f"{lease.path}: expired {stamp(lease.expires)}; its release should be merged")
    count = f"{len(ledger)} lease file{'' if len(ledger) == 1 else 's'}"
    checked = (f"{count} valid and within limits",) if not failures else ()
    return Verdict(checked, tuple(warnings), tuple(failures))


def judge_plan(config: Config, ledger: Ledger, plan: planfile.PlanJson, now: datetime) -> Verdict:
    """Hold a Terraform plan against the leases.

    ``now`` is the moment at which its leases were folded; see :func:`folded_at`.
    """
    failures: list[str] = []
    warnings: list[str] = []
    for problem in planfile.problems(plan):
        (warnings if problem.kind == "check" else failures).append(f"the plan: {problem.message}")
    if failures:
        return Verdict(warnings=tuple(warnings), failures=tuple(failures))
    failures += [f"{address}: the plan destroys it" for address in planfile.destroys(plan)]
    known = {pool.plan.address for pool in config.pools.values() if pool.plan is not None}
    changed = planfile.summary(plan).changes
    warnings += [f"{x.address}: the plan changes it too ({x.action})" for x in changed if x.address not in known]
    checked = []
    held = fold(ledger, config.sizes, now)
    for name, pool in sorted(config.pools.items()):
        if pool.plan is None:
            warnings.append(f"{name}: headroom.yaml does not say where the plan shows it (pools.{name}.plan)")
            continue
        wrong = _differences(name, pool, pool.plan, held[name], plan)
        failures += wrong
        if not wrong:
            seen = pool.warm_runs or pool.plan.warm is not None
            warm = f"and warm {held[name].warm}" if seen else f"; warm is not checked (no pools.{name}.plan.warm)"
            checked.append(f"{name}: the plan holds floor {held[name].floor} {warm}")
    return Verdict(tuple(checked), tuple(warnings), tuple(failures))


def folded_at(plan: planfile.PlanJson) -> datetime:
    """The moment a plan's leases were folded at: its timestamp, unless its variable ``now`` set another."""
    set_to = ((plan.get("variables") or {}).get("now") or {}).get("value")
    if set_to is None:
        return planfile.timestamp(plan)
    try:
        moment = datetime.fromisoformat(set_to)
        if moment.tzinfo is None:
            raise ValueError("no offset from UTC")
        return moment
    except (TypeError, ValueError) as error:
        raise CheckError(f"the plan's variable now is {set_to!r}, which is no time") from error


def _differences(name: str, pool: Pool, shown: PlanAddress, held: Held, plan: planfile.PlanJson) -> list[str]:
    """Where the plan leaves a pool with other counts than its leases say (``ignore_changes`` does that)."""
    expected = {shown.floor: held.floor + (held.warm if pool.warm_runs else 0)}
    if shown.warm is not None:
        expected[shown.warm] = held.warm
    wrong = []
    for path, count in expected.items():
        try:
            found = planfile.value_at(plan, shown.address, path)
        except CheckError as error:
            wrong.append(f"{name}: {error}; see pools.{name}.plan in headroom.yaml")
            continue
        if found != count:
            wrong.append(
                f"{name}: the leases say {count}, but the plan leaves {shown.address} {path} at {found}; "
                "is it under ignore_changes, or does headroom.yaml have another base than the Terraform code?"
            )
    return wrong
