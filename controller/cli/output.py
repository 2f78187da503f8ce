"""How commands print: results on stdout as a table or JSON, progress on stderr.

Place in the line: under the commands of ``cli``; the only home of rich. On a terminal words stay whole and
Markdown is drawn; elsewhere both are as they were written, for grep and for other programs.
"""

import json
import re
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

from controller.cli.terminal import harmless, unfolded, wrapped
from controller.lease import stamp

Report = Callable[[str, float], None]
_MOST_COLUMNS = 100  # of prose, that it can be read
_THOUSANDS = {1: "k", 2: "M", 3: "G", 4: "T", 5: "P"}
_STEERING = re.compile(r"[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]")

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
        made.add_row(*map(harmless, row))
    Console(soft_wrap=False, highlight=False, markup=False, emoji=False).print(made)


def document(value: Any) -> None:
    """Print a result as JSON; what would steer a terminal is written as JSON escapes, which say the same."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    click.echo(_STEERING.sub(lambda x: f"\\u{ord(x[0]):04x}", text))


def _plain(value: Any) -> str:
    return stamp(value) if isinstance(value, datetime) else str(value)


def plain_record(record: Any) -> dict[str, Any]:
    """A record as JSON has it: moments as text, everything else as it is."""
    return {key: stamp(value) if isinstance(value, datetime) else value for key, value in asdict(record).items()}


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    click.echo(fitted(text), err=True)


def fitted(text: str, before: str = "") -> str:
    """Text as stderr takes it: on a terminal with breaks between words, ``before`` being there already."""
    return wrapped(text, Console(stderr=True).width, before) if sys.stderr.isatty() else text


def pull(heading: str, line: str, body: str, diff: str, raw: bool = False) -> None:
    """Print a pull request: on a terminal as a reviewer reads it, elsewhere and if ``raw`` in its Markdown."""
    terminal = sys.stdout.isatty()
    shown = harmless if terminal else str
    click.echo(f"{click.style(shown(heading), bold=terminal)}\n{shown(line)}\n")
    prose(body, raw)
    if diff:
        click.echo(("\n" if terminal else "") + shown(diff))


def prose(text: str, raw: bool = False) -> None:
    """Print Markdown: drawn on a terminal, else as it is."""
    if raw or not sys.stdout.isatty():
        click.echo(harmless(text) if sys.stdout.isatty() else text)
        return
    from rich.markdown import Markdown
    from rich.theme import Theme

    # Names in bold, not on black, which a light terminal would show as boxes.
    console = Console(highlight=False, emoji=False, theme=Theme({"markdown.code": "bold"}))
    # Without hyperlinks: the address is shown beside the words, so that nobody is led elsewhere.
    console.print(Markdown(unfolded(text), hyperlinks=False), width=min(console.width, _MOST_COLUMNS))


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


def number(value: float) -> str:
    """Return a number ≥ 0 in six characters: three digits, or whole with commas; above with k, M, below as 2.8e-5.

    There is no m for thousandths: beside forecasts it would be read as minutes or as millions.
    """
    if 999.5 <= value < 99_999.5:
        return f"{value:,.0f}"
    if 0 < value < 0.01:
        digits, exponent = f"{value:.{1 if value > 1e-9 else 0}e}".split("e")
        return f"{value:.2g}" if value >= 0.001 else f"{digits.removesuffix('.0')}e{int(exponent)}"
    digits, exponent = f"{value:.2e}".split("e")
    thousands = int(exponent) // 3
    if value < 999.5 or thousands not in _THOUSANDS:
        return f"{value:.3g}"
    return f"{float(digits) * 10 ** (int(exponent) % 3):.3g}{_THOUSANDS[thousands]}"
