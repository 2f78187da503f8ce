"""The components of the forecast, one module each: a component is a function and a name in this table.

A component draws futures from the past; `stacking` learns how much each is believed. To add one, write a module
with a function like the others' and give it a name here and in `settings.COMPONENTS`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forecasting.chance import Chance
from forecasting.components import analogue, days, level, recent
from forecasting.history import History

Floats32 = NDArray[np.float32]
Paths = Callable[[History, Chance, NDArray[np.intp], int], Floats32]
"""(history, chance, draws, hours) → scores ``(hour, draw, series)`` of the first ``hours`` ahead."""

EMPIRICAL: dict[str, Paths] = {
    "days": days.paths,
    "analogue": analogue.paths,
    "level": level.paths,
    "recent": recent.paths,
}
"""Components that need nothing learnt; those of `basis.LINEAR` are drawn by `components.linear`."""
