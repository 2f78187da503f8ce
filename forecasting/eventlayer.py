"""Occasions ahead and their drawn factors: what they make of draws of demand, and what is told of them.

Place in the line: between `effects` and `occurring`, which makes it.

    layer.into(draws)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting.occasions import PARTS, Occasion

MOST_TOLD = 200
"""Occasions ahead that a profile names at most."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """An occasion ahead, draws of its log factor ``(draw, touched, part, resource)``, whether it is the first."""

    occasion: Occasion
    factor: NDArray[np.float32]
    new: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """What occasions did and will do.

    Parameters
    ----------
    past
        The usage that components look at, with past effects taken out.
    ahead
        Occasions that touch the hours ahead.
    first
        Hours since 1970 UTC of the first hour ahead.
    """

    past: xr.Dataset
    ahead: tuple[Ahead, ...]
    first: int

    def into(self, draws: NDArray[np.float32], skipped_hours: int = 0) -> None:
        """Multiply the factors into draws ``(draw, group, resource, hour)``, in place; hours from ``first`` on.

        Parameters
        ----------
        draws
            Of demand as usual.
        skipped_hours
            Hours ahead that the draws do not have.
        """
        hours = draws.shape[3]
        for x in self.ahead:
            at = x.occasion.first - self.first - skipped_hours
            for hour in range(max(at, 0), min(at + x.occasion.hours, hours)):
                share, part = x.occasion.share[:, hour - at], x.occasion.part[:, hour - at]
                some = np.flatnonzero(share > 0)
                log = x.factor[:, some, part[some]] * share[some, None].astype(
                    np.float32
                )  # (draw, touched, resource)
                draws[..., hour][:, x.occasion.groups[some]] *= np.exp(log)

    def factors(self, group: int, resource: int, hours: int, skipped_hours: int = 0) -> NDArray[np.float32]:
        """Return the factors of one series, ``(draw, hour)``."""
        draws = len(self.ahead[0].factor) if self.ahead else 1
        out = np.ones((draws, hours), dtype=np.float32)
        for x in self.ahead:
            at = x.occasion.first - self.first - skipped_hours
            for place in np.flatnonzero(x.occasion.groups == group):
                for hour in range(max(at, 0), min(at + x.occasion.hours, hours)):
                    log = x.factor[:, place, x.occasion.part[place, hour - at], resource]
                    out[:, hour] *= np.exp(log * np.float32(x.occasion.share[place, hour - at]))
        return out

    def told(self, resources: Sequence[str]) -> list[dict[str, object]]:
        """Return what a reader of the forecast may want to know of the occasions ahead, as plain values.

        Parameters
        ----------
        resources
            Names.

        Returns
        -------
        list of dict
            By start: ``kind``, ``name``, ``start`` and ``end`` (ISO 8601, UTC), ``regions`` and ``groups`` as they
            were written, ``new`` if none of the kind was seen before, and ``factor``: for each resource the 10, 50
            and 90 % quantile of what demand is multiplied by, in the mean over what it touches.
        """
        found: list[dict[str, object]] = []
        for x in sorted(self.ahead, key=lambda x: (x.occasion.start, x.occasion.name, x.occasion.kind))[
            :MOST_TOLD
        ]:
            touched = np.einsum("gh,ghp->gp", x.occasion.share, x.occasion.part[..., None] == np.arange(PARTS))
            mean = np.einsum("dgpr,gp->dr", x.factor, touched) / touched.sum()
            factor = np.exp(np.quantile(mean, (0.1, 0.5, 0.9), axis=0)).round(3)
            start, end = (
                datetime.fromtimestamp(at / 1e6, UTC).isoformat() for at in (x.occasion.start, x.occasion.end)
            )
            found.append(
                {
                    "kind": x.occasion.kind,
                    "name": x.occasion.name,
                    "start": start,
                    "end": end,
                    "regions": sorted({row.region for row in x.occasion.rows}),
                    "groups": sorted({row.group for row in x.occasion.rows}),
                    "new": x.new,
                    "factor": {name: factor[:, r].tolist() for r, name in enumerate(resources)},
                }
            )
        return found
