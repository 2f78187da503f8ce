"""Small replays for the tests of `controller.replay`: a need written out by the hour, and known delays."""

from datetime import UTC, datetime

import numpy as np

from controller.replay.need import Need
from controller.replay.roads import Delays

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def need_of_hours(
    *rows: list[float],
    first: int = 0,
    scored: int | None = None,
    base: int = 0,
    most: int = 99,
    price: float = 1.0,
) -> Need:
    """The need of pools ``a``, ``b``, … hour by hour."""
    nodes = np.array(rows, dtype=float)
    count = len(rows)
    return Need(
        pools=tuple("abcdefgh"[:count]),
        nodes=nodes,
        start=START,
        first=first,
        scored=first if scored is None else scored,
        base=np.full(count, base),
        most=np.full(count, most),
        price=np.full(count, price),
        warm_price=np.full(count, price / 4),
        priced=True,
    )


def delays_of_minutes(need: Need, review: float = 0, ci: float = 0, boot: float = 0) -> Delays:
    """The same delays at every hour."""
    return Delays(*(np.full(need.nodes.shape, float(x)) for x in (review, ci, boot)))
