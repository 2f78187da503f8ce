"""``headroom forecast`` and ``simulate``: the commands that make demand, foreseen and invented."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from controller.cli.eventoptions import (
    EventChoice,
    event_options,
    hierarchy_option,
    inference_option,
    jobs_option,
    seed_option,
)
from controller.cli.eventtables import ahead, print_events
from controller.cli.keeping import kept, record_of, state_of, state_option
from controller.cli.output import (
    Column,
    Moment,
    as_json,
    document,
    note,
    now_option,
    number,
    plain_record,
    progress,
    table,
)
from controller.cli.reading import usage_of
from controller.cli.sharing import dask_option
from controller.cli.sizing import Sizing, footprints_option
from controller.cli.targets import check_targets, write_whole
from controller.cli.terminal import wrapped

if TYPE_CHECKING:
    from forecasting.profile import DemandProfile

usage_option = click.option(
    "--usage",
    "usage_path",
    required=True,
    metavar="PLACE",
    help="Usage: a Parquet, CSV or JSON-lines file with timestamp, region, group, resource, value; a folder or "
    "address of such files; or a YAML file that describes sources.",
)
_LEVELS = (0.5, 0.8, 0.95)
_NAMED = 5  # groups of which nothing is expected


@click.command(
    short_help="Forecast demand and print the coming peaks.",
    epilog="Example: headroom forecast --usage usage.parquet --horizon 72 --out profile.nc",
)
@usage_option
@click.option("--horizon", type=click.IntRange(1, 24 * 31), default=168, show_default=True, help="Hours ahead.")
@click.option("--now", type=Moment(), help="Use only hours before it.  [default: the end of the usage]")
@seed_option
@hierarchy_option
@click.option("--calibrate/--no-calibrate", default=True, help="Whether recent misses adjust the spread.")
@inference_option
@jobs_option
@dask_option
@event_options
@click.option(
    "--record",
    "record_path",
    type=click.Path(path_type=Path),
    help="How past forecasts turned out, as `surprise` or `run` kept it: intervals that missed are wider.",
)
@state_option
@footprints_option
@click.option("--out", type=click.Path(path_type=Path), help="Save the demand profile here (netCDF).")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw a fan chart here (PNG or SVG).")
@as_json
def forecast(
    usage_path: str,
    horizon: int,
    now: datetime | None,
    seed: int,
    hierarchy_path: Path | None,
    calibrate: bool,
    inference: str | None,
    jobs: int,
    dask: str | None,
    choice: EventChoice,
    record_path: Path | None,
    state_path: Path | None,
    footprints: Path | None,
    out: Path | None,
    plot: Path | None,
    output: str,
) -> None:
    """Forecast demand, and print each group's coming peak.

    Writes nothing but --out, --plot, --state and a new --hierarchy.

    With --hierarchy it takes a moment. Without, what groups share is learnt first; where --hierarchy names a file
    that is not there yet, too, and it is saved there.
    """
    from forecasting.netcdf import check_own
    from forecasting.profile import KIND
    from forecasting.repairs import notes
    from forecasting.target import PICTURES

    check_targets(
        [("--state", state_path, ()), ("--out", out, [".nc"]), ("--plot", plot, PICTURES)],
        [usage_path, record_path, footprints, *choice.files],
        hierarchy_path,
    )
    if out:
        check_own(out, KIND)
    sizing = Sizing(footprints)
    usage = usage_of(usage_path, now)  # before PyMC is imported, so that bad input is told at once
    for line in notes(usage):
        note(line)
    sizing.check(usage)
    events = choice.of(usage)
    record = record_of(record_path, usage)
    state, keep = state_of(state_path, note)
    from forecasting.forecast import forecast as run
    from forecasting.learn import learn
    from forecasting.settings import Settings

    settings = Settings(calibrate=calibrate, inference=inference or "laplace")
    hierarchy = None
    if hierarchy_path:
        if inference and hierarchy_path.exists():
            note("--inference is for learning: with a hierarchy it changes nothing")
        hierarchy = kept(
            hierarchy_path,
            usage["resource"].values.tolist(),
            lambda report: learn(
                usage, now, seed, report,
                horizon_hours=horizon, events=events, settings=settings, jobs=jobs, dask=dask,
            ),
        )  # fmt: skip
    with progress("forecast") as report:
        profile = run(
            usage, horizon, now, seed, report,
            hierarchy=hierarchy, events=events, settings=settings, jobs=jobs, dask=dask, record=record,
            state=state, keep=keep,
        )  # fmt: skip
    said = [line for line in str(profile.dataset.attrs["notes"]).split("\n") if line]
    for line in said:
        note(line)
    profile, sizing_notes = sizing.profile(profile, seed)
    for line in sizing_notes:
        note(line)
    said += sizing_notes
    rows = _peaks(profile)
    if output == "json":
        issued = profile.issued.isoformat()
        known = {"issued": issued, "horizon_hours": horizon, "seed": seed, "notes": said}
        coming = [{"resource": resource} | plain_record(x) for resource, x in ahead(profile)]
        document(known | {"peaks": rows, "events": coming})
    else:
        _print_peaks(rows)
        print_events(ahead(profile))
    if out:
        profile.save(out)
        note(f"profile: {out}")
    if plot:
        from forecasting.chart import fan

        fan(profile, plot, history=None if footprints else usage)
        note(f"fan chart: {plot}")


@click.command(
    short_help="Make usage to try everything on.",
    epilog="Example: headroom simulate --out usage.parquet --seed 7",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write (Parquet).")
@click.option("--weeks", type=click.IntRange(1, 104), default=6, show_default=True, help="Weeks of history.")
@seed_option
@now_option
def simulate(out: Path, weeks: int, seed: int, now: datetime) -> None:
    """Make usage of 12 user groups in 2 regions that ends at --now, to try everything on."""
    from forecasting.simulate import simulate as run
    from forecasting.target import check_target

    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(weeks=weeks)
    check_target(out, [".parquet"])
    write_whole({out: run(seed=seed, weeks=weeks, start=start).table})
    note(f"usage: {out}")


def _peaks(profile: "DemandProfile") -> list[dict[str, Any]]:
    """Largest demand of the horizon per group and resource: quantiles over each draw's largest hour."""
    draws = profile.draws
    largest = draws.max("time")
    when = draws.coords["time"].to_numpy()[profile.quantile(0.5).isel(quantile=0).argmax("time").to_numpy()]
    rows = []
    for i, group in enumerate(draws.coords["group"].to_numpy()):
        for j, resource in enumerate(draws.coords["resource"].to_numpy()):
            values = largest.to_numpy()[:, i, j]
            rows.append(
                {
                    "group": str(group),
                    "resource": str(resource),
                    "unit": str(draws.coords["unit"].to_numpy()[j]),
                    "median": float(np.median(values)),
                    "at": f"{np.datetime_as_string(when[i, j], unit='m')}Z",
                }
                | {f"{p:.0%}": np.quantile(values, [(1 - p) / 2, (1 + p) / 2]).tolist() for p in _LEVELS}
            )
    return rows


