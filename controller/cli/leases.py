"""``headroom plan``, ``propose``, ``release`` and ``schema``: the commands of one environment."""

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from controller import workflow
from controller.cli.output import as_json, document, note, now_option
from controller.cli.reading import usage_of
from controller.cli.show import plan_record, print_outcomes, print_plan
from controller.config import schema as config_schema

if TYPE_CHECKING:
    import xarray as xr

Command = TypeVar("Command", bound=Callable[..., Any])
PENDING = 3  # exit code: changes are pending, with --check
SHORT = 4  # exit code: something stays short, whatever is merged; it says more than PENDING

env_option = click.option(
    "--env",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Directory of the environment: headroom.yaml beside the Terraform code.",
)
check_option = click.option("--check", is_flag=True, help="Exit with 3 if anything is asked for.")
dry_option = click.option(
    "--dry-run", is_flag=True, help="Go the whole way, stop before the push, show the requests."
)


def profile_option(required: bool) -> Callable[[Command], Command]:
    """The option that names a saved demand profile."""
    text = "Demand profile that `headroom forecast --out` saved."
    return click.option("--profile", "profile_path", type=click.Path(path_type=Path), required=required, help=text)


@click.command(
    short_help="Show what would be opened and released.",
    epilog="Example: headroom plan --env environments/demo --profile profile.nc",
)
@env_option
@profile_option(required=True)
@click.option("--usage", "usage_path", help="Realised usage, to see releases.")
@now_option
@check_option
@as_json
def plan(
    directory: Path, profile_path: Path, usage_path: str | None, now: datetime, check: bool, output: str
) -> None:
    """Show which leases would be opened, changed and released, and why. Writes nothing.

    It reads the directory alone: what is proposed already and not merged is not known to it.
    Exits with 4 if a limit leaves demand short that the service level should hold.
    """
    from forecasting.profile import DemandProfile

    made, config = workflow.plan(directory, DemandProfile.load(profile_path), _usage(usage_path), now)
    if output == "json":
        document(plan_record(made))
    else:
        print_plan(made, config)
    if made.shortfalls:
        click.get_current_context().exit(SHORT)
    if check and not made.empty:
        click.get_current_context().exit(PENDING)


@click.command(
    short_help="Open the pull requests that a profile asks for.",
    epilog="Example: headroom propose --env environments/demo --profile profile.nc --dry-run",
)
@env_option
@profile_option(required=True)
@now_option
@dry_option
@as_json
def propose(directory: Path, profile_path: Path, now: datetime, dry_run: bool, output: str) -> None:
    """Open or update one pull request per lease that the profile asks for.

    Exits with 4 if a limit leaves demand short that the service level should hold; the requests are open then.
    """
    from forecasting.profile import DemandProfile

    profile = DemandProfile.load(profile_path)
    wanted, outcomes = workflow.propose(directory, profile, now, dry_run)
    print_outcomes(wanted, outcomes, output=output)
    if wanted.shortfalls:
        click.get_current_context().exit(SHORT)


@click.command(
    short_help="Open the pull requests that give back.",
    epilog="Example: headroom release --env environments/demo --usage usage.parquet",
)
@env_option
@click.option("--usage", "usage_path", required=True, help="Realised usage.")
@profile_option(required=False)
@now_option
@dry_option
@as_json
def release(
    directory: Path, usage_path: str, profile_path: Path | None, now: datetime, dry_run: bool, output: str
) -> None:
    """Open or update the pull requests that give capacity back."""
    from forecasting.profile import DemandProfile

    profile = DemandProfile.load(profile_path) if profile_path else None
    print_outcomes(*workflow.release(directory, _usage(usage_path), profile, now, dry_run), output=output)


@click.command(
    short_help="Print the JSON Schema of headroom.yaml.",
    epilog="Example: headroom schema > headroom.schema.json",
)
def schema() -> None:
    """Print the JSON Schema of headroom.yaml."""
    json.dump(config_schema(), sys.stdout, indent=2)
    click.echo()


def _usage(path: str | None) -> "xr.Dataset | None":
    if path is None:
        return None
    from forecasting.repairs import notes

    usage = usage_of(path)
    for line in notes(usage):
        note(line)
    return usage
