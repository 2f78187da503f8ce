"""A real Prometheus for the tests: found, or got from Debian without being installed; filled, started, stopped.

``python tests/prometheus_server.py`` gets it beforehand, as ``make test`` does. It needs no root: the package is
unpacked into the folder of the virtual environment.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOME = Path(sys.prefix) / "prometheus"
ADVICE = (
    "The tests need Prometheus: on Debian or Ubuntu run 'apt-get install prometheus', elsewhere put prometheus "
    "and promtool on PATH."
)


def find(name: str) -> Path:
    """Path of ``prometheus`` or ``promtool``: on PATH, or in `HOME`, where it is brought if it is not there."""
    if found := shutil.which(name):
        return Path(found)
    if not (HOME / name).exists():
        _bring()
    return HOME / name


def _bring() -> None:
    """Get Debian's package and move its two programs into `HOME`."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise RuntimeError(ADVICE)
    HOME.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME.parent) as text:
        folder = Path(text)
        if not _download(folder, []):
            # A machine whose lists were never fetched, or are old: lists of our own, which need no root.
            (folder / "lists/partial").mkdir(parents=True)
            (folder / "cache/archives/partial").mkdir(parents=True)
            own = ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
            own += ["-o", "Debug::NoLocking=1"]
            _run(["apt-get", "-q", *own, "update"], folder)
            if not _download(folder, own):
                raise RuntimeError(f"Debian's package prometheus cannot be had from here. {ADVICE}")
        _run(["dpkg-deb", "-x", str(next(folder.glob("prometheus_*.deb"))), "unpacked"], folder)
        made = folder / "unpacked/usr/bin"
        if not HOME.exists():  # another run may have been quicker
            made.rename(HOME)


def _download(folder: Path, options: list[str]) -> bool:
    _run(["apt-get", "-q", *options, "download", "prometheus"], folder)
    return any(folder.glob("prometheus_*.deb"))


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=300)


def fill(folder: Path, lines: str) -> None:
    """Write samples, in the form of OpenMetrics, into the storage of a server that does not run yet."""
    text = folder / "openmetrics.txt"
    text.write_text(f"{lines}# EOF\n", encoding="utf-8")
    done = subprocess.run(
        [find("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, folder / "data"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    text.unlink()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Start the server over the storage in ``folder`` on a free port of loopback; give its address."""
    configuration = folder / "prometheus.yml"
    configuration.write_text("global: {scrape_interval: 1m}\n", encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                find("prometheus"),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{port}",
                "--query.max-samples=200000",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address, process, folder / "log")
            yield address
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            opener.open(f"{address}/-/ready", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not start: {log.read_text(encoding='utf-8')[-2000:]}")


if __name__ == "__main__":
    try:
        find("prometheus"), find("promtool")
    except RuntimeError as error:
        sys.exit(str(error))
