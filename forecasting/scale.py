"""Work that can be shared out: one after the other, over processes, or over a Dask cluster.

Place in the line: under `learn` and `forecast`. What is mapped is a pure function of its argument, seeded by it,
so the same bytes come out however the work is shared.

>>> list(serial(len, ["ab", "c"]))
[2, 1]
"""

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from forecasting.errors import ForecastingError

A = TypeVar("A")
B = TypeVar("B")
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""A map whose results come in the order of the arguments."""
_SCHEDULER = re.compile(
    r"((tcp|tls|wss?|ucxx?)://)?(\[[0-9A-Fa-f:.]+(%\w+)?\]|[^\s:/\[\]@?#]+):(?P<port>[0-9]{1,5})"
)
_WITHIN = "inproc://"  # of a cluster in this very process


def serial(function: Callable[[A], B], arguments: Sequence[A]) -> Iterator[B]:
    """Map in this process."""
    return map(function, arguments)


@contextmanager
def shared(jobs: int = 1, dask: str | None = None) -> Iterator[Map]:
    """Give a map over this process, several processes, or the workers of a Dask scheduler.

    Parameters
    ----------
    jobs
        Processes; 1 for this one alone.
    dask
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``; its workers need this package installed.

    Raises
    ------
    ForecastingError
        If there is no Dask, the address is none or nobody answers there, or one of the processes was ended from
        outside.
    """
    if jobs < 1:
        raise ForecastingError(f"{jobs} jobs: at least 1 is needed")
    if dask is not None:
        yield from _over_dask(dask)
    elif jobs == 1:
        yield serial
    else:
        yield from _over_processes(jobs)


def check_scheduler(address: str) -> str:
    """Return the address of a Dask scheduler if it has the form of one.

    Raises
    ------
    ForecastingError
        If not: Dask itself would wait for it, and complain later once more.
    """
    found = _SCHEDULER.fullmatch(address)
    if not address.startswith(_WITHIN) and (found is None or not 0 < int(found["port"]) < 2**16):
        raise ForecastingError(f"'{address}' is no address of a Dask scheduler; write tcp://HOST:8786")
    return address


def _over_processes(jobs: int) -> Iterator[Map]:
    # Spawned, not forked: threads of numeric libraries do not survive a fork.
    context = multiprocessing.get_context("spawn")
    # Nothing is ever sent: the processes only see the other end close, whether by us or because we are gone.
    watched, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_with, initargs=(watched,))

    def run(function: Callable[[A], B], arguments: Sequence[A]) -> Iterator[B]:
        with _deaf_to_interrupts():  # processes start here, and stay so: Ctrl-C is for this one to hear
            futures = [pool.submit(function, argument) for argument in arguments]
        # Not `pool.map`: it cancels what waits when one fails, and the thread of a pool whose processes have ended
        # trips over cancelled futures before Python 3.13, leaving processes behind.
        return _in_turn(futures)

    try:
        yield run
        pool.shutdown()
    except BrokenProcessPool as error:
        raise ForecastingError(
            f"one of {jobs} processes was ended, most likely for lack of memory: ask for fewer jobs"
        ) from error
    finally:
        ours.close()  # what still works ends now, and nobody waits for it
        pool.shutdown()
        watched.close()


def _in_turn(futures: list[Future[B]]) -> Iterator[B]:
    """Give results in order, and let go of each that was taken: many are large."""
    futures.reverse()
    while futures:
        yield futures.pop().result()


def _leave_with(watched: Connection) -> None:
    """End this process as soon as the other end of a pipe closes, whatever it is doing then."""

    def watch() -> None:
        watched.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Hold interrupts back until the end of the block; a process that starts in it never hears of one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _over_dask(address: str) -> Iterator[Map]:
    check_scheduler(address)
    try:
        from distributed import Client  # noqa: PLC0415 — an extra
    except ImportError as error:
        said = "Dask is not installed: `pip install '.[dask]'` in a checkout of Headroom"
        raise ForecastingError(said) from error
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ForecastingError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        yield lambda function, arguments: client.gather(client.map(function, list(arguments), pure=False))
