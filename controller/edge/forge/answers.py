r"""What a forge answered → values: types are checked, texts made plain. Pure.

Place in the line: between ``wire`` and the forges. Whatever a forge gives is data: a field of another type than
its description promises is an error that names the field, never a surprise further on.

>>> text({"body": "a\r\nb"}, "body"), text({"body": None}, "body")
('a\nb', '')
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from controller.errors import ForgeError

Record = Mapping[str, Any]


def _odd(name: str, wanted: str) -> ForgeError:
    return ForgeError(
        f"the forge's answer holds no {wanted} in {name!r}; is it of the kind that the settings say?"
    )


def record(value: object, name: str = "answer") -> Record:
    """Pass a JSON object."""
    if not isinstance(value, dict):
        raise _odd(name, "object")
    return value


def records(value: object, name: str = "answer") -> Sequence[Record]:
    """Pass a list of JSON objects; null is an empty one."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _odd(name, "list")
    return [record(item, name) for item in value]


def inner(of: Record, name: str) -> Record:
    """Give an object within an object; null or absent is an empty one."""
    value = of.get(name)
    return {} if value is None else record(value, name)


def text(of: Record, name: str) -> str:
    """Give a text with LF line ends; null or absent is an empty one."""
    value = of.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _odd(name, "text")
    return value.replace("\r\n", "\n").replace("\r", "\n")


def integer(of: Record, name: str) -> int:
    """Give a number without fraction."""
    value = of.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _odd(name, "whole number")
    return value


def flag(of: Record, name: str) -> bool:
    """Give yes or no; null or absent is no."""
    value = of.get(name)
    if value is not None and not isinstance(value, bool):
        raise _odd(name, "yes or no")
    return bool(value)


def texts(of: Record, name: str, key: str) -> tuple[str, ...]:
    """Give one text of each object in a list, such as names of labels; an item may be the text itself."""
    value = of.get(name)
    if value is not None and not isinstance(value, list):
        raise _odd(name, "list")
    return tuple(item if isinstance(item, str) else text(record(item, name), key) for item in value or ())


def moment(of: Record, name: str) -> datetime | None:
    """Give a moment in UTC; null, absent, or Go's year 1 is None."""
    value = text(of, name)
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise _odd(name, "moment") from None
    if found.tzinfo is None:
        raise _odd(name, "moment with a time zone")
    return None if found.year == 1 else found.astimezone(UTC)


def instant(of: Record, name: str) -> datetime:
    """Give a moment that must be there."""
    found = moment(of, name)
    if found is None:
        raise _odd(name, "moment")
    return found


def commit(of: Record, name: str) -> str | None:
    """Give the id of a commit, None where there is none yet."""
    value = text(of, name)
    if value and not (len(value) in (40, 64) and all(x in "0123456789abcdef" for x in value)):
        raise _odd(name, "commit id")
    return value or None
