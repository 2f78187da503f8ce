"""Kinds of values that only a daemon takes: an interval, an address.

Place in the line: under ``headroom run``.
"""

from datetime import timedelta
from typing import Any

import click

_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Span(click.ParamType[timedelta]):
    """A stretch of time: 90s, 15m, 1h."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse the option's text."""
        if isinstance(value, timedelta):
            return value
        number, unit = str(value)[:-1], str(value)[-1:]
        if not number.isascii() or not number.isdigit() or unit not in _SECONDS or len(number) > 6:
            self.fail(f"{value!r} is no time; write 15m, 1h or 90s", param, ctx)
        found = timedelta(seconds=int(number) * _SECONDS[unit])
        if not timedelta(seconds=10) <= found <= timedelta(days=1):
            self.fail(f"{value!r} is not between 10s and 24h", param, ctx)
        return found


class Address(click.ParamType[tuple[str, int]]):
    """An address to listen on: host:port, or a port on loopback."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Parse the option's text."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is no address; write 127.0.0.1:9464", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)
