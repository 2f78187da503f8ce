"""Whether the recurrent network can be trained here, and its training, where it was asked for.

Place in the line: between `learn` and `training`, so that JAX is loaded only then.

    require(cuts=[725, 762])
    network = teach(history, cuts=[725, 762], seed=1)
"""

from collections.abc import Callable, Sequence

import numpy as np

from forecasting.basis import DAY, WEEK
from forecasting.errors import ForecastingError
from forecasting.history import History
from forecasting.network import Network
from forecasting.settings import RECURRENT

LEAST_HOURS = WEEK + 3 * DAY
"""Hours to learn from below which nothing is trained: a week is remembered. Of few hours, windows are shorter."""


def require(cuts: Sequence[int]) -> None:
    """Hold that there are hours to train on before the origins that are rehearsed, and what trains is installed.

    Parameters
    ----------
    cuts
        Origins, ascending: rows of the first hour ahead.

    Raises
    ------
    ForecastingError
        If not.
    """
    known = cuts[0] if cuts else 0
    if known < LEAST_HOURS:
        raise ForecastingError(
            f"the {RECURRENT} component is trained on the hours before those it is judged by: there are {known}, "
            f"and {LEAST_HOURS} are needed: bring more history, judge fewer --horizon hours, or learn without "
            "--recurrent"
        )
    try:
        import forecasting.training  # noqa: F401, PLC0415 — JAX, an extra
    except ImportError as error:
        raise ForecastingError(
            f"the {RECURRENT} component is trained by JAX, Equinox and Optax, which are not all installed; "
            "`pip install '.[rnn]'` in a checkout, or learn without --recurrent"
        ) from error


def teach(
    history: History, cuts: Sequence[int], seed: int, tell: Callable[[float], None] = lambda share: None
) -> Network:
    """Train the network on the hours before the first origin that is rehearsed.

    The same network is rehearsed and used: what it is judged by is what it does with hours it never saw, and the
    residuals of those that it forecasts with are honest, too.

    Parameters
    ----------
    history
        Of all series of the panel.
    cuts
        Origins that are rehearsed, ascending.
    seed
        Of the first weights and of the windows.
    tell
        Is told the share that is done.

    Raises
    ------
    ForecastingError
        As `require`.
    """
    require(cuts)
    from forecasting.training import train  # noqa: PLC0415 — JAX, an extra

    return train(history, cuts[0], int(np.max(history.resource)) + 1, seed, tell)
