"""The infrastructure repository of the demo: a bare ``origin``, the user's checkout, and CI's fresh clones.

Place in the line: what a platform team has already when Headroom comes.
"""

import shutil
from pathlib import Path

from git import Actor, Repo

ROOT = Path(__file__).parent.parent
ENVIRONMENT = "environments/demo"
_MODULES = "templates/terraform/modules"
_LEFT_OUT = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfplan", "tests")
TEAM = Actor("Platform team", "platform@example.com")


def seed(folder: Path, environment: Path, config_text: str) -> tuple[Path, Path]:
    """Make ``origin.git`` with one commit on main, and the user's checkout of it: (origin, checkout)."""
    origin, work = folder / "origin.git", folder / "infrastructure"
    with Repo.init(origin, bare=True, initial_branch="main"):
        pass
    with Repo.init(work, initial_branch="main") as repository:
        shutil.copytree(environment, work / ENVIRONMENT, ignore=_LEFT_OUT)
        shutil.copytree(ROOT / _MODULES, work / _MODULES, ignore=_LEFT_OUT)
        (work / ENVIRONMENT / "headroom.yaml").write_text(config_text, encoding="utf-8")
        (work / ".gitignore").write_text(".terraform/\n*.tfstate*\n", encoding="utf-8")
        repository.git.add("--all")
        repository.index.commit("feat: two pools and their baseline", author=TEAM, committer=TEAM)
        repository.create_remote("origin", str(origin))
        repository.git.push("--quiet", "--set-upstream", "origin", "main")
    return origin, work


def fresh(origin: Path, branch: str, folder: Path) -> Path:
    """Clone a branch as a CI pipeline does; ``folder`` must not exist yet."""
    with Repo.clone_from(str(origin), folder, branch=branch):
        return folder


def pull(work: Path) -> None:
    """Bring the user's checkout up to date."""
    with Repo(work) as repository:
        repository.git.pull("--quiet", "--ff-only")
