"""What was repaired in a table of usage, and what looks wrong in it, in words.

Place in the line: after `usage`, whose attributes count the repairs; the command line tells them.

>>> notes(xr.Dataset({dims.DEMAND: ((), 1.0)}, attrs={"negative": 1}))
['1 value is negative; taken as not known']
"""

import xarray as xr

from forecasting import dims

# A series is one resource of one group, and hours are counted in each: of 3 series a day has 72 series-hours.
_OF_ONE_AND_OF_MANY = {
    "naive_timestamps": ("1 of {rows:,} rows has no timezone", "{:,} of {rows:,} rows have no timezone"),
    "unsorted": (
        "1 row comes earlier than the row before it in its series",
        "{:,} rows come earlier than the row before them in their series",
    ),
    "not_finite": ("1 value is NaN or infinite", "{:,} values are NaN or infinite"),
    "negative": ("1 value is negative", "{:,} values are negative"),
    "duplicates": ("1 row repeats a timestamp of its series", "{:,} rows repeat a timestamp of their series"),
    "sub_hourly": (
        "1 hour of a series has several rows; it holds the mean of its known values",
        "{:,} series-hours have several rows; each holds the mean of its known values",
    ),
    "censored_hours": (
        "1 hour of a series sat at capacity; it is a lower bound on demand",
        "{:,} series-hours sat at capacity; they are lower bounds on demand",
    ),
    "missing_hours": (
        "1 of {cells:,} series-hours is not known, in 1 of {series:,} series",
        "{:,} of {cells:,} series-hours are not known, in {gappy:,} of {series:,} series",
    ),
    "absent_series": (
        "1 pair of group and resource has no known value at all",
        "{:,} pairs of group and resource have no known value at all",
    ),
    "coarse_series": (
        "1 pair of group and resource is seldom known two hours in a row",
        "{:,} pairs of group and resource are seldom known two hours in a row",
    ),
}
_DONE = {
    "naive_timestamps": "taken as UTC",
    "unsorted": "sorted",
    "not_finite": "taken as not known",
    "negative": "taken as not known",
    "duplicates": "the last known row holds",
    "missing_hours": "left open",
    "absent_series": "taken as not used, where the group uses others",
    "coarse_series": "left open between",
}


def notes(usage: xr.Dataset) -> list[str]:
    """Say in words what was repaired, a sentence for each kind that occurred; empty for a clean table."""
    hours = usage.sizes.get(dims.TIME, 1)
    series = usage[dims.DEMAND].size // hours - usage.attrs.get("absent_series", 0)  # which have their own line
    sizes = {
        "rows": usage.attrs.get("rows", 0),
        "cells": series * hours,
        "series": series,
        "gappy": usage.attrs.get("gappy_series", 0),
    }
    told = [line for line in str(usage.attrs.get("source_notes", "")).split("\n") if line]
    for kind, (of_one, of_many) in _OF_ONE_AND_OF_MANY.items():
        if count := usage.attrs.get(kind):
            said = (of_one if count == 1 else of_many).format(count, **sizes)
            told.append(f"{said}; {_DONE[kind]}" if kind in _DONE else said)
    if jumps := usage.attrs.get("unit_jumps"):
        told.append(str(jumps))
    return told
