"""``/metrics``, ``/healthz`` and ``/readyz`` over HTTP, on loopback unless told otherwise.

Place in the line: beside the loop, in a thread of its own. It reads what the loop left and changes nothing.

    with served("127.0.0.1", 9464, metrics, pulse) as port:
        ...
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from controller.errors import HeadroomError
from controller.service.metrics import Metrics

CONTENT = "text/plain; version=0.0.4; charset=utf-8"
_LATE = 3  # intervals without a success, from which on the daemon counts as unhealthy
_PATIENCE_SECONDS = 10


@dataclass(slots=True)
class Pulse:
    """When a run succeeded last, on the monotonic clock, and how often one should."""

    every_seconds: float
    started: float
    succeeded: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def beat(self, now: float) -> None:
        """Note a success."""
        with self.lock:
            self.succeeded = now

    def healthy(self, now: float) -> bool:
        """Whether a run succeeded, or could not have yet, within the last three intervals."""
        with self.lock:
            last = self.started if self.succeeded is None else self.succeeded
        return now - last <= _LATE * self.every_seconds

    @property
    def ready(self) -> bool:
        """Whether a run has succeeded at all."""
        with self.lock:
            return self.succeeded is not None


@contextmanager
def served(host: str, port: int, metrics: Metrics, pulse: Pulse, clock: Callable[[], float]) -> Iterator[int]:
    """Serve until the block ends; yields the port, which ``port`` 0 leaves to the system.

    Raises
    ------
    HeadroomError
        If the address cannot be had.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_SECONDS  # who connects and says nothing holds no thread for ever
        server_version = "headroom"
        sys_version = ""

        def do_GET(self) -> None:
            answers = {
                "/metrics": (True, metrics.text(), b""),
                "/healthz": (pulse.healthy(clock()), b"ok\n", b"no run has succeeded for three intervals\n"),
                "/readyz": (pulse.ready, b"ok\n", b"no run has succeeded yet\n"),
            }
            asked = answers.get(self.path.partition("?")[0])
            if asked is None:
                self._answer(HTTPStatus.NOT_FOUND, b"there are /metrics, /healthz and /readyz\n")
            else:
                good, yes, no = asked
                self._answer(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, yes if good else no)

        def _answer(self, status: HTTPStatus, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", CONTENT)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing: a line for each scrape would drown what matters."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise HeadroomError(
            f"{host}:{port} cannot be listened on ({error}); choose another with --listen"
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
