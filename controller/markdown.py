r"""Text from outside → harmless Markdown, or one harmless line; probabilities in words.

Place in the line: under everything that a reader sees. Names of groups, pools and people are data: none may bring
markup, HTML, a mention or a link.

>>> markdown("a|b <!-- @team")
'a\\|b &lt;\\!-- @\u200bteam'
"""

import re
import unicodedata

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~>])")


def markdown(text: object, most: int = 120) -> str:
    """Make text from outside harmless in Markdown: no markup, HTML, mention or link, one short line."""
    escaped = _SPECIAL.sub(r"\\\1", plain(text, most).replace("&", "&amp;").replace("<", "&lt;"))
    escaped = escaped.replace("\\>", "&gt;").replace("@", "@\u200b").replace("$", "\\$")
    return escaped.replace("://", ":\u200b//").replace("www.", "www\u200b.")  # no link of its own making


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
