import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controller.edge.terraform import Root, apply, find, init, output, plan, show, validate
from controller.errors import EngineError

HELLO = """
variable "greeting" { default = "hello" }
resource "terraform_data" "greeting" { input = var.greeting }
output "greeting" { value = terraform_data.greeting.output }
"""
SLOW = """
resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "echo $$ > pid; exec sleep 300" }
}
"""


def root_of(folder: Path, text: str, **settings: object) -> Root:
    folder.mkdir(exist_ok=True)
    (folder / "main.tf").write_text(text)
    return Root(find(), folder, **settings)


def test_the_road_from_init_to_no_changes(tmp_path: Path) -> None:
    root = root_of(tmp_path / "work", 'terraform {\n  backend "local" {}\n}\n' + HELLO)
    state, file = tmp_path / "state with space.json", tmp_path / "a plan"
    init(root, backend={"path": str(state)})
    validate(root)

    assert plan(root, file, {"greeting": "good day"})
    assert show(root, file)["planned_values"]["root_module"]["resources"][0]["values"]["input"] == "good day"
    apply(root, file)

    assert output(root) == {"greeting": "good day"}
    assert state.exists()
    assert not plan(root, file, {"greeting": "good day"})


def test_a_failure_shows_what_terraform_said(tmp_path: Path) -> None:
    root = root_of(tmp_path, 'output "x" { value = file("no-such-file") }')
    init(root)
    with pytest.raises(EngineError, match=r"(?s)plan in .* failed \(exit code 1\):.*no-such-file"):
        plan(root, tmp_path / "plan")


def test_a_stale_plan_is_refused(tmp_path: Path) -> None:
    root = root_of(tmp_path, HELLO)
    init(root)
    plan(root, tmp_path / "first")
    plan(root, tmp_path / "second", {"greeting": "other"})
    apply(root, tmp_path / "first")
    with pytest.raises(EngineError, match="stale"):
        apply(root, tmp_path / "second")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such folder"):
        init(Root(find(), tmp_path / "gone"))


def test_neither_terraform_nor_tofu_says_what_to_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"neither .* get Terraform 1\.11 .*releases\.hashicorp\.com.* OpenTofu"):
        find()


def test_tofu_is_taken_where_terraform_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.which("terraform") or shutil.which("tofu")
    assert real
    (tmp_path / "tofu").symlink_to(real)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find().name == "tofu"
    assert find().registry == "registry.opentofu.org"


def test_an_old_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "terraform"
    program.write_text('#!/bin/sh\necho \'{"terraform_version": "1.5.7"}\'\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"version 1\.5\.7, too old: get Terraform"):
        find()


def test_only_our_flags_and_environment_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CLI_ARGS_plan", "-var=greeting=smuggled")
    monkeypatch.setenv("TF_VAR_greeting", "from outside")
    root = root_of(tmp_path, HELLO, environment={"TF_VAR_greeting": "from the root"})
    before = dict(os.environ)
    init(root)
    plan(root, tmp_path / "plan")
    assert show(root, tmp_path / "plan")["variables"] == {"greeting": {"value": "from the root"}}
    assert dict(os.environ) == before


def test_values_of_variables_are_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    root = root_of(tmp_path, HELLO)
    init(root)
    plan(root, tmp_path / "plan", {"greeting": "hush"})
    assert "hush" not in caplog.text


def gone(pid: int, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def read_pid(folder: Path) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        text = (folder / "pid").read_text() if (folder / "pid").exists() else ""
        if text.endswith("\n"):
            return int(text)
        time.sleep(0.1)
    raise AssertionError("the provisioner never started")


def state_of(folder: Path) -> list[str]:
    return [item["name"] for item in json.loads((folder / "terraform.tfstate").read_text())["resources"]]


def test_what_takes_too_long_is_stopped_in_order(tmp_path: Path) -> None:
    root = root_of(tmp_path, SLOW)
    init(root)
    plan(root, tmp_path / "plan")
    with pytest.raises(EngineError, match="apply in .* took longer than 2 s and was stopped"):
        apply(Root(root.binary, root.directory, limit_seconds=2), tmp_path / "plan")
    assert gone(read_pid(tmp_path))
    assert "first" in state_of(tmp_path), "Terraform was not left the time to write its state"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind_when_the_caller_ends(tmp_path: Path, end: signal.Signals) -> None:
    root = root_of(tmp_path, SLOW)
    init(root)
    plan(root, tmp_path / "plan")
    program = (
        "from pathlib import Path; from controller.edge.terraform import Root, apply, find; "
        "apply(Root(find(), Path.cwd()), Path('plan'))"
    )
    repository = Path(__file__).parents[3]
    caller = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repository)},
        stderr=subprocess.DEVNULL,
    )
    pid = read_pid(tmp_path)
    caller.send_signal(end)
    caller.wait(30)
    assert gone(pid)
    locked = tmp_path / ".terraform.tfstate.lock.info"
    deadline = time.monotonic() + 20
    while locked.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not locked.exists(), "Terraform was killed before it could give the state free"
    assert "first" in state_of(tmp_path)
