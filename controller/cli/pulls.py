"""``headroom pr``: pull requests by hand, and the reviewer of the embedded forge.

Place in the line: for who looks in, or has no forge; what runs by itself goes through ``workflow``.
"""

from datetime import datetime
from pathlib import Path
from typing import TextIO

import click

from controller import workflow
from controller.cli.leases import env_option
from controller.cli.output import Column, as_json, document, now_option, plain_record, pull, table
from controller.message import MOST_CHARACTERS
from controller.proposal import prefix

number_argument = click.argument("number", type=click.IntRange(1))


@click.group(short_help="List, show, comment, close; review the local forge.")
def pr() -> None:
    """List, show, comment and close pull requests; approve and merge those of the local forge."""


@pr.command("list", epilog="Example: headroom pr list --env environments/demo")
@env_option
@click.option("--all", "everything", is_flag=True, help="Those merged or closed lately, too.")
@as_json
def list_(directory: Path, everything: bool, output: str) -> None:
    """List the open pull requests."""
    with workflow.workplace(directory) as place:
        start = prefix(place.config.environment)
        found = list(place.forge.open_pulls(start))
        if everything:
            found = sorted((*found, *place.forge.recent_pulls(start).pulls), key=lambda x: x.number)
    if output == "json":
        document([plain_record(x) for x in found])
        return
    rows = [(f"#{x.number}", x.state, ", ".join(x.labels), x.title) for x in found]
    table([Column("pull request"), Column("state"), Column("labels"), Column("title")], rows)


@pr.command(epilog="Example: headroom pr show 1 --env environments/demo")
@number_argument
@env_option
@click.option("--raw", is_flag=True, help="Markdown as it is on the forge, on a terminal too.")
@as_json
def show(number: int, directory: Path, raw: bool, output: str) -> None:
    """Show the words and the diff of one pull request.

    On a terminal its Markdown is drawn, without charts; elsewhere it is printed as it is.
    """
    with workflow.workplace(directory) as place:
        found = place.forge.get(number)
        tip = place.checkout.remote_branches(found.head).get(found.head)
        diff = place.checkout.diff(place.checkout.fork(tip) or place.checkout.base_commit, tip) if tip else ""
    if output == "json":
        document(plain_record(found) | {"diff": diff})
        return
    line = f"{found.state}, {found.head} → {found.base}"
    pull(f"#{found.number} {found.title}", line, found.body, diff, raw)


@pr.command(epilog="Example: headroom pr approve 1 --env environments/demo --by alice")
@number_argument
@env_option
@click.option("--by", required=True, help="Who approves.")
@now_option
def approve(number: int, directory: Path, by: str, now: datetime) -> None:
    """Approve one pull request."""
    with workflow.workplace(directory) as place:
        place.local.approve(number, by, now)
    click.echo(f"#{number} approved by {by}; next: headroom pr merge {number} --env {directory}")


@pr.command(epilog="Example: headroom pr merge 1 --env environments/demo")
@number_argument
@env_option
@now_option
def merge(number: int, directory: Path, now: datetime) -> None:
    """Merge one approved pull request; CI, or you, apply it then."""
    with workflow.workplace(directory) as place:
        forge = place.local
        approved = forge.kept(number).approved_commit
        merged = forge.merge(number, approved or "", now)
    click.echo(
        f"#{number} merged as {(merged.merged_commit or '')[:12]}; next: git pull, terraform plan and apply"
    )


@pr.command(epilog="Example: headroom pr close 1 --env environments/demo")
@number_argument
@env_option
@now_option
def close(number: int, directory: Path, now: datetime) -> None:
    """Close one pull request unmerged: the same ask is not made again."""
    with workflow.workplace(directory) as place:
        place.forge.close(number, now)
    click.echo(f"#{number} closed; the same ask stays silent")


@pr.command(epilog="Example: headroom pr reopen 1 --env environments/demo")
@number_argument
@env_option
@now_option
def reopen(number: int, directory: Path, now: datetime) -> None:
    """Open one pull request of the local forge again: its ask is no longer silent."""
    with workflow.workplace(directory) as place:
        place.local.reopen(number, now)
    click.echo(f"#{number} is open again; the next run takes it up")


@click.command(
    short_help="Post or update one comment on a pull request.",
    epilog="Example: headroom comment --env environments/demo --pull 7 --file plan.md --key plan",
)
@env_option
@click.option("--pull", "number", type=click.IntRange(1), required=True, help="Number of the pull request.")
@click.option(
    "--file", "source", type=click.File("r", encoding="utf-8"), required=True, help="Markdown; - is stdin."
)
@click.option("--key", default="plan", show_default=True, help="Name of the comment: a later one replaces it.")
@now_option
def comment(directory: Path, number: int, source: TextIO, key: str, now: datetime) -> None:
    """Say something under a pull request, once for each key: a later text replaces an earlier one."""
    body = source.read(MOST_CHARACTERS + 1)
    if not body.strip():
        raise click.UsageError(f"{source.name} is empty; there is nothing to say")
    if len(body) > MOST_CHARACTERS:
        body = body[: MOST_CHARACTERS - 40].rsplit("\n", 1)[0] + f"\n\n(cut at {MOST_CHARACTERS:,} characters)"
    with workflow.workplace(directory) as place:
        place.forge.comment(number, key=key, body=body, now=now)
    click.echo(f"#{number}: the comment {key} says so now")
