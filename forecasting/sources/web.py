"""One HTTP address: asked again while it is unwell, bounded in time and size, its secrets never shown.

Place in the line: under `prometheus`; the only home of `requests` in this package.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from forecasting.errors import UsageError
from forecasting.sources.answer import UnreachableError

TRIES = 5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_PIECE = 1 << 16
_UNWELL = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Web:
    """A way to one address; ``headers`` may hold secrets and are sent nowhere else."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    timeout_seconds: float
    patience_seconds: float
    most_bytes: int
    session: requests.Session = field(init=False, repr=False)

    def __post_init__(self) -> None:
        session = requests.Session()
        session.auth = lambda request: request  # anything but None keeps ``.netrc`` out
        session.trust_env = urlsplit(self.url).scheme == "https"  # no proxy sees a token in clear text
        session.headers.update({"User-Agent": "headroom", "Accept-Encoding": "identity"})
        object.__setattr__(self, "session", session)

    @property
    def host(self) -> str:
        """Host and port: what errors name."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    def redact(self, text: str) -> str:
        """Take the values of the headers out of what the other side says: a server may echo them."""
        for value in self.headers.values():
            for form in (value, value.partition(" ")[2]):
                text = text.replace(form, "***") if form else text
        return text

    def post(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a form that only asks; give status and body once the other side is well.

        Raises
        ------
        UnreachableError
            If it did not answer, or was unwell (429, 5xx) or cut its answer short, at every try.
        UsageError
            If it redirects, or the body is too large.
        """
        ends = time.monotonic() + self.patience_seconds
        pause, why = FIRST_PAUSE_SECONDS, ""
        for turn in range(TRIES):
            asked = pause
            try:
                status, body, wait = self._once(path, form)
                if status not in _UNWELL:
                    return status, body
                why, asked = f"it answers with status {status}", max(pause, wait)
            except requests.exceptions.SSLError as error:
                raise UnreachableError(
                    f"{self.host}: its certificate is not trusted; name the authority's file in REQUESTS_CA_BUNDLE"
                ) from error
            except (requests.exceptions.Timeout, TimeoutError):
                why = f"no whole answer within {self.timeout_seconds:g} s"
            except urllib3.exceptions.ReadTimeoutError:
                why = f"no whole answer within {self.timeout_seconds:g} s"
            except (urllib3.exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError):
                why = "the answer was cut short"
            except requests.exceptions.RequestException as error:
                why = (
                    "there is no connection"
                    if isinstance(error, requests.ConnectionError)
                    else type(error).__name__
                )
            if turn + 1 == TRIES or time.monotonic() + asked > ends:
                break
            time.sleep(asked)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        raise UnreachableError(f"{self.host}: {why}; is the address right, and the server well?")

    def _once(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes, float]:
        ends = time.monotonic() + self.timeout_seconds
        with self.session.post(
            self.url + path,
            data=form,
            headers=self.headers,
            timeout=self.timeout_seconds,
            stream=True,
            allow_redirects=False,  # the headers are for this address alone
        ) as answer:
            if answer.is_redirect or answer.is_permanent_redirect:
                to = urlsplit(answer.headers.get("location", "")).hostname or self.host
                raise UsageError(f"{self.host}: it redirects to {to}; write the right address in url")
            body = bytearray()
            while piece := answer.raw.read1(_PIECE):
                body += piece
                if len(body) > self.most_bytes:
                    raise UsageError(
                        f"{self.host}: the answer is larger than {self.most_bytes >> 20} MiB; ask for less: sum "
                        "by region and group in the query, a larger step, a smaller chunk (or raise most_mib)"
                    )
                if time.monotonic() > ends:
                    raise TimeoutError
            length = answer.headers.get("content-length", "")
            if length.isdigit() and len(body) < int(length):
                raise urllib3.exceptions.ProtocolError("cut short")
            wait = answer.headers.get("retry-after", "")
            pause = float(wait) if wait.isdigit() else 0.0
            return answer.status_code, bytes(body), min(pause, LONGEST_PAUSE_SECONDS)


def read_headers(path: Path) -> dict[str, str]:
    """Read a file of lines ``Name: value``; empty lines and those that begin with # are passed over.

    Raises
    ------
    UsageError
        Naming file and line, never the value.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: the headers cannot be read ({type(error).__name__})") from None
    headers = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        named = bool(name) and name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        if not (colon and named and value and value.isascii() and value.isprintable()):
            raise UsageError(f"{path}:{number}: this is no header; write it as Name: value")
        headers[name] = value
    return headers
