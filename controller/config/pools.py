"""Settings of one pool: whom it serves, how large it may be, what a node has and costs."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, model_validator

from controller.config.fields import Label, MisplacedError, Money, Nodes, Settings
from controller.config.quantity import STANDARD, amount
from controller.delay import Delay
from controller.lease import MOST_NODES, Size

Amount = Annotated[
    float, WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]})
]


class PlanAddress(Settings):
    """Where the Terraform plan shows a pool's counts, for ``headroom check``."""

    address: str = Field(min_length=3, max_length=300, description="Address of the resource in the plan.")
    floor: str = Field(description="Path of its minimum, such as min_size or scaling_config[0].min_size.")
    warm: str | None = Field(None, description="Path of its warm minimum; none where warm nodes run.")


class Pool(Settings):
    """One VM pool or node pool."""

    kind: Literal["vm", "node"] = Field(description="VM pool (warm nodes wait) or node pool (they run).")
    groups: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="Labels region/name of the user groups it serves; * stands for any text."
    )
    region: Label | None = Field(None, description="Region it lies in, for spill-over, quotas and data residency.")
    family: Label | None = Field(None, description="Instance family, for quotas and preferences.")
    base: Nodes = Field(description="Nodes without leases; the Terraform code says the same.")
    base_warm: Nodes = Field(0, description="Warm nodes without leases.")
    max: Annotated[int, Field(ge=1, le=MOST_NODES)] = Field(description="Most nodes, warm ones included.")
    node_capacity: Annotated[Mapping[str, Amount], Field(min_length=1)] = Field(
        description="What one node has, per resource, in the units of the usage or with a unit, such as 128 GiB."
    )
    units: Mapping[str, Label] = Field(
        {},
        description="Units of node_capacity, held against the usage's; filled in where amounts have one.",
    )
    target_utilisation: Annotated[float, Field(gt=0, le=1)] = Field(
        0.75, description="Share of a node that may be used before the next one is needed."
    )
    boot_minutes: Delay = Field(Delay(median=5), description="From the apply until a new node takes load.")
    autoscaler_minutes: Annotated[float, Field(gt=0, le=600)] | None = Field(
        None, description="An autoscaler follows the need, this late: only rises that outrun it are held."
    )
    price_per_hour: Money = Field(0, description="Price of a running node; 0: not known.")
    warm_state: Literal["stopped", "hibernated", "running"] | None = Field(
        None, description="How warm nodes wait; by default stopped (vm) or running (node)."
    )
    warm_price_per_hour: Money | None = Field(
        None, description="Price of a warm node; by default 0, and where it runs the price of a running one."
    )
    plan: PlanAddress | None = Field(None, description="Where the Terraform plan shows the pool.")

    @model_validator(mode="before")
    @classmethod
    def _with_units(cls, values: Any) -> Any:
        capacity = values.get("node_capacity") if isinstance(values, dict) else None
        if not isinstance(capacity, dict):
            return values
        written = {key: STANDARD[key] for key, x in capacity.items() if isinstance(x, str) and key in STANDARD}
        plain = {}
        for key, x in capacity.items():
            try:
                plain[key] = amount(str(key), x)
            except ValueError as error:
                raise MisplacedError(str(error), "node_capacity", str(key)) from error
        return values | {"node_capacity": plain, "units": written | (values.get("units") or {})}

    @property
    def warm_runs(self) -> bool:
        """Whether warm nodes run, and count into the pool's minimum, or wait beside it."""
        return self.kind == "node"

    @property
    def priced(self) -> bool:
        """Whether it is known what a node costs: 0 stands for a price that nobody gave."""
        return self.price_per_hour > 0

    @property
    def warm_price(self) -> float:
        """Price of a warm node per hour, as it waits."""
        if self.warm_price_per_hour is not None:
            return self.warm_price_per_hour
        return self.price_per_hour if self.warm_runs or self.warm_state == "running" else 0.0

    @property
    def size(self) -> Size:
        """Base, warm base and max as the fold takes them."""
        return Size(self.base, self.base_warm, self.max)

    @model_validator(mode="after")
    def _fits_together(self) -> "Pool":
        if self.base + self.base_warm > self.max:
            bases = self.base + self.base_warm
            raise ValueError(f"base + base_warm is {bases}, above max {self.max}; raise max, or lower a base")
        if self.warm_runs and self.warm_state not in (None, "running"):
            raise ValueError(f"warm nodes of a node pool run; warm_state is {self.warm_state}: leave it out")
        return self
