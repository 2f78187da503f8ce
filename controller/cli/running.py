"""``headroom run``: the whole loop, once or again and again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import click
from click.core import ParameterSource

from controller.cli.daemonoptions import Address, Span
from controller.cli.eventoptions import EventChoice, event_options, hierarchy_option, jobs_option, seed_option
from controller.cli.job import MOST_HOURS, Job
from controller.cli.keeping import state_option
from controller.cli.leases import PENDING, SHORT, check_option, dry_option, env_option
from controller.cli.output import Report, as_json, note, now_option, progress
from controller.cli.show import print_outcomes
from controller.cli.sizing import Sizing, footprints_option
from controller.errors import HeadroomError


@click.command(
    short_help="Forecast, propose and release: the whole loop.",
    epilog="Example: headroom run --env environments/demo --usage usage.parquet --every 15m",
)
@env_option
@click.option(
    "--usage",
    "usage_path",
    metavar="PLACE",
    required=True,
    help="Usage, as `headroom fetch` takes it; read anew at each run.",
)
@hierarchy_option
@click.option(
    "--learn-every",
    type=click.IntRange(1, 24 * 92),
    default=168,
    show_default=True,
    metavar="HOURS",
    help="With --hierarchy: learn anew when it is older.",
)
@click.option(
    "--record",
    "record_path",
    type=click.Path(path_type=Path),
    help="With --hierarchy: how past forecasts turned out, carried on; widens intervals and lowers autonomy.",
)
@state_option
@footprints_option
@click.option(
    "--profiles",
    type=click.Path(path_type=Path),
    help="Folder where profiles that were acted on are kept for a while, for `headroom score`.",
)
@click.option("--horizon", type=click.IntRange(1, MOST_HOURS), help="Hours ahead.  [default: what settings need]")
@seed_option
@jobs_option
@event_options
@now_option
@click.option("--every", type=Span(), help="Stay, and run again at this interval, such as 15m.")
@click.option("--wait", is_flag=True, help="Wait for another run of this environment, instead of leaving.")
@click.option(
    "--listen", type=Address(), default="127.0.0.1:9464", show_default=True, help="With --every: metrics, health."
)
@click.option(
    "--log", type=click.Choice(["text", "json"]), default="text", show_default=True, help="With --every."
)
@dry_option
@check_option
@as_json
def run(
    directory: Path,
    usage_path: str,
    hierarchy_path: Path | None,
    learn_every: int,
    record_path: Path | None,
    state_path: Path | None,
    footprints: Path | None,
    profiles: Path | None,
    horizon: int | None,
    seed: int,
    jobs: int,
    choice: EventChoice,
    now: datetime,
    every: timedelta | None,
    wait: bool,
    listen: tuple[str, int],
    log: str,
    dry_run: bool,
    check: bool,
    output: str,
) -> None:
    """Forecast from usage, then open, update, withdraw and release what follows from it, in one look.

    Of one environment no two runs work at once on a machine: the second leaves, or waits with --wait.
    Exits with 4 if something stays short, as `headroom propose` does; with 3 if --check finds changes.
    With --every it stays until SIGTERM, and serves /metrics, /healthz and /readyz.
    """
    source = click.get_current_context().get_parameter_source
    given = [x for x in ("now", "listen", "log") if source(x) is not ParameterSource.DEFAULT]
    if every is not None and "now" in given:
        raise click.UsageError("--every goes by the clock; leave out --now, or run once")
    if every is not None and (dry_run or check or output == "json"):
        raise click.UsageError("--every has a log only; leave out --dry-run, --check and -o, or run once")
    if every is None and given[-1:] in (["listen"], ["log"]):
        raise click.UsageError(f"--{given[-1]} is for a daemon; add --every 15m")
    if record_path is not None and hierarchy_path is None:
        raise click.UsageError("--record judges forecasts of a hierarchy that is kept; add --hierarchy FILE")
    job = Job(
        directory, usage_path, hierarchy_path, learn_every, record_path, state_path, profiles, horizon, seed,
        jobs, choice, Sizing(footprints), dry_run, wait,
    )  # fmt: skip
    if every is not None:
        _stay(job, every, listen, log)
        return
    done = job.once(now, note, progress)
    if done is None:
        note(f"another run of {directory} is under way; this one leaves (--wait waits for it)")
        return
    print_outcomes(*done.result, output=output)
    if done.plan.shortfalls:
        click.get_current_context().exit(SHORT)
    if check and not done.plan.empty:
        click.get_current_context().exit(PENDING)


def _stay(job: Job, every: timedelta, listen: tuple[str, int], log: str) -> None:
    from controller import workflow
    from controller.service.health import Pulse, served
    from controller.service.logs import set_up
    from controller.service.loop import loop, stopping
    from controller.service.metrics import Metrics
    from forecasting.errors import ForecastingError

    environment = workflow.read_directory(job.directory)[0].environment
    logger = set_up("json" if log == "json" else "text")
    metrics, pulse = Metrics(environment), Pulse(every.total_seconds(), time.monotonic())
    with stopping() as stop, served(*listen, metrics, pulse, time.monotonic) as port:
        at = f"{listen[0]}:{port}"
        logger.info("started", extra={"environment": environment, "every": str(every), "listen": at})
        loop(
            lambda now: job.once(now, logger.info, _no_bar),
            every,
            metrics,
            pulse,
            stop,
            (HeadroomError, ForecastingError),
        )


@contextmanager
def _no_bar(what: str) -> Iterator[Report]:
    """Show nothing: a log is no place for progress."""
    del what
    yield lambda stage, fraction: None
