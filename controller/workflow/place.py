"""Where a command works: a throw-away clone, what its base branch says of one environment, and the forge.

Place in the line: opened once per command; everything else in ``workflow`` is handed a :class:`Workplace`.

    with workplace(Path("environments/demo")) as place:
        print(place.ledger)
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.config import Config
from controller.configtext import parse
from controller.edge.checkout import Checkout, Location, clone, locate
from controller.edge.files import CONFIG, environment_texts
from controller.edge.forge import Commits, Forge
from controller.edge.forge.connect import Remote, connect
from controller.edge.forge.local import LocalForge
from controller.errors import ConfigError, ForgeError, LeaseError
from controller.lease import Ledger, parse_ledger

FORGE_EMAIL = "noreply@github.com"  # whom GitHub names as the committer of what it makes and signs itself


@dataclass(frozen=True, slots=True)
class Workplace:
    """A clone with what its base branch says of one environment.

    ``commits`` is there where the forge makes the commits (``repository.commits: api``).
    """

    where: Location
    checkout: Checkout
    forge: Forge
    config: Config
    ledger: Ledger
    commits: Commits | None = None

    def strangers(self, tip: str) -> list[str]:
        """E-mail addresses of others who committed to a branch; a forge that commits for us is none."""
        checkout = self.checkout
        forge_email = FORGE_EMAIL if self.commits is not None else None
        return checkout.foreign_authors(checkout.base_commit, tip, checkout.author.email, forge_email)

    @property
    def local(self) -> LocalForge:
        """The embedded forge, whose reviewer is whoever sits at the command line.

        Raises
        ------
        ForgeError
            If the pull requests are kept elsewhere.
        """
        if not isinstance(self.forge, LocalForge):
            raise ForgeError(
                f"pull requests are kept at {self.config.repository.forge}; review and merge them there"
            )
        return self.forge


def read_environment(texts: Mapping[str, str], path: str) -> tuple[Config, Ledger]:
    """Parse an environment from ``{path below it: text}``; ``path`` names it in errors.

    Raises
    ------
    ConfigError, LeaseError
        If a file is not what it should be, or a lease belongs to another environment.
    """
    if CONFIG not in texts:
        raise ConfigError(f"{path}: no {CONFIG} is in it")
    config = parse(texts[CONFIG], f"{path}/{CONFIG}")
    ledger = parse_ledger({k: v for k, v in texts.items() if k.startswith("leases/") and k.endswith(".json")})
    for lease in ledger:
        if lease.environment != config.environment:
            raise LeaseError(f"{path}/{lease.path}: belongs to {lease.environment}, not {config.environment}")
    return config, ledger


def read_directory(directory: Path) -> tuple[Config, Ledger]:
    """Read an environment from a directory, as it lies there."""
    return read_environment(environment_texts(directory), str(directory))


def reach(directory: Path) -> Remote | None:
    """The forge of an environment that is not the embedded one, with its credentials; nothing is sent yet.

    Raises
    ------
    ForgeError
        If the address or the credentials are refused.
    """
    local, _ = read_directory(directory)
    own = local.repository
    return None if own.forge == "local" else connect(own.forge, locate(directory).url, os.environ, api=own.url)


@contextmanager
def workplace(directory: Path) -> Iterator[Workplace]:
    """Clone the repository of an environment's directory and read the environment from its base branch."""
    local, _ = read_directory(directory)
    where, own = locate(directory), local.repository
    remote = reach(directory)
    secrets = remote.git_variables(os.environ) if remote else None
    with clone(where.url, own.base_branch, own.author_name, own.author_email, secrets=secrets) as checkout:
        # Only what Headroom owns: the rest of the directory may hold links and binary files.
        found = checkout.read(f"{where.path}/{CONFIG}") | checkout.read(f"{where.path}/leases")
        texts = {path.removeprefix(f"{where.path}/"): text for path, text in found.items()}
        if CONFIG not in texts:
            raise ConfigError(
                f"{where.path}/{CONFIG}: not on {own.base_branch} of origin; commit it and push it first"
            )
        config, ledger = read_environment(texts, where.path)
        if config.repository != own:  # where a token goes is not for an unreviewed file to say
            raise ConfigError(
                f"{directory}/{CONFIG}: its repository section is not that of the base branch; push yours, or pull"
            )
        forge = remote.forge if remote else LocalForge(checkout)
        commits = remote.commits if remote and own.commits == "api" else None
        yield Workplace(where, checkout, forge, config, ledger, commits)
