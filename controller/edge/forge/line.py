"""One HTTP line to one host: no redirects, no passwords from ``.netrc``, bounded in time and size.

Place in the line: below the client libraries, which all talk through it, so that a token has one way out.

>>> Answer(429, {"retry-after": "7"}, b"").headers["retry-after"]
'7'
"""

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from controller.errors import ForgeError

if TYPE_CHECKING:
    import requests

LIMIT_SECONDS = 30.0
MOST_BYTES = 32 * 1024 * 1024
AGENT = "headroom"
_SLOWEST = 4  # times the limit of one read, for a whole answer
_ODD = "is this the forge, and well?"
_CERTIFICATE = "is the address right, and its certificate one that this machine trusts (REQUESTS_CA_BUNDLE)?"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)  # what is not shown cannot show a token that a server echoes


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing came back.

    ``sent`` says whether the request may have reached the forge, ``advice`` what to do where another try is vain.
    """

    why: str
    sent: bool
    advice: str = ""


def _anonymous(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    return request


@dataclass(frozen=True, slots=True)
class Line:
    """A way to one host, ``api`` being the address that all requests begin with.

    ``authorise`` gives the headers that prove who we are; they are put on here, after the last check of the host.
    """

    api: str
    authorise: Callable[[], Mapping[str, str]] = field(repr=False)
    limit_seconds: float = LIMIT_SECONDS
    most_bytes: int = MOST_BYTES
    session: "requests.Session" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import requests  # noqa: PLC0415 - a run with the local forge does not pay for it

        session = requests.Session()
        session.auth = _anonymous  # anything but None keeps ``.netrc`` out
        session.trust_env = urlsplit(self.api).scheme == "https"  # no proxy sees a token in clear text
        session.headers["User-Agent"] = AGENT
        object.__setattr__(self, "session", session)

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer | Silence:
        """Send one request, once.

        Raises
        ------
        ForgeError
            If the address lies beyond the line's own; nothing is sent then.
        """
        import requests  # noqa: PLC0415

        self._within(url)
        proof = self.authorise()
        try:
            sent = self.session.request(
                method,
                url,
                headers={**headers, **proof},
                data=body,
                timeout=self.limit_seconds,
                allow_redirects=False,
                stream=True,
            )
            with closing(sent):
                content = self._read(sent)
        except requests.RequestException as error:
            # Told as words: the error itself holds the request, and that the token.
            vain = _CERTIFICATE if isinstance(error, requests.exceptions.SSLError) else ""
            return Silence(f"{type(error).__name__}: {_reason(error)}", _was_sent(error), vain)
        if content is None:
            return Silence("the answer is too large or too slow", sent=True, advice=_ODD)
        return Answer(sent.status_code, {k.lower(): v for k, v in sent.headers.items()}, content)

    def _read(self, sent: "requests.Response") -> bytes | None:
        content = bytearray()
        ends = time.monotonic() + _SLOWEST * self.limit_seconds
        for piece in sent.iter_content(65_536):
            content += piece
            if len(content) > self.most_bytes or time.monotonic() > ends:
                return None
        return bytes(content)

    def _within(self, url: str) -> None:
        own, other = urlsplit(self.api), urlsplit(url)
        if (own.scheme, own.netloc) != (other.scheme, other.netloc) or "@" in other.netloc:
            raise ForgeError(f"{other.hostname}: is not {own.hostname}, the one host that may see the token")


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = [error]
    while len(found) < 8:
        last = found[-1]
        inner = getattr(last, "reason", None) or last.__cause__ or last.__context__
        if inner is None and last.args and isinstance(last.args[0], BaseException):
            inner = last.args[0]
        if not isinstance(inner, BaseException):
            break
        found.append(inner)
    return found


def _reason(error: BaseException) -> str:
    last = _causes(error)[-1]
    return f"{type(last).__name__}{f' {last}' if isinstance(last, OSError) else ''}"


def _was_sent(error: BaseException) -> bool:
    """Whether the forge may have got the request: not if no connection came about."""
    from requests import exceptions  # noqa: PLC0415

    if isinstance(error, exceptions.ConnectTimeout | exceptions.SSLError | exceptions.InvalidURL):
        return False
    refused = (ConnectionRefusedError, socket.gaierror)
    return not any(isinstance(cause, refused) for cause in _causes(error))
