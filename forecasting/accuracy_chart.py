"""The picture of a backtest: accuracy by steps ahead of every model, and whether our probabilities are true.

Place in the line: beside it; `headroom backtest --plot` draws with it. Matplotlib is imported when something is
drawn and not before, and is used without its global state.

    accuracy_chart(backtest(usage, 168, 5).summary, "backtest.png")
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting.contestants import HEADROOM, NAIVE
from forecasting.coverage import SCOPES, WINDOW_HOURS, reliability
from forecasting.errors import ForecastingError
from forecasting.target import PICTURES, check_target, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by the colour-blind; the forecast in the blue of the fan charts, and what it must beat in grey.
_OURS, _FAINT = "#1f5f99", "#8a8a8a"
_OTHERS = ("#d1520a", "#2a9d6f", "#8e5ea2", "#c9a227", "#5bb0d9", "#c2577f", "#6b4f3a")
_MARKERS = "sD^vP*X"
_SCOPE_STYLES: dict[str, tuple[str, str, str]] = {
    "group": ("each group", _OURS, "o"),
    "region-sum": ("sums over a region", "#d1520a", "s"),
    "window-maximum": (f"maxima over {WINDOW_HOURS} hours", "#2a9d6f", "^"),
    "region-sum-window-maximum": (f"sums' maxima over {WINDOW_HOURS} hours", "#8e5ea2", "D"),
}
_HEADER: dict[str, Any] = {"fontsize": 9.5, "fontweight": "bold", "loc": "left", "pad": 9}
_LEGEND: dict[str, Any] = {"fontsize": 8.5, "frameon": False, "handlelength": 1.8, "labelspacing": 0.35}
_TOP = 2.5
"""Of the picture, in largest losses of the middle model."""

_WIDTH_PIXELS, _HEIGHT_PIXELS, _HEAD_PIXELS, _DOTS_PER_INCH = 1400, 640, 44, 120


def accuracy_chart(summary: Mapping[str, Any], path: Path | str) -> None:
    """Write a picture of a backtest: left the WQL by steps ahead, right the reliability diagram.

    Parameters
    ----------
    summary
        Of a `backtest.Backtest`. The reliability is that of headroom, or of the first model where it is not there.
    path
        Where to write; the ending says the form.

    Raises
    ------
    ForecastingError
        If the ending is not of `target.PICTURES`, or the file cannot be written.
    """
    from matplotlib import rc_context  # noqa: PLC0415 (half a second, for drawing only)
    from matplotlib.figure import Figure  # noqa: PLC0415

    target = check_target(path, PICTURES)
    models: dict[str, Any] = summary["overall"]
    judged = HEADROOM if HEADROOM in models else next(iter(models))
    inches = (_WIDTH_PIXELS / _DOTS_PER_INCH, _HEIGHT_PIXELS / _DOTS_PER_INCH)
    figure = Figure(figsize=inches, dpi=_DOTS_PER_INCH)
    below_head = 1 - _HEAD_PIXELS / _HEIGHT_PIXELS
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.08, wspace=0.05, rect=(0, 0, 1, below_head))
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _by_steps(left, models)
    _reliability(right, models[judged]["pit"], judged)
    count = len(summary["origins"])
    figure.suptitle(
        f"Backtest: {count} {'origin' if count == 1 else 'origins'} to {summary['origins'][-1][:10]}, "
        f"{summary['groups']} groups, {summary['horizon_hours']} hours ahead",
        x=0.01, y=1 - 12 / _HEIGHT_PIXELS, ha="left", va="top", fontsize=11,
    )  # fmt: skip
    form = target.suffix.lower().removeprefix(".")
    try:
        # The same picture, the same bytes.
        with rc_context({"svg.hashsalt": "headroom"}), whole(target) as beside:
            figure.savefig(beside, format=form, metadata={"Date": None} if form == "svg" else None)
    except OSError as error:
        raise ForecastingError(f"{target}: the chart cannot be written: {error.strerror or error}") from error


def _by_steps(ax: "Axes", models: Mapping[str, Any]) -> None:
    """Draw a line per model over the ranges of steps ahead; the legend has them in the order of their ends."""
    steps = list(next(iter(models.values()))["wql_by_steps"])
    colours, markers = iter(_OTHERS * len(models)), iter(_MARKERS * len(models))
    ends, labels = {}, {}
    losses = {  # None is NaN
        name: np.array([scores["wql_by_steps"][step] for step in steps], dtype=np.float64)
        for name, scores in models.items()
    }
    largest = {name: values[np.isfinite(values)].max(initial=0.0) for name, values in losses.items()}
    # One that is far off must not press all others into one: it leaves the picture, and the legend says how far.
    known = [x for x in largest.values() if x > 0] or [1.0]
    top = min(max(known), _TOP * float(np.median(known)))
    for name, values in losses.items():
        if name == HEADROOM:
            style: dict[str, Any] = {"color": _OURS, "lw": 2.4, "marker": "o", "ms": 6, "zorder": 4}
        elif name == NAIVE:
            style = {"color": _FAINT, "lw": 1.5, "marker": "o", "ms": 4.5, "ls": (0, (4, 2))}
        else:
            style = {"color": next(colours), "lw": 1.2, "marker": next(markers), "ms": 4.5, "zorder": 3}
        (line,) = ax.plot(np.arange(len(steps)), values, label=name, **style)
        far = f" (up to {largest[name]:.3g})" if largest[name] > top else ""
        labels[name] = f"{name}{far}"
        ends[name] = (np.nan_to_num(values[-1], nan=np.inf), line)
    ax.set_xticks(np.arange(len(steps)), [step.replace("-", "–") for step in steps])
    ax.set_xlim(-0.25, len(steps) - 0.75)
    ax.set_ylim(0, 1.08 * top)
    ax.set_xlabel("hours ahead", fontsize=9)
    ax.set_title("Weighted quantile loss (lower is better)", **_HEADER)
    ordered = sorted(ends, key=lambda name: -ends[name][0])
    handles = [ends[name][1] for name in ordered]
    ax.legend(
        handles, [labels[name] for name in ordered], loc="best", ncols=2 if len(ordered) > 4 else 1, **_LEGEND
    )
    dress(ax)


def _reliability(ax: "Axes", pit: Mapping[str, Any], name: str) -> None:
    """Draw the share of actuals below each forecast quantile over its level; on the diagonal they are true."""
    ax.plot([0, 1], [0, 1], color=_FAINT, lw=0.9, ls=(0, (4, 3)))
    for scope in SCOPES:
        if pit[scope] is not None:
            label, colour, marker = _SCOPE_STYLES[scope]
            nominal, observed = reliability(pit[scope])
            ax.plot(nominal, observed, color=colour, lw=1.4, marker=marker, ms=4, label=label)
    ticks = np.linspace(0, 1, 5)
    ax.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
    ax.set_yticks(ticks, [f"{tick:.0%}" for tick in ticks])
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_aspect("equal")
    ax.set_xlabel("level of the quantile (above the line: the forecast was too high)", fontsize=9)
    ax.set_title(f"Reliability: actuals below {name}'s quantiles", parse_math=False, **_HEADER)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="best", **_LEGEND)
    dress(ax)


def dress(ax: "Axes") -> None:
    """Set the frame of a panel as the fan charts have it: few lines."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(_FAINT)
    ax.grid(axis="y", color="#ebebeb", lw=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=8.5, color=_FAINT, length=3)
