"""Where a forge is: API address, host and project, from the address of origin. Pure.

Place in the line: below ``connect``. The token goes to one host. That is origin's, or what the platform's rules
make of it; any other must be named by whoever gives the token, so that a changed setting leads it nowhere.

>>> find("github", "git@github.com:acme/infra.git")
Place(kind='github', api='https://api.github.com', project='acme/infra', web='github.com')
>>> find("gitlab", "https://git.example.org/acme/platform/infra.git").api
'https://git.example.org/api/v4'
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from controller.errors import ForgeError

Kind = Literal["github", "gitlab", "gitea"]
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?"
_TWO = re.compile(rf"{_PART}/{_PART}")
_MANY = re.compile(rf"{_PART}(?:/{_PART}){{1,20}}")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_SCP = re.compile(r"(?:[^@/:\s]+@)?(?P<host>[^/:@\s]+):(?!//)/*(?P<path>.+)")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_VERSIONS = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository's forge is; ``api`` has no slash at its end, ``web`` is origin's host (with a port)."""

    kind: Kind
    api: str
    project: str
    web: str

    @property
    def owner(self) -> str:
        """What is before the last slash of the project."""
        return self.project.rpartition("/")[0]

    @property
    def name(self) -> str:
        """What is after the last slash of the project."""
        return self.project.rpartition("/")[2]

    @property
    def graphql(self) -> str:
        """GitHub's address for GraphQL."""
        root = self.api.removesuffix("/v3")
        return f"{root}/graphql"


def find(
    kind: str, origin: str, *, api: str | None = None, project: str | None = None, token_host: str | None = None
) -> Place:
    """Say where the forge of ``origin`` is; what is given goes before what is derived.

    ``token_host`` is the host (with its port, if it has one) that may see the token although it is not origin's.

    Raises
    ------
    ForgeError
        If something is not what it should be, or the token would go to a host that nobody named.
    """
    for text in (origin, api or "", project or ""):
        if not text.isprintable():
            raise ForgeError("the address of origin, of the forge or of the project holds control characters")
    if kind not in get_args(Kind):
        raise ForgeError(f"{kind!r} is no kind of forge; choose {', '.join(get_args(Kind))} or local")
    chosen: Kind = kind  # type: ignore[assignment]
    host, path = _origin(origin)
    usual = _api(chosen, host) if host else ""
    address = _whole(chosen, _checked(api)) if api else usual
    if not address:
        raise ForgeError(
            f"origin names no host ({origin}); set repository.url and name its host in HEADROOM_TOKEN_HOST, "
            "or set repository.forge: local"
        )
    there = urlsplit(address).netloc
    if there != (urlsplit(usual).netloc if usual else None) and there != token_host:
        raise ForgeError(
            f"the token would go to {there}, which is not where origin is"
            f"{f' ({host})' if host else ''}; if that is right, set HEADROOM_TOKEN_HOST={there} beside the token"
        )
    name = path if project is None else project
    if not (_MANY if chosen == "gitlab" else _TWO).fullmatch(name) or any(
        x in ("..", ".") for x in name.split("/")
    ):
        raise ForgeError(f"{name!r} is no project of a {kind}; it looks like owner/name")
    return Place(chosen, address, name, host)


def _origin(origin: str) -> tuple[str, str]:
    """Host (with the port, where it is https) and path of a git URL; both may be empty."""
    if "://" in origin:
        try:
            parts = urlsplit(origin)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise ForgeError(
                "origin's URL cannot be read; correct it with `git remote set-url origin URL`"
            ) from None
        if parts.scheme not in ("https", "ssh", "http"):
            return "", ""
        path = parts.path
    elif found := _SCP.fullmatch(origin):
        host, port, path, parts = found["host"].lower(), None, found["path"], None
    else:
        return "", ""
    if not _HOST.fullmatch(host):
        raise ForgeError("origin's host cannot be read; correct it with `git remote set-url origin URL`")
    web = f"{host}:{port}" if port and parts is not None and parts.scheme != "ssh" else host
    host = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}.get(web, web)
    return host, path.strip("/").removesuffix(".git")


def _api(kind: Kind, host: str) -> str:
    if kind == "github" and host == "github.com":
        return "https://api.github.com"
    if kind == "github" and host.endswith(".ghe.com") and host.count(".") == 2:
        return f"https://api.{host}"
    return f"https://{host}{_VERSIONS[kind]}"


def _whole(kind: Kind, api: str) -> str:
    """Add the usual path to an address that names a host alone; GitHub's own API has none."""
    alone = not urlsplit(api).path and not (kind == "github" and urlsplit(api).netloc.startswith("api."))
    return f"{api}{_VERSIONS[kind]}" if alone else api


def _checked(api: str) -> str:
    """Pass an address of an API: https, or http to this machine itself; no user, no query."""
    try:
        parts = urlsplit(api)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ForgeError(
            f"{api!r} is no address of a forge; it looks like https://git.example.org/api/v4"
        ) from None
    loopback = host in _LOOPBACK
    plain = f"{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
    if parts.scheme == "http" and not loopback:
        raise ForgeError(f"{host}: a token is not sent over http; give an https address")
    odd = parts.query or parts.fragment or parts.scheme not in ("http", "https") or parts.netloc.lower() != plain
    if odd or not (loopback or _HOST.fullmatch(host)) or not re.fullmatch(r"[A-Za-z0-9._~/-]*", parts.path):
        raise ForgeError("the forge's address must be https://HOST[:PORT]/PATH, without user, query or fragment")
    return f"{parts.scheme}://{plain}{parts.path.rstrip('/')}"
