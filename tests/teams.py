"""A platform team on the embedded forge: an environment in a real repository, and what its people do."""

import os
import signal
from pathlib import Path

from repositories import Origin
from worlds import CONFIG, HOUR, NOW, surge

from controller.edge.checkout import Checkout
from controller.edge.forge.githubcommits import GitHubCommits
from controller.edge.forge.local import LocalForge
from controller.edge.forge.remote import RemoteForge
from controller.workflow import workplace

SURGE = {"eu/shop": surge(6, 30, 24, 5), "us/etl": [4.0] * 72}
LARGER = {"eu/shop": surge(6, 50, 24, 5), "us/etl": [4.0] * 72}
BOTH = {"eu/shop": surge(6, 30, 24, 5), "us/etl": surge(4, 22, 26, 4)}
CALM = {"eu/shop": [6.0] * 72, "us/etl": [4.0] * 72}


def environment_of(origin: Origin, config: str = CONFIG) -> Path:
    """A checkout with an environment that has a configuration and no leases; its directory."""
    person = origin.person("team")
    person.git("rm", "-rqf", "environments/demo/leases")
    person.commit({"environments/demo/headroom.yaml": config}, "feat: configure headroom")
    person.git("push", "-q", "origin", "HEAD:main")
    return person.directory / "environments" / "demo"


def merge(environment, number: int, now=NOW) -> None:
    with workplace(environment) as place:
        place.local.approve(number, "ada", now)
        place.local.merge(number, place.local.kept(number).approved_commit, now)


def merge_all(environment, now=NOW) -> None:
    for pull in pulls(environment):
        if pull.state == "open":
            merge(environment, pull.number, now)


def pulls(environment):
    with workplace(environment) as place:
        return place.local.all_pulls()


def kept(environment, number: int):
    with workplace(environment) as place:
        return place.local.kept(number)


def ledger(environment):
    with workplace(environment) as place:
        return place.ledger


def edit(origin: Origin, path: str, old: str, new: str, name: str = "eve") -> None:
    """Somebody changes a file on main by hand."""
    person = origin.person(name)
    file = person.directory / path
    text = file.read_text()
    assert old in text
    person.commit({path: text.replace(old, new)}, "by hand")
    person.git("push", "-q", "origin", "HEAD:main")


def revert(origin: Origin, commit: str, name: str = "max") -> None:
    """Somebody presses the forge's button: the merge of a pull request is reverted on main."""
    person = origin.person(name)
    mainline = ("-m", "1") if len(person.git("log", "-1", "--format=%P", commit).split()) > 1 else ()
    person.git("revert", "--no-edit", *mainline, commit)
    person.git("push", "-q", "origin", "HEAD:main")


def later(hours: float):
    return NOW + hours * HOUR


BOUNDARIES = {
    "clone": ((Checkout,), "refresh"),
    "look": ((LocalForge, RemoteForge), "open_pulls"),
    "commit": ((Checkout,), "commit_on"),
    "push": ((Checkout,), "push"),
    "delete": ((Checkout,), "delete_branch"),
    "base merged": ((Checkout,), "merge"),
    "commit made": ((GitHubCommits,), "commit_files"),
    "branch set": ((GitHubCommits,), "point"),
    **{
        x: ((LocalForge, RemoteForge), x)
        for x in ("open", "edit", "request", "label", "comment", "close", "merge")
    },
}


def killed_after(boundary: str, work) -> bool:
    """Run ``work`` in a process that is killed right after it has passed a boundary; whether it was."""
    owners, name = BOUNDARIES[boundary]
    child = os.fork()
    if child == 0:
        try:
            for owner in owners:
                setattr(owner, name, _then_die(getattr(owner, name)))
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def _then_die(real):
    def called(*arguments, **options):
        real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return called
