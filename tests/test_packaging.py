"""What is built and installed works away from the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_wheel_carries_its_templates(tmp_path):
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        tmp_path,
        ROOT,
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("headroom-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    code = (
        "from controller.edge.files import template_texts, templates;"
        "print(templates()); print(sorted(template_texts('pull_request')))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "installed")},
        check=True,
        capture_output=True,
        text=True,
    )
    place, names = done.stdout.splitlines()
    assert Path(place) == tmp_path / "installed/controller/templates"
    assert "title.txt.j2" in names
    for needed in (
        "terraform/modules/leases/main.tf",
        "ci/github.yml.j2",
        "ci/steps/apply.sh",
        "ci/steps/expired.sh",
        "environment/next.txt.j2",
    ):
        assert (Path(place) / needed).is_file()


def test_the_lock_has_hashes_and_no_addresses():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "--index" not in lock
    entries = [block for block in lock.split("\n") if block and not block.startswith(("    --hash=", "#"))]
    assert len(entries) > 100
    assert all(entry.endswith("\\") and "==" in entry for entry in entries)
