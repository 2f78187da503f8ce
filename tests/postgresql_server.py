"""A real PostgreSQL for the tests: found, or got from Debian without being installed; set up, started, stopped.

``python tests/postgresql_server.py`` gets it beforehand, as ``make test`` does. It needs no root: packages are
unpacked into the folder of the virtual environment. As root it runs as another user, since it refuses root.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOME = Path(sys.prefix) / "postgresql"
PASSWORD = "SECRETPASSWORD-of-the-tests"  # noqa: S105 - of a server that lives for seconds
_ADVICE = (
    "The tests need PostgreSQL: on Debian or Ubuntu run 'apt-get install postgresql'; elsewhere put it on PATH."
)
_NOBODY = 65534


def find() -> Path:
    """Where ``initdb`` and ``postgres`` are: on PATH, as Debian has them, or in `HOME`, brought if missing."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    if not (programs := [*_programs(Path("/")), *_programs(HOME)]):
        _bring()
        programs = _programs(HOME)
    return programs[0]


def _programs(root: Path) -> list[Path]:
    return sorted((x.parent for x in root.glob("usr/lib/postgresql/*/bin/initdb")), reverse=True)


def _bring() -> None:
    """Get Debian's packages, those that they need and are missing among them, and unpack them into `HOME`."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise RuntimeError(_ADVICE)
    HOME.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME.parent) as text:
        folder = Path(text)
        own = ["-o", "Debug::NoLocking=1", "-o", f"Dir::Cache={folder}/cache"]
        if not _download(folder, own):
            # A machine whose lists were never fetched, or are old: lists of our own, which need no root.
            (folder / "lists/partial").mkdir(parents=True)
            own += ["-o", f"Dir::State::Lists={folder}/lists"]
            _run(["apt-get", "-q", *own, "update"])
            if not _download(folder, own):
                raise RuntimeError(f"Debian's package postgresql cannot be had from here. {_ADVICE}")
        for package in (folder / "cache/archives").glob("*.deb"):
            if not package.name.startswith("libllvm"):  # compiles queries, is large, and nothing here needs it
                _run(["dpkg-deb", "-x", str(package), str(folder / "unpacked")])
        if not HOME.exists():  # another run may have been quicker
            (folder / "unpacked").rename(HOME)


def _download(folder: Path, options: list[str]) -> bool:
    (folder / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "-q", "-y", *options, "install", "--download-only", "--no-install-recommends", "postgresql"])
    return any((folder / "cache/archives").glob("postgresql-[0-9]*.deb"))


def _run(command: list[str]) -> None:
    subprocess.run(command, check=False, capture_output=True, timeout=600)


@contextmanager
def serving() -> Iterator[str]:
    """Set up and start a server on a free port of loopback; give the URI of its only, empty database.

    The user is ``reader``, with `PASSWORD`, which the server wants to see.
    """
    with tempfile.TemporaryDirectory(prefix="headroom-postgresql-") as text:
        folder = Path(text)
        programs, home = find(), HOME
        if _root() and programs.is_relative_to(HOME):  # another user may not get there
            home = shutil.copytree(HOME, folder / "programs", symlinks=True)
            programs = home / programs.relative_to(HOME)
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        for path in (folder, folder / "password"):
            if _root():
                os.chown(path, _NOBODY, _NOBODY)
        data, log = folder / "data", folder / "log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with log.open("wb") as file:
            words = "-U reader --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync --pwfile"
            made = _begin([programs / "initdb", "-D", data, *words.split(), folder / "password"], home, file)
            if made.wait(120) != 0:
                raise RuntimeError(f"PostgreSQL cannot be set up: {log.read_text(encoding='utf-8')[-2000:]}")
            options = {
                "listen_addresses": "127.0.0.1",
                "port": port,
                "unix_socket_directories": "",
                "fsync": "off",
            }
            settings = [x for name, value in options.items() for x in ("-c", f"{name}={value}")]
            server = _begin([programs / "postgres", "-D", data, *settings], home, file)
            try:
                _wait(server, port, log)
                yield f"postgresql://reader:{PASSWORD}@127.0.0.1:{port}/postgres"
            finally:
                server.send_signal(signal.SIGINT)  # SIGTERM would wait for whoever is connected
                try:
                    server.wait(20)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait()


def _begin(command: list[object], home: Path, log: object) -> "subprocess.Popen[bytes]":
    libraries = [str(x) for x in (home / "usr/lib").glob("*-linux-gnu*")]
    environment = {**os.environ, "LC_ALL": "C"}
    if libraries:
        environment["LD_LIBRARY_PATH"] = ":".join(libraries)
    other = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if _root() else {}
    return subprocess.Popen([str(x) for x in command], stdout=log, stderr=log, env=environment, cwd="/", **other)


def _root() -> bool:
    return os.geteuid() == 0


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and server.poll() is None:
        if "ready to accept connections" in log.read_text(encoding="utf-8"):
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(encoding='utf-8')[-2000:]}")


if __name__ == "__main__":
    try:
        find()
    except RuntimeError as error:
        sys.exit(str(error))
