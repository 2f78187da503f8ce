"""The mixture: every draw of a block follows one component at a time, by the weights of the range it is in.

Place in the line: after `components`, `stacking` and `calibrate`; `learn` and `forecast` put blocks through it.
A block is forecast from its own history and what was learnt of it, and nothing else: blocks may be forecast in any
order, on any machine, with the same draws.

    scores = forecast_block(Block(history, learnt, weights, factors, components), chance)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from forecasting.basis import LINEAR, Basis, Floats
from forecasting.calibrate import grounded, stretched, widened
from forecasting.chance import Chance
from forecasting.components import EMPIRICAL, recurrent
from forecasting.components.linear import Conditioned, condition, paths, statistics_of
from forecasting.components.recurrent import Watched
from forecasting.conditionals import Learnt
from forecasting.feedback.recalibration import opened
from forecasting.history import History
from forecasting.lasting import UNKNOWN, lasting
from forecasting.network import Network
from forecasting.ranks import dealt_out
from forecasting.settings import RECURRENT
from forecasting.stacking import range_of

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """A block's past, and what was learnt of it.

    Parameters
    ----------
    history
        Of its series alone.
    learnt
        Of each linear component, by name.
    weights
        ``(range, component)``, in the order of ``components``.
    factors
        ``(range, level, series)`` of the last calibration; none to leave it out.
    components
        Names.
    network
        Of its resource, where the recurrent component is among them.
    widening
        ``(range, side, series)`` of `feedback.recalibration`; none to leave it out.
    shares
        ``(part,)`` of `lasting`; goes with the last calibration.
    own_weights
        ``(range, component, series)``; none where all series have those of the block.
    """

    history: History
    learnt: dict[str, Learnt]
    weights: Floats
    factors: Floats | None
    components: tuple[str, ...]
    network: Network | None = None
    widening: Floats | None = None
    shares: Floats = field(default_factory=UNKNOWN.copy)
    own_weights: Floats | None = None

    @property
    def bases(self) -> dict[str, Basis]:
        """Features of each linear component, by name."""
        return {name: learnt.basis for name, learnt in self.learnt.items()}


def forecast_block(
    block: Block, chance: Chance, conditioned: Mapping[str, Conditioned] = MappingProxyType({})
) -> Floats32:
    """Return scores ``(hour, draw, series)`` of a block; series that never moved keep their value, 0.

    Linear components that are in ``conditioned`` have looked at the past already.
    """
    return finished(block, mixed(block, chance, conditioned))


def mixed(block: Block, chance: Chance, conditioned: Mapping[str, Conditioned] = MappingProxyType({})) -> Floats32:
    """Return scores as of `forecast_block`, before recent misses widen them and bounds cut them."""
    history = block.history
    of_hour = range_of(chance.hours)
    ways = [block.weights[..., None], *([] if block.own_weights is None else [block.own_weights])]
    chosen = [_chosen(chance, weights)[np.unique(of_hour)] for weights in ways]  # (range, draw, series or 1)
    shape = (chance.hours, len(chance.component), history.scores.shape[1])
    mixtures = [np.zeros(shape, dtype=np.float32) for _ in ways]
    for number, name in enumerate(block.components):
        followed = [each == number for each in chosen]
        by_anyone = np.any([each.any(axis=2) for each in followed], axis=0)  # (range, draw)
        some = np.flatnonzero(by_anyone.any(axis=0))
        if some.size == 0:
            continue
        hours = int((of_hour <= np.flatnonzero(by_anyone.any(axis=1))[-1]).sum())
        if name == RECURRENT:
            drawn = draw_recurrent(history, block.network, None, chance, some, hours)
        else:
            known = block.learnt.get(name), conditioned.get(name)
            drawn = draw_component(name, history, *known, chance, some, hours)
        for out, each in zip(mixtures, followed, strict=True):
            out[:hours, some] = np.where(each[:, some][of_hour[:hours]], drawn, out[:hours, some])
    # Series that follow different components in a draw would no longer move together: that is as with the weights
    # of the block, and the values of each hour are those of its own.
    out = mixtures[0] if len(ways) == 1 else dealt_out(np.sort(mixtures[1], axis=1), mixtures[0])
    if block.factors is not None:
        out = grounded(out, stretched(out, block.factors), history.lowest)
        out = lasting(out, block.shares, history.moves, history.demand_of)
        out[:, :, history.shifted] = widened(out[:, :, history.shifted])
    return out


def _chosen(chance: Chance, weights: Floats) -> NDArray[np.intp]:
    """Return which component draws follow, ``(range, draw, series)``, by weights ``(range, component, series)``.

    With one number for all ranges and series, a draw stays with its component as far as the weights allow.
    """
    edges = np.cumsum(weights, axis=1)[:, :-1, None]
    return np.asarray((chance.component[:, None] > edges).sum(axis=1))


def finished(block: Block, scores: Floats32) -> Floats32:
    """Widen what `mixed` gave by recent misses, and keep it within the bounds of the history."""
    history = block.history
    out = scores
    if block.widening is not None:
        out = grounded(scores, opened(scores, block.widening), history.lowest)
    return np.where(history.moves, np.clip(out, history.lowest, history.highest), 0.0).astype(np.float32)


def draw_component(
    name: str,
    history: History,
    learnt: Learnt | None,
    conditioned: Conditioned | None,
    chance: Chance,
    draws: NDArray[np.intp],
    hours: int,
) -> Floats32:
    """Return scores ``(hour, draw, series)`` of one component, for some draws."""
    if name not in LINEAR:
        return EMPIRICAL[name](history, chance, draws, hours)
    if learnt is None:
        raise KeyError(name)
    if conditioned is None:
        conditioned = condition(history, learnt, statistics_of(history, learnt.basis, [chance.at]))
    return paths(conditioned, history, learnt, chance, draws, hours)


def draw_recurrent(
    history: History,
    network: Network | None,
    watched: Watched | None,
    chance: Chance,
    draws: NDArray[np.intp],
    hours: int,
) -> Floats32:
    """Return scores ``(hour, draw, series)`` of the recurrent component, for some draws."""
    if network is None:
        raise KeyError(RECURRENT)
    if watched is None:
        watched = recurrent.watch(history, network, [chance.at])
    return recurrent.paths(watched, history, network, chance, draws, hours)
