"""Amounts with units, such as ``128 GiB``, → plain numbers in the unit that usage has.

>>> amount("memory", "512 MiB"), amount("network", "10 Gbit/s"), amount("cpu", 4)
(0.5, 10000.0, 4.0)
"""

import re

# Of the resources that Headroom knows by name; others take plain numbers, in the units of their usage.
UNITS: dict[str, dict[str, float]] = {
    "cpu": {"cores": 1, "mcores": 1e-3, "m": 1e-3},
    "memory": {"GiB": 1, "MiB": 2**-10, "TiB": 2**10, "GB": 1e9 / 2**30, "MB": 1e6 / 2**30, "TB": 1e12 / 2**30},
    "storage": {"GiB": 1, "MiB": 2**-10, "TiB": 2**10, "GB": 1e9 / 2**30, "MB": 1e6 / 2**30, "TB": 1e12 / 2**30},
    "network": {"Mbit/s": 1, "Kbit/s": 1e-3, "Gbit/s": 1e3, "Mbps": 1, "Gbps": 1e3},
}
STANDARD = {resource: next(iter(units)) for resource, units in UNITS.items()}
_WRITTEN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)\s*([A-Za-z/]*)\s*", re.IGNORECASE)
_MOST = 1e9


def amount(resource: str, value: object) -> float:
    """Read what one node has of ``resource``, in cores, GiB or Mbit/s; of another resource, in its usage's unit.

    Raises
    ------
    ValueError
        If it is no number above 0, or its unit is not known for the resource.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{resource} is {value!r}; write a number, such as 16 or 16 GiB")
    number, unit = float("nan"), ""
    if isinstance(value, str):
        if written := _WRITTEN.fullmatch(value):
            number, unit = float(written.group(1)), written.group(2)
    else:
        number = float(value)
    known = UNITS.get(resource, {})
    if unit and unit not in known:
        units = f"known for {resource} are {', '.join(known)}" if known else "it takes plain numbers only"
        raise ValueError(f"{resource} has the unknown unit {unit!r}; {units}")
    number *= known[unit] if unit else 1
    if not 0 < number <= _MOST:
        raise ValueError(f"{resource} is {value!r}; it must be a finite number above 0, at most {_MOST:.0e}")
    return number
