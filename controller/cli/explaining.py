"""``headroom explain``: where the forecast of one group and resource comes from, in plain words."""

import textwrap
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from controller.cli.eventoptions import (
    EventChoice,
    event_options,
    hierarchy_option,
    jobs_option,
    seed_option,
)
from controller.cli.forecasts import usage_option
from controller.cli.keeping import kept
from controller.cli.learning import range_labels, weight_rows
from controller.cli.output import Column, Moment, Report, as_json, document, note, number, progress, table
from controller.cli.reading import usage_of
from controller.cli.sharing import dask_option
from controller.cli.targets import check_targets

if TYPE_CHECKING:
    from xarray import Dataset

    from forecasting.explain import Explanation
    from forecasting.hierarchy import Hierarchy

_FURTHEST_HOURS = 24 * 30  # with the day that is explained, as far as `headroom forecast` goes
_PARTS = {
    "level": "its average level",
    "trend": "its trend",
    "day": "the hour of the day",
    "week": "the hour of the week",
    "recent": "its last day",
    "block": "all groups of its region",
    "events": "holidays and events",
    "bounds": "bounds of what is plausible",
}
_COMPONENTS = {
    "ar": "last hours, day, week, block",
    "seasonal": "day, week, block",
    "weekly": "week",
    "days": "past days as they were",
    "analogue": "what followed such a day",
    "level": "past days, moved to the level of now",
    "recent": "its last hours, at any hour",
    "recurrent": "what the network makes of them",
}


@click.command(
    short_help="Say where a forecast comes from.",
    epilog="Example: headroom explain --usage usage.parquet --group eu-west/analytics --resource cpu",
)
@usage_option
@click.option("--group", required=True, help="The group, as region/name.")
@click.option("--resource", required=True, help="The resource.")
@hierarchy_option
@click.option("--now", type=Moment(), help="Use only hours before it.  [default: the end of the usage]")
@click.option("--at", type=Moment(), help="Explain the 24 hours from then on.  [default: from now on]")
@seed_option
@jobs_option
@dask_option
@event_options
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it here (PNG or SVG).")
@as_json
def explain(
    usage_path: str,
    group: str,
    resource: str,
    hierarchy_path: Path | None,
    now: datetime | None,
    at: datetime | None,
    seed: int,
    jobs: int,
    dask: str | None,
    choice: EventChoice,
    plot: Path | None,
    output: str,
) -> None:
    """Say where the forecast of one group and resource comes from, for the next 24 hours, or those from --at on.

    Its parts, what is borrowed from other groups, and how much each component of the forecast is believed. Without
    --hierarchy, what groups share is learnt first; where it names a file that is not there yet, too, and it is
    saved there.
    """
    from forecasting.explain import explain as run
    from forecasting.lookup import place_of
    from forecasting.repairs import notes
    from forecasting.target import PICTURES

    check_targets([("--plot", plot, PICTURES)], [usage_path, *choice.files], hierarchy_path)
    usage = usage_of(usage_path, now)
    for line in notes(usage):
        note(line)
    place_of(group, usage["group"].values.tolist(), "group")  # before anything is learnt
    place_of(resource, usage["resource"].values.tolist(), "resource")
    after_hours = _hours_until(at, usage, now)
    events = choice.of(usage)

    def anew(report: Report) -> "Hierarchy":
        from forecasting.learn import learn

        return learn(usage, now, seed, report, events=events, jobs=jobs, dask=dask)

    if hierarchy_path:
        hierarchy = kept(hierarchy_path, usage["resource"].values.tolist(), anew)
    else:
        with progress("learn") as report:
            hierarchy = anew(report)
    found = run(
        usage, group, resource, now, seed, hierarchy=hierarchy, events=events, after_hours=after_hours
    )  # fmt: skip
    for line in found.notes:
        note(line)
    if output == "json":
        document(found.record())
    else:
        _print(found)
    if plot:
        from forecasting.explain_chart import explain_chart

        explain_chart(found, plot)
        note(f"chart: {plot}")


