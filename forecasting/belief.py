"""How much a group's own past says, and how much is borrowed from its block.

Place in the line: after `components.linear`, whose exact conditionals it takes the means of; before `explain`.

    belief = believe(statistics, learnt)
    belief.borrowed  # (series,), 0 to 1
"""

from dataclasses import dataclass

import numpy as np

from forecasting.basis import Floats
from forecasting.conditionals import Learnt, conditional
from forecasting.sufficient import Statistics, moved, rotate

_NOTHING = 1e-12  # so that a block without any history borrows everything, instead of dividing by zero


@dataclass(frozen=True, slots=True)
class Belief:
    """What the past of each series of a block says, in the mean over what is learnt of the block.

    Parameters
    ----------
    coefficient
        Posterior mean of the coefficients of the plain features, ``(series, feature)``.
    borrowed
        ``(series,)``: of the variance that groups of the block differ by in the forecast of a typical hour, the
        share that the series' own history leaves unsettled and the mean of the block fills. In the rotated
        coordinates coefficient k is drawn towards that mean with the weight wₖ = precision / (precision +
        eigenvalueₖ), and the prior variance of a forecast is ∝ Σ uₖ², its posterior variance ∝ Σ wₖ uₖ²; so this
        is Σ wₖ uₖ² / Σ uₖ², with uₖ² the block's mean square of feature k. 1 with no history, towards 0 with much
        (the pooling factor of Gelman and Pardoe 2006, for forecasts).
    settled
        ``(series,)``: Σ (1 − wₖ), how many of the coefficients the history settles: the effective number of
        parameters.
    noise
        ``(series,)``: scores; 1 / √ of the posterior mean of 1/σ².
    block_noise
        The same before the series' own history is looked at.
    hours
        ``(series,)``: sum of the weights of the hours.
    """

    coefficient: Floats
    borrowed: Floats
    settled: Floats
    noise: Floats
    block_noise: float
    hours: Floats


def believe(statistics: Statistics, learnt: Learnt) -> Belief:
    """Return what the past of each series says, given draws of what is known of the block."""
    rotated = rotate(statistics, learnt.plain)
    typical, _ = moved(statistics.gram.sum(axis=0), statistics.moment.sum(axis=0), learnt.plain)
    square = np.einsum("gkf,fh,gkh->gk", rotated.rotation, typical, rotated.rotation)
    square = np.maximum(square, 0.0) + _NOTHING
    given = conditional(rotated, learnt, np.arange(len(learnt.noise)))
    value, kept = given.mean.mean(axis=0), (given.precision / given.total).mean(axis=0)
    precision_of_noise = (given.shape / given.scale).mean(axis=0)
    return Belief(
        coefficient=np.asarray((value[:, None] @ rotated.rotation)[:, 0] @ learnt.plain.T),
        borrowed=(kept * square).sum(axis=-1) / square.sum(axis=-1),
        settled=(1 - kept).sum(axis=-1),
        noise=1 / np.sqrt(precision_of_noise),
        block_noise=float(1 / np.sqrt(np.mean(learnt.noise**-2.0))),
        hours=rotated.hours,
    )