def _print_peaks(rows: list[dict[str, Any]]) -> None:
    """Print a line for each group, and one below it for each of its resources: that fits 80 columns.

    Of what nothing is expected the end says so, instead of rows of zeros.
    """
    headings = ("group", "peak", *(f"{p:.0%}" for p in _LEVELS), "at (UTC)")
    columns = [Column(x, number=x not in {"group", "at (UTC)"}) for x in headings]
    lines: list[tuple[str, ...]] = []
    last = ""
    idle: dict[str, list[str]] = {}
    for row in rows:
        if not any(row[f"{max(_LEVELS):.0%}"]):
            idle.setdefault(row["resource"], []).append(row["group"])
            continue
        if row["group"] != last:
            last = str(row["group"])
            lines.append((last, *[""] * (len(headings) - 1)))
        at = datetime.fromisoformat(str(row["at"]))
        ranges = (_range(row[f"{p:.0%}"]) for p in _LEVELS)
        lines.append((f"  {row['resource']} {row['unit']}", number(row["median"]), *ranges, f"{at:%a %d %Hh}"))
    if lines:
        table(columns, lines)
        note("peak: the largest hour of a draw; at: the hour with the highest median")
    for resource, groups in idle.items():
        more = f" and {len(groups) - _NAMED} more" if len(groups) > _NAMED else ""
        click.echo(wrapped(f"no {resource} expected of {', '.join(groups[:_NAMED])}{more}", 80))


def _range(bounds: list[float]) -> str:
    lower, upper = bounds
    return f"{number(lower)}–{number(upper)}"
