"""Scores of every policy → one document: each setting, the frontier, and the headline.

Place in the line: the end of a replay; `headroom replay -o json` prints it as it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from controller.replay.frontier import LEVELS, cost_at, front, share_of_saving
from controller.replay.need import Need
from controller.replay.policies import ORACLE, STATIC, Outcome


def summarise(outcomes: Sequence[Outcome], need: Need, currency: str) -> dict[str, Any]:
    """Put scores into one document; numbers are rounded no further than JSON does."""
    costs = {
        x.policy: {level: cost_at(level, x.tally.short_share, x.tally.cost) for level in LEVELS} for x in outcomes
    }
    nothing = dict.fromkeys(LEVELS)
    static, oracle = costs.get(STATIC, nothing), costs.get(ORACLE, nothing)
    return {
        "weeks": need.weeks,
        "pools": list(need.pools),
        "cost_unit": currency if need.priced else "node-hours",
        "needed_node_hours": float(outcomes[0].tally.needed[0]),
        "levels": list(LEVELS),
        "policies": {
            x.policy: {
                "knob": x.knob,
                "at": {
                    f"{level:.1%}": {
                        "cost": costs[x.policy][level],
                        "share_of_oracle_saving": share_of_saving(
                            static[level], costs[x.policy][level], oracle[level]
                        ),
                        "nearest": nearest(x, level),
                    }
                    for level in LEVELS
                },
                "settings": [row(x, place, need.weeks) for place in range(len(x.settings))],
                "frontier": front(x.tally.short_share, x.tally.cost).tolist(),
            }
            for x in outcomes
        },
    }


def nearest(outcome: Outcome, level: float) -> int | None:
    """Cheapest setting that is no more than so much short; None where there is none."""
    shares, costs = outcome.tally.short_share, outcome.tally.cost
    fits = np.flatnonzero(shares <= level)
    return int(fits[np.argmin(costs[fits])]) if len(fits) else None


def row(outcome: Outcome, place: int, weeks: float) -> dict[str, Any]:
    """Score of one setting."""
    scored, setting = outcome.tally, outcome.settings[place]
    notices = float(scored.notices[place])
    return {
        "plan": setting.plan,
        "reactive_margin": setting.margin,
        "told_of_autoscaler": setting.told,
        "node_hours": float(scored.node_hours[place]),
        "warm_node_hours": float(scored.warm_node_hours[place]),
        "cost": float(scored.cost[place]),
        "short_share": float(scored.short_share[place]),
        "hours_short_share": float(scored.hours_short[place] / scored.hours[place]),
        "worst_shortfall_nodes": float(scored.worst[place]),
        "pull_requests_per_week": float(scored.requests[place] / weeks),
        "pushes_per_week": float(scored.pushes[place] / weeks),
        "steps_per_week": float(scored.steps[place] / weeks),
        "minutes_to_merge_by": float(scored.notice_minutes[place]) / notices if notices else None,
    }
