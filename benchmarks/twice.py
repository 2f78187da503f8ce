"""One forecast, drawn once and told twice: as it is, and as the record of those before widens it.

`forecasting.forecast` would draw it once more for each; the draws are the same, `tests` hold them together.

    drawn = Drawn.of(past, hierarchy)
    without, with_feedback = drawn.told(), drawn.told(record)
"""

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting import dims
from forecasting.blocks import block_of, members_of
from forecasting.chance import chance_at
from forecasting.feedback.recalibration import factors_of
from forecasting.feedback.record import Record
from forecasting.hierarchy import Hierarchy
from forecasting.history import History, history_of
from forecasting.mixture import Block, finished, mixed
from forecasting.past import past_of
from forecasting.transform import Transform

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A forecast before recent misses widen it: ``blocks`` are who is in them, what they rest on, and scores."""

    past: xr.Dataset
    history: History
    transform: Transform
    blocks: tuple[tuple[NDArray[np.intp], Block, Floats32], ...]

    @classmethod
    def of(cls, usage: xr.Dataset, hierarchy: Hierarchy, ahead_hours: int, draws: int, seed: int = 0) -> "Drawn":
        """Forecast from the end of usage."""
        past, _ = past_of(usage, None, hierarchy.memory_hours)
        history, transform = history_of(past, ahead_hours)
        chance = chance_at(history.time, history.length, ahead_hours, draws, (seed, history.length))
        blocks = []
        for members in members_of(history):
            block = block_of(members, history, past, hierarchy)
            blocks.append((members, block, mixed(block, chance)))
        return cls(past, history, transform, tuple(blocks))

    def told(self, record: Record | None = None) -> Floats32:
        """Return draws of demand ``(draw, group, resource, hour)``."""
        groups, resources = self.past[dims.GROUP].values, self.past[dims.RESOURCE].values
        widening = None if record is None else factors_of(record, groups, resources, self.history.level_since)
        hours, draws = self.blocks[0][2].shape[:2]
        out = np.empty((draws, len(groups) * len(resources), hours), dtype=np.float32)
        for members, block, scores in self.blocks:
            mine = block if widening is None else replace(block, widening=widening[:, :, members])
            demand = self.transform.of_series(members).demand_of(finished(mine, scores))
            out[:, members] = demand.transpose(1, 2, 0)
        return out.reshape(draws, len(groups), len(resources), hours)
