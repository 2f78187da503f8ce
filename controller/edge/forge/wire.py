"""Calls to a forge's API: tried with patience, read as JSON, page by page; refusals explained.

Place in the line: between the forges and their client libraries, each of which is a function that sends one
request.

    wire = Wire("GitHub", send, Patience(), redact, "Contents and pull requests, write.")
    for item in wire.pages("/repos/acme/infra/pulls", {"state": "open"}, what="listing pull requests"): ...
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from controller.edge.forge.answers import Record, record, records
from controller.edge.forge.line import Answer, Silence
from controller.edge.forge.patience import Patience
from controller.edge.forge.refusal import Refused, explain
from controller.errors import ForgeError

Query = Mapping[str, str | int]
Send = Callable[[str, str, Query, Any], Answer | Silence]  # method, path below the API, query, JSON body
MOST_PAGES = 100
PER_PAGE = 100
_NEXT = re.compile(r'<[^>]*>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, slots=True)
class Wire:
    """The API of one forge. ``redact`` takes secrets out of a text; ``permissions`` is told where they lack."""

    forge: str
    send: Send = field(repr=False)
    patience: Patience = field(repr=False)
    redact: Callable[[str], str] = field(repr=False)
    permissions: str = ""
    per_page: int = PER_PAGE
    page_size_name: str = "per_page"

    def get(self, path: str, query: Query | None = None, *, what: str) -> Record:
        """Read one object."""
        return record(self._json(self._answer("GET", path, query or {}, None, what, repeatable=True)))

    def items(self, path: str, *, what: str) -> list[Record]:
        """Read a list that comes in one piece."""
        return list(records(self._json(self._answer("GET", path, {}, None, what, repeatable=True))))

    def page(
        self, path: str, query: Query, *, what: str, number: int = 1, key: str = ""
    ) -> tuple[list[Record], bool]:
        """Read one page of a list, and whether there are more; ``key`` names the list in an object."""
        asked = {**query, self.page_size_name: self.per_page, "page": number}
        answer = self._answer("GET", path, asked, None, what, repeatable=True)
        content = self._json(answer)
        items = records(record(content).get(key), key) if key else records(content)
        return list(items), bool(_NEXT.search(answer.headers.get("link", "")))

    def pages(
        self, path: str, query: Query, *, what: str, key: str = "", most: int = MOST_PAGES
    ) -> Iterator[Record]:
        """Read all pages of a list, one at a time.

        Raises
        ------
        ForgeError
            If there are more than ``most`` pages, beside what :meth:`write` raises.
        """
        for number in range(1, most + 1):
            items, more = self.page(path, query, what=what, number=number, key=key)
            yield from items
            if not more:
                return
        raise ForgeError(f"{what}: {self.forge} gives more than {most} pages; close what is no longer needed")

    def write(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, what: str, repeatable: bool = True
    ) -> Record:
        """Write, and read what the forge makes of it; an empty answer is an empty object.

        ``repeatable`` says that doing it twice is the same as doing it once.

        Raises
        ------
        Refused
            If the forge refuses it.
        Lost
            If it is unknown whether a call that is not repeatable was carried out.
        ForgeError
            If the forge cannot be reached, or answers what it should not.
        """
        answer = self._answer(method, path, {}, body, what, repeatable=repeatable)
        content = self._json(answer) if answer.body.strip() else {}
        return record(content) if isinstance(content, dict) else {}

    def _answer(self, method: str, path: str, query: Query, body: Any, what: str, *, repeatable: bool) -> Answer:
        def send() -> Answer | Silence:
            return self._redacted(self.send(method, path, query, body))

        answer = self.patience.persist(send, repeatable=repeatable, what=f"{self.forge}: {what}")
        if 200 <= answer.status < 300:
            return answer
        if 300 <= answer.status < 400:
            raise Refused(self._moved(answer, what), answer.status)
        said = _message(answer.body)
        raise Refused(explain(self.forge, answer.status, said, what, self.permissions), answer.status, said)

    def _redacted(self, said: Answer | Silence) -> Answer | Silence:
        """Take secrets out of all that came, before anybody looks at it."""
        if isinstance(said, Silence):
            return replace(said, why=self.redact(said.why))
        body = self.redact(said.body.decode("latin-1")).encode("latin-1")  # a token is ASCII, wherever it stands
        return Answer(said.status, {k: self.redact(v) for k, v in said.headers.items()}, body)

    def _moved(self, answer: Answer, what: str) -> str:
        where = urlsplit(answer.headers.get("location", "")).hostname or "elsewhere"
        return (
            f"{self.forge} answers {what} by pointing to {where}, where the token does not follow; "
            "if the repository was renamed or moved, set origin (and the forge's address) to the new one"
        )

    def _json(self, answer: Answer) -> Any:
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            kind = answer.headers.get("content-type", "nothing that says what it is")
            raise ForgeError(
                f"{self.forge} answers with something that is no JSON ({kind[:80]}); "
                "is the forge's address right, and nothing in between that asks to log in?"
            ) from None


def _message(body: bytes) -> str:
    """What the forge says of a refusal: the message and the messages within it."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(content, dict):
        return ""
    found = [content.get(name) for name in ("message", "error", "error_description")]
    for item in content.get("errors") or ():
        found.append(item.get("message") if isinstance(item, dict) else item)
    return "; ".join(x if isinstance(x, str) else json.dumps(x) for x in found if x)
