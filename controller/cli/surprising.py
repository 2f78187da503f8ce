"""``headroom surprise``, and the record of past forecasts that other commands carry on."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.eventoptions import EventChoice, event_options, jobs_option, seed_option
from controller.cli.forecasts import usage_option
from controller.cli.output import Column, Moment, Report, as_json, document, note, progress, table
from controller.cli.reading import usage_of
from controller.cli.targets import check_targets

if TYPE_CHECKING:
    import xarray as xr

    from forecasting.events import Events
    from forecasting.feedback.record import Record
    from forecasting.hierarchy import Hierarchy

Say = Callable[[str], None]
_CALM, _MOST_ROWS = 0.1, 40

_SIDES = {"above": "more", "below": "less"}
_KINDS = {
    "global": "everything at once",
    "regional": "a whole region",
    "shift": "a lasting change",
    "outlier": "one bad stretch",
}


@click.command(
    short_help="Show how surprising the last days were.",
    epilog="Example: headroom surprise --usage usage.parquet --hierarchy hierarchy.nc --record record.nc",
)
@usage_option
@click.option(
    "--hierarchy", "hierarchy_path", type=click.Path(path_type=Path), required=True, help="What `learn` wrote."
)
@click.option(
    "--record",
    "record_path",
    type=click.Path(path_type=Path),
    required=True,
    help="How past forecasts turned out: carried on, or made where it is missing.",
)
@click.option(
    "--env", "directory", type=click.Path(path_type=Path), help="Judge the pools of this environment too."
)
@click.option("--now", type=Moment(), help="Use only hours before it.  [default: the end of the usage]")
@seed_option
@jobs_option
@event_options
@as_json
def surprise(
    usage_path: str,
    hierarchy_path: Path,
    record_path: Path,
    directory: Path | None,
    now: datetime | None,
    seed: int,
    jobs: int,
    choice: EventChoice,
    output: str,
) -> None:
    """Judge the forecasts of the last days by what came, and show how surprising that was.

    A factor of 0 is calm and 1 an alarm, above for more than was foreseen and below for less.
    """
    from controller import workflow
    from forecasting.feedback.record import KIND
    from forecasting.feedback.surprise import surprises, verdicts
    from forecasting.hierarchy import Hierarchy
    from forecasting.netcdf import check_own

    check_own(record_path, KIND)
    check_targets([("--record", record_path, [".nc"])], [usage_path, hierarchy_path, *choice.files])
    hierarchy = Hierarchy.load(hierarchy_path)
    if directory:
        workflow.read_directory(directory)  # before usage is read, which may take long
    usage = usage_of(usage_path, now)
    sets = pools_of(directory, usage) if directory else {}
    with progress("surprise") as report:
        record = carried_on(
            record_path, usage, hierarchy, now, note, report,
            sets=sets, events=choice.of(usage), seed=seed, jobs=jobs,
        )  # fmt: skip
    found = surprises(record)
    regions = dict(zip(usage["group"].values.tolist(), usage["region"].values.tolist(), strict=True))
    verdict = [
        {"kind": x.kind, "where": x.where, "side": x.side, "factor": round(x.factor, 2)}
        for x in verdicts(record, regions)
    ]
    factors = found.values.round(2).tolist()
    rows = [
        (str(scope), str(resource), float(factors[0][i][j]), float(factors[1][i][j]))
        for i, scope in enumerate(found["scope"].values)
        for j, resource in enumerate(found["resource"].values)
    ]
    if output == "json":
        keys = ("scope", "resource", "above", "below")
        rows_of = [dict(zip(keys, row, strict=True)) for row in rows]
        document({"forecasts": len(record.origins), "surprise": rows_of, "verdicts": verdict})
        return
    loud = sorted((x for x in rows if max(x[2:]) >= _CALM), key=lambda x: -max(x[2:]))
    if loud:
        columns = [Column("scope"), Column("resource"), Column("above", number=True), Column("below", number=True)]
        table(columns, [(_named(x[0]), x[1], f"{x[2]:.1f}", f"{x[3]:.1f}") for x in loud[:_MOST_ROWS]])
    note(f"{len(rows) - len(loud[:_MOST_ROWS])} calmer ones; -o json has all")
    for line in told(record, usage):
        click.echo(line)


def _named(scope: str) -> str:
    """A scope of the record in words: what it calls a set of groups is a pool here."""
    kind, _, name = scope.partition(":")
    return f"{'pool' if kind == 'set' else kind} {name}"


def told(record: "Record", usage: "xr.Dataset") -> list[str]:
    """Say in words what the last six hours look like."""
    from forecasting.feedback.surprise import verdicts

    regions = dict(zip(usage["group"].values.tolist(), usage["region"].values.tolist(), strict=True))
    found = [
        f"{_KINDS[x.kind]}: {x.where or 'all regions'}, {_SIDES[x.side]} than was foreseen"
        for x in verdicts(record, regions)
    ]
    more = [f"and {len(found) - _MOST_ROWS} more"] if len(found) > _MOST_ROWS else []
    return [*found[:_MOST_ROWS], *more] or ["the last six hours were within what was foreseen"]


def carried_on(
    path: Path,
    usage: "xr.Dataset",
    hierarchy: "Hierarchy",
    now: datetime | None,
    say: Say,
    report: Report,
    *,
    sets: Mapping[str, Any],
    events: "Events | None" = None,
    seed: int = 0,
    jobs: int = 1,
) -> "Record":
    """Return the record of a file, carried on to ``now`` and saved; one that cannot be read is made anew.

    Where it cannot be saved that is said, and what was found holds for this run.
    """
    from forecasting.errors import RecordError
    from forecasting.feedback.record import KIND, Record
    from forecasting.judging import advance
    from forecasting.netcdf import check_own
    from forecasting.target import check_target

    check_target(path, [".nc"])
    check_own(path, KIND)
    old = None
    if path.exists():
        try:
            old = Record.load(path)
        except RecordError as error:
            say(f"{error}; making it anew")
    else:
        say(f"no record at {path} yet: the forecasts of the last week are made for it")
    record = advance(old, usage, hierarchy, now, sets=sets, events=events, seed=seed, jobs=jobs, progress=report)
    try:
        record.save(path)
    except RecordError as error:
        say(f"{error}; the next run does this work again")
    return record


def pools_of(directory: Path, usage: "xr.Dataset") -> Mapping[str, tuple[str, ...]]:
    """Return the groups of each pool of an environment, as far as usage has them."""
    from controller import workflow
    from controller.capacity import members

    config, _ = workflow.read_directory(directory)
    return members(config, usage["group"].values.tolist())
