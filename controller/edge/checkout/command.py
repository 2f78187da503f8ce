"""Run git, with nothing of the user's repository, hooks or environment leaking in.

Place in the line: below the rest of ``edge/checkout``; nothing else starts git. GitPython's ``Git`` starts
and reaps the process. Its object layer (``Repo``, ``index``) is left alone on purpose: it reads ``GIT_*``
variables in this process, keeps ``cat-file`` children alive, and ``index.commit`` runs hooks.

>>> redact("fatal: unable to access 'https://bot:secret@example.org/infra.git/'")
"fatal: unable to access 'https://example.org/infra.git/'"
"""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from controller.errors import GitError

try:
    from git import Git
except ImportError as missing:  # GitPython looks for git as it is imported
    raise GitError("git was not found; install git 2.29 or newer and have it on the PATH") from missing

LIMIT_SECONDS = 300.0
_MOST_WORDS = 2000
# How to reach and prove oneself to a remote is the user's to say; every other GIT_* variable (a hook's
# GIT_DIR and GIT_INDEX_FILE, GIT_TRACE_CURL that prints tokens, …) would lead elsewhere or talk too much.
_KEPT = re.compile(
    r"GIT_(SSH\w*|ASKPASS|SSL_\w+|PROXY_SSL_\w+|HTTP_PROXY_AUTHMETHOD|EXEC_PATH"
    r"|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+))"
)
_VARIABLES = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",  # holds after insteadOf has rewritten a URL, too
}
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.symlinks": "false",
    "core.fsmonitor": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "i18n.commitEncoding": "UTF-8",
    "log.showSignature": "false",  # else what gpg says of a commit stands between what is asked of it
    "trailer.separators": ":",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of git gave back; ``errors`` holds no credentials."""

    status: int
    output: bytes
    errors: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A directory that git runs in, and how long one run may take, in seconds.

    ``bare`` says that the directory itself is the repository; else git looks for the one that encloses it.
    ``secrets`` are variables that hold tokens: they reach git by its environment, never by an argument.
    """

    directory: Path
    bare: bool = True
    limit_seconds: float = LIMIT_SECONDS
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def attempt(self, *arguments: str, text: bytes = b"", variables: Mapping[str, str] | None = None) -> Result:
        """Run git with ``text`` on its standard input, whatever its exit status will be.

        Raises
        ------
        GitError
            If it cannot be started, or takes longer than the limit; it and its children are then killed.
        """
        own = {**_VARIABLES, **({"GIT_DIR": str(self.directory)} if self.bare else {}), **(variables or {})}
        # GIT_DIR is absolute, because GitPython runs git elsewhere if the directory is gone. GitPython also
        # hands the whole environment down, so `env` takes out of it what git must not see, our own tokens with it.
        command = ["env"]
        for name in sorted(os.environ):
            if name.startswith("HEADROOM_") or (name.startswith("GIT_") and not _KEPT.fullmatch(name)):
                command += ["-u", name]
        command += [f"{name}={value}" for name, value in own.items()]
        command.append(Git.GIT_PYTHON_GIT_EXECUTABLE or "git")
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        return _run(self.directory, [*command, *arguments], text, self.limit_seconds, self.secrets)

    def run(
        self,
        *arguments: str,
        advice: str,
        text: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run git and give its standard output.

        Raises
        ------
        GitError
            If it fails; the message ends in ``advice``.
        """
        result = self.attempt(*arguments, text=text, variables=variables)
        if result.status:
            raise GitError(f"git {arguments[0]} failed: {result.errors or result.status}\n{advice}")
        return result.output

    def line(self, *arguments: str, advice: str, text: bytes = b"") -> str:
        """Run git and give the one line that it prints; raises as :meth:`run`."""
        return self.run(*arguments, advice=advice, text=text).decode().removesuffix("\n")


def redact(text: str) -> str:
    """Take user names, passwords and tokens out of the URLs in a text."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


def _run(
    directory: Path, command: list[str], text: bytes, limit_seconds: float, secrets: Mapping[str, str]
) -> Result:
    # A session of its own: ssh finds no terminal to ask on, and one signal reaches all children of git.
    # GitPython's kill_after_timeout is not used, because its timer outlives ^C and holds up the exit.
    started = Git(directory).execute(
        command, istream=subprocess.PIPE, as_process=True, start_new_session=True, env=dict(secrets)
    )
    process = started.proc
    if process is None:
        raise GitError("git could not be started; is it installed, and on the PATH?")
    try:
        output, errors = process.communicate(text, timeout=limit_seconds)
    except subprocess.TimeoutExpired as error:
        _kill(process)
        raise GitError(
            f"git took longer than {limit_seconds:g} seconds and was stopped; "
            "is the remote reachable, and does it let you in without asking?"
        ) from error
    except BaseException:
        _kill(process)
        raise
    said = redact(errors.decode("utf-8", "replace")).strip()[-_MOST_WORDS:]
    return Result(process.returncode, output, said)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
