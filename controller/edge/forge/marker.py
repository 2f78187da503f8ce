r"""Hidden markers: how a comment or an issue of ours is found again. Pure.

Place in the line: used by ``remote``. The marker is the last line of a text, so a quotation of it is none.

>>> print(mark("Held until noon.", "window"))
Held until noon.
<BLANKLINE>
<!-- headroom:window -->
>>> bears(mark("Held.", "window"), "window"), bears("> <!-- headroom:window -->\n\nwhy?", "window")
(True, False)
"""

import re

from controller.errors import ForgeError

_KEY = re.compile(r"[a-z0-9](?:[a-z0-9._/-]{0,198}[a-z0-9])?")


def marker(key: str) -> str:
    """Give the marker of a key.

    Raises
    ------
    ForgeError
        If the key is not harmless in HTML: a–z, 0–9, hyphens, dots and slashes.
    """
    if not _KEY.fullmatch(key):
        raise ForgeError(f"{key!r} is no key of a comment or an issue (a–z, 0–9, . _ / -)")
    return f"<!-- headroom:{key} -->"


def mark(body: str, key: str) -> str:
    """Append the marker of a key, once."""
    return f"{strip(body, key)}\n\n{marker(key)}"


def strip(body: str, key: str) -> str:
    """Take the marker of a key out of a text, wherever people have put it."""
    lines = body.rstrip().splitlines()
    return "\n".join(line for line in lines if line.strip() != marker(key)).rstrip()


def holds(body: str, key: str) -> bool:
    """Whether the marker of a key is a line of a text, wherever."""
    return marker(key) in (line.strip() for line in body.splitlines())


def bears(body: str, key: str) -> bool:
    """Whether a text ends in the marker of a key."""
    return body.rstrip().rpartition("\n")[2].strip() == marker(key)
