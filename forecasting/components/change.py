"""Past days again, moved to start from where the series is now; the move fades hour by hour.

Good right after a jump, and for series that drift: what matters there is how values change, not where they were.
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import DAY, Floats
from forecasting.chance import Chance
from forecasting.components.days import by_day
from forecasting.history import History

KEPT_AN_HOUR = 0.93
"""Share of the move that is left an hour later; half of it is gone after ten hours."""


def paths(history: History, chance: Chance, draws: NDArray[np.intp], hours: int) -> NDArray[np.float32]:
    """Return scores ``(hour, draw, series)`` of past days, moved by how much now differs from then."""
    at, filled = chance.at, history.filled

    def look(days: NDArray[np.intp], ahead: NDArray[np.intp]) -> Floats:
        move = filled[at - 1] - filled[np.maximum(at - 1 - DAY * days, 0)]
        fading = KEPT_AN_HOUR ** (ahead + 1.0)
        return np.asarray(filled[at + ahead - DAY * days[:, None]] + move[:, None] * fading[:, None])

    return by_day(chance, draws, hours, look)
