"""An environment with one small pool, and usage that asks for more."""

from datetime import timedelta

import numpy as np
from hierarchies import hierarchy_of

from controller.lease import stamp
from forecasting.sources.files import read

NEEDY = """\
environment: demo
pools:
  web: {kind: vm, groups: ["*"], base: 1, max: 400, node_capacity: {cpu: 16, memory: 64}, boot_minutes: 5}
"""


def usage_to(end, path):
    """Two weeks of two groups, by day and night, that end at a moment."""
    rows = ["timestamp,region,group,resource,value"]
    rng = np.random.default_rng(3)
    for hour in range(14 * 24, 0, -1):
        moment = end.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hour)
        for group, most in (("shop", 90), ("mail", 40)):
            cores = most * (1.2 - np.cos(2 * np.pi * moment.hour / 24)) * rng.uniform(0.9, 1.1)
            rows += [
                f"{stamp(moment)},eu,{group},cpu,{cores:.2f}",
                f"{stamp(moment)},eu,{group},memory,{cores:.2f}",
            ]
    path.write_text("\n".join(rows))
    hierarchy_of(read(path)).save(path.with_suffix(".nc"))  # what might have been learnt of it: quick
    return path
