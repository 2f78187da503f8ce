"""What a terminal of 80 columns shows, and what goes to files and pipes instead."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from worlds import CONFIG, NOW, profile_of, surge

from controller import workflow
from controller.cli import main
from controller.cli.output import document
from controller.cli.terminal import harmless, unfolded, wrapped
from controller.lease import stamp

GOLDEN = Path(__file__).parents[1] / "golden"
BODIES = sorted(GOLDEN.rglob("body.md"))
HOSTILE = "a\x1b[2J\x9b31m\u202eb\u200b\rc"


def on_terminal(*arguments, columns=80):
    """What a person sees who types a command, on stdout and stderr together."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    keep = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "controller.cli", *map(str, arguments)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=keep | {"TERM": "xterm"}):
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the other side is closed
            while chunk := os.read(ours, 65536):
                seen += chunk
    os.close(ours)
    return click.unstyle(seen.decode()).replace("\r\n", "\n")


def test_nothing_steers_the_terminal():
    assert harmless(HOSTILE) == "a�[2J�31mb�c"
    assert harmless("é ✓ 🟦 –\n\tx") == "é ✓ 🟦 –\n\tx"


def test_json_has_the_same_text_in_characters_that_steer_nothing(capsys):
    document({"title": HOSTILE + "\u2069é"})
    text = capsys.readouterr().out
    assert harmless(text) == text
    assert json.loads(text) == {"title": HOSTILE + "\u2069é"}


def test_long_lines_break_between_words_and_go_on_further_in():
    text = "one two three four five six\n  inset: seven eight nine\nshort\n" + "path/" * 9
    assert wrapped(text, 20).split("\n") == [
        "one two three four", "  five six", "  inset: seven eight", "    nine", "short", "path/" * 9,
    ]  # fmt: skip
    assert wrapped("one two three four", 20, "Error: ") == "one two three\n  four"
    assert wrapped("path/" * 9 + " two", 20, "Error: ") == "path/" * 9 + "\n  two"


@pytest.mark.parametrize("path", BODIES, ids=lambda x: x.parent.name)
def test_a_drawn_body_has_neither_html_nor_the_source_of_a_chart(path):
    words = unfolded(path.read_text())
    for absent in ("<", "mermaid", "xychart", "🟦", "headroom {"):
        assert absent not in words, absent
    assert "\n### " in words
    assert "**Pause:** tick the box" in words
    assert ("\nRecord: " in words) == ("\nRecord: " in path.read_text())


@pytest.mark.parametrize("text", ["```mermaid\n", "<!--", "<summary>", "<details>", "\n"])
def test_a_long_hostile_body_is_drawn_at_once(text):
    start = time.process_time()
    unfolded(text * (60_000 // len(text)))
    assert time.process_time() - start < 1


def test_what_is_said_on_stderr_is_whole_words_on_a_terminal_and_whole_lines_elsewhere(tmp_path):
    said = on_terminal("run", "--env", tmp_path, "--usage", "u", "--every", "15m", "--dry-run", columns=50)
    assert "Error: --every has a log only; leave out\n  --dry-run, --check and -o, or run once\n" in said
    (tmp_path / "headroom.yaml").write_text("environment: prod\npoools: {}\n")
    said = on_terminal("pr", "list", "--env", tmp_path)
    assert max(map(len, said.splitlines())) <= max(80, len(str(tmp_path)) + 40)
    assert "\n  " in said
    command = [sys.executable, "-m", "controller.cli", "pr", "list", "--env", tmp_path]
    plain = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert next(x for x in plain.splitlines() if "unknown key" in x).endswith("did you mean pools?")
    assert " ".join(said.split()) == " ".join(plain.split())


def test_a_command_without_arguments_still_shows_its_help():
    assert "Commands:" in on_terminal("pr")


def test_a_pull_request_is_drawn_on_a_terminal_and_raw_elsewhere_and_on_asking(origin, tmp_path):
    team = origin.person("team")
    team.git("rm", "-rqf", "environments/demo/leases")
    team.commit({"environments/demo/headroom.yaml": CONFIG}, "feat: configure headroom")
    team.git("push", "-q", "origin", "HEAD:main")
    environment = team.directory / "environments" / "demo"
    profile = tmp_path / "profile.nc"
    profile_of({"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}).save(profile)
    now = ("--env", environment, "--profile", profile, "--now", stamp(NOW))

    dry = on_terminal("propose", *now, "--dry-run")
    assert "\nMerge by Wed 25 Nov" in dry
    assert "**" not in dry
    assert "<!--" not in dry
    assert '+  "floor": 7,' in dry
    assert CliRunner().invoke(main, ["propose", *map(str, now)]).exit_code == 0
    with workflow.workplace(environment) as place:
        body = place.forge.get(1).body
        place.forge.edit(1, title="ours", body=f"[ours](https://elsewhere.example)\x1b[2J\n\n{body}", now=NOW)
    show = ("pr", "show", 1, "--env", environment)
    drawn = on_terminal(*show)
    assert drawn.startswith("#1 ours\nopen, headroom/demo/web/")
    assert "ours (https://elsewhere.example)�[2J" in drawn
    assert "\n floor, nodes         3 → 7" in drawn
    assert "mermaid" not in drawn
    assert "mermaid" in on_terminal(*show, "--raw")
    assert "\x1b[2J" not in on_terminal(*show, "--raw")
    assert body in CliRunner().invoke(main, list(map(str, show))).output
    team.commit({"environments/demo/later.txt": "later"}, "docs: the base moves on")
    team.git("push", "-q", "origin", "HEAD:main")
    shown = CliRunner().invoke(main, list(map(str, show))).output
    assert shown.count("diff --git") == 1
    assert "later.txt" not in shown
