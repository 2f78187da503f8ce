"""Tokens, from the environment or a file: what is given, and what it becomes.

Place in the line: below ``connect`` and ``workflow``. A token is never an argument, a setting or part of a URL.

>>> read({"HEADROOM_TOKEN": "glpat-1234"})
Token(secret=Secret(***))
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.edge.forge.secret import Secret, token
from controller.errors import ForgeError

TOKEN_HOST = "HEADROOM_TOKEN_HOST"  # noqa: S105 - the name of a variable
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is used as it is."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App, whose key signs for short-lived tokens; ``installation`` None is asked for."""

    number: str
    key: Secret
    installation: int | None = None


Credentials = Token | App


def read(variables: Mapping[str, str]) -> Credentials:
    """Read credentials from the variables of an environment, and the files that they name.

    Raises
    ------
    ForgeError
        If there are none, or several, or a file cannot be read; nothing of their text is told.
    """
    given = {name for name, value in variables.items() if value.strip()}
    plain = given & {"HEADROOM_TOKEN", "HEADROOM_TOKEN_FILE"}
    keys = given & {"HEADROOM_GITHUB_APP_KEY", "HEADROOM_GITHUB_APP_KEY_FILE"}
    app = given & {"HEADROOM_GITHUB_APP_ID"} | keys
    if plain and app:
        raise ForgeError(f"both {_names(plain)} and {_names(app)} are set; unset one of them")
    for both in (plain, keys):
        if len(both) > 1:
            raise ForgeError(f"{_names(both)} are set; unset one of them")
    if plain:
        name = plain.pop()
        return Token(token(_text(variables, name), name))
    if not app:
        raise ForgeError(
            "there is no token: set HEADROOM_TOKEN or HEADROOM_TOKEN_FILE (GitHub Apps: HEADROOM_GITHUB_APP_ID "
            "and HEADROOM_GITHUB_APP_KEY_FILE); docs/forges.md says what it must be allowed to do"
        )
    return _app(variables, keys)


def _app(variables: Mapping[str, str], keys: set[str]) -> App:
    number = variables.get("HEADROOM_GITHUB_APP_ID", "").strip()
    if not keys or not number:
        raise ForgeError("a GitHub App needs both: HEADROOM_GITHUB_APP_ID, and HEADROOM_GITHUB_APP_KEY_FILE")
    if not (number.isascii() and number.replace(".", "").isalnum()):
        raise ForgeError("HEADROOM_GITHUB_APP_ID is no id of an App; it is on the App's settings page")
    name = keys.pop()
    key = _text(variables, name).strip()
    if "PRIVATE KEY-----" not in key:
        raise ForgeError(f"{name} holds no private key in PEM form; download one from the App's settings page")
    installation = variables.get("HEADROOM_GITHUB_INSTALLATION_ID", "").strip()
    if installation and not (installation.isascii() and installation.isdecimal()):
        raise ForgeError("HEADROOM_GITHUB_INSTALLATION_ID is no number; leave it out to have it looked up")
    return App(number, Secret(f"{key}\n"), int(installation) if installation else None)


def _text(variables: Mapping[str, str], name: str) -> str:
    """Text of a variable, or of the file that it names."""
    if not name.endswith("_FILE"):
        return variables[name].replace("\\n", "\n")
    path = Path(variables[name])
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ForgeError(f"{name}: {path} is too large to be a token or key; name the right file")
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ForgeError(f"{name}: {path} is no text; name the right file") from None
    except OSError as error:
        raise ForgeError(
            f"{name}: {path} cannot be read ({error.strerror}); is it there, and may you read it?"
        ) from None


def _names(names: set[str]) -> str:
    return " and ".join(sorted(names))
