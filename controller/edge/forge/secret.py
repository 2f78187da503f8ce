"""A secret that shows nothing of itself, and takes itself out of the words of others.

Place in the line: below everything of a remote forge; tokens and keys travel as this until a request is signed.

>>> secret = Secret("ghp_1234567890")
>>> secret, f"{secret}"
(Secret(***), 'Secret(***)')
>>> secret.redact("500: token ghp_1234567890 is broken")
'500: token *** is broken'
"""

from urllib.parse import quote

from controller.errors import ForgeError

_HIDDEN = "***"


class Secret:
    """A token or key; :meth:`reveal` is the one way to its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return f"Secret({_HIDDEN})"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")

    def reveal(self) -> str:
        """Give the text itself: for a header, nothing else."""
        return self._text

    def redact(self, text: str) -> str:
        """Take the secret, as it is or quoted for a URL, out of a text."""
        for form in {self._text, quote(self._text, safe="")}:
            text = text.replace(form, _HIDDEN) if form else text
        return text


def token(text: str, source: str) -> Secret:
    """Pass what may stand in a header; white space around it goes.

    Raises
    ------
    ForgeError
        If it is empty, or holds what no token holds; the text itself is not told.
    """
    text = text.strip()
    if not text:
        raise ForgeError(f"{source} is empty; put the forge's token there")
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ForgeError(f"{source} holds something that is no token (spaces, control characters); write it anew")
    return Secret(text)
