"""A command on a leash: it is ended when its time is up, and when whoever started it is gone.

Place in the line: ``edge/terraform`` puts this script in front of every Terraform command; nothing imports
it. It is a process of its own because a process that is killed cannot clean up after itself. It runs
isolated (``-I``), so that nothing in the working directory, which is a checkout, can be taken for a module.

    python -I leash.py <process id of the caller> <seconds> <command> [argument …]

The exit code is the command's; 124 says that time was up, 128 + n that it was ended by signal n.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from threading import Thread
from typing import IO

TIME_IS_UP = 124
LOOK_SECONDS = 0.2
# Terraform stops in order at an interrupt: it waits for what is under way and writes its state.
GRACE_SECONDS = 30


def main(caller: int, seconds: float, command: list[str]) -> int:
    """Run ``command`` until it ends, time is up, a signal asks for the end, or ``caller`` is gone."""
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: asked.append(received))
    # A session of its own: the terminal's ^C reaches this process only, and with the whole group the
    # provider processes end too, which a killed Terraform leaves behind.
    child = subprocess.Popen(  # noqa: S603 - the caller's command, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    pumps = [_pump(child.stdout, sys.stdout.buffer), _pump(child.stderr, sys.stderr.buffer)]
    deadline = time.monotonic() + seconds
    code = None
    try:
        while not asked and os.getppid() == caller and time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = child.wait(LOOK_SECONDS)
                break
        else:
            code = 128 + asked[0] if asked else TIME_IS_UP
            # To the group, as a terminal does: a script's Terraform must hear it, and providers pass it over.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for pump in pumps:
        pump.join(GRACE_SECONDS)
    return code if code >= 0 else 128 - code


def _pump(source: IO[bytes] | None, sink: IO[bytes]) -> Thread:
    """Pass output on; where nobody reads any more, swallow it, for Terraform dies of a closed pipe."""

    def pump() -> None:
        assert source is not None  # noqa: S101 - it is a pipe
        for line in source:
            with contextlib.suppress(OSError):
                sink.write(line)
                sink.flush()

    thread = Thread(target=pump, daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    # os._exit: the interpreter would flush what it could not write and complain about it.
    os._exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
