"""The loop of the daemon: run, tell, wait, until it is told to stop.

Place in the line: the only clock of the daemon. What a run does is handed in.

    with stopping() as stop:
        loop(once, timedelta(minutes=15), metrics, pulse, stop)
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType

from controller.errors import HeadroomError
from controller.service.health import Pulse
from controller.service.logs import LOGGER
from controller.service.metrics import Metrics
from controller.workflow import Round

_log = logging.getLogger(LOGGER)


class Stop(BaseException):
    """The daemon was told to stop while it worked; every step can be run again, so it need not be finished."""


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Turn SIGTERM and SIGINT into an event, and into :class:`Stop` where work is under way."""
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        del number, frame
        first = not stop.is_set()
        stop.set()
        if first and _working.is_set():
            raise Stop

    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_working = threading.Event()


def loop(
    once: Callable[[datetime], Round | None],
    every: timedelta,
    metrics: Metrics,
    pulse: Pulse,
    stop: threading.Event,
    known: tuple[type[Exception], ...] = (HeadroomError,),
) -> None:
    """Run ``once`` at every interval; it gives None where another run was under way.

    A run that fails with a ``known`` error is told and counted, and the next one comes at its time; a bug is told
    with its traceback. Where a run takes longer than the interval, the next one follows at once.
    """
    while not stop.is_set():
        began = time.monotonic()
        _one(once, metrics, pulse, began, known, stop)
        stop.wait(max(0.0, every.total_seconds() - (time.monotonic() - began)))
    _log.info("stopped")


def _one(
    once: Callable[[datetime], Round | None],
    metrics: Metrics,
    pulse: Pulse,
    began: float,
    known: tuple[type[Exception], ...],
    stop: threading.Event,
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        _working.set()
        try:
            if stop.is_set():  # told just before; from here on, being told raises
                return
            done = once(now)
        finally:
            _working.clear()
    except Stop:
        _log.info("told to stop; the next run completes what was begun")
    except known as error:
        metrics.failed(error)
        _log.error("run failed: %s", error)
    except Exception as error:  # the daemon outlives a bug, and tells of it
        metrics.failed(error)
        _log.exception("run failed")
    else:
        seconds = time.monotonic() - began
        if done is None:
            metrics.skipped()
            _log.warning("run left out: another one is under way")
            return
        metrics.succeeded(done, now, seconds)
        pulse.beat(time.monotonic())
        states = [f"{x.state} {x.branch}" for x in done.outcomes if x.state != "unchanged"]
        for line in states:
            _log.info("proposal %s", line)
        _log.info("run done", extra={"seconds": round(seconds, 1), "proposals": len(done.outcomes)})
