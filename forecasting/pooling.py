"""Pooling: the posterior of what the groups of one resource share, learnt of all regions or of parts of them.

Place in the line: between `inference` and `learn`. Draws of two resources, components or parts are independent:
with the same seed they would tie what is uncertain of one to the other's.

    posterior, plain = pooled(histories, statistics, basis, key=(seed, 0, 17), method="laplace")
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from forecasting.basis import Basis, Floats
from forecasting.errors import ForecastingError
from forecasting.history import History
from forecasting.inference import Posterior, infer, joined, thinned
from forecasting.model import data_of
from forecasting.reference import reference_posterior
from forecasting.sufficient import Statistics, frame_of, rotate

REGIONS_AT_ONCE = 8
"""Most regions that share their scales and what is above them."""

REFERENCE_SERIES = 16
"""Most groups that the reference model is sampled with."""


def pooled(
    histories: Mapping[int, History],
    statistics: Mapping[int, Statistics],
    basis: Basis,
    key: tuple[int, ...],
    method: str,
) -> tuple[Posterior, Floats]:
    """Infer what the groups of one resource share.

    Parameters
    ----------
    histories, statistics
        Of each block of the resource, in the same order.
    basis
        Features that the statistics are of.
    key
        Numbers that seed the draws.
    method
        ``laplace``, ``nuts`` or ``reference``.

    Returns
    -------
    tuple
        The posterior, and ``plain (feature, feature)`` of its coordinates, as of `sufficient.Frame`.

    Raises
    ------
    ForecastingError
        If there are more groups than the reference can be sampled with.
    FitError
        If the posterior does not pass its diagnostics.
    """
    if method == "reference":
        series = sum(each.scores.shape[1] for each in histories.values())
        if series > REFERENCE_SERIES:
            raise ForecastingError(
                f"the reference samples every group's own parameters and takes at most {REFERENCE_SERIES} groups; "
                f"there are {series}: leave some out, or use --inference nuts"
            )
        judged = reference_posterior(list(histories.values()), basis, _seed(*key))
        return thinned(judged.posterior), judged.plain
    every = Statistics.joined(list(statistics.values()))
    moves = np.concatenate([history.moves for history in histories.values()])
    region = np.concatenate([history.region for history in histories.values()])
    first = basis.calendar_size
    frame = frame_of(every, moves, slice(first, first + len(basis.events)))
    rotated = rotate(every, frame.plain)
    # Of many regions, parts are learnt one by one: the work would grow with the cube of their number.
    parts = np.array_split(np.unique(region), -(-len(np.unique(region)) // REGIONS_AT_ONCE))
    found = []
    for number, part in enumerate(parts):
        some = np.flatnonzero(np.isin(region, part))
        within = np.searchsorted(part, region[some]).astype(np.intp)
        data = data_of(rotated.of_series(some), replace(frame, own=frame.own[some]), moves[some], within)
        found.append(infer(data, _seed(*key, number), method))
    return (found[0] if len(found) == 1 else joined(found)), frame.plain


def _seed(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1)[0])
