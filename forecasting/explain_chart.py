"""The picture of an explanation: the last week and the next day, what each hour is made of, whom it believes.

Place in the line: after `explain`; `headroom explain --plot` draws with it. Matplotlib is imported when something
is drawn and not before, and is used without its global state.

    explain_chart(explain(usage, "eu-west/analytics", "cpu", hierarchy=hierarchy), "explained.png")
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting import dims
from forecasting.accuracy_chart import dress
from forecasting.attribution import PARTS
from forecasting.errors import ForecastingError
from forecasting.explain import Explanation
from forecasting.stacking import RANGES
from forecasting.target import PICTURES, check_target, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The blue of the fan charts for the forecast; parts and components are told apart by the colour-blind.
_BAND, _MEDIAN, _USED, _FAINT, _PATH = "#b3d2ea", "#1f5f99", "#1a1a1a", "#8a8a8a", "#d1520a"
_PARTS = {
    "trend": ("its trend", "#8e5ea2"),
    "day": ("hour of the day", "#e0a526"),
    "week": ("hour of the week", "#5bb0d9"),
    "recent": ("its last day", "#d1520a"),
    "block": ("all groups of the region", "#2a9d6f"),
    "events": ("events", "#c2577f"),
    "bounds": ("bounds", "#8a8a8a"),
}
_COMPONENTS = ("#1f5f99", "#5bb0d9", "#a9d4ec", "#d1520a", "#eda66d", "#8e5ea2", "#2a9d6f", "#6b4f3a")
_DARK = ("#1f5f99", "#d1520a", "#8e5ea2", "#2a9d6f", "#6b4f3a")
_HEADER: dict[str, Any] = {"fontsize": 9.5, "fontweight": "bold", "loc": "left", "pad": 8}
_LEGEND: dict[str, Any] = {"fontsize": 8.5, "frameon": False, "handlelength": 1.3, "columnspacing": 1.2}
_WIDTH_PIXELS, _HEIGHT_PIXELS, _HEAD_PIXELS, _DOTS_PER_INCH = 1400, 820, 44, 120
_LABELLED = 0.06  # share of a bar from which on its number has room in it


def explain_chart(found: Explanation, path: Path | str) -> None:
    """Write a picture of an explanation.

    Parameters
    ----------
    found
        What to draw.
    path
        Where to write; the ending says the form.

    Raises
    ------
    ForecastingError
        If the ending is not known, or the file cannot be written.
    """
    from matplotlib import rc_context  # noqa: PLC0415 (half a second, for drawing only)
    from matplotlib.figure import Figure  # noqa: PLC0415

    target = check_target(path, PICTURES)
    inches = (_WIDTH_PIXELS / _DOTS_PER_INCH, _HEIGHT_PIXELS / _DOTS_PER_INCH)
    figure = Figure(figsize=inches, dpi=_DOTS_PER_INCH)
    below_head = 1 - _HEAD_PIXELS / _HEIGHT_PIXELS
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1, hspace=0.04, rect=(0, 0, 1, below_head))
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 1.1), width_ratios=(1.6, 1))
    _outlook(figure.add_subplot(grid[0, :]), found)
    if found.moves:
        _parts(figure.add_subplot(grid[1, 0]), found)
        _weights(figure.add_subplot(grid[1, 1]), found)
    else:
        below = figure.add_subplot(grid[1, :])
        below.set_axis_off()
        below.text(0.5, 0.9, found.still, ha="center", fontsize=10.5, color=_USED)
    figure.suptitle(
        f"{found.group}, {found.resource}: where the forecast of {found.issued:%Y-%m-%d %H:%M} UTC comes from",
        x=0.01, y=1 - 12 / _HEIGHT_PIXELS, ha="left", va="top", fontsize=11, parse_math=False,
    )  # fmt: skip
    form = target.suffix.lower().removeprefix(".")
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": "headroom"}):  # the same picture, the same bytes
        # A name in a script that the font lacks is drawn as boxes; that is no reason to fail.
        warnings.filterwarnings("ignore", message="Glyph")
        try:
            with whole(target) as beside:
                figure.savefig(beside, format=form, metadata={"Date": None} if form == "svg" else None)
        except OSError as error:
            raise ForecastingError(f"{target}: the chart cannot be written: {error.strerror or error}") from error


def _outlook(ax: "Axes", found: Explanation) -> None:
    """Draw what was used in the last week, and the median, the 80 % and the component's path ahead."""
    from matplotlib.dates import DateFormatter, DayLocator, date2num  # noqa: PLC0415

    low, middle, high = found.quantiles
    ax.fill_between(found.time, low, high, color=_BAND, lw=0, label="80 %")
    ax.plot(found.time, middle, color=_MEDIAN, lw=1.5, label="median")
    path = found.parts.sum(axis=1)
    ax.plot(found.time, path, color=_PATH, lw=1.2, ls=(0, (3, 2)), label=f"'{found.component}' alone")
    ax.plot(*found.past, color=_USED, lw=1.1, label="used")
    issued = date2num(dims.hour_of(found.issued))  # type: ignore[no-untyped-call]
    ax.axvline(issued, color=_FAINT, lw=0.9, ls=(0, (4, 3)))
    ax.xaxis.set_major_locator(DayLocator())  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(DateFormatter("%a %d"))  # type: ignore[no-untyped-call]
    ax.margins(x=0)
    top = ax.dataLim.intervaly[1]
    if ax.dataLim.intervaly[0] <= 0.6 * top:
        ax.set_ylim(0, 1.06 * top or 1)
    title = f"Used and forecast{', ' + found.unit if found.unit else ''}"
    ax.set_title(title, parse_math=False, **_HEADER)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.2, **_LEGEND)
    dress(ax)


