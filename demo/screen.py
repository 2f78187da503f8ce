"""What the demo shows: steps, status lines, pull requests as a reviewer sees them, tables."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from controller.cli.terminal import unfolded

console = Console(highlight=False, emoji=False)


def step(number: int, text: str) -> None:
    """Begin a step."""
    console.print()
    console.rule(f"[bold]{number}  {text}", align="left", style="dim")


def moment(now: datetime) -> None:
    """Say what time it is in the story."""
    console.print(f"\n[bold]{now:%a %d %b %H:%M} UTC")


def say(text: str) -> None:
    """Tell one fact."""
    console.print(text, markup=False)


def fact(label: str, text: str) -> None:
    """Tell one fact with a label; where it is longer than a line, it goes on below itself."""
    made = Table.grid(padding=(0, 1))
    made.add_column(min_width=11, no_wrap=True)
    made.add_column()
    made.add_row(label, Text(text))
    console.print(made)


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """Show that work is under way: a spinner on a terminal, a line elsewhere; yields a teller of stages."""
    if sys.stdout.isatty():
        with console.status(text) as status:
            yield lambda stage: status.update(f"{text}: {stage}")
    else:
        console.print(f"  {text} …", markup=False)
        yield lambda stage: None


def pull_request(number: int, title: str, body: str, plan: str, verdict: str) -> None:
    """Show a pull request, and what CI says below it."""
    console.print(Panel(Markdown(unfolded(body)), title=f"#{number} {title}", title_align="left", box=box.ROUNDED))
    console.print(Padding(plan, (0, 2)), markup=False)
    console.print(Padding(verdict, (0, 2)), markup=False)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show a table; the first column holds what each row is about."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        made.add_column(heading, justify="left" if place == 0 else "right")
    for row in rows:
        made.add_row(*row)
    console.print(made, markup=False)


def ask(question: str) -> bool:
    """Ask on the terminal; anything but yes is no, and no terminal is no."""
    try:
        return console.input(f"{question} \\[y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False
