"""The fan chart of the demo: what each pool was forecast to need, what it used, and what was held."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from controller.capacity import members, node_draws
from controller.config import Config
from controller.lease import Held
from forecasting.chart import FAN_LEVELS, fan_axes, legend
from forecasting.profile import DemandProfile

Timeline = Sequence[tuple[datetime, Mapping[str, Held]]]


def draw(
    path: Path,
    profile: DemandProfile,
    config: Config,
    used: Mapping[str, Mapping[datetime, int]],
    held: Timeline,
    now: datetime,
) -> None:
    """Write a PNG with one fan per pool, in nodes.

    ``used`` are the nodes of each realised hour (−1 where unknown), ``held`` what was applied when.
    """
    served = members(config, [str(x) for x in profile.draws.coords["group"].values])
    figure = Figure(figsize=(11.6, 3.1 * len(config.pools) + 0.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(config.pools), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (name, pool) in zip(axes, sorted(config.pools.items()), strict=True):
        _, nodes = node_draws(profile.draws, pool, served[name])
        known = {t: n for t, n in used[name].items() if n >= 0}
        fan_axes(
            ax,
            profile.draws.coords["time"].to_numpy(),
            np.quantile(nodes.max(axis=1), FAN_LEVELS, axis=0),
            unit="nodes",
            actual=(_stamps(list(known)), np.array(list(known.values()))),
            capacity=(_stamps([t for t, _ in held]), np.array([x[name].floor for _, x in held])),
            warm=(_stamps([t for t, _ in held]), np.array([x[name].floor + x[name].warm for _, x in held])),
            issued=_stamps([now])[0],
        )
        ax.set_title(f"{name}: nodes needed, used and held", loc="left", fontsize=10, fontweight="bold")
    legend(figure, axes[0])
    figure.savefig(path)


def _stamps(moments: Sequence[datetime]) -> "np.typing.NDArray[np.datetime64]":
    return np.array([np.datetime64(x.replace(tzinfo=None), "ns") for x in moments])
