"""``python -m demo``: parse, play the story, take everything down.

make demo
make demo USAGE=usage.parquet
make demo REVIEW=1
"""

import fcntl
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

import click

from controller.cli.output import Moment
from controller.edge import terraform
from controller.errors import EngineError, HeadroomError
from demo.origin import ROOT
from demo.story import play
from demo.world import real, simulated
from forecasting.errors import ForecastingError

OUT = Path("out") / "demo"


@click.command()
@click.option("--usage", type=click.Path(path_type=Path), help="Real usage: Parquet or CSV.")
@click.option("--env", "environment", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--now", type=Moment(), help="Where the future of real usage begins.")
@click.option("--review", is_flag=True, help="Ask before every approval.")
def main(usage: Path | None, environment: Path | None, now: datetime | None, review: bool) -> None:
    """Walk the whole road, and leave what it made in out/demo."""
    signal.signal(signal.SIGTERM, _terminated)
    environment = environment or ROOT / "environments" / "demo"
    try:
        terraform.find()  # what is missing is told before anything is made
        with _alone():
            shutil.rmtree(OUT, ignore_errors=True)
            OUT.mkdir(parents=True)
            world = real(usage, environment, now) if usage else simulated(environment)
            play(world, environment, OUT.resolve(), review)
    except (HeadroomError, ForecastingError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\ninterrupted; everything that was started has been taken down", err=True)
        sys.exit(130)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the output folder, which a second demo would otherwise empty; the lock ends with the process."""
    OUT.parent.mkdir(exist_ok=True)
    with (OUT.parent / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EngineError("a demo is running here already; wait for it, or end it") from error
        yield


def _terminated(number: int, frame: FrameType | None) -> None:
    """End as by an exception, so that every block is left in order."""
    del frame
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
