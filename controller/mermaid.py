r"""The course of a need → a chart in Mermaid's words, which the forge draws itself.

Place in the line: under ``message``. Every word of it is a number, a moment or a constant: nothing from data.

>>> hours = [Point(_NOON + timedelta(hours=h), 2, 3, 4, 2) for h in range(3)]
>>> print(chart(hours, _NOON + timedelta(hours=1), _NOON + timedelta(hours=2), 5).split("\n", 1)[1])
xychart-beta
  x-axis "hours after Tue 24 Nov 13:00 UTC" -1 --> 1
  y-axis "nodes" 0 --> 6
  line "80 % from" [2, 2, 2]
  line "80 % to" [4, 4, 4]
  line "median" [3, 3, 3]
  line "as proposed" [2, 5, 2]
  line "held" [2, 2, 2]
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from controller.plan import Point

# The colours of these signs, so that a chart without a legend has one in the line below it; they are told apart on
# light and on dark ground, and by the colour-blind.
_BAND, _MEDIAN, _HELD, _ASKED = "#aa8ed6", "#3b88c3", "#f4900c", "#78b159"
LEGEND = "🟦 median need, 🟪 its 80 % interval, 🟧 held now, 🟩 as proposed"
_PALETTE = ", ".join((_BAND, _BAND, _MEDIAN, _ASKED, _HELD))
_LOOK = f'"xyChart": {{"height": 300}}, "themeVariables": {{"xyChart": {{"plotColorPalette": "{_PALETTE}"}}}}'
_HOUR = timedelta(hours=1)
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def chart(course: Sequence[Point], starts: datetime, ends: datetime, floor: int) -> str:
    """Write a chart of a need, and of a lease of ``floor`` nodes over its window; empty for under two points."""
    if len(course) < 2:
        return ""
    step = course[1].time - course[0].time
    asked = [max(x.held, floor) if x.time < ends and x.time + step > starts else x.held for x in course]
    lines = {
        "80 % from": [x.lower for x in course],
        "80 % to": [x.upper for x in course],
        "median": [x.median for x in course],
        "as proposed": asked,
        "held": [x.held for x in course],
    }
    since, until = ((x.time - starts) / _HOUR for x in (course[0], course[-1]))
    top = max(max(x) for x in lines.values())
    return "\n".join(
        [
            f"%%{{init: {{{_LOOK}}}}}%%",
            "xychart-beta",
            f'  x-axis "hours after {starts.astimezone(UTC):%a %d %b %H:%M} UTC" {since:g} --> {until:g}',
            f'  y-axis "nodes" 0 --> {top + max(1, top // 20)}',
            *(f'  line "{name}" [{", ".join(map(str, values))}]' for name, values in lines.items()),
        ]
    )
