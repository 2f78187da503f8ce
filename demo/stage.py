"""What the steps of the demo share, and the platform team's side of them: CI, autoscaler, a look around.

Place in the line: under ``demo.story``.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from controller import planfile, workflow
from controller.capacity import hours_of, members, used_nodes
from controller.config import Config
from controller.configtext import parse
from controller.lease import Held, fold
from controller.workflow import Outcome, checking
from demo import ci, cloud, origin, screen, summary
from demo.world import World
from forecasting.repairs import notes
from forecasting.usage import before

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(slots=True)
class Stage:
    """What the steps share: where things lie, and what has happened so far."""

    world: World
    config: Config
    folder: Path
    origin: Path
    work: Path
    pipeline: ci.Pipeline
    endpoint: str
    review: bool
    used: dict[str, dict[datetime, int]]
    runs: "count[int]" = field(default_factory=lambda: count(1))
    held: list[tuple[datetime, dict[str, Held]]] = field(default_factory=list)
    applied: dict[str, cloud.Count] = field(default_factory=dict)
    released: dict[str, summary.Release] = field(default_factory=dict)

    @property
    def environment(self) -> Path:
        """The environment's directory in the user's checkout."""
        return self.work / origin.ENVIRONMENT


def begin(stack: ExitStack, world: World, environment: Path, folder: Path, review: bool) -> Stage:
    """Seed the repository, start the cloud, and apply the baseline."""
    demand = world.usage["demand"]
    screen.fact("usage", world.story)
    screen.fact(
        "",
        f"{demand.sizes['group']} groups, {demand.sizes['resource']} resources, "
        f"{before(world.usage, world.now).sizes['time']} hours up to now",
    )
    for line in notes(world.usage):
        screen.fact("", line)
    bare, work = origin.seed(folder, environment, world.config_text)
    screen.fact("repository", f"{shown(bare)}, seeded from the environment {environment.name}")
    screen.fact("settings", world.settings)
    with screen.waiting("starting the stand-in for AWS (moto)"):
        endpoint = stack.enter_context(cloud.cloud())
    pipeline = ci.pipeline(folder / "ci", endpoint)
    config = parse(world.config_text, "headroom.yaml")
    used = _used(world, config)
    stage = Stage(world, config, folder, bare, work, pipeline, endpoint, review, used)
    _apply_baseline(stage, world.now)
    show_counts(stage)
    return stage


def _apply_baseline(stage: Stage, now: datetime) -> None:
    """What the platform team did before there was a controller: it looked at the first plan and applied it."""
    checkout = origin.fresh(stage.origin, "main", run_folder(stage))
    with screen.waiting("CI plans and applies main") as tell:
        planned = ci.plan(stage.pipeline, checkout, now, tell)
        ci.apply(planned, tell)
    _applied(stage, checkout, planned.json, now)


def apply_main(stage: Stage, now: datetime) -> None:
    """What CI does on a push to main: it applies what was reviewed, and would stop at anything else."""
    checkout = origin.fresh(stage.origin, "main", run_folder(stage))
    with screen.waiting("CI plans and applies main") as tell:
        applied = ci.merged(stage.pipeline, checkout, now, tell)
    _applied(stage, checkout, applied, now)


def _applied(stage: Stage, checkout: Path, plan: planfile.PlanJson, now: datetime) -> None:
    screen.say(f"CI applied main: {planfile.text(planfile.summary(plan)).splitlines()[-1]}")
    _, ledger = workflow.read_directory(checkout / origin.ENVIRONMENT)
    stage.held.append((now, fold(ledger, stage.config.sizes, now)))


def show_request(stage: Stage, outcome: Outcome, now: datetime) -> None:
    """Show a pull request with the plan that CI makes of its branch, and the gate's verdict."""
    checkout = origin.fresh(stage.origin, outcome.branch, run_folder(stage))
    with screen.waiting(f"CI plans pull request #{outcome.number}") as tell:
        planned = ci.plan(stage.pipeline, checkout, now, tell, base="origin/main")
    verdict = checking.check(checkout / origin.ENVIRONMENT, planned.json, now).verdict
    lines = [f"check: {x}" for x in (*verdict.checked, *verdict.warnings)]
    lines += [f"check FAILED: {x}" for x in verdict.failures]
    text = planfile.text(planfile.summary(planned.json))
    screen.pull_request(
        outcome.number or 0, outcome.title, outcome.words.body if outcome.words else "", text, "\n".join(lines)
    )


def autoscale(stage: Stage, now: datetime) -> None:
    """The reactive autoscaler: what runs follows the last hour's load, never below the minimum."""
    last = now.replace(minute=0) - HOUR
    cloud.autoscale(stage.endpoint, {pool: max(0, hours.get(last, 0)) for pool, hours in stage.used.items()})


def show_counts(stage: Stage) -> None:
    """Read the pools back from the cloud's API, not from Terraform."""
    rows = [
        (
            pool,
            x.kind,
            str(x.minimum),
            str(x.desired),
            str(x.maximum),
            str(x.warm) if x.kind == "vm" else "in min",
        )
        for pool, x in cloud.counts(stage.endpoint).items()
    ]
    screen.table(["read back from the cloud", "kind", "min", "desired", "max", "warm"], rows)


def _used(world: World, config: Config) -> dict[str, dict[datetime, int]]:
    """Nodes that the realised demand of each pool took, hour by hour from a day before on; −1 is unknown."""
    times = hours_of(world.usage["demand"])
    later = [i for i, t in enumerate(times) if world.now - DAY <= t < world.until]
    demand = world.usage["demand"].isel(time=later)
    served = members(config, [str(x) for x in demand.coords["group"].values])
    return {
        name: dict(zip([times[i] for i in later], used_nodes(demand, pool, served[name]).tolist(), strict=True))
        for name, pool in config.pools.items()
    }


def run_folder(stage: Stage) -> Path:
    """A folder of its own for each run of CI."""
    return stage.folder / "ci" / f"run-{next(stage.runs)}"


def shown(path: Path) -> Path:
    """A path as the reader of the terminal would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
