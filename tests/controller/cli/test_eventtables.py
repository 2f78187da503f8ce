"""Events below the peaks of a forecast: in the order in which they come, each by what it moves most."""

import json

import numpy as np
import xarray as xr

from controller.cli.eventtables import ahead, print_events
from forecasting import dims
from forecasting.profile import DemandProfile


def profile_of(events):
    hours = 31 * 24
    return DemandProfile(
        xr.Dataset(
            {dims.DEMAND: (dims.PROFILE_DIMS, np.ones((2, 1, 2, hours), dtype=np.float32))},
            coords={
                "group": ["eu/shop"], "region": ("group", ["eu"]), "name": ("group", ["shop"]),
                "resource": ["cpu", "memory"], "unit": ("resource", ["cores", "GiB"]),
                "time": np.datetime64("2026-11-01", "ns") + np.arange(hours) * dims.HOUR,
            },
            attrs={"issued": "2026-11-01T00:00:00+00:00", "events": json.dumps(events)},
        )
    )  # fmt: skip


def event(day, name, cpu, memory, **more):
    start, end = f"2026-11-{day:02}T08:00:00+00:00", f"2026-11-{day:02}T20:00:00+00:00"
    factor = {x: [0.9 * y, y, 1.1 * y] for x, y in (("cpu", cpu), ("memory", memory))}
    about = {"kind": "sale", "name": name, "regions": ["*"], "groups": [""]}
    return about | {"start": start, "end": end, "factor": factor} | more


def test_events_come_in_their_order_each_by_what_it_moves_most(capsys):
    events = [event(26, "late", 1.5, 1.2), event(9, "early", 0.8, 0.3, new=True)]
    found = ahead(profile_of(events))
    assert [(resource, x.name, x.middle) for resource, x in found] == [
        ("memory", "early", 0.3),
        ("cpu", "late", 1.5),
    ]
    print_events(found)
    said = capsys.readouterr().out
    assert said.index("sale: early") < said.index("sale: late")
    assert "memory, new" in said
    assert "none of its kind was seen before" in said
    assert max(map(len, said.splitlines())) <= 80


def test_without_events_nothing_is_said(capsys):
    print_events(ahead(profile_of([])))
    assert capsys.readouterr().out == ""
