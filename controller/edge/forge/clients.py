"""The client libraries, each made to send one request over our one line, without retries or redirects.

Place in the line: between ``connect`` and ``line``. PyGithub and python-gitlab make the addresses and the
encoding; what they would do with an answer (follow, wait, retry, log its text) is passed by.

    send = through_pygithub(line)
    send("GET", "/repos/acme/infra/pulls", {"state": "open"}, None)
"""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

from controller.edge.forge.line import AGENT, Answer, Line, Silence
from controller.edge.forge.wire import PER_PAGE, Query, Send

_VERSION = "2022-11-28"
_GITHUB = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": _VERSION}
_JSON = {"Accept": "application/json"}


class _Came(Exception):  # noqa: N818 - carries an answer past a library, and is no error
    """An answer, on its way around a library."""

    def __init__(self, answer: Answer | Silence) -> None:
        self.answer = answer


def plainly(line: Line) -> Send:
    """Send as it is, for Gitea: none of its libraries is kept well."""

    def send(method: str, path: str, query: Query, body: Any) -> Answer | Silence:
        url = f"{line.api}{path}{f'?{urlencode(query)}' if query else ''}"
        return line.send(method, url, **_content(_JSON, body))

    return send


def through_pygithub(line: Line, graphql: str = "") -> Send:
    """Send by PyGithub's requester; ``graphql`` is the whole address for the path of that name."""
    from github.Requester import Requester  # noqa: PLC0415 - a run with the local forge does not pay for it

    requester = Requester(
        auth=None,
        base_url=line.api,
        timeout=int(line.limit_seconds),
        user_agent=AGENT,
        per_page=PER_PAGE,
        verify=True,
        retry=0,
        pool_size=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )
    address = urlsplit(line.api)

    def send(method: str, path: str, query: Query, body: Any) -> Answer | Silence:
        if path == "graphql":
            return line.send(method, graphql, **_content(_GITHUB, body))
        connection: Any = _Connection(line, f"{address.scheme}://{address.netloc}")
        try:
            requester.requestJson(method, path, dict(query), dict(_GITHUB), body, connection)
        except _Came as came:
            return came.answer
        raise AssertionError("PyGithub gave no answer")

    return send


def through_python_gitlab(line: Line) -> Send:
    """Send by python-gitlab's client; the token is the line's, so the client has none."""
    import gitlab  # noqa: PLC0415 - a run with the local forge does not pay for it

    class Backend:
        """What python-gitlab takes for a way to send; the answer goes around it."""

        client = None

        @staticmethod
        def prepare_send_data(_: Any, body: Any, raw: bool) -> SimpleNamespace:
            return SimpleNamespace(content_type="application/json", json=body, data=None)

        def http_request(self, *, method: str, url: str, json: Any, params: Any, **_: Any) -> None:
            whole = f"{url}?{urlencode(params, doseq=True)}" if params else url
            raise _Came(line.send(method.upper(), whole, **_content(_JSON, json)))

    root = line.api.removesuffix("/api/v4")
    client = gitlab.Gitlab(root, backend=Backend, timeout=line.limit_seconds, keep_base_url=True)

    def send(method: str, path: str, query: Query, body: Any) -> Answer | Silence:
        try:
            client.http_request(method.lower(), path, dict(query), body, obey_rate_limit=False, max_retries=0)
        except _Came as came:
            return came.answer
        raise AssertionError("python-gitlab gave no answer")

    return send


class _Connection:
    """What PyGithub takes for a connection; the answer goes around it."""

    def __init__(self, line: Line, root: str) -> None:
        self.line, self.root = line, root

    def request(
        self, verb: str, url: str, text: str | None, headers: Mapping[str, str], stream: bool = False
    ) -> None:
        body = text.encode() if text is not None else None
        raise _Came(self.line.send(verb, f"{self.root}{url}", headers=headers, body=body))


def _content(headers: Mapping[str, str], body: Any) -> dict[str, Any]:
    if body is None:
        return {"headers": headers}
    return {"headers": {**headers, "Content-Type": "application/json"}, "body": json.dumps(body).encode()}
