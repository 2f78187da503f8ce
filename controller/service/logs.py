"""What the daemon says, as text or as JSON lines on standard error; secrets are taken out of URLs.

Place in the line: set up once, by the command line.

    set_up("json")
    logging.getLogger("headroom").info("run done", extra={"proposals": 2})
"""

import logging
import sys
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

from controller.edge.checkout.command import redact

Form = Literal["text", "json"]
LOGGER = "headroom"


def set_up(form: Form) -> logging.Logger:
    """Send the daemon's own log to standard error; other libraries keep to warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


class _Json(JsonFormatter):
    """One JSON object a line: time, level, message and what was said beside it."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
            json_ensure_ascii=False,
        )

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        return redact(super().format(record))


class _Text(logging.Formatter):
    """Time, level, message, and what was said beside it as key=value."""

    _KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")

    def format(self, record: logging.LogRecord) -> str:
        """Write one record, on one line but for a traceback."""
        more = {k: v for k, v in vars(record).items() if k not in self._KNOWN}
        said = " ".join(f"{k}={v}" for k, v in sorted(more.items()))
        return redact(f"{super().format(record)} {said}".rstrip())
