"""``headroom retrain``: learn anew, with the memory that forecast the last days better."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.eventoptions import EventChoice, event_options, jobs_option, seed_option
from controller.cli.forecasts import usage_option
from controller.cli.output import Moment, as_json, document, note, progress
from controller.cli.reading import usage_of
from controller.cli.targets import check_targets

if TYPE_CHECKING:
    from forecasting.retrain import Contest


@click.command(
    short_help="Learn anew; champion and challenger on the last days.",
    epilog="Example: headroom retrain --usage usage.parquet --hierarchy hierarchy.nc",
)
@usage_option
@click.option(
    "--hierarchy",
    "hierarchy_path",
    type=click.Path(path_type=Path),
    required=True,
    help="What is in use; replaced by what is learnt.",
)
@click.option("--days", type=click.IntRange(1, 28), default=7, show_default=True, help="Days of the contest.")
@click.option("--now", type=Moment(), help="Use only hours before it.  [default: the end of the usage]")
@seed_option
@jobs_option
@event_options
@as_json
def retrain(
    usage_path: str,
    hierarchy_path: Path,
    days: int,
    now: datetime | None,
    seed: int,
    jobs: int,
    choice: EventChoice,
    output: str,
) -> None:
    """Learn anew, with the memory (eight weeks or three) that forecast the last days better.

    Both are learnt from the usage before these days and forecast each of them; the settings change only where the
    challenger is better by more than chance. Where learning fails, --hierarchy stays as it is.
    """
    from forecasting.hierarchy import Hierarchy
    from forecasting.retrain import retrain as run

    check_targets([("--hierarchy", hierarchy_path, ())], [usage_path, *choice.files])
    usage = usage_of(usage_path, now)
    with progress("retrain") as report:
        fresh, contest = run(
            usage, Hierarchy.load(hierarchy_path), now,
            seed=seed, days=days, events=choice.of(usage), jobs=jobs, progress=report,
        )  # fmt: skip
    fresh.save(hierarchy_path)
    if output == "json":
        found = None
        if contest is not None:
            found = {
                "days": contest.days,
                "champion": {"memory_hours": contest.champion_hours, "crps": contest.champion},
                "challenger": {"memory_hours": contest.challenger_hours, "crps": contest.challenger},
                "changed": contest.changed,
            }
        document({"memory_hours": fresh.memory_hours, "contest": found})
    else:
        click.echo(words_of(contest) if contest else "too little usage for a contest: the memory stays as it is")
    note(f"hierarchy: {hierarchy_path}")


def words_of(contest: "Contest") -> str:
    """Say how a contest went, and what follows."""
    names = [f"{hours / 24:.0f} days" for hours in (contest.champion_hours, contest.challenger_hours)]
    won = names[1] if contest.changed else names[0]
    return (
        f"memory of {names[0]}: CRPS {contest.champion:.2%} of what came in {contest.days} days; "
        f"of {names[1]}: {contest.challenger:.2%}; learnt with {won}"
    )
