"""Work that can be shared out: one after the other, over processes, or over a Dask cluster.

Place in the line: under `learn` and `forecast`. What is mapped is a pure function of its argument, seeded by it,
so the same bytes come out however the work is shared.

>>> list(serial(len, ["ab", "c"]))
[2, 1]
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from forecasting.errors import ForecastingError

A = TypeVar("A")
B = TypeVar("B")
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""A map whose results come in the order of the arguments."""


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
        If there is no Dask, or nobody answers at the address.
    """
    if jobs < 1:
        raise ForecastingError(f"{jobs} jobs: at least 1 is needed")
    if dask is not None:
        yield from _over_dask(dask)
    elif jobs == 1:
        yield serial
    else:
        # Spawned, not forked: threads of numeric libraries do not survive a fork.
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield pool.map


def _over_dask(address: str) -> Iterator[Map]:
    try:
        from distributed import Client  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise ForecastingError("Dask is not installed; `pip install 'headroom[dask]'`") from error
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ForecastingError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        yield lambda function, arguments: client.gather(client.map(function, list(arguments), pure=False))
