"""The pictures of a score: CRPS by lead hours, the PIT histogram, and whether intervals held what they said.

Place in the line: beside `scorecard`; `headroom score --page` puts it into its page.

    svg = score_chart(table)
"""

from io import StringIO
from typing import Any

import numpy as np
import pandas as pd

from forecasting.scorecard import INTERVALS, LEADS, within
from forecasting.scorecard import summary as summarised

_OURS, _FAINT = "#1f5f99", "#8a8a8a"
_BINS = 10
_INCHES = (11.0, 3.4)


def score_chart(table: pd.DataFrame) -> str:
    """Return a picture of scores as SVG text.

    Parameters
    ----------
    table
        As `scorecard.scored` makes it, not empty.
    """
    from matplotlib import rc_context  # noqa: PLC0415 (half a second, for drawing only)
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Letters stay letters, and the same table makes the same bytes.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "headroom", "font.size": 9}):
        figure = Figure(figsize=_INCHES, layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        by_lead = summarised(table, ["lead"])
        place = np.arange(len(by_lead))
        left.bar(place, 100 * by_lead["crps"], color=_OURS, width=0.6)
        left.set_xticks(place, [_range(int(lead)) for lead in by_lead["lead"]])
        left.set(title="CRPS, % of what came", xlabel="hours ahead")
        shares = np.histogram(table["pit"], bins=_BINS, range=(0, 1))[0] / len(table)
        middle.bar((np.arange(_BINS) + 0.5) / _BINS, shares, width=0.9 / _BINS, color=_OURS)
        middle.axhline(1 / _BINS, color=_FAINT, linestyle="--", linewidth=1)
        middle.set(
            title="where it came in the forecast (PIT)", xlabel="0 lowest, 1 highest", ylabel="share of hours"
        )
        overall = summarised(table.assign(all="all"), ["all"]).iloc[0]
        right.plot([0, 1], [0, 1], color=_FAINT, linestyle="--", linewidth=1)
        right.plot(INTERVALS, [float(overall[within(x)]) for x in INTERVALS], color=_OURS, marker="o")
        right.set(
            title="intervals: share that came within", xlabel="said", ylabel="came", xlim=(0.4, 1), ylim=(0, 1.02)
        )
        for axes in (left, middle, right):
            _plain(axes)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]


def _range(last: int) -> str:
    first = dict(zip(LEADS, (1, *(x + 1 for x in LEADS)), strict=False))[last]
    return f"{first}–{last}" if last != LEADS[-1] else f"{first}–"


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.title.set_fontsize(10)
