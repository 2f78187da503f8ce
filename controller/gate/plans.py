"""A Terraform plan, held against the leases → what speaks against applying it.

Place in the line: the half of the gate that needs a plan. It may be applied if it is whole, holds in every pool
what the leases say, and destroys nothing.
"""

from datetime import datetime

from controller import planfile
from controller.config import Config, PlanAddress, Pool
from controller.errors import CheckError
from controller.gate.verdict import Finding, Verdict
from controller.lease import Held, Ledger, fold

# What the leases module's check of expired leases says. A release must pass while another expired lease still lies
# there, and the gate judges expiry itself, by who brought the lease in: here it is a warning.
_EXPIRED = "Expired, so no longer counted; release them: "


def judge_plan(config: Config, ledger: Ledger, plan: planfile.PlanJson, now: datetime) -> Verdict:
    """Hold a Terraform plan against the leases.

    ``now`` is the moment at which its leases were folded; see :func:`folded_at`.
    """
    broken = [_problem(x) for x in planfile.problems(plan)]
    if any(x.rule == "broken-plan" for x in broken):
        return Verdict(found=tuple(broken))
    known = {pool.plan.address for pool in config.pools.values() if pool.plan is not None}
    found = [*broken, *_beside(plan, known), *_above_desired(plan)]
    checked = []
    held = fold(ledger, config.sizes, now)
    for name, pool in sorted(config.pools.items()):
        if pool.plan is None:
            text = f"{name}: headroom.yaml does not say where the plan shows it (pools.{name}.plan)"
            found.append(Finding("not-shown", text, level="warning"))
            continue
        wrong = _differences(name, pool, pool.plan, held[name], plan)
        found += wrong
        if not wrong:
            seen = pool.warm_runs or pool.plan.warm is not None
            warm = f"and warm {held[name].warm}" if seen else f"; warm is not checked (no pools.{name}.plan.warm)"
            checked.append(f"{name}: the plan holds floor {held[name].floor} {warm}")
    return Verdict(tuple(checked), tuple(found))


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


def _problem(problem: planfile.Problem) -> Finding:
    if problem.kind != "check":
        return Finding("broken-plan", f"the plan: {problem.message}")
    expired = problem.name == "expired" and all(x.startswith(_EXPIRED) for x in problem.messages)
    text = f"the plan: {problem.message}"
    return Finding("failed-check", text, level="warning" if expired and problem.messages else "failure")


def _beside(plan: planfile.PlanJson, pools: set[str]) -> list[Finding]:
    """What the plan does beside moving counts: destroying is refused, other changes are told."""
    destroyed = planfile.destroys(plan)
    found = [Finding("destroys", f"{address}: the plan destroys it") for address in destroyed]
    for change in planfile.summary(plan).changes:
        if change.action in ("forget", "replace") and change.address not in destroyed:
            text = f"{change.address}: the plan takes it out of Terraform's hands"
            found.append(Finding("destroys", text))
        elif change.address not in pools and change.action in ("create", "update"):
            text = f"{change.address}: the plan changes it too ({change.action})"
            found.append(Finding("also-changes", text, level="warning"))
    return found


def _above_desired(plan: planfile.PlanJson) -> list[Finding]:
    """Node groups that EKS would refuse: their minimum is raised above a desired size that stays."""
    found = []
    for address in planfile.addresses(plan, "aws_eks_node_group"):
        try:
            minimum, desired = (
                planfile.value_at(plan, address, f"scaling_config[0].{x}") for x in ("min_size", "desired_size")
            )
        except CheckError:  # known only after applying, so it is created
            continue
        if isinstance(minimum, int) and isinstance(desired, int) and minimum > desired:
            text = (
                f"{address}: its minimum would be {minimum} and its desired size {desired}, which EKS refuses; "
                "raise desired_size with min_size, as templates/terraform/modules/aws_node_pool does"
            )
            found.append(Finding("minimum-above-desired", text))
    return found


def _differences(name: str, pool: Pool, shown: PlanAddress, held: Held, plan: planfile.PlanJson) -> list[Finding]:
    """Where the plan leaves a pool with other counts than its leases say (``ignore_changes`` does that)."""
    expected = {shown.floor: held.floor + (held.warm if pool.warm_runs else 0)}
    if shown.warm is not None:
        expected[shown.warm] = held.warm
    wrong = []
    for path, count in expected.items():
        try:
            found = planfile.value_at(plan, shown.address, path)
        except CheckError as error:
            wrong.append(Finding("not-shown", f"{name}: {error}; see pools.{name}.plan in headroom.yaml"))
            continue
        if found != count:
            text = (
                f"{name}: the leases say {count}, but the plan leaves {shown.address} {path} at {found}; "
                "is it under ignore_changes, or does headroom.yaml have another base than the Terraform code?"
            )
            wrong.append(Finding("no-effect", text))
    return wrong
