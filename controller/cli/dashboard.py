"""``headroom dashboard``: what the dashboard issue says, and its boxes ticked by hand.

Place in the line: for who has no forge to look at, or wants a script to pause it.
"""

from datetime import datetime
from pathlib import Path

import click

from controller import workflow
from controller.cli.leases import env_option
from controller.cli.output import as_json, document, now_option, plain_record, prose


@click.command(
    short_help="Show the dashboard issue; pause, resume.",
    epilog="Example: headroom dashboard --env environments/demo --pause",
)
@env_option
@click.option("--pause/--resume", default=None, help="Tick or untick the box: while paused, runs change nothing.")
@click.option("--reopen", multiple=True, metavar="ENV/POOL/LEASE", help="Have a refused lease asked for again.")
@now_option
@as_json
def dashboard(directory: Path, pause: bool | None, reopen: tuple[str, ...], now: datetime, output: str) -> None:
    """Show what is held, proposed, refused and short, in the words of the dashboard issue."""
    found = workflow.dashboard(directory, now, pause, reopen)
    if output == "json":
        document(plain_record(found))
    else:
        prose(found.body.rstrip())
