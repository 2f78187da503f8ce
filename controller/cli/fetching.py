"""``headroom fetch``: what the sources give, as one long table, for people to look at."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.forecasts import usage_option
from controller.cli.output import Column, as_json, document, note, now_option, plain_record, progress, table
from controller.cli.targets import check_targets
from controller.errors import HeadroomError

if TYPE_CHECKING:
    from pandas import DataFrame


@click.command(
    short_help="Read usage from its sources and write it as one table.",
    epilog="Example: headroom fetch --usage sources.yaml --out usage.parquet",
)
@usage_option
@click.option("--out", type=click.Path(path_type=Path), help="Write the long table here (.parquet or .csv).")
@now_option
@as_json
def fetch(usage_path: str, out: Path | None, now: datetime, output: str) -> None:
    """Read usage from its sources, say what came from where, and write it as one table.

    It says what other commands would say of that table, too: hours that are missing, or why it is refused. Then it
    is written all the same, to be looked at, and the exit status is 1.
    """
    from forecasting import sources
    from forecasting.target import whole

    check_targets([("--out", out, [".parquet", ".csv"])], [usage_path])
    with progress("fetch") as report:
        found = sources.fetch(usage_path, now, report)
    judged, refused = _judged(found.rows, now)
    told = [*found.told, *judged]
    for line in told:
        note(line)
    if output == "json":
        document({"sources": [plain_record(part) for part in found.parts], "notes": told, "refused": refused})
    else:
        columns = [Column("source"), *(Column(x, number=True) for x in ("rows", "h read", "h cached"))]
        columns += [Column("from (UTC)"), Column("to (UTC)")]
        rows = [
            (
                part.title,
                f"{part.rows:,}",
                _hours(part.hours_read),
                _hours(part.hours_kept),
                _minute(part.first),
                _minute(part.last),
            )
            for part in found.parts
        ]
        table(columns, rows)
    if out:
        rows_out = found.rows.dropna(axis="columns", how="all")
        try:
            with whole(out) as beside:
                if out.suffix.lower() == ".csv":
                    rows_out.to_csv(beside, index=False)
                else:
                    rows_out.to_parquet(beside, index=False)
        except (OSError, ValueError, TypeError) as error:  # a full disk; a column of mixed kinds
            raise HeadroomError(f"{out}: the table cannot be written: {error}") from error
        note(f"usage: {out}")
    if refused:
        raise HeadroomError(f"at {now:%Y-%m-%d %H:%M} UTC no command can use this table: {refused}")


def _judged(rows: "DataFrame", now: datetime) -> tuple[list[str], str]:
    """Return what is missing or odd in a table, and why no forecast can be made of it, if none can."""
    from forecasting.errors import UsageError
    from forecasting.repairs import notes
    from forecasting.usage import from_table

    try:
        return notes(from_table(rows, now=now)), ""
    except UsageError as error:
        return [], str(error)


def _hours(hours: float | None) -> str:
    return "–" if hours is None else f"{hours:,.0f}"


def _minute(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
