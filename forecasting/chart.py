"""Fan charts: the forecast's intervals, with what was used and what was held drawn over them.

Place in the line: beside it; `headroom forecast --plot` and the demo draw with it. Matplotlib is imported
when something is drawn and not before, and is used without its global state.

    fan(profile, "fan.png", history=usage, groups=["eu-west/analytics"])
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from forecasting import dims
from forecasting.errors import ForecastingError
from forecasting.panel import FAINT, dress, from_zero, row_label
from forecasting.profile import DemandProfile
from forecasting.target import PICTURES, check_target, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAN_LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Levels that a fan is drawn from: the ends of the central 95, 80 and 50 % intervals, and the median."""

MOST_GROUPS = 3
"""Rows of a chart for which no groups are named."""

Trace = tuple[ArrayLike, ArrayLike]
"""A line: its times (datetime64, UTC) and its values."""

# One hue for the forecast and one far from it for what is held; told apart by the colour-blind and in grey.
_BANDS = (("95 %", "#dceaf6"), ("80 %", "#b3d2ea"), ("50 %", "#7fb2d9"))
_MEDIAN, _USED, _HELD, _WARM = "#1f5f99", "#1a1a1a", "#d1520a", "#fae0c8"
_HEADER: dict[str, Any] = {"fontsize": 9.5, "fontweight": "bold", "parse_math": False}  # a name may hold a $
_LEGEND_ORDER = ("issued", "used", "median", "50 %", "80 %", "95 %", "held", "warm")
_LEGEND: dict[str, Any] = {"fontsize": 9.5, "columnspacing": 1.3, "handlelength": 1.6, "borderaxespad": 0.6}
_WIDTH_PIXELS, _ROW_PIXELS, _HEAD_PIXELS, _DOTS_PER_INCH = 1400, 250, 42, 120


def fan_axes(
    ax: "Axes",
    times: ArrayLike,
    quantiles: ArrayLike,
    *,
    unit: str = "",
    actual: Trace | None = None,
    capacity: Trace | None = None,
    warm: Trace | None = None,
    issued: np.datetime64 | None = None,
) -> None:
    """Draw one fan: bands of the central 50, 80 and 95 % intervals around the median, and lines over them.

    Parameters
    ----------
    ax
        Where to draw; its artists are labelled, so that `legend` can name them.
    times
        Hours of the forecast, datetime64 in UTC, ``(time,)``.
    quantiles
        ``(quantile, time)`` at `FAN_LEVELS`, in ``unit``.
    unit
        Written at the vertical axis.
    actual
        What was used: before the forecast, over its horizon, or both.
    capacity
        What was held; drawn as steps, each value from its time until the next.
    warm
        What was held and in readiness together, at the times of ``capacity``; the area between is filled.
    issued
        Marked by a line, if given: datetime64.

    Raises
    ------
    ForecastingError
        If ``quantiles`` are not of that shape.
    """
    hours = np.asarray(times)
    values = np.asarray(quantiles, dtype=np.float64)
    if values.shape != (len(FAN_LEVELS), len(hours)):
        raise ForecastingError(
            f"fan_axes: quantiles of shape {values.shape}, wanted {(len(FAN_LEVELS), len(hours))}"
        )
    if capacity is not None and warm is not None:
        ax.fill_between(capacity[0], capacity[1], warm[1], step="post", color=_WARM, lw=0, label="warm")
    for place, (name, colour) in enumerate(_BANDS):
        ax.fill_between(hours, values[place], values[-1 - place], color=colour, lw=0, label=name)
    ax.plot(hours, values[len(_BANDS)], color=_MEDIAN, lw=1.3, label="median")
    if capacity is not None:
        ax.step(*capacity, where="post", color=_HELD, lw=1.8, label="held")
    if actual is not None:
        ax.plot(*actual, color=_USED, lw=1.1, label="used")
    if issued is not None:
        ax.axvline(issued, color=FAINT, lw=0.9, ls=(0, (4, 3)), label="issued")  # type: ignore[arg-type]
    dress(ax, unit)


def legend(figure: "Figure", ax: "Axes") -> None:
    """Name at the top right of a figure what is drawn in ``ax``."""
    drawn = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    names = [name for name in _LEGEND_ORDER if name in drawn]
    handles = [drawn[name] for name in names]
    figure.legend(handles, names, loc="upper right", ncols=len(names), frameon=False, **_LEGEND)


