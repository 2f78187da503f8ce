"""The settings of one environment, as frozen models; their JSON Schema.

Place in the line: read before every decision. ``configtext`` makes them of ``headroom.yaml``.

>>> Decide().confidence_threshold
0.8
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from controller.lease import MOST_NODES, NAME, Size

Nodes = Annotated[int, Field(ge=0, le=MOST_NODES)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Hours = Annotated[float, Field(gt=0, le=24 * 92)]
Minutes = Annotated[float, Field(ge=0, le=60 * 24 * 14)]
Money = Annotated[float, Field(ge=0, le=1e6)]
Amount = Annotated[float, Field(gt=0, le=1e9)]
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)


class Repository(_Settings):
    """Where proposals go, and who signs them."""

    base_branch: str = Field("main", description="Branch that pull requests are merged into.")
    forge: Literal["local"] = Field("local", description="Forge that keeps the pull requests.")
    author_name: str = Field("Headroom", min_length=1, max_length=80, description="Author of its commits.")
    author_email: str = Field(
        "headroom@localhost",
        pattern=r"^[^\s<>@]+@[^\s<>@]+$",
        max_length=120,
        description="By this address it knows its own commits; give it to nobody else.",
    )

    @field_validator("base_branch")
    @classmethod
    def _harmless_ref(cls, value: str) -> str:
        if not _BRANCH.fullmatch(value) or ".." in value or "//" in value or value.endswith((".lock", "/")):
            raise ValueError("is no harmless branch name (letters, digits, . _ / -)")
        return value


class Decide(_Settings):
    """When a lease is proposed, and how large it is."""

    confidence_threshold: Probability = Field(
        0.8, description="Probability that the need exceeds what is held, above which a lease is proposed."
    )
    service_level: Probability = Field(0.9, description="Quantile of the needed nodes that the floor holds.")
    shadow_level: Probability = Field(0.98, description="Quantile up to which capacity is kept warm.")
    window_gap_hours: Annotated[int, Field(ge=0, le=48)] = Field(
        3, description="Windows closer than this are one window."
    )
    longest_window_hours: Annotated[int, Field(ge=1, le=24 * 31)] = Field(
        48, description="A longer window becomes several leases."
    )
    expiry_margin_hours: Hours = Field(
        24, description="From the end of the window to the lease's expiry: time to review the release."
    )
    propose_ahead_hours: Hours = Field(
        72, description="Windows that start later than this wait for a newer forecast."
    )
    hysteresis_nodes: Nodes = Field(1, description="Changes of a proposal up to this size are left alone.")
    hysteresis_hours: Annotated[int, Field(ge=0, le=48)] = Field(
        2, description="The same for the ends of its window."
    )

    @model_validator(mode="after")
    def _levels_in_order(self) -> "Decide":
        if self.shadow_level < self.service_level:
            raise ValueError("shadow_level must be at least service_level")
        return self


class LeadTimes(_Settings):
    """How long it takes from an open pull request to running nodes, besides the pool's boot time."""

    review_minutes: Minutes = Field(240, description="Usual time from opening to merging; less is short notice.")
    ci_minutes: Minutes = Field(15, description="From the merge to the end of the apply.")


class Decay(_Settings):
    """When capacity is let go."""

    usage_threshold: Probability = Field(
        0.7, description="Share of the held nodes below which they count as unneeded."
    )
    half_life_hours: Hours = Field(2, description="Half-life of the unneeded part of a lease.")
    grace_hours: Annotated[float, Field(ge=0, le=24 * 14)] = Field(
        2, description="Hours after the start, or after the last need, before anything decays."
    )
    usage_age_hours: Hours = Field(
        3, description="Usage that ends longer ago than this says nothing: leases are held until it is back."
    )
    minimum_step_nodes: Annotated[int, Field(ge=1, le=MOST_NODES)] = Field(
        2, description="A lease is stepped down by at least this many nodes, or released, or left alone."
    )


class PlanAddress(_Settings):
    """Where the Terraform plan shows a pool's counts, for ``headroom check``."""

    address: str = Field(min_length=3, max_length=300, description="Address of the resource in the plan.")
    floor: str = Field(description="Path of its minimum, such as min_size or scaling_config[0].min_size.")
    warm: str | None = Field(None, description="Path of its warm minimum; none where warm nodes run.")


class Pool(_Settings):
    """One VM pool or node pool."""

    kind: Literal["vm", "node"] = Field(description="VM pool (warm nodes wait) or node pool (they run).")
    groups: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="Labels region/name of the user groups it serves; * stands for any text."
    )
    base: Nodes = Field(description="Nodes without leases; the Terraform code says the same.")
    base_warm: Nodes = Field(0, description="Warm nodes without leases.")
    max: Annotated[int, Field(ge=1, le=MOST_NODES)] = Field(description="Most nodes, warm ones included.")
    node_capacity: Annotated[Mapping[str, Amount], Field(min_length=1)] = Field(
        description="What one node has, per resource, in the units of the usage."
    )
    target_utilisation: Annotated[float, Field(gt=0, le=1)] = Field(
        0.75, description="Share of a node that may be used before the next one is needed."
    )
    boot_minutes: Minutes = Field(5, description="From the apply until a new node takes load.")
    price_per_hour: Money = Field(0, description="Price of a running node.")
    warm_price_per_hour: Money = Field(0, description="Price of a warm node.")
    plan: PlanAddress | None = Field(None, description="Where the Terraform plan shows the pool.")

    @property
    def warm_runs(self) -> bool:
        """Whether warm nodes run, and count into the pool's minimum, or wait stopped beside it."""
        return self.kind == "node"

    @property
    def size(self) -> Size:
        """Base, warm base and max as the fold takes them."""
        return Size(self.base, self.base_warm, self.max)

    @model_validator(mode="after")
    def _sizes_in_order(self) -> "Pool":
        if self.base + self.base_warm > self.max:
            raise ValueError(f"base + base_warm is {self.base + self.base_warm}, above max {self.max}")
        return self


class Config(_Settings):
    """The whole of ``headroom.yaml``."""

    environment: str = Field(description="Name in branches, trailers and leases.")
    engine: Literal["terraform", "pulumi"] = Field("terraform", description="What applies the leases.")
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    repository: Repository = Repository()
    decide: Decide = Decide()
    lead_times: LeadTimes = LeadTimes()
    decay: Decay = Decay()
    pools: Mapping[str, Pool]

    @model_validator(mode="after")
    def _names_are_harmless(self) -> "Config":
        for name in (self.environment, *self.pools):
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name; allowed are 1–40 of a–z, 0–9 and inner hyphens")
        return self

    @field_validator("pools")
    @classmethod
    def _some_pool(cls, value: Mapping[str, Pool]) -> Mapping[str, Pool]:
        if not value:
            raise ValueError("must name at least one pool")
        return value

    @property
    def sizes(self) -> dict[str, Size]:
        """Size of each pool, for the fold."""
        return {name: pool.size for name, pool in self.pools.items()}

    def ready_in(self, pool: str) -> timedelta:
        """Time from the merge of a pull request to running nodes of ``pool``."""
        return timedelta(minutes=self.lead_times.ci_minutes + self.pools[pool].boot_minutes)


def schema() -> dict[str, Any]:
    """JSON Schema of ``headroom.yaml``, for editors."""
    return Config.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
