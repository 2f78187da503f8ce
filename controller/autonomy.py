"""Profile → how surprising each pool was lately, and what that lets Headroom do by itself.

Place in the line: beside ``decide``; a guard keeps back what may not be proposed, ``finishing`` leaves merges to
people.

>>> from controller.config.autonomy import Autonomy
>>> alone((0.2, 1.4), Autonomy()), alone((0.2, 0.4), Autonomy())
(False, True)
"""

from collections.abc import Mapping

from controller.config import Config
from controller.config.autonomy import Autonomy
from forecasting.profile import DemandProfile

Surprise = tuple[float, float]
"""How much more, and how much less, came than was foreseen: 0 calm, 1 an alarm."""


def surprises(profile: DemandProfile | None, config: Config) -> dict[str, Surprise]:
    """Return the surprise of each pool; of none where the forecast kept no record."""
    if profile is None:
        return {}
    found = {name: profile.surprise(f"set:{name}") for name in sorted(config.pools)}
    return {name: x for name, x in found.items() if x is not None}


def alone(surprise: Surprise | None, settings: Autonomy) -> bool:
    """Whether the forge may merge a proposal by itself."""
    return surprise is None or settings.review_from is None or max(surprise) < settings.review_from


def kept_back(pool: str, asks: bool, surprise: Mapping[str, Surprise], settings: Autonomy) -> str:
    """Why a change of a pool is not proposed, in words; empty if it may be.

    A forecast that was too high asks for nothing, one that was too low lets nothing go.
    """
    limit = settings.forecast_only_from
    if limit is None or pool not in surprise:
        return ""
    above, below = surprise[pool]
    if asks and below >= limit:
        return f"less came lately than was foreseen (surprise {below:.1f}, forecast only from {limit:g})"
    if not asks and above >= limit:
        return f"more came lately than was foreseen (surprise {above:.1f}, forecast only from {limit:g})"
    return ""
