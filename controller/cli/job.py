"""One run of the loop as the command line has it: usage and events read, learnt, judged, forecast, and acted on.

Place in the line: under ``running``, which does it once or again and again.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.cli.eventoptions import EventChoice
from controller.cli.keeping import state_of
from controller.cli.output import Report
from controller.cli.retraining import words_of
from controller.cli.sizing import Sizing
from controller.cli.surprising import carried_on, pools_of, told

if TYPE_CHECKING:
    from controller.config import Config
    from controller.workflow import Round
    from forecasting.events import Events
    from forecasting.feedback.record import Record
    from forecasting.hierarchy import Hierarchy
    from forecasting.profile import DemandProfile

Say = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Report]]
MOST_HOURS = 24 * 31
_SETTLED = timedelta(hours=24)  # what was learnt so lately is not learnt anew for a surprise


@dataclass(frozen=True, slots=True)
class Job:
    """What every run does, as the command line has it."""

    directory: Path
    usage_path: str
    hierarchy_path: Path | None
    learn_every: int
    record_path: Path | None
    state_path: Path | None
    profiles: Path | None
    horizon: int | None
    seed: int
    jobs: int
    choice: EventChoice
    sizing: Sizing
    dry_run: bool
    wait: bool

    def once(self, now: datetime, say: Say, bar: Bar) -> "Round | None":
        """Run once; None where another run of the environment is under way."""
        from controller import workflow
        from controller.edge.checkout import locate
        from controller.service.lock import alone
        from forecasting.repairs import notes
        from forecasting.sources import read
        from forecasting.target import check_target

        for path in (self.hierarchy_path, self.record_path):
            if path is not None:
                check_target(path, [".nc"])
        config, _ = workflow.read_directory(self.directory)
        workflow.reach(self.directory)  # before minutes of work: what is missing for the forge is told at once
        with alone(f"{locate(self.directory).url} {config.environment}", self.wait) as mine:
            if not mine:
                return None
            # What is not on the base branch is told now, too; and reviews may take longer than settings say.
            horizon = self.horizon or _reach(workflow.settled(self.directory))
            with bar("usage") as report:
                usage = read(self.usage_path, now=now, report=report)
            for line in notes(usage):
                say(line)
            self.sizing.check(usage)
            events = self.choice.of(usage, say)
            profile, told_of_sizing = self.sizing.profile(
                self._forecast(usage, events, horizon, now, say, bar), self.seed
            )
            for line in told_of_sizing:
                say(line)
            done = workflow.run(self.directory, self.sizing.usage(usage), profile, now, self.dry_run)
            if self.profiles and not self.dry_run and any(x.state in ("opened", "updated") for x in done.outcomes):
                _keep(profile, self.profiles, say)
            return done

    def _forecast(
        self, usage: Any, events: "Events | None", hours: int, now: datetime, say: Say, bar: Bar
    ) -> "DemandProfile":
        from forecasting.forecast import forecast

        hierarchy = None if self.hierarchy_path is None else self._hierarchy(usage, events, hours, now, say, bar)
        record = None
        if self.record_path is not None and hierarchy is not None:
            with bar("judge") as report:
                record = carried_on(
                    self.record_path, usage, hierarchy, now, say, report,
                    sets=pools_of(self.directory, usage), events=events, seed=self.seed, jobs=self.jobs,
                )  # fmt: skip
            for line in told(record, usage):
                say(line)
            hierarchy = self._surprised(record, hierarchy, usage, events, now, say, bar)
        state, keep = state_of(self.state_path, say)
        with bar("forecast") as report:
            profile = forecast(
                usage,
                hours,
                now,
                self.seed,
                report,
                hierarchy=hierarchy,
                events=events,
                jobs=self.jobs,
                record=record,
                state=state,
                keep=keep,
            )
        for line in str(profile.dataset.attrs["notes"]).split("\n"):
            if line:
                say(line)
        return profile

    def _hierarchy(
        self, usage: Any, events: "Events | None", hours: int, now: datetime, say: Say, bar: Bar
    ) -> "Hierarchy":
        """What was learnt: the file, or anew where it is missing, old or lacks a resource; or else the old one."""
        from forecasting.errors import ForecastingError
        from forecasting.hierarchy import KIND, Hierarchy
        from forecasting.learn import learn
        from forecasting.netcdf import check_own
        from forecasting.retrain import settings_of
        from forecasting.settings import DEFAULT
        from forecasting.target import check_target

        path = self.hierarchy_path
        assert path is not None  # noqa: S101 - the caller has looked
        check_own(check_target(path, [".nc"]), KIND)
        found, why = None, f"no hierarchy at {path} yet: learning"
        if path.exists():
            try:
                found = Hierarchy.load(path)
            except ForecastingError as error:  # half of one, or one of another version
                why = f"{error}; learning anew"
        if found is not None:
            # By what the file says: its time is that of the last copy, where it waits in a bucket.
            old = now - found.learnt_until > timedelta(hours=self.learn_every)
            unknown = found.unknown(usage["resource"].values.tolist())
            if not (old or unknown):
                return found
            fault = f"is over {self.learn_every} h old" if old else f"knows nothing of {', '.join(unknown)}"
            why = f"{path} {fault}: learning anew"
        say(why)
        settings = DEFAULT if found is None else settings_of(found)
        try:
            with bar("learn") as report:
                fresh = learn(
                    usage,
                    now,
                    self.seed,
                    report,
                    horizon_hours=hours,
                    events=events,
                    settings=settings,
                    jobs=self.jobs,
                )
        except ForecastingError as error:
            if found is None:
                raise
            say(f"learning failed ({error}); the last good hierarchy is used on")
            return found
        fresh.save(path)
        return fresh

    def _surprised(
        self,
        record: "Record",
        hierarchy: "Hierarchy",
        usage: Any,
        events: "Events | None",
        now: datetime,
        say: Say,
        bar: Bar,
    ) -> "Hierarchy":
        """What was learnt, or anew where the last days say so; the old one where that fails."""
        from forecasting.errors import ForecastingError
        from forecasting.retrain import reason, retrain

        path, why = self.hierarchy_path, reason(record, hierarchy.learnt_until)
        if not why or path is None or now - hierarchy.learnt_until < _SETTLED:
            return hierarchy
        say(f"{why}: learning anew, with the memory that forecast the last days better")
        try:
            with bar("retrain") as report:
                fresh, contest = retrain(
                    usage, hierarchy, now, seed=self.seed, events=events, jobs=self.jobs, progress=report
                )
        except ForecastingError as error:
            say(f"learning failed ({error}); the last good hierarchy is used on")
            return hierarchy
        if contest is not None:
            say(words_of(contest))
        fresh.save(path)
        return fresh


def _keep(profile: "DemandProfile", folder: Path, say: Say) -> None:
    """Keep a profile that was acted on; where that fails, what was done stays done."""
    from forecasting.archive import keep
    from forecasting.errors import ForecastingError

    try:
        keep(profile, folder)
    except (ForecastingError, OSError) as error:
        say(f"this profile is not kept for `headroom score`: {error}")


def _reach(config: "Config") -> int:
    """How far ahead settings look: as far as a window may reach that is proposed now."""
    ahead = max(config.look_ahead(x) for x in config.pools)
    return min(MOST_HOURS, ceil(ahead / timedelta(hours=1)) + config.decide.longest_window_hours)
