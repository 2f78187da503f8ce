"""The command line: parse, call one workflow, print.

Place in the line: the outermost edge, and the one boundary where errors become exit codes: 0 done, 1 refused
or failed, 2 usage, 3 changes pending with ``--check``, 4 something stays short (``plan`` and ``propose``; it wins
over 3), 130 interrupted.

    headroom forecast --usage usage.parquet --out profile.nc
"""

from typing import Any

import click

from controller.cli.backtests import backtest
from controller.cli.checking import check
from controller.cli.dashboard import dashboard
from controller.cli.explaining import explain
from controller.cli.fetching import fetch
from controller.cli.forecasts import forecast, simulate
from controller.cli.ingesting import ingest
from controller.cli.learning import learn
from controller.cli.leases import plan, propose, release, schema
from controller.cli.output import fitted, note
from controller.cli.pulls import comment, pr
from controller.cli.replays import replay
from controller.cli.retraining import retrain
from controller.cli.running import run
from controller.cli.scoring import score
from controller.cli.starting import init
from controller.cli.surprising import surprise
from controller.errors import HeadroomError


class Boundary(click.Group):
    """A group of commands that turns known errors into a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a bug keeps its traceback, everything else is told in words that fit the terminal."""
        from forecasting.errors import ForecastingError

        try:
            return super().invoke(ctx)
        except (HeadroomError, ForecastingError) as error:
            note(f"error: {error}")
            ctx.exit(getattr(error, "exit_code", 1))
        except getattr(click.exceptions, "NoArgsIsHelpError", ()):
            raise
        except click.UsageError as error:
            raise click.UsageError(fitted(error.format_message(), "Error: "), error.ctx) from error
        except click.ClickException as error:
            raise click.ClickException(fitted(error.format_message(), "Error: ")) from error
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(130)


_ROAD = """\b
The road by hand:
  headroom learn    --usage usage.parquet --out hierarchy.nc
  headroom forecast --usage usage.parquet --hierarchy hierarchy.nc \\
                    --out profile.nc
  headroom plan     --env environments/demo --profile profile.nc
  headroom propose  --env environments/demo --profile profile.nc --dry-run
  headroom release  --env environments/demo --usage usage.parquet
All of it at once, again and again:
  headroom run      --env environments/demo --usage usage.parquet --every 15m
"""


@click.group(cls=Boundary, epilog=_ROAD, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="headroom", prog_name="headroom")
def main() -> None:
    """Forecast what groups of users will need, and have it reviewed before it is asked for."""


for command in (
    init,
    ingest,
    learn,
    retrain,
    forecast,
    explain,
    backtest,
    surprise,
    score,
    replay,
    run,
    plan,
    propose,
    release,
    check,
    pr,
    comment,
    dashboard,
    schema,
    simulate,
    fetch,
):
    main.add_command(command)
