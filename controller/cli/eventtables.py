"""Events that a forecast counts with, as a table and as JSON.

Place in the line: under ``forecast``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click
import numpy as np

from controller.cli.output import Column, table
from controller.drivers import MOST, Driver, drivers

if TYPE_CHECKING:
    from forecasting.profile import DemandProfile


def ahead(profile: "DemandProfile") -> list[tuple[str, Driver]]:
    """Return the events within a profile's hours, by start, each with the resource that it moves most."""
    groups = profile.draws["group"].values.tolist()
    end = profile.issued + timedelta(hours=profile.horizon_hours + 1)
    found: dict[tuple[datetime, datetime, str, str], tuple[str, Driver]] = {}
    for resource in profile.draws["resource"].values.tolist():
        for x in drivers(profile.dataset.attrs.get("events"), groups, resource, profile.issued, end):
            key = (x.starts, x.ends, x.kind, x.name)
            if key not in found or _moved(x) > _moved(found[key][1]):
                found[key] = (resource, x)
    return [found[key] for key in sorted(found)][:MOST]


def print_events(events: Sequence[tuple[str, Driver]]) -> None:
    """Print them below the peaks; nothing where there are none."""
    if not events:
        return
    click.echo("\nevents; demand is so many times the usual, in the mean over whom they touch:")
    rows = [
        (
            x.name if x.name == x.kind else f"{x.kind}: {x.name}",
            f"{x.starts:%a %d %Hh}",
            f"{(x.ends - x.starts) / timedelta(hours=1):g}",
            f"{x.middle:.3g}",
            f"{x.lower:.3g}–{x.upper:.3g}",
            f"{resource}, new" if x.new else resource,
        )
        for resource, x in events
    ]
    headings = ("event", "at (UTC)", "hours", "times", "80%", "moves most")
    table([Column(x, number=x in {"hours", "times", "80%"}) for x in headings], rows)
    if any(x.new for _, x in events):
        click.echo("new: none of its kind was seen before")


def _moved(event: Driver) -> float:
    return float(abs(np.log(event.middle)))