def _parts(ax: "Axes", found: Explanation) -> None:
    """Draw what each part adds to each hour, stacked up and down from the level, and the path as their sum."""
    hours = np.arange(len(found.time))
    level = found.parts[:, 0]
    above, below = np.zeros(len(hours)), np.zeros(len(hours))
    for place, name in enumerate(PARTS):
        if name not in _PARTS or not np.abs(found.parts[:, place]).any():
            continue
        label, colour = _PARTS[name]
        values = found.parts[:, place]
        ax.bar(hours, values, 0.86, bottom=np.where(values >= 0, above, below), color=colour, label=label, lw=0)
        above, below = above + np.maximum(values, 0), below + np.minimum(values, 0)
    ax.plot(hours, found.parts.sum(axis=1) - level, color=_USED, lw=1.2, marker="o", ms=2.6, label="all of it")
    ax.axhline(0, color=_FAINT, lw=0.9)
    clock = [np.datetime_as_string(x, unit="h")[-2:] + "h" for x in found.time]
    step = max(1, len(hours) // 8)
    ax.set_xticks(hours[::step], clock[::step])
    ax.set_xlim(-0.6, len(hours) - 0.4)
    unit = f" {found.unit}" if found.unit else ""
    start = f"{level.mean():.3g}" if abs(level.mean()) < 1000 else f"{level.mean():,.0f}"
    ax.set_title(f"What moves each hour (UTC) from its level, {start}{unit}", parse_math=False, **_HEADER)
    count = len(ax.get_legend_handles_labels()[1])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=count if count <= 5 else 3, **_LEGEND)
    dress(ax)


def _weights(ax: "Axes", found: Explanation) -> None:
    """Draw a bar for each range of hours ahead, divided among the components by weight."""
    starts = [1, *(end + 1 for end in RANGES[:-1])]
    rows = np.arange(len(RANGES))
    left = np.zeros(len(RANGES))
    for place, name in enumerate(found.components):
        colour = _COMPONENTS[place % len(_COMPONENTS)]
        width = found.weights[:, place]
        ax.barh(rows, width, 0.72, left=left, color=colour, lw=0, label=name)
        for row in np.flatnonzero(width >= _LABELLED).tolist():
            ax.text(
                left[row] + width[row] / 2, row, f"{width[row]:.0%}", ha="center", va="center", fontsize=8,
                color="white" if colour in _DARK else _USED,
            )  # fmt: skip
        left += width
    ax.set_yticks(rows, [f"{start}–{end}" for start, end in zip(starts, RANGES, strict=True)])
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.set_xticks([])
    ax.set_title("Weights of the components, by hours ahead", **_HEADER)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=3, **_LEGEND)
    dress(ax)
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
