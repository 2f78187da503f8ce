r"""Two ways to spell a user id → what they have in common, so that a withdrawal is heard however it is written.

Place in the line: under the consent gate and `pseudonyms`, the one place where ids are made alike.

Method: the Unicode Standard, 3.13, definition D146 (compatibility caseless match), without blanks around.

>>> folded(" Ｓｔｒａße\u200b")
'strasse'
"""

from unicodedata import category, normalize

import duckdb
import pyarrow as pa

_BLANKS = r"[\s\p{Z}\p{C}]+"
_SAID = "spelling_of"


def spelt(user: str) -> str:
    """SQL for what two ways to spell an id have in common: without case, width, ligatures and blanks around it.

    Python is asked for ids that are not plain ASCII alone: DuckDB has no such folding, and is faster.
    """
    plain = f"lower(regexp_replace({user}, '^{_BLANKS}|{_BLANKS}$', '', 'g'))"
    return f"CASE WHEN strlen({user}) <> length({user}) THEN {_SAID}({user}) ELSE {plain} END"


def teach(base: duckdb.DuckDBPyConnection) -> None:
    """Give a DuckDB the function that `spelt` calls."""
    base.create_function(_SAID, _each, ["VARCHAR"], "VARCHAR", type="arrow")  # type: ignore[call-overload]


def folded(user: str) -> str:
    """What two ways to spell an id have in common."""
    text = normalize("NFKD", normalize("NFKD", normalize("NFD", user).casefold()).casefold())
    first, last = 0, len(text)
    while first < last and _blank(text[first]):
        first += 1
    while first < last and _blank(text[last - 1]):
        last -= 1
    return text[first:last]


def _blank(letter: str) -> bool:
    return letter.isspace() or category(letter) in {"Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs"}


def _each(users: pa.Array) -> pa.Array:
    return pa.array([folded(x) for x in users.to_pylist()], pa.string())
