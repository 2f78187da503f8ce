"""Settings of groups and regions: who comes first, and where a group's demand may go when its pool is full."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from controller.config.fields import Label, Probability, Settings

Milliseconds = Annotated[float, Field(ge=0, le=60_000)]


class Preference(Settings):
    """What the groups that a pattern names may ask for."""

    service_level: Probability | None = Field(None, description="Its pools hold at least this quantile.")
    priority: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        None, description="Where capacity is short, higher comes first; 0 where nothing is said."
    )
    pools: tuple[Label, ...] | None = Field(
        None, description="Pools that may take its overflow, the preferred first; by default those of its regions."
    )
    families: tuple[Label, ...] | None = Field(None, description="Instance families that its overflow may run on.")
    regions: tuple[Label, ...] | None = Field(
        None, description="Other regions that its overflow may go to, the preferred first; by default none."
    )
    latency_ms: Milliseconds | None = Field(None, description="Farthest that another region may be.")
    pinned: Label | None = Field(None, description="The one region its data may be in; nothing of it leaves.")


class Region(Settings):
    """One region."""

    latency_ms: Mapping[str, Milliseconds] = Field({}, description="How far other regions are from it.")
