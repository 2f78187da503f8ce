"""Options that several commands of the forecaster share: events, and how work is done.

Place in the line: under the commands `forecast`, `learn` and `explain`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from controller.cli.output import note

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from forecasting.events import Events

Command = TypeVar("Command", bound=Callable[..., Any])
EVERYWHERE = "*"

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
dask_option = click.option("--dask", metavar="ADDRESS", help="Dask scheduler to share the work over instead.")


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
    events: Path | None
    covariates: Path | None

    def of(self, usage: "xr.Dataset") -> "Events | None":
        """Read and check it; nothing was written: None. What it says of regions that ``usage`` lacks is noted.

        Raises
        ------
        ForecastingError
            Naming the file or the option, and what to do.
        """
        from forecasting.errors import ForecastingError
        from forecasting.events import from_tables
        from forecasting.eventtable import COVARIATES, EVENTS

        if not (self.holidays or self.zones or self.events or self.covariates):
            return None
        tables = (
            _table(self.events, ("region", "start", "end", "name")),
            _table(self.covariates, ("timestamp", "region", "name")),
        )
        try:
            found = from_tables(_mapping("--holidays", self.holidays), _mapping("--zone", self.zones), *tables)
        except ForecastingError as error:
            of = {EVENTS: self.events, COVARIATES: self.covariates}
            file = next((path for which, path in of.items() if str(error).startswith(which)), None)
            raise ForecastingError(f"{file}: {error}" if file else str(error)) from error
        named = {region for region, _ in (*self.holidays, *self.zones)}
        named |= {x.region for x in found.events} | {x.region for x in found.covariates}
        strangers = sorted(named - set(usage["region"].values.tolist()) - {EVERYWHERE})
        if strangers:
            note(f"the usage has no region {', '.join(strangers)}: what is said of it changes nothing")
        if self.zones and not self.holidays:
            note("--zone says when a holiday begins: without --holidays it changes nothing")
        return found if found.names or found.occur else None


def event_options(command: Command) -> Command:
    """Give a command the four options; they reach it together as ``choice``, an `EventChoice`."""

    def gathered(
        *args: Any,
        holidays: tuple[tuple[str, str], ...],
        zones: tuple[tuple[str, str], ...],
        events_path: Path | None,
        covariates_path: Path | None,
        **keywords: Any,
    ) -> Any:
        choice = EventChoice(holidays, zones, events_path, covariates_path)
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
            help="Time zone in which its holidays begin, such as Europe/Berlin.  [default: UTC]",
        ),
        click.option(
            "--events",
            "events_path",
            type=click.Path(path_type=Path),
            help="Known events: Parquet or CSV with region, start, end, name.",
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
