"""Servers that speak as GitHub, GitLab and Gitea do, for tests and benchmarks; see ``forges.server``."""

from forges.gitea import GiteaServer
from forges.github import GitHubServer
from forges.gitlab import GitLabServer
from forges.server import BOT, TOKEN, Call, ForgeServer
from forges.world import ConflictError, Pull, World

SERVERS = {"github": GitHubServer, "gitlab": GitLabServer, "gitea": GiteaServer}

__all__ = [
    "BOT",
    "SERVERS",
    "TOKEN",
    "Call",
    "ConflictError",
    "ForgeServer",
    "GitHubServer",
    "GitLabServer",
    "GiteaServer",
    "Pull",
    "World",
]
