"""Settings of the repository, of its forge, and of the pull requests that are opened there.

>>> AutoMerge(most_nodes=4).lets(4, 9.9), AutoMerge(most_cost=5).lets(4, 9.9)
(True, False)
"""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from controller.config.fields import Budget, Nodes, Settings

_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
# What GitHub, GitLab and Gitea all take as a user, a team or a bot.
Account = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,98}(\[bot\])?$")]
LabelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,48}$")]


class Repository(Settings):
    """Where proposals go, and who signs them."""

    base_branch: str = Field("main", description="Branch that pull requests are merged into.")
    forge: Literal["local", "github", "gitlab", "gitea"] = Field(
        "local", description="Forge that keeps the pull requests; local keeps them in the repository itself."
    )
    url: str | None = Field(
        None,
        pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?$",
        max_length=200,
        description="Where the forge is, if its host is not origin's: https://git.example.org.",
    )
    commits: Literal["git", "api"] = Field(
        "git", description="Who makes the commits: git here, or GitHub by its API, so that they show as verified."
    )
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


class AutoMerge(Settings):
    """Up to which size a proposal is merged by the forge itself, once its own rules (reviews, checks) are met."""

    most_nodes: Nodes | None = Field(None, description="Most nodes that it adds, floor and warm together.")
    most_cost: Budget | None = Field(None, description="Most that it costs if it is never given back.")

    @model_validator(mode="after")
    def _some_size(self) -> "AutoMerge":
        if self.most_nodes is None and self.most_cost is None:
            raise ValueError("needs a size: set most_nodes, most_cost or both")
        return self

    def lets(self, nodes: int, cost: float) -> bool:
        """Whether a change of this size may be merged by the forge."""
        within = self.most_nodes is None or nodes <= self.most_nodes
        return within and (self.most_cost is None or cost <= self.most_cost)


class Proposals(Settings):
    """How pull requests look, and who is asked."""

    group_by: Literal["lease", "environment"] = Field(
        "lease", description="One pull request for each lease, or one for all changes of the environment."
    )
    labels: tuple[LabelName, ...] = Field((), max_length=10, description="Labels beside Headroom's own.")
    reviewers: tuple[Account, ...] = Field((), max_length=15, description="Who is asked for a review.")
    teams: tuple[Account, ...] = Field((), max_length=15, description="Teams that are asked, by their short name.")
    assignees: tuple[Account, ...] = Field((), max_length=10, description="Whom it is assigned to.")
    draft: bool = Field(False, description="Whether proposals are opened as drafts.")
    auto_merge: AutoMerge | None = Field(
        None, description="Up to which size the forge merges by itself; none: never."
    )
    dashboard: bool = Field(True, description="Whether an issue shows what is held, proposed, silenced and short.")
