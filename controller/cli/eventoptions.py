"""Options that several commands of the forecaster share: events, and how work is done.

Place in the line: under the commands `forecast`, `learn` and `explain`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from controller.cli.output import note

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from forecasting.eventfile import Written
    from forecasting.events import Events
    from forecasting.eventtable import Event

Command = TypeVar("Command", bound=Callable[..., Any])
EVERYWHERE = "*"
_AHEAD = timedelta(days=150)  # after the usage: a calendar's repetitions have to end somewhere

seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of every draw."
)
hierarchy_option = click.option(
    "--hierarchy",
    "hierarchy_path",
    type=click.Path(path_type=Path),
    help="What `headroom learn` wrote.  [default: learn first]",
)
inference_option = click.option(
    "--inference",
    type=click.Choice(["laplace", "nuts", "reference"]),
    help="How to learn: laplace is quick and checked, nuts slow, reference very slow.  [default: laplace]",
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes to share the work."
)


class Pair(click.ParamType[tuple[str, str]]):
    """A region and what is said of it, with ``=`` between."""

    name = "region=text"

    def __init__(self, example: str) -> None:
        self.example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Divide the option's text."""
        if isinstance(value, tuple):
            return value
        region, equals, text = (part.strip() for part in str(value).partition("="))
        if not (region and equals and text):
            self.fail(f"{value!r}: write REGION=TEXT, such as {self.example}", param, ctx)
        return region, text


@dataclass(frozen=True, slots=True)
class EventChoice:
    """What was written on the command line about holidays, zones, events and covariates."""

    holidays: tuple[tuple[str, str], ...]
    zones: tuple[tuple[str, str], ...]
    events: tuple[Path, ...]
    covariates: Path | None

    @property
    def files(self) -> tuple[Path, ...]:
        """What `of` will read."""
        return (*self.events, *([self.covariates] if self.covariates else []))

    def of(self, usage: "xr.Dataset", say: Callable[[str], None] = note) -> "Events | None":
        """Read and check it; nothing was written: None. What it says of regions that ``usage`` lacks is noted.

        Raises
        ------
        ForecastingError
            Naming the file or the option, and what to do.
        """
        from forecasting.errors import ForecastingError
        from forecasting.events import from_tables
        from forecasting.eventtable import COVARIATES

        if not (self.holidays or self.zones or self.events or self.covariates):
            return None
        holidays, zones = _mapping("--holidays", self.holidays), _mapping("--zone", self.zones)
        written: list[Event] = []
        for path in sorted(self.events, key=_is_calendar):  # last: their days are those of zones in other files
            said = _events(path, zones, usage)
            written += said.events
            holidays, zones = {**said.holidays, **holidays}, {**said.zones, **zones}
        covariates = _table(self.covariates, ("timestamp", "region", "name"))
        try:
            found = from_tables(holidays, zones, None, covariates, written)
        except ForecastingError as error:
            ours = str(error).startswith(COVARIATES)
            raise ForecastingError(f"{self.covariates}: {error}" if ours else str(error)) from error
        named = {*holidays, *zones}
        named |= {x.region for x in found.events} | {x.region for x in found.covariates}
        strangers = sorted(named - set(usage["region"].values.tolist()) - {EVERYWHERE})
        if strangers:
            say(f"the usage has no region {', '.join(strangers)}: what is said of it changes nothing")
        if idle := _idle(found.events, usage):
            say(f"the usage has no group {', '.join(idle)} in the regions named: what is said of it has no effect")
        return found if found.names or found.occur else None


