"""The demo as a newcomer runs it: to its end, and cut short at any point."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "demo"]


@pytest.fixture
def environment():
    """The environment of a user who has the repository on the path and nothing else set."""
    return {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
    }


def children(process: int) -> set[int]:
    """Every process below one, by /proc; those that have lost their parent cannot be found this way."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    found: set[int] = set()
    while more := {p for p, parent in parents.items() if parent in found | {process}} - found:
        found |= more
    return found


def gone(processes: set[int], seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{p}").exists() for p in processes):
            return True
        time.sleep(0.2)
    return False


@pytest.mark.slow
def test_the_whole_road(tmp_path, environment):
    done = subprocess.run(
        COMMAND, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert "check FAILED" not in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    # Raised, as the cloud's own API tells it; at the baseline again; and nothing left to plan.
    applied = next(x for x in lines if x.startswith("applied min + warm, from the cloud")).split("cloud ")[1]
    batch, web = [(int(x[0]), int(x[1])) for x in (p.split(" + ") for p in _pairs(applied))]
    assert batch[0] > 4
    assert web[0] > 4
    proposed = next(x for x in lines if x.startswith("proposed floor + warm")).split("warm ")[1]
    assert any(int(pair.split(" + ")[1]) > 0 for pair in _pairs(proposed))
    end = next(x for x in lines if x.startswith("min + warm at the end, from the cloud"))
    assert end.endswith("4 + 0 4 + 0")
    assert "terraform plan: No changes." in lines
    reasons = next(x for x in lines if x.startswith("because"))
    assert "demand has not come" in reasons
    assert reasons.endswith(("window over", "demand passed"))
    assert next(x for x in lines if x.startswith("hours short, with the leases")).endswith(" 0 0")
    assert int(next(x for x in lines if x.startswith("hours short, had nothing")).split()[-1]) > 0
    assert (tmp_path / "out/demo/fan.png").read_bytes().startswith(b"\x89PNG")
    log = subprocess.run(
        ["git", "log", "--format=%s", "main"],
        cwd=tmp_path / "out/demo/origin.git",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert log.count("feat(capacity): hold") == log.count("revert(capacity): give back") == 2


def _pairs(text: str) -> list[str]:
    """``12 + 0 11 + 1`` as its two pairs."""
    words = text.split()
    return [" ".join(words[:3]), " ".join(words[3:])]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_nothing_is_left_running(tmp_path, environment, how):
    with (tmp_path / "said.txt").open("w") as out:
        process = subprocess.Popen(COMMAND, cwd=tmp_path, env=environment, stdout=out, stderr=out)
    started: set[int] = set()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        started = children(process.pid)
        if "CI plans and applies" in (tmp_path / "said.txt").read_text() and len(started) > 2:
            break
        time.sleep(0.2)
    assert process.poll() is None, (tmp_path / "said.txt").read_text()
    process.send_signal(how)
    code = process.wait(60)
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[how]
    assert gone(started), started
    assert "Traceback" not in (tmp_path / "said.txt").read_text()


def test_a_machine_without_terraform_is_told_what_to_get(tmp_path, environment):
    only_git = tmp_path / "bin"
    only_git.mkdir()
    (only_git / "git").symlink_to(shutil.which("git"))
    done = subprocess.run(
        COMMAND,
        check=False,
        cwd=tmp_path,
        env=environment | {"PATH": str(only_git)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "neither terraform nor tofu is on the PATH: get Terraform 1." in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timestamp,region,group,resource,value\n", "usage.csv"),
        ("a,b\n1,2\n", "usage.csv"),
    ],
)
def test_bad_usage_is_told_in_words(tmp_path, environment, text, said):
    (tmp_path / "usage.csv").write_text(text)
    done = subprocess.run(
        [*COMMAND, "--usage", "usage.csv"],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
