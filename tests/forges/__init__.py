"""Servers that speak as GitHub, GitLab and Gitea do, for tests and benchmarks.

from forges import GitHubServer
from forges.fixtures import connected

with GitHubServer(origin.directory) as server:          # branches are those of the bare repository
    forge = connected(server).forge
    pull = forge.open(title="Hold 8 nodes", body="…", head=branch, base="main", draft=False, now=now)
    server.world.approve(pull.number, "ada")            # people: also request_changes, dismiss, comment, edit,
    server.world.merge(pull.number, "squash")           # close, reopen, revert, delete_branch, check, run
    server.drop(on=r"POST .*/comments$")                # see also answer, redirect, stale
    server.forget(); ...; assert not server.writes      # calls, reads, writes, lists
"""

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
