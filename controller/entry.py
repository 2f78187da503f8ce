"""Where ``headroom`` begins: an interrupt ends it with 130 and one word, also while its libraries are imported.

Place in the line: around `cli`, whose own boundary is there only once everything is imported, a second later.
"""

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    interrupted: list[bool] = []
    atexit.register(_leave, interrupted)  # the first to be registered is the last to be called
    # A process that was told to ignore interrupts, as in the background of a script, goes on ignoring them.
    told = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if told:
        signal.signal(signal.SIGINT, _end)
    from controller.cli import main as run  # noqa: PLC0415 (a second, in which an interrupt is heard)

    if told:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    except SystemExit as ending:
        if ending.code == INTERRUPTED:
            interrupted.append(True)
        raise


def _end(number: int, frame: FrameType | None) -> None:
    """End at once: nothing has begun yet, and an exception could be swallowed by what is imported."""
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


def _leave(interrupted: list[bool]) -> None:
    """Set the status: Python dies by the signal, caught or not, if it came while some library executed text."""
    if interrupted:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # nobody listens any more
                stream.flush()
        os._exit(INTERRUPTED)
