"""``headroom run``: the whole loop, once or again and again."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from controller.cli.daemonoptions import Address, Span
from controller.cli.eventoptions import EventChoice, event_options, hierarchy_option, jobs_option, seed_option
from controller.cli.leases import PENDING, SHORT, check_option, dry_option, env_option
from controller.cli.output import Report, as_json, note, now_option, progress
from controller.cli.show import print_outcomes
from controller.errors import HeadroomError

if TYPE_CHECKING:
    from controller.config import Config
    from controller.workflow import Round
    from forecasting.events import Events
    from forecasting.hierarchy import Hierarchy
    from forecasting.profile import DemandProfile

Say = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Report]]
_MOST_HOURS = 24 * 31


@click.command(
    short_help="Forecast, propose and release: the whole loop.",
    epilog="Example: headroom run --env environments/demo --usage usage.parquet --every 15m",
)
@env_option
@click.option("--usage", "usage_path", type=click.Path(path_type=Path), required=True, help="Usage, read anew.")
@hierarchy_option
@click.option(
    "--learn-every",
    type=click.IntRange(1, 24 * 92),
    default=168,
    show_default=True,
    metavar="HOURS",
    help="With --hierarchy: learn anew when it is older.",
)
@click.option("--horizon", type=click.IntRange(1, _MOST_HOURS), help="Hours ahead.  [default: what settings need]")
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
    usage_path: Path,
    hierarchy_path: Path | None,
    learn_every: int,
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
    job = Job(directory, usage_path, hierarchy_path, learn_every, horizon, seed, jobs, choice, dry_run, wait)
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


@dataclass(frozen=True, slots=True)
class Job:
    """What every run does, as the command line has it."""

    directory: Path
    usage_path: Path
    hierarchy_path: Path | None
    learn_every: int
    horizon: int | None
    seed: int
    jobs: int
    choice: EventChoice
    dry_run: bool
    wait: bool

    def once(self, now: datetime, say: Say, bar: Bar) -> "Round | None":
        """Run once; None where another run of the environment is under way."""
        from controller import workflow
        from controller.edge.checkout import locate
        from controller.service.lock import alone
        from forecasting.sources.files import read
        from forecasting.usage import notes

        config, _ = workflow.read_directory(self.directory)
        workflow.reach(self.directory)  # before minutes of work: what is missing for the forge is told at once
        with alone(f"{locate(self.directory).url} {config.environment}", self.wait) as mine:
            if not mine:
                return None
            usage = read(self.usage_path)
            for line in notes(usage):
                say(line)
            events = self.choice.of(usage, say)
            profile = self._forecast(usage, events, self.horizon or _reach(config), now, say, bar)
            return workflow.run(self.directory, usage, profile, now, self.dry_run)

    def _forecast(
        self, usage: Any, events: "Events | None", hours: int, now: datetime, say: Say, bar: Bar
    ) -> "DemandProfile":
        from forecasting.forecast import forecast

        hierarchy = None if self.hierarchy_path is None else self._hierarchy(usage, events, hours, now, say, bar)
        with bar("forecast") as report:
            profile = forecast(
                usage, hours, now, self.seed, report, hierarchy=hierarchy, events=events, jobs=self.jobs
            )
        for line in str(profile.dataset.attrs["notes"]).split("\n"):
            if line:
                say(line)
        return profile

    def _hierarchy(
        self, usage: Any, events: "Events | None", hours: int, now: datetime, say: Say, bar: Bar
    ) -> "Hierarchy":
        """What was learnt: from the file, or anew where it is missing or old; the old one where that fails."""
        from forecasting.errors import ForecastingError
        from forecasting.hierarchy import Hierarchy
        from forecasting.learn import learn

        path = self.hierarchy_path
        assert path is not None  # noqa: S101 - the caller has looked
        old = path.exists() and time.time() - path.stat().st_mtime > self.learn_every * 3600
        if path.exists() and not old:
            return Hierarchy.load(path)
        say(
            f"{path} is over {self.learn_every} h old: learning anew"
            if old
            else f"no hierarchy at {path} yet: learning"
        )
        try:
            with bar("learn") as report:
                fresh = learn(usage, now, self.seed, report, horizon_hours=hours, events=events, jobs=self.jobs)
        except ForecastingError as error:
            if not old:
                raise
            say(f"learning failed ({error}); the last good hierarchy is used on")
            return Hierarchy.load(path)
        fresh.save(path)
        return fresh


def _reach(config: "Config") -> int:
    """How far ahead the settings look: as far as a window may reach that is proposed now."""
    ahead = max(config.look_ahead(x) for x in config.pools)
    return min(_MOST_HOURS, ceil(ahead / timedelta(hours=1)) + config.decide.longest_window_hours)


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
