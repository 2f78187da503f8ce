"""How commands print: results on stdout as a table or JSON, progress on stderr.

Place in the line: under the commands of ``cli``; the only home of rich.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.lease import stamp

Report = Callable[[str, float], None]

as_json = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Form of the result.",
)


class Moment(click.ParamType[datetime]):
    """A moment in ISO 8601; without an offset it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse the option's text."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-24T12:00Z", param, ctx)
        if not 1971 <= moment.year < 2200:
            self.fail(f"{value!r} lies outside of 1971 to 2199", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


now_option = click.option(
    "--now",
    type=Moment(),
    default=lambda: datetime.now(UTC).replace(microsecond=0),
    show_default="the clock",
    help="The moment to decide at, ISO 8601; UTC unless it says otherwise.",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its heading, and whether it holds numbers."""

    heading: str
    number: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings, plain enough to be read at 80 columns and in a log."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.heading, justify="right" if column.number else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    Console(soft_wrap=False, highlight=False, markup=False, emoji=False).print(made)


def document(value: Any) -> None:
    """Print a result as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> str:
    return stamp(value) if isinstance(value, datetime) else str(value)


def plain_record(record: Any) -> dict[str, Any]:
    """A record as JSON has it: moments as text, everything else as it is."""
    return {key: stamp(value) if isinstance(value, datetime) else value for key, value in asdict(record).items()}


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    click.echo(text, err=True)


@contextmanager
def progress(what: str) -> Iterator[Report]:
    """Show how far long work is: a bar on a terminal, a line per stage elsewhere."""
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def line(stage: str, fraction: float) -> None:
            if stage not in seen and fraction < 1:
                seen.add(stage)
                note(f"{what}: {stage}")

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=1.0)
        yield lambda stage, fraction: bars.update(task, description=f"{what}: {stage}", completed=fraction)
