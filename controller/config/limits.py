"""Settings of the guardrails: what no forecast may talk the environment into."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator

from controller.config.fields import Budget, Hours, Label, Minutes, Nodes, Probability, Settings
from controller.lease import LONGEST

Percent = Annotated[float, Field(gt=0, le=10_000)]
Count = Annotated[int, Field(ge=1, le=10_000)]


class Quota(Settings):
    """Most nodes of an instance family in a region, over all pools that have it."""

    family: Label | None = Field(None, description="Instance family; none stands for all.")
    region: Label | None = Field(None, description="Region; none stands for all.")
    nodes: Nodes = Field(description="Most nodes, floors and warm ones of all its pools together.")

    def covers(self, family: str | None, region: str | None) -> bool:
        """Whether a pool of this family and region counts into the quota."""
        return self.family in (None, family) and self.region in (None, region)


class Freeze(Settings):
    """A stretch of time in which nothing is proposed, again and again."""

    cron: str = Field(max_length=120, description="When it begins: minute hour day month weekday.")
    hours: Hours = Field(description="How long it lasts.")
    timezone: str = Field("UTC", max_length=60, description="IANA name, such as Europe/Berlin.")
    except_above: Probability | None = Field(
        None,
        description="Leases whose need exceeds what is held with this probability pass; none: nothing.",
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        try:
            CronSim(value, datetime(2026, 1, 1))  # noqa: DTZ001 - only the expression is looked at
        except CronSimError as error:
            raise ValueError(f"{value!r} is no cron expression ({error}); write 0 18 * * FRI") from error
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is no time zone; write Europe/Berlin") from error
        return value

    def until(self, now: datetime) -> datetime | None:
        """End of the freeze that ``now`` (UTC) lies in, None outside; of one after another, of the last.

        One that never ends is followed for as long as a lease may live.
        """
        end = self._single(now)
        while end is not None and end < now + LONGEST and (later := self._single(end)) is not None:
            end = later
        return end

    def _single(self, now: datetime) -> datetime | None:
        local = now.astimezone(ZoneInfo(self.timezone))
        # One minute on: going back from now itself would miss a freeze that begins this minute.
        start = next(CronSim(self.cron, local + timedelta(minutes=1), reverse=True), None)
        if start is None:
            return None
        end = start.astimezone(now.tzinfo) + timedelta(hours=self.hours)
        return end if now < end else None


class Limits(Settings):
    """Limits of one environment; what is not set does not limit."""

    step_up_nodes: Nodes | None = Field(None, description="Most nodes that a run raises a pool by.")
    step_up_percent: Percent | None = Field(None, description="The same, of what it holds; at least one node.")
    step_down_nodes: Nodes | None = Field(None, description="Most nodes that a run takes from a pool.")
    step_down_percent: Percent | None = Field(None, description="The same, of what it holds; at least one node.")
    budget_per_day: Budget | None = Field(None, description="Most that all leases may cost on a day (UTC).")
    budget_per_month: Budget | None = Field(None, description="Most that all leases may cost in a month (UTC).")
    quotas: tuple[Quota, ...] = Field((), description="Most nodes per instance family and region.")
    freezes: tuple[Freeze, ...] = Field((), description="When nothing is proposed.")
    open_proposals: Count | None = Field(None, description="Most proposals that wait for review at a time.")
    open_proposals_per_pool: Count | None = Field(None, description="The same, of one pool.")
    proposals_per_hour: Count | None = Field(None, description="Most pull requests that are opened in an hour.")
    stake: Budget | None = Field(
        None, description="Most that all open proposals may cost together, if none is ever given back."
    )
    cool_down_minutes: Minutes = Field(0, description="After a change of a pool's leases, nothing for so long.")
