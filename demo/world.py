"""What the demo knows: usage up to a moment, and the usage that is still to come.

Place in the line: in front of it. The forecast sees the hours before ``now`` only; the hours after it come in
as the demo lets time move on.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import xarray as xr

from controller.capacity import hours_of, members
from controller.configtext import parse
from controller.errors import ConfigError, PlanError
from controller.lease import stamp
from forecasting.simulate import START, Absence, simulate
from forecasting.sources import read
from forecasting.usage import from_table

SEED = 7
WEEKS = 6
AHEAD = timedelta(hours=96)
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class World:
    """Usage past and future, the moment between them, and the ``headroom.yaml`` that fits it."""

    story: str
    usage: xr.Dataset
    now: datetime
    until: datetime
    config_text: str
    settings: str


def simulated(environment: Path) -> World:
    """Six weeks of 12 groups in 2 regions; of the next two surges the first comes and the second does not."""
    now = START + timedelta(weeks=WEEKS)
    hours = int(AHEAD / timedelta(hours=1))
    last = simulate(seed=SEED, weeks=1).surges[-1].group
    made = simulate(seed=SEED, weeks=WEEKS, extra_hours=hours, absences=(Absence(last, now, now + AHEAD),))
    story = f"simulated, seed {SEED}; next week's surge of {last} will not come, which only the future knows"
    text = (environment / "headroom.yaml").read_text(encoding="utf-8")
    return World(story, from_table(made.table), now, now + AHEAD, text, "headroom.yaml of the environment")


def real(path: Path, environment: Path, now: datetime | None) -> World:
    """Usage from a file; its last week is the future, unless ``now`` says where the future begins.

    Raises
    ------
    ConfigError
        If neither the environment's ``headroom.yaml`` nor one of the demo's own serves the file's groups.
    """
    usage = read(path)
    times = hours_of(usage["demand"])
    end = times[-1] + timedelta(hours=1)
    moment = now or end - timedelta(days=7)
    if not times[0] + timedelta(hours=48) <= moment < end:
        raise ConfigError(f"{path}: --now must lie between {stamp(times[0])} + 48 h and {stamp(end)}")
    text, settings = _fitting(usage, path, environment)
    return World(path.name, usage, moment.astimezone(UTC), min(end, moment + AHEAD), text, settings)


def _fitting(usage: xr.Dataset, path: Path, environment: Path) -> tuple[str, str]:
    """The first configuration whose pools serve groups, and know resources, of the usage."""
    groups = [str(x) for x in usage.coords["group"].values]
    resources = {str(x) for x in usage.coords["resource"].values}
    for candidate in (environment / "headroom.yaml", *sorted(HERE.glob("*.yaml"))):
        text = candidate.read_text(encoding="utf-8")
        config = parse(text, str(candidate))
        try:
            members(config, groups)
        except PlanError:
            continue
        if all(set(pool.node_capacity) <= resources for pool in config.pools.values()):
            return text, f"{candidate.parent.name}/{candidate.name}, which fits this usage"
    raise ConfigError(
        f"{path}: no pool of {environment}/headroom.yaml serves its groups ({', '.join(groups[:3])} …) with "
        f"its resources ({', '.join(sorted(resources))}); copy the environment, adapt its pools' groups and "
        "node_capacity, and name the copy: make demo USAGE=… ENV=…"
    )
