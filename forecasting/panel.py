"""A panel of a fan chart: its frame, where its axis begins, how its row is called.

Place in the line: under `chart`. Matplotlib is imported when something is drawn and not before.
"""

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAINT = "#8a8a8a"
_FAR_FROM_ZERO = 0.6  # of the highest value: where the lowest is above, an axis from zero would flatten it
_LINE = 22  # characters that are as long as a row is high


def dress(ax: "Axes", unit: str) -> None:
    """Set the frame of a panel: few lines, ticks at days, the axis from zero unless that is far off."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.grid(axis="y", color="#ebebeb", lw=0.7)
    ax.set_axisbelow(True)
    ax.margins(x=0)
    from_zero([ax])
    ax.tick_params(labelsize=8.5, color=FAINT, length=3)
    most = max(6, int(2.4 * ax.bbox.width / ax.figure.dpi))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _compact(value)))
    # Days by their name; ticks within a day by their hour alone.
    day, hour, minute = "%a %d", "%Hh", "%H:%M"
    forms, at_zero = [day, day, day, hour, minute, minute], [day, day, day, day, hour, minute]
    locator = AutoDateLocator(minticks=2, maxticks=most)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(
        ConciseDateFormatter(locator, formats=forms, zero_formats=at_zero, show_offset=False)  # type: ignore[no-untyped-call]
    )
    if unit:
        ax.set_ylabel(unit, fontsize=9, parse_math=False)


def from_zero(column: "Iterable[Axes]") -> None:
    """Begin the axes of panels that are compared at zero: all of them, unless all are far off."""
    panels = [ax for ax in column if np.isfinite(ax.dataLim.intervaly).all()]  # one without data has no limits
    if any(low <= _FAR_FROM_ZERO * high for low, high in (ax.dataLim.intervaly for ax in panels)):
        for ax in panels:
            ax.set_ylim(0, 1.06 * ax.dataLim.intervaly[1] or 1)


def row_label(group: str) -> str:
    """Return a group's name as it fits beside its row: region and name on two lines, if it is long."""
    if _length(group) <= _LINE:
        return group
    region, slash, name = group.partition("/")
    return "\n".join(_short(part) for part in (region + slash, name) if part)


def _short(name: str) -> str:
    if _length(name) <= _LINE:
        return name
    while _length(name) >= _LINE:
        name = name[:-1]
    return f"{name}…"


def _length(text: str) -> int:
    """Return how long a text is; characters of East Asia are twice as wide."""
    return sum(1 + (unicodedata.east_asian_width(x) in "WF") for x in text)


def _compact(value: float) -> str:
    for least, unit, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"
