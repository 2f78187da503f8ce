"""Running nodes → what they cost, what was missing, and how restless they were.

Place in the line: the score of a policy. Hours whose need is not known are not scored, in cost neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from controller.capacity import Whole
from controller.replay.capacity import STEPS_PER_HOUR, by_step
from controller.replay.need import Floats, Need

_ENOUGH = 1e-6  # nodes; less is rounding


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over pools and scored hours, each an array ``(knob,)``.

    Parameters
    ----------
    node_hours, warm_node_hours
        Of running and of warm nodes.
    cost
        In the currency of the configuration, or node-hours where there is no price.
    needed, short
        Node-hours at the target utilisation: needed in all, and needed while they did not run.
    hours, hours_short
        Pool-hours, and those of them in which something was short.
    worst
        Largest shortfall of a pool at any step, in nodes.
    steps
        Changes of a pool's running nodes.
    requests
        Pull requests that were opened: each new lease, each change of a merged one, each release.
    pushes
        Newer versions of a pull request that waited for review.
    notices, notice_minutes
        Requests for more capacity, and the minutes from their opening to their merge-by, summed.
    """

    node_hours: Floats
    warm_node_hours: Floats
    cost: Floats
    needed: Floats
    short: Floats
    hours: Floats
    hours_short: Floats
    worst: Floats
    steps: Floats
    requests: Floats
    pushes: Floats
    notices: Floats
    notice_minutes: Floats

    @property
    def short_share(self) -> Floats:
        """Share of the demand-hours that was short."""
        share: Floats = self.short / self.needed
        return share


def tally(
    nodes: Whole,
    need: Need,
    *,
    warm: Whole | None = None,
    requests: Floats | float = 0.0,
    pushes: Floats | float = 0.0,
    notices: Floats | float = 0.0,
    notice_minutes: Floats | float = 0.0,
) -> Tally:
    """Score running nodes, and warm ones if any, ``(knob, pool, step)``.

    Warm nodes cost what they cost and count as no capacity: how soon they take load is not simulated.
    """
    knobs = nodes.shape[0]
    skipped = (need.scored - need.first) * STEPS_PER_HOUR
    wanted = by_step(need.nodes, need)[:, skipped:]
    scored = np.isfinite(wanted)
    held = nodes[..., skipped:]
    run = np.where(scored, held, 0).sum(axis=-1) / STEPS_PER_HOUR
    idle = np.zeros_like(run)
    if warm is not None:
        idle = np.where(scored, warm[..., skipped:], 0).sum(axis=-1) / STEPS_PER_HOUR
    short = np.maximum(np.where(scored, wanted, 0.0) - held, 0.0)
    by_hour = (short > _ENOUGH).reshape(*short.shape[:2], -1, STEPS_PER_HOUR).any(axis=-1)
    each = np.ones(knobs)
    return Tally(
        node_hours=run.sum(axis=1),
        warm_node_hours=idle.sum(axis=1),
        cost=run @ need.price + idle @ need.warm_price,
        needed=each * float(np.nansum(wanted)) / STEPS_PER_HOUR,
        short=short.sum(axis=(1, 2)) / STEPS_PER_HOUR,
        hours=each * float(scored.sum()) / STEPS_PER_HOUR,
        hours_short=by_hour.sum(axis=(1, 2)).astype(np.float64),
        worst=short.max(axis=(1, 2)),
        steps=(np.diff(held, axis=-1) != 0).sum(axis=(1, 2)).astype(np.float64),
        requests=each * requests,
        pushes=each * pushes,
        notices=each * notices,
        notice_minutes=each * notice_minutes,
    )


def total(parts: Sequence[Tally]) -> Tally:
    """Add tallies of different pools."""
    sums = {}
    for name in (field.name for field in fields(Tally)):
        values = np.stack([getattr(part, name) for part in parts])
        sums[name] = values.max(axis=0) if name == "worst" else values.sum(axis=0)
    return Tally(**sums)
