"""Settings of what Headroom may do by itself, by how surprising the last days were.

>>> Autonomy().review_from
1.0
"""

from typing import Annotated

from pydantic import Field

from controller.config.fields import Settings

Factor = Annotated[float, Field(gt=0, le=10)]


class Autonomy(Settings):
    """What surprise takes away; a factor of 0 is calm, 1 an alarm, 2 the most. It comes back with calm days."""

    review_from: Factor | None = Field(
        1.0,
        description="From this surprise on, to either side, nothing of the pool is merged by the forge itself.",
    )
    forecast_only_from: Factor | None = Field(
        2.0,
        description="From this surprise on the pool is only forecast: where less came than was foreseen nothing "
        "new is asked for, where more came nothing is let go before it expires.",
    )
