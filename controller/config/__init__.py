"""The settings of one environment, as frozen models; what in them contradicts itself; their JSON Schema.

Place in the line: read before every decision. ``configtext`` makes them of ``headroom.yaml``.

>>> Decide().confidence_threshold
0.8
"""

from controller.config.autonomy import Autonomy
from controller.config.environment import Config, Levels, schema
from controller.config.limits import Freeze, Limits, Quota
from controller.config.policy import Decay, Decide, LeadTimes
from controller.config.pools import PlanAddress, Pool
from controller.config.preferences import Preference, Region
from controller.config.repository import AutoMerge, Proposals, Repository

__all__ = [
    "AutoMerge", "Autonomy", "Config", "Decay", "Decide", "Freeze", "LeadTimes", "Levels", "Limits", "PlanAddress",
    "Pool", "Preference", "Proposals", "Quota", "Region", "Repository", "schema",
]  # fmt: skip
