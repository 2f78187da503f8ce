r"""Text from outside → harmless Markdown, or one harmless line; probabilities and moments in words.

Place in the line: under everything that a reader sees. Names of groups, pools and people are data: none may bring
markup, HTML, a mention or a link.

>>> markdown("a|b <!-- @team")
'a\\|b &lt;\\!-- @\u200bteam'
"""

import re
import unicodedata
from datetime import UTC, datetime

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~>])")
_REFERENCE = re.compile(r"([#!~%$&^]|\bgh-)(?=[\w\"])", re.IGNORECASE)  # to an issue, a label, a milestone
_LINK = re.compile(r"(:|www)(//|\.)", re.IGNORECASE)  # that a forge would make by itself


def markdown(text: object, most: int = 120) -> str:
    """Make text from outside harmless in Markdown: no markup, HTML, mention, reference or link, one short line.

    It must not begin a line of its own, where ``-`` or ``/close`` would still mean something.
    """
    line = _REFERENCE.sub("\\1\u200b", plain(text, most))
    escaped = _SPECIAL.sub(r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;"))
    escaped = escaped.replace("\\>", "&gt;").replace("@", "@\u200b").replace("$", "\\$")
    return _LINK.sub("\\1\u200b\\2", escaped)


def plain(text: object, most: int = 120) -> str:
    """Make text from outside one line of at most so many characters, without control or direction marks."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in str(text))
    return " ".join(kept.split())[:most]


def percent(value: float) -> str:
    """A share as it was set, in per cent."""
    return f"{100 * value:.10g} %"


def chance(value: float) -> str:
    """A probability counted from draws, in per cent: it is never certain, so never 0 % or 100 %."""
    if value < 0.01:
        return "under 1 %"
    return "over 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def short(moment: datetime) -> str:
    """A moment (UTC) in the words that fit into a table."""
    return f"{moment.astimezone(UTC):%a %d %b %H:%M}"


def span(starts: datetime, ends: datetime) -> str:
    """A window (UTC); the day is said once, if it has only one."""
    same = starts.astimezone(UTC).date() == ends.astimezone(UTC).date()
    return f"{short(starts)}–{ends.astimezone(UTC):%H:%M}" if same else f"{short(starts)} – {short(ends)}"
