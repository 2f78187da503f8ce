"""The token of the moment: given once, or made by a GitHub App and renewed before it ends.

Place in the line: between ``credentials`` and ``line``.

>>> Keyring(lambda: Minted(Secret("ghs_1234567890"), None)).headers("github")
{'Authorization': 'Bearer ghs_1234567890'}
"""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from controller.edge.forge.answers import Record, inner, instant, integer, text
from controller.edge.forge.credentials import App
from controller.edge.forge.secret import Secret, token
from controller.edge.forge.wire import Wire
from controller.errors import ForgeError

_MARGIN_SECONDS = 300.0
_NEEDED = {"contents": "write", "pull_requests": "write"}
_USED_IF_GRANTED = {"issues": "write", "checks": "read", "statuses": "read"}
_USERS = {"github": "x-access-token", "gitlab": "oauth2", "gitea": "oauth2"}


@dataclass(frozen=True, slots=True)
class Minted:
    """A token, and when it ends (seconds since 1970; None: nobody said)."""

    secret: Secret
    ends: float | None


@dataclass(slots=True)
class Keyring:
    """Gives the token that is good now, and takes all that were given out of a text."""

    mint: Callable[[], Minted] = field(repr=False)
    clock: Callable[[], float] = time.time
    _held: Minted | None = field(default=None, repr=False)
    _given: list[Secret] = field(default_factory=list, repr=False)

    def secret(self) -> Secret:
        """Give the token, a new one if the old one ends within five minutes."""
        held = self._held
        if held is None or (held.ends is not None and held.ends - self.clock() < _MARGIN_SECONDS):
            held = self._held = self.mint()
            self._given.append(held.secret)
        return held.secret

    def headers(self, kind: str) -> Mapping[str, str]:
        """Give the headers that prove who we are."""
        scheme = "token" if kind == "gitea" else "Bearer"
        return {"Authorization": f"{scheme} {self.secret().reveal()}"}

    def redact(self, text: str) -> str:
        """Take every token that was given out of a text."""
        for secret in self._given:
            text = secret.redact(text)
        return text

    def git_variables(self, kind: str, web: str, environment: Mapping[str, str]) -> dict[str, str]:
        """Give the variables with which git, in a process of its own, reaches ``https://web/`` by the same token.

        They go into the environment of that process alone: no URL, argument or file holds the token. They come
        after the settings that ``environment`` hands to git the same way. Redirects are not followed.
        """
        pair = base64.b64encode(f"{_USERS[kind]}:{self.secret().reveal()}".encode()).decode()
        self._given.append(Secret(pair))
        count = environment.get("GIT_CONFIG_COUNT", "0")
        first = int(count) if count.isascii() and count.isdecimal() else 0
        settings = (
            (f"http.https://{web}/.extraHeader", f"Authorization: Basic {pair}"),
            (f"http.https://{web}/.followRedirects", "false"),
        )
        variables = {"GIT_CONFIG_COUNT": str(first + len(settings))}
        for number, (name, value) in enumerate(settings, first):
            variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return variables


def app_proof(app: App) -> Callable[[], Mapping[str, str]]:
    """Give the headers of an App itself, signed anew for each call."""
    from github.Auth import AppAuth  # noqa: PLC0415 - a run with the local forge does not pay for it

    signer = AppAuth(app.number, app.key.reveal())

    def headers() -> Mapping[str, str]:
        signed = True
        try:
            proof = signer.create_jwt()
        except Exception:
            signed = False
        if not signed:
            raise ForgeError(
                "the private key of the GitHub App cannot be read; download a new one from its settings"
            )
        return {"Authorization": f"Bearer {proof}"}

    return headers


def mint_for_repository(wire: Wire, app: App, owner: str, name: str) -> Minted:
    """Have GitHub make a token for one repository, with what Headroom needs and no more.

    Raises
    ------
    ForgeError
        If the App is not installed there, or lacks a permission.
    """
    if app.installation is None:
        there = wire.get(f"/repos/{owner}/{name}/installation", what="looking for the App's installation")
    else:
        there = wire.get(f"/app/installations/{app.installation}", what="looking for the App's installation")
    granted = inner(there, "permissions")
    if lacking := [x for x in _NEEDED if granted.get(x) != "write"]:
        raise ForgeError(
            f"the App may not write {' and '.join(lacking)}; grant it in the App's settings, and accept it"
        )
    wanted = {**_NEEDED, **{x: how for x, how in _USED_IF_GRANTED.items() if _covers(granted, x, how)}}
    made = wire.write(
        "POST",
        f"/app/installations/{integer(there, 'id')}/access_tokens",
        {"repositories": [name], "permissions": wanted},
        what="making a token of the App",
    )
    return Minted(token(text(made, "token"), "the App's token"), instant(made, "expires_at").timestamp())


def _covers(granted: Record, name: str, how: str) -> bool:
    return granted.get(name) in ("write", how)
