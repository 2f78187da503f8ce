"""Real repositories: a bare origin, and the clones of people who use it."""

import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from controller.edge.checkout import clone

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SEED = {
    "environments/demo/main.tf": 'module "leases" {}\n',
    "environments/demo/headroom.yaml": "environment: demo\n",
    "environments/demo/leases/web/20261101t0600-aaaaaa.json": "{}\n",
    "README.md": "infrastructure\n",
}
LEASES = "environments/demo/leases"
OLD = f"{LEASES}/web/20261101t0600-aaaaaa.json"
NEW = f"{LEASES}/web/20261127t0600-1a2b3c.json"
BRANCH = "headroom/demo/web/20261127t0600-1a2b3c"
OPEN = {NEW: '{"floor": 8}\n'}


@dataclass(frozen=True)
class Person:
    """A user's clone with a work tree."""

    directory: Path

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.directory, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, files: dict[str, str | None], message: str = "by hand") -> str:
        for path, text in files.items():
            place = self.directory / path
            if text is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


@dataclass(frozen=True)
class Origin:
    """The bare repository that everyone pushes to."""

    directory: Path

    @property
    def url(self) -> str:
        return f"file://{self.directory}"

    def git(self, *arguments: str) -> str:
        return Person(self.directory).git(*arguments)

    def tip(self, branch: str) -> str:
        return self.git("rev-parse", "--verify", f"refs/heads/{branch}")

    def tree(self, commit: str) -> str:
        return self.git("rev-parse", f"{commit}^{{tree}}")

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()

    def person(self, name: str) -> Person:
        directory = self.directory.parent / name
        identity = ("-c", f"user.name={name}", "-c", f"user.email={name}@example.org")
        subprocess.run(["git", "clone", "-q", *identity, self.url, directory], check=True, capture_output=True)
        return Person(directory)

    def clone(self, **changes: object):
        settings = {"base_branch": "main", "author_name": "Headroom", "author_email": "bot@example.org"}
        return clone(**{"url": self.url, **settings, **changes})


def seeded(directory: Path) -> Origin:
    """Make a bare repository with an environment and one lease on ``main``."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", directory], check=True)
    origin = Origin(directory)
    seed = origin.person("seed")
    seed.git("checkout", "-q", "-B", "main")
    seed.commit(SEED, "seed")
    seed.git("push", "-q", "origin", "main")
    return origin


def commit_on_base(checkout, changes=OPEN, message="feat(capacity): hold 8 nodes", when=NOON, within=LEASES):
    """Commit a lease, or other changes, on top of the base branch of a throw-away clone."""
    return checkout.commit_on(checkout.base_commit, changes, message, when, within)


def pushed(origin, branch=BRANCH, changes=OPEN):
    """Commit a lease, or other changes, and push it to one of Headroom's branches."""
    with origin.clone() as checkout:
        commit = commit_on_base(checkout, changes)
        checkout.push(branch, commit, None)
    return commit


def appears(path):
    """Wait for a file, up to 20 seconds."""
    for _ in range(400):
        if path.exists():
            return True
        time.sleep(0.05)
    return False
