"""A forge's HTTP server on loopback: it keeps state, holds every call against the description, fails on command.

    with GitHubServer(origin.directory) as server:
        server.drop(on=r"POST .*/pulls$")            # carries it out, and hangs up instead of answering
        server.answer(429, {"Retry-After": "7"})     # the next call of any kind
        ...
    server.writes, server.lists                      # what was asked for

Leaving the block fails if a call or an answer was not what the description says.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from forges.description import Description, Operation, WrongError
from forges.world import BOT, World

TOKEN = "canary_0123456789abcdef0123456789abcdef"  # noqa: S105 - a test's own


class RefusalError(Exception):
    """What the forge refuses, with the words of its own."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        self.status, self.content = status, {"message": message, **more}


@dataclass(frozen=True)
class Call:
    """One request, as it came."""

    method: str
    target: str
    body: Any
    status: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class Failure:
    """What happens to a call that fits."""

    on: re.Pattern[str]
    times: int
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    done: bool = False  # carried out before it fails


@dataclass
class Page:
    """A list, to be given page by page."""

    items: list[Any]
    key: str = ""


Handler = Callable[[Operation, Any], tuple[int, Any]]


class ForgeServer:
    """What the three servers do alike."""

    forge: ClassVar[str]
    prefix: ClassVar[str]
    size_name: ClassVar[str] = "per_page"
    most_per_page: ClassVar[int] = 100
    closes_without_branch: ClassVar[bool] = True
    shared_numbers: ClassVar[bool] = True

    def __init__(self, repository: Path | None = None, project: str = "acme/infra", token: str = TOKEN) -> None:
        self.world = World(
            repository,
            closes_without_branch=self.closes_without_branch,
            shared_numbers=self.shared_numbers,
        )
        self.project, self.token = project, token
        self.description = Description(self.forge)
        self.calls: list[Call] = []
        self.problems: list[str] = []
        self.seen: list[str] = []  # Authorization headers
        self._failures: list[Failure] = []
        self._stale: tuple[int, set[int]] = (0, set())
        self._lock = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True

    # How it is reached.

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"http://{self.host}{self.prefix}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a controller needs to reach it."""
        return {"HEADROOM_TOKEN": self.token, "HEADROOM_TOKEN_HOST": self.host}

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        if kind is None:
            assert not self.problems, self.problems

    # What was asked.

    @property
    def writes(self) -> list[Call]:
        """Calls that write; a GraphQL query is none."""
        return [x for x in self.calls if x.method != "GET" and not _is_query(x)]

    @property
    def reads(self) -> list[Call]:
        """Calls that read."""
        return [x for x in self.calls if x not in self.writes]

    @property
    def lists(self) -> list[Call]:
        """Calls for a page of pull requests, merge requests or issues."""
        return [
            x
            for x in self.calls
            if x.method == "GET" and x.path.endswith(("/pulls", "/merge_requests", "/issues"))
        ]

    def forget(self) -> None:
        """Count from here."""
        self.calls.clear()

    # How it fails.

    def answer(
        self,
        status: int,
        headers: dict[str, str] | None = None,
        body: bytes = b'{"message": "on command"}',
        *,
        on: str = "",
        times: int = 1,
        done: bool = False,
    ) -> None:
        """Answer the next ``times`` calls whose "METHOD path" fits; ``done`` carries them out before."""
        self._failures.append(Failure(re.compile(on), times, status, headers or {}, body, done))

    def drop(self, *, on: str = "", times: int = 1, done: bool = True) -> None:
        """Hang up instead of answering; ``done`` carries the call out before."""
        self._failures.append(Failure(re.compile(on), times, done=done))

    def redirect(self, to: str, *, on: str = "", times: int = 1, status: int = 302) -> None:
        """Point elsewhere."""
        self.answer(status, {"Location": to}, b"", on=on, times=times)

    def stale(self, times: int = 1) -> None:
        """Leave pull requests and issues that open from now on out of the next ``times`` lists."""
        self._stale = times, {*self.world.pulls, *self.world.issues}

    # How it answers.

    def handlers(self) -> dict[tuple[str, str], Handler]:
        """Give what does each operation."""
        raise NotImplementedError

    def proves(self, authorization: str) -> bool:
        """Whether a header shows the right token."""
        return authorization == f"Bearer {self.token}"

    def special(self, method: str, target: str, body: Any) -> tuple[int, Any] | None:
        """Answer what the description does not tell."""
        return None

    def fresh(self, items: list[Any]) -> list[Any]:
        """Leave out what a stale list does not show."""
        times, known = self._stale
        if times <= 0:
            return items
        self._stale = times - 1, known
        return [x for x in items if x.number in known]

    def respond(self, method: str, target: str, authorization: str, body: Any) -> tuple[int, dict[str, str], Any]:
        """Answer one call, with the link to the next page."""
        path = target.partition("?")[0]
        if not self.proves(authorization):
            return 401, {}, {"message": "Bad credentials"}
        self.world.sync()
        special = self.special(method, target, body)
        if special is not None:
            return special[0], {}, special[1]
        if not path.startswith(self.prefix):
            return 404, {}, {"message": "Not Found"}
        operation = self.description.operation(method, target[len(self.prefix) :])
        self.description.check_request(operation, body)
        if not self._is_ours(operation):
            return 404, {}, {"message": "Not Found"}
        handler = self.handlers()[method, operation.template]
        try:
            status, content = handler(operation, body)
        except RefusalError as refusal:
            return refusal.status, {}, refusal.content
        headers: dict[str, str] = {}
        if isinstance(content, Page):
            content, headers = self._paged(content, operation, path)
        return status, headers, self.description.answer(operation, status, content)

    def _is_ours(self, operation: Operation) -> bool:
        given = operation.path
        if "owner" in given:
            return f"{given['owner']}/{given['repo']}" == self.project
        return "id" not in given or given["id"] == self.project

    def _paged(self, page: Page, operation: Operation, path: str) -> tuple[Any, dict[str, str]]:
        size = min(self.most_per_page, int(operation.query.get(self.size_name, "30")))
        number = int(operation.query.get("page", "1"))
        items = page.items[(number - 1) * size : number * size]
        headers = {}
        if number * size < len(page.items):
            query = urlencode({**operation.query, "page": number + 1})
            headers["Link"] = f'<http://{self.host}{path}?{query}>; rel="next"'
        return ({"total_count": len(page.items), page.key: items} if page.key else items), headers

    def failure(self, method: str, target: str) -> Failure | None:
        """Take the next failure that is meant for a call."""
        line = f"{method} {target.partition('?')[0]}"
        for failure in self._failures:
            if failure.times > 0 and failure.on.search(line):
                failure.times -= 1
                return failure
        return None

    def serve(
        self, method: str, target: str, authorization: str, body: Any
    ) -> tuple[int, dict[str, str], bytes] | None:
        """Do one call; None hangs up."""
        with self._lock:
            self.seen.append(authorization)
            failure = self.failure(method, target)
            status, headers, content = 0, {}, None
            if failure is None or failure.done:
                try:
                    status, headers, content = self.respond(method, target, authorization, body)
                except WrongError as error:
                    self.problems.append(str(error))
                    status, content = 400, {"message": f"wrong: {error}"}
            if failure is not None:
                status = failure.status or 0
            self.calls.append(Call(method, target, body, status))
            if failure is None:
                return status, headers, b"" if content is None else json.dumps(content).encode()
            return None if failure.status is None else (failure.status, failure.headers, failure.body)

    def who(self, name: str) -> dict[str, Any]:
        """A user, as all three forges tell of one."""
        return {"id": self.world.user(name), "login": name, "username": name, "name": name}


def _is_query(call: Call) -> bool:
    return call.path.endswith("/graphql") and "mutation" not in str(call.body)


def _handler(server: ForgeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length) if length else b""
            body = json.loads(text) if text else None
            try:
                answer = server.serve(self.command, self.path, self.headers.get("Authorization", ""), body)
            except Exception as error:
                server.problems.append(repr(error))
                answer = 500, {}, repr(error).encode()
                import traceback

                traceback.print_exc()
            if answer is None:
                self.close_connection = True
                return
            status, headers, content = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != 204:
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


__all__ = ["BOT", "TOKEN", "Call", "ForgeServer", "Page", "RefusalError"]
