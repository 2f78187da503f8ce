"""The whole of ``headroom.yaml``, and its JSON Schema.

>>> Levels.of_costs(shortfall=19.0, price=1.0, warm_price=0.1)
Levels(service=0.95, shadow=0.994..., why='Cu/(Cu + Co) of 19 and 1')
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from controller.config.autonomy import Autonomy
from controller.config.fields import MisplacedError, Settings, matches
from controller.config.limits import Limits
from controller.config.policy import SERVICE_LEVEL, SHADOW_LEVEL, Decay, Decide, LeadTimes
from controller.config.pools import Pool
from controller.config.preferences import Preference, Region
from controller.config.repository import Proposals, Repository
from controller.delay import quantile_of_sum
from controller.lease import NAME, Size

_HIGHEST = 0.9999  # a quantile that draws can still tell from the largest


@dataclass(frozen=True, slots=True)
class Levels:
    """Quantiles of a window's largest need that the floor and the warm nodes of a pool reach to, and why these."""

    service: float
    shadow: float
    why: str

    @classmethod
    def of_costs(cls, shortfall: float, price: float, warm_price: float) -> "Levels":
        """The newsvendor's quantiles q* = Cu / (Cu + Co) (Arrow, Harris & Marschak, Econometrica 1951).

        Cu is what an hour without a needed node costs, Co what an hour of a running or of a warm one does.
        """
        service = min(_HIGHEST, shortfall / (shortfall + price))
        shadow = min(_HIGHEST, shortfall / (shortfall + min(price, warm_price)))
        return cls(service, shadow, f"Cu/(Cu + Co) of {shortfall:g} and {price:g}")


class Config(Settings):
    """The whole of ``headroom.yaml``."""

    environment: str = Field(description="Name in branches, trailers and leases.")
    engine: Literal["terraform", "pulumi"] = Field("terraform", description="What applies the leases.")
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    repository: Repository = Repository()
    proposals: Proposals = Proposals()
    decide: Decide = Decide()
    lead_times: LeadTimes = LeadTimes()
    decay: Decay = Decay()
    autonomy: Autonomy = Autonomy()
    limits: Limits = Limits()
    groups: Mapping[str, Preference] = Field(
        {}, description="Preferences by pattern of labels; entries that match are laid over one another, in order."
    )
    regions: Mapping[str, Region] = Field({}, description="Regions, for how far they are from one another.")
    pools: Mapping[str, Pool]

    @model_validator(mode="after")
    def _names_are_harmless(self) -> "Config":
        for at, name in (("environment",), self.environment), *((("pools", x), x) for x in self.pools):
            if not NAME.fullmatch(name):
                said = f"{name!r} is no name; allowed are 1–40 of a–z, 0–9 and inner hyphens"
                raise MisplacedError(said, *at)
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

    def preference(self, label: str) -> Preference:
        """What a group may ask for: every entry that matches its label, a later one over an earlier one."""
        found: dict[str, Any] = {}
        for pattern, entry in self.groups.items():
            if matches(label, pattern):
                found |= {key: value for key, value in entry if value is not None}
        return Preference.model_construct(**found)

    def levels(self, pool_name: str, groups: Iterable[str]) -> Levels:
        """Service and shadow level of a pool: the environment's, or the strictest of the groups that share it."""
        pool, settings = self.pools[pool_name], self.decide
        if settings.shortfall_cost_per_node_hour is not None:
            found = Levels.of_costs(settings.shortfall_cost_per_node_hour, pool.price_per_hour, pool.warm_price)
        else:
            found = Levels(settings.service_level or SERVICE_LEVEL, SHADOW_LEVEL, "as configured")
        if settings.shadow_level is not None:
            found = replace(found, shadow=settings.shadow_level)
        if self.groups:
            for label in groups:
                asked = self.preference(label).service_level
                if asked is not None and asked > found.service:
                    found = replace(found, service=asked, why=f"the strictest of its groups, {label}")
        return replace(found, shadow=max(found.service, found.shadow))

    def ready_in(self, pool: str) -> timedelta:
        """Time from the merge of a pull request to running nodes of ``pool``, at the quantile of lead times."""
        parts = (self.lead_times.ci_minutes, self.pools[pool].boot_minutes)
        return timedelta(minutes=quantile_of_sum(parts, self.lead_times.quantile))

    def lead_in(self, pool: str) -> timedelta:
        """Time from an open pull request to running nodes of ``pool``, at the same quantile."""
        parts = (self.lead_times.review_minutes, self.lead_times.ci_minutes, self.pools[pool].boot_minutes)
        return timedelta(minutes=quantile_of_sum(parts, self.lead_times.quantile))

    def look_ahead(self, pool: str) -> timedelta:
        """How soon a window of ``pool`` starts that is proposed now and not at a later run."""
        settings = self.decide
        if settings.propose_ahead_hours is not None:  # reviews may turn out to take longer than was thought
            return max(timedelta(hours=settings.propose_ahead_hours), self.lead_in(pool))
        return self.lead_in(pool) + timedelta(hours=settings.propose_margin_hours)


def schema() -> dict[str, Any]:
    """JSON Schema of ``headroom.yaml``, for editors."""
    return Config.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
