r"""Text → what a terminal shows of it: nothing that steers it, whole words, Markdown without charts and folds.

Place in the line: under ``output``, which prints. Texts of pull requests and files are somebody else's.

>>> harmless("a\x1b[2Jb\u202e")
'a�[2Jb'
"""

import re
import textwrap
import unicodedata

_NARROWEST = 20
# None looks further than to where the next might begin, so that a long text takes no longer than it must.
_CHART = re.compile(r"^```mermaid\n(?:(?!```).*\n)*```\n+(?:🟦.*\n)?", re.MULTILINE)  # and its legend
_HIDDEN = re.compile(r"<!--(?:(?!<!--).)*?-->\n?", re.DOTALL)
_SUMMARY = re.compile(r"<summary>([^<]*)</summary>")
_TAG = re.compile(r"</?(?:details|sub)>\n?")


def harmless(text: str) -> str:
    """Text without characters that move the cursor, change colours or turn the direction of reading."""
    return "".join(x if x in "\n\t" else _KINDS.get(unicodedata.category(x), x) for x in text)


_KINDS = {"Cc": "\ufffd", "Co": "\ufffd", "Cs": "\ufffd", "Cf": "", "Zl": " ", "Zp": " "}


def wrapped(text: str, width: int, before: str = "") -> str:
    """Break long lines between words, and go on two blanks further in; ``before`` is what the text comes after.

    Words that are longer than a line, such as paths, stay whole, so that they can be copied.
    """
    lines = []
    for line in harmless(before + text).split("\n"):
        inset = line[: len(line) - len(line.lstrip())]
        if len(line) <= width:
            lines.append(line)
            continue
        lines += textwrap.wrap(
            line,
            max(width, _NARROWEST),
            subsequent_indent=f"{inset}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    found = "\n".join(lines)
    # A first word that is longer than the line has pushed what is before it to a line of its own.
    return found.removeprefix(before.rstrip()).lstrip() if before else found


def unfolded(markdown: str) -> str:
    """Markdown as a forge shows it with all details open, but for charts; lines end where they are written."""
    words = _HIDDEN.sub("", _CHART.sub("", harmless(markdown)))
    words = _TAG.sub("", _SUMMARY.sub(r"### \1", words))
    return re.sub(r"(?<=\S)\n(?=\S)", "  \n", words).strip()
