"""The picture of a replay: what each policy costs at each shortfall, at the best of its settings.

Place in the line: beside `headroom replay`, which draws with it. Matplotlib is imported when something is drawn
and not before, and is used without its global state.

    frontier_chart(summary, "frontier.png")
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.replay.frontier import LEAST_SHARE
from controller.replay.policies import ORACLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Ours in the blues of the fan charts, what none can beat in black, what all should beat in grey; the rest by hues
# that the colour-blind tell apart, and by markers.
_STYLES: dict[str, tuple[str, str, str, float]] = {
    "oracle": ("#1a1a1a", "None", "-", 1.4),
    "headroom+reactive": ("#1f5f99", "o", "-", 2.6),
    "headroom": ("#5bb0d9", "s", "-", 1.6),
    "aws-style": ("#d1520a", "^", "-", 1.4),
    "reactive": ("#2a9d6f", "D", "-", 1.4),
    "schedule": ("#8e5ea2", "v", "-", 1.2),
    "percentile": ("#c9a227", "P", "-", 1.2),
    "static-peak": ("#8a8a8a", "X", "--", 1.4),
}
_FAINT = "#8a8a8a"
_WIDTH_PIXELS, _HEIGHT_PIXELS, _DOTS_PER_INCH = 1200, 700, 120
_LEFT, _RIGHT = 1e-4, 0.1  # shares of the demand-hours that are drawn: beyond lies nothing one would want
_HIGHEST = 4.5  # times the need


def frontier_chart(summary: Mapping[str, Any], path: Path | str) -> None:
    """Draw cost over shortfall, a line for each policy.

    Parameters
    ----------
    summary
        As `summary.summarise` makes it.
    path
        Where to write; the ending says the form.

    Raises
    ------
    ForecastingError
        If the ending is not of `target.PICTURES`, or the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from forecasting.errors import ForecastingError
    from forecasting.target import PICTURES, check_target, whole

    target = check_target(path, PICTURES)
    figure = Figure(figsize=(_WIDTH_PIXELS / _DOTS_PER_INCH, _HEIGHT_PIXELS / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    ax = figure.subplots()
    for level in summary["levels"]:
        ax.axvline(level, color="#d9d9d9", lw=0.9, zorder=0)
    drawn = {name: _line(ax, name, policy, summary) for name, policy in summary["policies"].items()}
    ends = {name: reach for name, reach in drawn.items() if reach is not None}
    _dress(ax, summary, max((top for _, top in ends.values()), default=0.0))
    # The legend has the lines in the order in which they end at the right of the picture.
    ordered = sorted(ends, key=lambda name: -ends[name][0])
    handles = {line.get_label(): line for line in ax.get_lines()}
    ax.legend(
        [handles[name] for name in ordered], ordered,
        loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9.5, handlelength=2.2,
    )  # fmt: skip
    form = target.suffix.lower().removeprefix(".")
    try:
        # The same picture, the same bytes.
        with rc_context({"svg.hashsalt": "headroom"}), whole(target) as beside:
            figure.savefig(beside, format=form, metadata={"Date": None} if form == "svg" else None)
    except OSError as error:
        raise ForecastingError(f"{target}: the chart cannot be written: {error.strerror or error}") from error


def _line(
    ax: "Axes", name: str, policy: Mapping[str, Any], summary: Mapping[str, Any]
) -> tuple[float, float] | None:
    """Draw a policy's front; the height of its right end and of its top, None where nothing is to be seen."""
    settings = [policy["settings"][place] for place in policy["frontier"]]
    share = np.maximum([x["short_share"] for x in settings], LEAST_SHARE)
    cost = np.array([x["cost"] for x in settings]) / _unit(summary)
    colour, marker, style, width = _STYLES[name]
    front = {"color": colour, "lw": width, "ls": style, "label": name, "zorder": 5 if width > 2 else 3}
    ax.plot(share, cost, marker=marker, ms=4.5 if len(share) < 20 else 3.2, **front)  # type: ignore[arg-type]
    seen = (share >= _LEFT) & (share <= _RIGHT) & (cost <= _HIGHEST)
    return (float(cost[seen][0]), float(cost[seen].max())) if seen.any() else None


def _unit(summary: Mapping[str, Any]) -> float:
    """Cost of 1 on the vertical axis: the oracle's without a shortfall, or a node-hour for each that is needed."""
    oracle = summary["policies"].get(ORACLE)
    return max(x["cost"] for x in oracle["settings"]) if oracle else float(summary["needed_node_hours"])


def _dress(ax: "Axes", summary: Mapping[str, Any], highest: float) -> None:
    ax.set_xscale("log")
    ax.set_xlim(_RIGHT, _LEFT)  # less short to the right, so that better is down and to the right
    ax.set_ylim(0, min(_HIGHEST, 1.06 * highest) if highest else _HIGHEST)
    ticks = (0.1, 0.01, 0.001, 0.0001)
    ax.set_xticks(ticks, ["10 %", "1 %", "0.1 %", "0.01 %"])
    ax.minorticks_off()
    ax.set_xlabel("demand-hours short (less to the right)", fontsize=9.5)
    against = "the oracle's without shortfall" if ORACLE in summary["policies"] else "a node-hour for each needed"
    ax.set_title(
        f"Cost, as a multiple of {against}: {summary['weeks']:.0f} weeks, {len(summary['pools'])} "
        f"{'pool' if len(summary['pools']) == 1 else 'pools'}",
        fontsize=10.5, fontweight="bold", loc="left", pad=10,
    )  # fmt: skip
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(_FAINT)
    ax.grid(axis="y", color="#ebebeb", lw=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=9, color=_FAINT, length=3)
