"""Settings of the decisions: when and how much to ask for, how long that takes, when to let go."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from controller.config.fields import Hours, Minutes, Nodes, Probability, Settings
from controller.delay import Delay
from controller.lease import MOST_NODES

SERVICE_LEVEL, SHADOW_LEVEL = 0.9, 0.98


class Decide(Settings):
    """When a lease is proposed, and how large it is."""

    confidence_threshold: Probability = Field(
        0.8, description="Probability that the need exceeds what is held, above which a lease is proposed."
    )
    service_level: Probability | None = Field(
        None,
        description="Quantile of the window's largest need that the floor holds. By default from costs, "
        f"where a shortfall has a price, else {SERVICE_LEVEL}.",
    )
    shadow_level: Probability | None = Field(
        None,
        description="Quantile up to which capacity is kept warm. By default from costs, where a shortfall has a "
        f"price, else {SHADOW_LEVEL}.",
    )
    shortfall_cost_per_node_hour: Annotated[float, Field(gt=0, le=1e9)] | None = Field(
        None, description="What an hour without a needed node costs: the service level is then q* = Cu/(Cu + Co)."
    )
    review_cost: Annotated[float, Field(ge=0, le=1e6)] = Field(
        12,
        description="What one more pull request costs, in node-hours: windows join where that is cheaper.",
    )
    longest_window_hours: Annotated[int, Field(ge=1, le=24 * 31)] = Field(
        48, description="A longer window becomes several leases."
    )
    expiry_margin_hours: Annotated[float, Field(ge=0, le=24 * 31)] = Field(
        24,
        description="From the end of the window to the lease's expiry: time to review the release. "
        "With 0 a lease goes at the next scheduled apply after its window, without one.",
    )
    propose_ahead_hours: Hours | None = Field(
        None,
        description="Windows that start later than this wait for a newer forecast. By default the lead time at "
        "its quantile, and propose_margin_hours.",
    )
    propose_margin_hours: Hours = Field(
        6,
        description="Time from one run to the next: a window that starts sooner cannot wait.",
    )
    profile_age_hours: Hours = Field(24, description="A forecast older than this asks for nothing new.")
    hysteresis_nodes: Nodes = Field(1, description="Changes of a proposal up to this size are left alone.")
    hysteresis_hours: Annotated[int, Field(ge=0, le=48)] = Field(
        2, description="The same for the ends of its window."
    )

    @property
    def hour_threshold(self) -> float:
        """P(need > held) from which on an hour belongs to a window: it is covered with less than the confidence.

        Never above the confidence threshold itself, or a lower one would ask for less.
        """
        return min(self.confidence_threshold, 1 - self.confidence_threshold)

    @model_validator(mode="after")
    def _levels_in_order(self) -> "Decide":
        service = self.service_level
        least = service or (SERVICE_LEVEL if self.shortfall_cost_per_node_hour is None else 0)
        if self.shadow_level is not None and self.shadow_level < least:
            raise ValueError(f"shadow_level must be at least service_level, {least:g}; raise it, or leave it out")
        if service is not None and self.shortfall_cost_per_node_hour is not None:
            raise ValueError("service_level and shortfall_cost_per_node_hour both set it; leave one out")
        return self


class LeadTimes(Settings):
    """How long it takes from an open pull request to running nodes, besides the pool's boot time."""

    review_minutes: Delay = Field(Delay(median=240), description="From opening to merging.")
    ci_minutes: Delay = Field(Delay(median=15), description="From the merge to the end of the apply.")
    quantile: Probability = Field(0.9, description="Share of lead times that a proposal is early enough for.")
    learn: bool = Field(True, description="Whether merged pull requests teach how long a review takes.")
    merge: Literal["on-approval", "when-due"] = Field(
        "on-approval", description="When approved requests are merged; what is merged early is held early."
    )


class Decay(Settings):
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
    cool_down_minutes: Minutes = Field(60, description="After a step down, a lease is left alone for so long.")
    outage_fall: Probability = Field(
        0.5,
        description="A group whose usage is under this share of its usual, and was not before, fell.",
    )
    outage_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="Share of a region's groups that fall together, from which on an outage is suspected."
    )
    outage_hold_hours: Annotated[float, Field(ge=0, le=24 * 7)] = Field(
        6, description="How long a suspected outage holds what is held; 0 switches the guard off."
    )