def _hours_until(at: datetime | None, usage: "Dataset", now: datetime | None) -> int:
    """Return how many hours ahead come before those that are asked for."""
    from forecasting import dims
    from forecasting.past import past_of

    if at is None:
        return 0
    _, moment = past_of(usage, now)
    hours = int((dims.hour_of(at) - dims.hour_of(moment)) // dims.HOUR)
    if not 0 <= hours <= _FURTHEST_HOURS:
        raise click.BadParameter(
            f"{at:%Y-%m-%d %H:%M} UTC is not among the {_FURTHEST_HOURS} hours after {moment:%Y-%m-%d %H:%M} UTC, "
            "from which it is forecast; see --now",
            param_hint="--at",
        )
    return hours


def _print(found: "Explanation") -> None:
    """Print it, within 80 columns."""
    from forecasting.attribution import PARTS, share_of_movement
    from forecasting.calibrate import LEVELS
    from forecasting.stacking import RANGES

    low, middle, high = (number(x) for x in found.quantiles.mean(axis=1))
    unit = f" {found.unit}" if found.unit else ""
    click.echo(f"{found.group}, {found.resource}")
    begins, (first, last) = found.time[0].astype("datetime64[s]").item(), found.ahead
    period = f"{len(found.time)} hours from {begins:%a %d %b %Y %H:%M} UTC"
    _say("period", period if first == 1 else f"{period}, {first} to {last} hours ahead")
    _say("forecast", f"{middle}{unit} on average, 80% intervals {low}–{high}")
    if not found.moves:
        _say("parts", f"none: {found.still}")
        return
    path = number(float(found.parts.sum(axis=1).mean()))
    _say(
        "parts",
        f"of the central path of its '{found.component}' component, {path}{unit} on average; {_weighs(found)}",
    )
    click.echo()
    mean, size, share = found.parts.mean(axis=0), found.size, share_of_movement(found.size)
    rows = [
        (
            _PARTS[name],
            f"{'+' if mean[place] >= 0 else '−'}{number(abs(mean[place]))}",
            "" if name == "level" else f"±{number(size[place])}",
            "" if name == "level" else f"{share[place]:.0%}",
        )
        for place, name in enumerate(PARTS)
        if size[place] > 0 or name == "level"
    ]
    columns = ("comes from", "adds on average", "moves an hour by", "share of movement")
    table([Column(x, number=place > 0) for place, x in enumerate(columns)], rows)
    click.echo()
    _print_belief(found, unit)
    click.echo()
    labels = [Column(x, number=True) for x in range_labels(RANGES)]
    weights = [
        (*row, _COMPONENTS.get(row[0], "").removesuffix(", block" if found.alone or found.groups < 2 else ""))
        for row in weight_rows(found.components, found.weights)
        if any(share != "0%" for share in row[1:])
    ]
    table([Column("weight, hours ahead"), *labels, Column("follows")], weights)
    if found.own_weights:
        named = (name for end, name in zip(RANGES, range_labels(RANGES), strict=True) if end in found.own_weights)
        click.echo(f"  Its own in hours {', '.join(named)}; else those of its block.")
    click.echo()
    factors = [
        (f"{level:.0%} interval", *(f"×{x:.2f}" for x in found.factors[:, place]))
        for place, level in enumerate(LEVELS)
    ]
    table([Column("calibrated width"), *labels], factors)


def _print_belief(found: "Explanation", unit: str) -> None:
    """Say how much of it is the group's own."""
    belief, (own, of_block) = found.belief, found.noise_demand
    settled, count = float(belief.settled[0]), belief.coefficient.shape[1]
    _say(
        "history",
        f"{found.known_hours:,} known hours, which count like {float(belief.hours[0]):,.0f} of the newest: "
        f"enough to settle {settled:.0f} of {count} coefficients",
    )
    _say(
        "borrowed",
        f"{float(belief.borrowed[0]):.0%}, from {_lender(found)}: the share of how groups "
        "differ in their forecasts that its own history does not settle",
    )
    ratio = own / of_block if of_block > 0 else 1.0
    compared = "about as noisy as" if 0.8 < ratio < 1.25 else "calmer than" if ratio < 1 else "noisier than"
    _say(
        "noise",
        f"one hour ahead it is off by about {number(own)}{unit} (1 sd), {compared} a typical group of its block "
        f"would be at its level ({number(of_block)}{unit})",
    )


def _lender(found: "Explanation") -> str:
    """Say whom it borrows from."""
    others = found.groups - 1
    if others and found.alone:
        return f"what was learnt while no region had two groups whose {found.resource} changed"
    if others:
        return f"its block (the {others} other group{'s' if others > 1 else ''} of {found.region})"
    if found.elsewhere:
        return f"other regions (in {found.region} no other group's {found.resource} changes)"
    return f"what is usual of any usage (no other group's {found.resource} changes)"


def _weighs(found: "Explanation") -> str:
    """Say how much of the forecast the component is that is taken apart."""
    from forecasting.stacking import RANGES, range_of

    first, last = found.ahead
    ranges = np.unique(range_of(last)[first - 1 :])
    labels = range_labels(RANGES)
    weights = found.weights[ranges, found.components.index(found.component)]
    said = " and ".join(f"{x:.0%} in hours {labels[r]}" for r, x in zip(ranges, weights, strict=True))
    return f"it makes up {said.replace(' in hours', ' of the forecast in hours', 1)}"


def _say(what: str, text: str) -> None:
    """Print a word and what there is to say about it, in lines of at most 80 columns."""
    click.echo(textwrap.fill(text, 80, initial_indent=f"  {what:<11}", subsequent_indent=" " * 13))
