"""``headroom pr``: the embedded local forge, which keeps pull requests in the origin repository itself."""

from datetime import datetime
from pathlib import Path

import click

from controller import workflow
from controller.cli.leases import env_option
from controller.cli.output import Column, as_json, document, now_option, plain_record, table

number_argument = click.argument("number", type=click.IntRange(1))


@click.group(short_help="List, show, approve, merge, close: the local forge.")
def pr() -> None:
    """List, show, approve, merge and close pull requests of the local forge."""


@pr.command("list", epilog="Example: headroom pr list --env environments/demo")
@env_option
@click.option("--all", "everything", is_flag=True, help="Merged and closed ones too.")
@as_json
def list_(directory: Path, everything: bool, output: str) -> None:
    """List the open pull requests."""
    with workflow.workplace(directory) as place:
        found = [x for x in place.forge.list() if everything or x.state == "open"]
    if output == "json":
        document([plain_record(x) for x in found])
        return
    rows = [(f"#{x.number}", x.state, "yes" if x.approved_by else "no", x.title) for x in found]
    table([Column("pull request"), Column("state"), Column("approved"), Column("title")], rows)


@pr.command(epilog="Example: headroom pr show 1 --env environments/demo")
@number_argument
@env_option
@as_json
def show(number: int, directory: Path, output: str) -> None:
    """Show the words and the diff of one pull request."""
    with workflow.workplace(directory) as place:
        found = place.forge.get(number)
        tip = place.checkout.remote_branches(found.head).get(found.head)
        diff = place.checkout.diff(place.checkout.base_commit, tip) if tip else ""
    if output == "json":
        document(plain_record(found) | {"diff": diff})
        return
    click.echo(f"#{found.number} {found.title}\n{found.state}, {found.head} → {found.base}\n\n{found.body}")
    if diff:
        click.echo(diff)


@pr.command(epilog="Example: headroom pr approve 1 --env environments/demo --by alice")
@number_argument
@env_option
@click.option("--by", required=True, help="Who approves.")
@now_option
def approve(number: int, directory: Path, by: str, now: datetime) -> None:
    """Approve one pull request."""
    with workflow.workplace(directory) as place:
        place.forge.approve(number, by, now)
    click.echo(f"#{number} approved by {by}; next: headroom pr merge {number}")


@pr.command(epilog="Example: headroom pr merge 1 --env environments/demo")
@number_argument
@env_option
@now_option
def merge(number: int, directory: Path, now: datetime) -> None:
    """Merge one approved pull request; CI, or you, apply it then."""
    with workflow.workplace(directory) as place:
        merged = place.forge.merge(number, now)
    click.echo(f"#{number} merged as {merged.merged_commit}; next: git pull, terraform plan and apply")


@pr.command(epilog="Example: headroom pr close 1 --env environments/demo")
@number_argument
@env_option
@now_option
def close(number: int, directory: Path, now: datetime) -> None:
    """Close one pull request unmerged: the same ask is not made again."""
    with workflow.workplace(directory) as place:
        place.forge.close(number, now)
    click.echo(f"#{number} closed; the same ask stays silent")