def event_options(command: Command) -> Command:
    """Give a command the four options; they reach it together as ``choice``, an `EventChoice`."""

    def gathered(
        *args: Any,
        holidays: tuple[tuple[str, str], ...],
        zones: tuple[tuple[str, str], ...],
        events_paths: tuple[Path, ...],
        covariates_path: Path | None,
        **keywords: Any,
    ) -> Any:
        choice = EventChoice(holidays, zones, events_paths, covariates_path)
        return command(*args, choice=choice, **keywords)

    gathered.__name__, gathered.__doc__ = command.__name__, command.__doc__
    gathered.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    options = (
        click.option(
            "--holidays",
            type=Pair("eu-west=DE-BY"),
            metavar="REGION=CODE",
            multiple=True,
            help="Country or subdivision whose holidays a region keeps; '*=US' for all regions.",
        ),
        click.option(
            "--zone",
            "zones",
            type=Pair("eu-west=Europe/Berlin"),
            metavar="REGION=ZONE",
            multiple=True,
            help="Time zone of its days, such as Europe/Berlin.  [default: UTC]",
        ),
        click.option(
            "--events",
            "events_paths",
            type=click.Path(path_type=Path),
            multiple=True,
            help="Known events: events.yaml, a calendar (.ics), or Parquet or CSV with region, start, end, name.",
        ),
        click.option(
            "--covariates",
            "covariates_path",
            type=click.Path(path_type=Path),
            help="Series known ahead: Parquet or CSV with timestamp, region, name, value.",
        ),
    )
    decorated: Any = gathered
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _idle(events: "Iterable[Event]", usage: "xr.Dataset") -> list[str]:
    """Names of groups that no event about them finds in the usage, among the regions that it has."""
    there: dict[str, set[str]] = {EVERYWHERE: set()}
    for label, region in zip(usage["group"].values.tolist(), usage["region"].values.tolist(), strict=True):
        for place in (region, EVERYWHERE):
            there.setdefault(place, set()).update((label, label.split("/", 1)[-1]))
    about = [x for x in events if x.group and x.region in there]
    return sorted({x.group for x in about} - {x.group for x in about if x.group in there[x.region]})


def _is_calendar(path: Path) -> bool:
    return path.suffix.lower() == ".ics"


def _events(path: Path, zones: Mapping[str, str], usage: "xr.Dataset") -> "Written":
    """Read one file of events, by the ending of its name."""
    from forecasting.errors import ForecastingError
    from forecasting.eventfile import MOST_CHARACTERS, Written, parse
    from forecasting.eventtable import decode_events
    from forecasting.icsfile import parse as parse_calendar
    from forecasting.places import check_places

    ending = path.suffix.lower()
    if ending not in (".yaml", ".yml", ".ics"):
        table = _table(path, ("region", "start", "end", "name", "kind", "group"))
        try:
            return Written(() if table is None else decode_events(table), {}, {})
        except ForecastingError as error:
            raise ForecastingError(f"{path}: {error}") from error
    try:
        with path.open("rb") as file:
            text = file.read(4 * MOST_CHARACTERS + 1).decode("utf-8-sig")
    except OSError as error:
        raise ForecastingError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ForecastingError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    if not _is_calendar(path):
        return parse(text, str(path))
    check_places({}, zones)
    everywhere = zones.get(EVERYWHERE, "UTC")
    clocks = {x: zones.get(x, everywhere) for x in [EVERYWHERE, *usage["region"].values.tolist()]}
    first, last = (
        datetime.fromtimestamp(int(x), UTC) for x in usage["time"].values[[0, -1]].astype("M8[s]").astype(int)
    )
    return Written(parse_calendar(text, str(path), first, last + _AHEAD, {**clocks, **zones}), {}, {})


def _mapping(option: str, pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    from forecasting.errors import ForecastingError

    found: dict[str, str] = {}
    for region, text in pairs:
        if found.setdefault(region, text) != text:
            raise ForecastingError(f"{option} {region}: both {found[region]} and {text}; give one of them")
    return found


def _table(path: Path | None, texts: tuple[str, ...]) -> "pd.DataFrame | None":
    """Read a table from Parquet or CSV; ``texts`` are the columns that CSV is not asked to make numbers of."""
    if path is None:
        return None
    import pandas as pd

    from forecasting.errors import ForecastingError

    try:
        if path.suffix.lower() == ".csv":
            # A region may be called NA, so only values are ever read as missing.
            return pd.read_csv(
                path,
                encoding="utf-8",
                skipinitialspace=True,
                dtype=dict.fromkeys(texts, "str"),
                keep_default_na=False,
                na_values={"value": ["", "NaN", "nan", "NA", "null", "None"]},
            )
        return pd.read_parquet(path)
    except OSError as error:
        raise ForecastingError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # UnicodeDecodeError, ParserError and ArrowInvalid among them
        raise ForecastingError(
            f"{path}: this is neither Parquet nor, by a name that ends in .csv, a CSV file in UTF-8: {error}"
        ) from error
