"""What is planned, and what a reactive loop asks for → running nodes in steps of five minutes.

Place in the line: between what a policy decides and its score. Arrays are ``(knob, pool, step)``: one run of the
loop simulates every setting of a policy in every pool at once.

>>> asked = np.array([[[2, 2, 5, 5, 5, 3, 3, 3, 3, 3]]])
>>> stabilised(asked).ravel().tolist()
[2, 2, 5, 5, 5, 5, 5, 5, 3, 3]
"""

import numpy as np

from controller.capacity import Whole
from controller.replay.need import Floats, Need, whole
from controller.replay.roads import Delays

STEP_MINUTES = 5
STEPS_PER_HOUR = 60 // STEP_MINUTES
METRIC_STEPS = 1
"""Age of the metric that a reactive loop acts on."""
COOL_DOWN_STEPS = 3
"""A reactive loop lets nodes go that were not asked for over this long; then at once."""


def steps_of(need: Need) -> int:
    """Steps from the first decision to the end."""
    return int((need.nodes.shape[1] - need.first) * STEPS_PER_HOUR)


def by_step(hourly: Floats, need: Need) -> Floats:
    """Repeat what is known by the hour, ``(…, hour)``, in each step of the replay, ``(…, step)``."""
    return np.repeat(hourly[..., need.first :], STEPS_PER_HOUR, axis=-1)


def desired(need: Need, margins: Floats) -> Whole:
    """What target tracking asks for at each step, ``(knob, pool, step)``: the need of a while ago, and a margin.

    An hour that is not known asks for what the last known one did.
    """
    hourly = whole((1 + margins[:, None, None]) * need.known[None])
    steps = np.repeat(hourly, STEPS_PER_HOUR, axis=-1)
    first = need.first * STEPS_PER_HOUR - METRIC_STEPS
    return steps[..., first : first + steps_of(need)]


def stabilised(asked: Whole) -> Whole:
    """Hold the largest ask of the cool-down, so that nodes go only when none was asked for in all of it."""
    held = asked.copy()
    for back in range(1, COOL_DOWN_STEPS + 1):
        held[..., back:] = np.maximum(held[..., back:], asked[..., :-back])
    return held


def running(floors: Whole | None, asked: Whole | None, need: Need, delays: Delays) -> Whole:
    """Run the pools: nodes that take load at each step, ``(knob, pool, step)``.

    Parameters
    ----------
    floors
        What is planned; its nodes are up when it says so, since their boot is part of the road.
    asked
        What the reactive loop asks for; of these a node takes load once its boot is over, unless it runs already.
        One that is let go while it boots has booted for nothing.
    need
        Whose base and max bound both.
    delays
        Boot times, by the hour of the ask.
    """
    base, most = need.base[None, :, None], need.most[None, :, None]
    planned = base if floors is None else np.clip(floors, base, most)
    if asked is None:
        return np.broadcast_to(planned, np.broadcast_shapes(planned.shape, (1, 1, steps_of(need)))).copy()
    wanted = np.clip(stabilised(asked), base, most)
    planned = np.broadcast_to(planned, wanted.shape)
    boots = np.ceil(delays.boot[:, need.first :] / STEP_MINUTES).astype(np.int64)
    levels = np.arange(max(int(wanted.max()), int(planned.max())))
    # When each node, counted from the first, takes load; never, while nobody asks for it.
    never = np.iinfo(np.int64).max
    ready = np.where(levels < wanted[..., 0, None], 0, never)  # as the loop stood before the first step
    up = np.empty(wanted.shape, dtype=np.int32)
    for step in range(wanted.shape[-1]):
        target, floor = wanted[..., step, None], planned[..., step, None]
        boot = boots[None, :, step // STEPS_PER_HOUR, None]
        ready = np.where(levels < target, np.minimum(ready, step + boot), never)
        ready = np.where(levels < floor, np.minimum(ready, step), ready)
        up[..., step] = (ready <= step).sum(axis=-1)
    return up
