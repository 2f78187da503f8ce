"""A remote forge, ready for use: place, credentials and patience put together.

Place in the line: what ``workflow`` calls where a repository's settings name a forge that is not ``local``.

    remote = connect("github", "https://github.com/acme/infra.git", os.environ)
    remote.forge.open_pulls("headroom/demo/")
    remote.git_variables(os.environ)     # for git, to push by the same token
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.edge.forge import Commits, Forge
from controller.edge.forge.clients import plainly, through_pygithub, through_python_gitlab
from controller.edge.forge.credentials import TOKEN_HOST, App, Token, read
from controller.edge.forge.dialect import Dialect
from controller.edge.forge.gitea import PER_PAGE, Gitea
from controller.edge.forge.github import GitHub
from controller.edge.forge.githubcommits import GitHubCommits
from controller.edge.forge.gitlab import GitLab
from controller.edge.forge.keyring import Keyring, Minted, app_proof, mint_for_repository
from controller.edge.forge.line import LIMIT_SECONDS, Line
from controller.edge.forge.patience import Patience
from controller.edge.forge.place import Place, find
from controller.edge.forge.remote import RemoteForge
from controller.edge.forge.wire import Wire
from controller.errors import ForgeError

_NAMES = {"github": "GitHub", "gitlab": "GitLab", "gitea": "Gitea"}
_PERMISSIONS = {
    "github": "It needs contents and pull requests: write (and issues: write for the dashboard issue).",
    "gitlab": "It needs the role Developer and the scope api.",
    "gitea": "It needs write:repository, write:issue and read:user.",
}


@dataclass(frozen=True, slots=True)
class Remote:
    """A forge and what git needs to push to the repository that it keeps; ``commits`` where it makes them too."""

    forge: Forge
    place: Place
    keyring: Keyring = field(repr=False)
    commits: Commits | None = None

    def git_variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Give the variables for a git that pushes over https; see :meth:`Keyring.git_variables`."""
        if not self.place.web:
            return {}
        return self.keyring.git_variables(self.place.kind, self.place.web, environment)


def connect(
    kind: str,
    origin: str,
    environment: Mapping[str, str],
    *,
    api: str | None = None,
    project: str | None = None,
    patience: Patience | None = None,
    limit_seconds: float = LIMIT_SECONDS,
) -> Remote:
    """Reach the forge of ``origin``, with the credentials of an environment; nothing is sent yet.

    ``api`` and ``project`` are what origin's URL does not tell; ``limit_seconds`` bounds one request.

    Raises
    ------
    ForgeError
        If the kind, the address or the credentials are refused.
    """
    place = find(kind, origin, api=api, project=project, token_host=environment.get(TOKEN_HOST))
    credentials = read(environment)
    patience = patience or Patience()
    keyring = _keyring(place, credentials, patience, limit_seconds)
    line = Line(place.api, lambda: keyring.headers(place.kind), limit_seconds)
    dialect, commits = _dialect(place, line, keyring, patience), None
    if isinstance(dialect, GitHub):
        commits = GitHubCommits(dialect.wire, dialect.owner, dialect.name, patience)
    return Remote(RemoteForge(dialect, patience), place, keyring, commits)


def _dialect(place: Place, line: Line, keyring: Keyring, patience: Patience) -> Dialect:
    name, permissions = _NAMES[place.kind], _PERMISSIONS[place.kind]
    if place.kind == "github":
        send = through_pygithub(line, place.graphql)
        return GitHub(Wire(name, send, patience, keyring.redact, permissions), place.owner, place.name)
    if place.kind == "gitlab":
        return GitLab(
            Wire(name, through_python_gitlab(line), patience, keyring.redact, permissions), place.project
        )
    wire = Wire(name, plainly(line), patience, keyring.redact, permissions, PER_PAGE, "limit")
    return Gitea(wire, place.owner, place.name)


def _keyring(place: Place, credentials: Token | App, patience: Patience, limit_seconds: float) -> Keyring:
    if isinstance(credentials, Token):
        return Keyring(lambda: Minted(credentials.secret, None), patience.clock)
    if place.kind != "github":
        raise ForgeError(f"an App signs in at GitHub alone; set HEADROOM_TOKEN for {place.kind}")
    line = Line(place.api, app_proof(credentials), limit_seconds)
    wire = Wire("GitHub", through_pygithub(line), patience, credentials.key.redact, _PERMISSIONS["github"])
    return Keyring(lambda: mint_for_repository(wire, credentials, place.owner, place.name), patience.clock)
