"""A clipped change → the demand that it leaves uncovered, and what could be done about it.

Place in the line: under the guards, and under ``message``: a plan and a pull request say the same of it.
"""

from controller.plan import Change, ForecastEvidence, Shortfall

# Guards that say what there is, not when: what they leave short must go elsewhere, or wait.
_CEILINGS = {"at_most_max", "within_quotas", "within_budget_per_day", "within_budget_per_month"}
_ELSEWHERE = "let its groups spill to another pool (groups.<pattern>.pools), or queue what can wait"


def shortfall(change: Change, granted: int | None = None) -> Shortfall | None:
    """Say what a guard leaves short of the service level's need; None where nothing, or no guard did it.

    ``granted`` are the nodes that are held in the window in the end; by default those of the change.
    """
    evidence, lease = change.evidence, change.lease
    if change.action == "release" or not isinstance(evidence, ForecastEvidence):
        return None
    nodes = max(evidence.held, lease.floor) if granted is None else granted
    needed = evidence.largest.quantile(evidence.service_level)
    # A clip that leaves the risk as it was took nothing that is needed.
    causes = [x for x in change.clips if x.risk is not None and x.risk[1] > x.risk[0]]
    if nodes >= needed or not causes:
        return None
    remedies = [x.remedy for x in causes if x.remedy]
    if any(x.guard in _CEILINGS for x in causes):
        remedies.append(_ELSEWHERE)
    return Shortfall(
        pool=lease.pool,
        starts=lease.starts,
        ends=lease.ends,
        needed=needed,
        granted=nodes,
        probability=evidence.largest.above(nodes),
        missing=evidence.largest.missing(nodes),
        cause="; ".join(dict.fromkeys(x.reason for x in causes)),
        suggestion="; or ".join(dict.fromkeys(remedies)),
        left_short=tuple(sorted(evidence.unserved, key=lambda x: (-x[1], x[0]))),
    )