def fan(
    profile: DemandProfile,
    path: Path | str,
    history: xr.Dataset | None = None,
    actuals: xr.Dataset | None = None,
    groups: Sequence[str] | None = None,
) -> None:
    """Write a picture of a profile: a row for each group, a column for each resource.

    Parameters
    ----------
    profile
        What to draw.
    path
        Where to write; the ending says the form, PNG or SVG.
    history
        Usage; what of it lies within a third of the horizon before the forecast is drawn too.
    actuals
        Usage that came after the forecast, if any of it has.
    groups
        Labels of the groups to draw; without them, the `MOST_GROUPS` with the largest coming peaks.

    Raises
    ------
    ForecastingError
        If a group is not in the profile, the ending is not known, or the file cannot be written.
    """
    from matplotlib import rc_context  # noqa: PLC0415 (half a second, for drawing only)
    from matplotlib.figure import Figure  # noqa: PLC0415

    target = check_target(path, PICTURES)
    known = profile.draws[dims.GROUP].values.tolist()
    quantiles = profile.quantile(FAN_LEVELS)
    chosen = list(dict.fromkeys(groups)) if groups is not None else largest_peaks(profile)
    strangers = [group for group in chosen if group not in known]
    if strangers or not chosen:
        raise ForecastingError(
            f"fan: not in the profile: {', '.join(strangers) or 'no group'}; there: {', '.join(known)}"
        )

    resources = quantiles[dims.RESOURCE].values.tolist()
    height = _HEAD_PIXELS + _ROW_PIXELS * len(chosen)
    inches = (_WIDTH_PIXELS / _DOTS_PER_INCH, height / _DOTS_PER_INCH)
    figure = Figure(figsize=inches, dpi=_DOTS_PER_INCH)
    below_head = 1 - _HEAD_PIXELS / height
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.06, rect=(0, 0, 1, below_head))
    axes = figure.subplots(len(chosen), len(resources), squeeze=False, sharex=True)
    for row, group in zip(axes, chosen, strict=True):
        for ax, resource in zip(row, resources, strict=True):
            series = quantiles.sel({dims.GROUP: group, dims.RESOURCE: resource})
            hours = series[dims.TIME].values
            used = _used(hours, history, actuals, group, resource)
            fan_axes(ax, hours, series.values, actual=used, issued=hours[0])
            if not series.values.any() and (used is None or not np.nan_to_num(used[1]).any()):
                ax.set_yticks([])
                ax.text(0.5, 0.5, "none expected", transform=ax.transAxes, ha="center", color=FAINT, fontsize=9.5)
            unit = series[dims.UNIT].item()
            if group == chosen[0]:
                ax.set_title(f"{resource}, {unit}" if unit else resource, **_HEADER)
        row[0].set_ylabel(row_label(group), **_HEADER)
    for column in axes.T:
        from_zero(column)
    part = f": {len(chosen)} of {len(known)} groups" if len(chosen) < len(known) else ""
    why = ", by coming peak" if part and groups is None else ""
    title = f"Demand forecast of {profile.issued:%Y-%m-%d %H:%M} UTC{part}{why}"
    figure.suptitle(title, x=0.01, y=1 - 10 / height, ha="left", va="top", fontsize=11)
    legend(figure, axes[0, 0])
    form = target.suffix.lower().removeprefix(".")
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": "headroom"}):  # the same picture, the same bytes
        # A name in a script that the font lacks is drawn as boxes; that is no reason to fail.
        warnings.filterwarnings("ignore", message="Glyph")
        try:
            with whole(target) as beside:
                figure.savefig(beside, format=form, metadata={"Date": None} if form == "svg" else None)
        except OSError as error:
            raise ForecastingError(f"{target}: the chart cannot be written: {error.strerror or error}") from error


def largest_peaks(profile: DemandProfile, most: int = MOST_GROUPS) -> list[str]:
    """Return the labels of the groups whose coming peaks matter most, in the profile's order.

    A group counts by how far its median rises above its own mean, as a share of what all groups use on
    average of the resource, for the resource where that is most.
    """
    median = profile.quantile(0.5).squeeze(dims.QUANTILE)
    mean = median.mean(dims.TIME)
    rise = (median.max(dims.TIME) - mean) / mean.sum(dims.GROUP).clip(min=1e-12)
    first = np.argsort(-rise.max(dims.RESOURCE).values, kind="stable")[:most]
    return [str(group) for group in median[dims.GROUP].values[np.sort(first)]]


def _used(
    hours: NDArray[np.datetime64],
    history: xr.Dataset | None,
    actuals: xr.Dataset | None,
    group: str,
    resource: str,
) -> Trace | None:
    """Return what a series used around the forecast, in one line; None where nothing of it is given."""
    begin = hours[0] - len(hours) // 3 * dims.HOUR
    spans = ((history, begin, hours[0]), (actuals, hours[0], hours[-1] + dims.HOUR))
    times, values = [], []
    for usage, start, end in spans:
        if usage is not None and group in usage[dims.GROUP] and resource in usage[dims.RESOURCE]:
            within = (usage[dims.TIME].values >= start) & (usage[dims.TIME].values < end)
            series = usage[dims.DEMAND].sel({dims.GROUP: group, dims.RESOURCE: resource})
            times.append(usage[dims.TIME].values[within])
            values.append(series.values[within])
    return (np.concatenate(times), np.concatenate(values)) if times else None
