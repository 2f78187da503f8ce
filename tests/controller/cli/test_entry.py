"""What an interrupt does to `headroom`, from its first moment on."""

import os
import signal
import subprocess
import sys

import pytest

HEADROOM = "import sys; from controller.entry import main; sys.exit(main())"  # as the installed script does it
STRIKE = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0)\n"


def headroom(folder, *arguments, ignoring=False):
    """Run it with a folder before all libraries."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", HEADROOM, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignoring else None,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "library",
    [
        "rich",  # while the commands are imported
        "pandas",  # while a command imports what it needs
    ],
)
def test_an_interrupt_during_imports_is_one_word_and_130(tmp_path, library):
    (tmp_path / f"{library}.py").write_text(f"exec({STRIKE!r})")  # some libraries execute text, which Python minds
    ended = headroom(tmp_path, "simulate", "--out", tmp_path / "usage.parquet")
    assert (ended.returncode, ended.stderr, ended.stdout) == (130, "interrupted\n", "")


def test_what_was_told_to_ignore_interrupts_goes_on(tmp_path):
    real = f"import sys\nsys.path.remove({str(tmp_path)!r})\ndel sys.modules['rich']\nimport rich\n"
    (tmp_path / "rich.py").write_text(STRIKE + real)
    ended = headroom(tmp_path, "--version", ignoring=True)
    assert ended.returncode == 0
    assert "headroom" in ended.stdout
