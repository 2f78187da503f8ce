"""How long reviews took → settings that know it.

Place in the line: before a decision. The configured time of a review is a guess; merged pull requests are
evidence.

>>> reviewed([(_NOON, _NOON + timedelta(hours=3)), (_NOON, None), (_NOON, _NOON - timedelta(hours=1))])
[180.0]
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from controller.config import Config
from controller.delay import learned

_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
_LATEST = 50  # merged pull requests: how a team reviewed a year ago says little of today


def reviewed(moments: Iterable[tuple[datetime, datetime | None]]) -> list[float]:
    """Minutes from opening to merging, oldest first; what is not merged is left out, and what no clock allows."""
    done = sorted((opened, merged) for opened, merged in moments if merged is not None and merged >= opened)
    return [(merged - opened) / timedelta(minutes=1) for opened, merged in done[-_LATEST:]]


def taught(config: Config, minutes: Sequence[float]) -> Config:
    """Settings with the review time that merged pull requests, in minutes each, teach, if they may learn."""
    times = config.lead_times
    if not times.learn or not minutes:
        return config
    review = learned(times.review_minutes, minutes)
    return config.model_copy(update={"lead_times": times.model_copy(update={"review_minutes": review})})
