"""``headroom init``: Headroom into an existing infrastructure repository.

Place in the line: the first command that a platform team types; it adds files and changes none.
"""

from pathlib import Path
from typing import Any

import click

from controller.cli.output import as_json, document
from controller.workflow import starting

_MEANING = {
    "new": "written",
    "same": "there already, just so",
    "kept": "there already and different; left as it is",
}


@click.command(
    "init",
    short_help="Put an environment and its pipeline into a repository.",
    epilog="Example: headroom init --env environments/prod --forge github --dry-run",
)
@click.option(
    "--env",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Directory of the environment, in a clone of your repository; its name is the environment's.",
)
@click.option("--forge", type=click.Choice(["github", "gitlab", "gitea"]), required=True, help="Where it lives.")
@click.option(
    "--cloud", type=click.Choice(["aws", "none"]), default="aws", show_default=True, help="Cloud for OIDC."
)
@click.option("--region", default="eu-central-1", show_default=True, help="Region of the cloud.")
@click.option(
    "--engine", "program", type=click.Choice(["terraform", "tofu"]), default="terraform", show_default=True,
    help="What plans and applies.",
)  # fmt: skip
@click.option(
    "--base-branch", default="main", show_default=True, help="Branch that pull requests are merged into."
)
@click.option("--pool", help="Name of the first pool; without one, an example is written.")
@click.option(
    "--kind", type=click.Choice(["vm", "node"]), default="vm", show_default=True,
    help="VM pool (warm nodes wait) or node pool (they run).",
)  # fmt: skip
@click.option("--address", help="Address of the pool in the plan, such as aws_autoscaling_group.web.")
@click.option("--base", type=click.IntRange(0), default=2, show_default=True, help="Nodes without leases.")
@click.option("--max", type=click.IntRange(1), default=10, show_default=True, help="Most nodes.")
@click.option("--modules", default="modules/headroom-leases", show_default=True, help="Where the module goes.")
@click.option("--package", default="", help="What pipelines install by pip, where HEADROOM_PACKAGE says nothing.")
@click.option("--atlantis", is_flag=True, help="Write an atlantis.yaml, too.")
@click.option("--dry-run", is_flag=True, help="List what would be written, and write nothing.")
@as_json
def init(directory: Path, dry_run: bool, output: str, **answers: Any) -> None:
    """Write settings, the leases module and a pipeline into an existing repository.

    Files that are there already are left as they are, so it may be run again. Nothing is committed.
    """
    begun = starting.start(directory, answers, dry_run)
    if output == "json":
        document({"files": dict(begun.files), "dry_run": dry_run})
        return
    for path, state in begun.files:
        meaning = "would be written" if dry_run and state == "new" else _MEANING[state]
        click.echo(f"{state:<4}  {path}" + ("" if state == "new" and not dry_run else f"  ({meaning})"))
    if not any(state == "new" for _, state in begun.files):
        click.echo("Nothing was written: files that are there are never changed.")
    click.echo()
    click.echo(begun.advice, nl=False)
