"""Which of the names that there are is meant; the error for none says which are spelt like it.

Place in the line: at the bottom; `explain` finds its group and resource by it.

>>> place_of("eu/shop", ["eu/etl", "eu/shop"], "group")
1
"""

import difflib
from collections.abc import Sequence

from forecasting.errors import ForecastingError

_ALIKE = 0.7
_NAMES_SHOWN = 8


def place_of(wanted: str, known: Sequence[str], what: str) -> int:
    """Return where a name is among those that usage has; the error says which are spelt like it."""
    if wanted in known:
        return known.index(wanted)

    def own(name: str) -> str:  # without its region, in which all of a region are alike
        return name.casefold().rpartition("/")[2]

    def likeness(one: str, other: str) -> float:
        return difflib.SequenceMatcher(None, one, other).ratio()

    asked = own(wanted)
    near = [name for name in known if own(name).startswith(asked) or likeness(asked, own(name)) >= _ALIKE]
    if near := sorted(near, key=lambda name: -likeness(wanted.casefold(), name.casefold()))[:3]:
        raise ForecastingError(f"the usage has no {what} '{wanted}'; did you mean {' or '.join(near)}?")
    shown = ", ".join(known[:_NAMES_SHOWN]) + (" …" if len(known) > _NAMES_SHOWN else "")
    raise ForecastingError(f"the usage has no {what} '{wanted}'; it has {shown}")
