"""Where provider plugins come from on a machine without internet: a filesystem mirror, if there is one.

Place in the line: CI writes ``cli_config(…)`` to a file and names it in TF_CLI_CONFIG_FILE for
``edge/terraform``.

    config.write_text(cli_config(mirror(binary.registry), binary.registry))
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from controller.errors import EngineError

VARIABLE = "HEADROOM_PROVIDER_MIRROR"


def mirror(registry: str) -> Path | None:
    """Find the folder that stands in for ``registry``, a host name; None if there is none.

    It is the one that HEADROOM_PROVIDER_MIRROR names, else the first to hold a folder of the registry's name
    among Terraform's implied mirror folders and the folders directly below /opt, the Filesystem Hierarchy
    Standard's place for add-on software.

    Raises
    ------
    EngineError
        If HEADROOM_PROVIDER_MIRROR names a folder that is no mirror of the registry.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not _holds(Path(named), registry):
            raise EngineError(
                f"{VARIABLE} names {named}, which holds no folder {registry}; fill it by "
                f"terraform providers mirror {named}, or unset {VARIABLE}"
            )
        return Path(named).absolute()
    return next((folder for folder in _folders() if _holds(folder, registry)), None)


def cli_config(mirror: Path | None, registry: str, cache: Path | None = None) -> str:
    """Write a Terraform CLI configuration.

    What the mirror has of ``registry`` comes from the mirror only, everything else from where it is
    published, as with Terraform's implied mirrors. ``cache`` is a folder that keeps what a registry gave for
    the next checkout.
    """
    lines = ["disable_checkpoint = true"]
    if cache is not None:
        # Checkouts without a lock file would otherwise pass the cache over.
        lines += [
            f"plugin_cache_dir = {json.dumps(str(cache))}",
            "plugin_cache_may_break_dependency_lock_file = true",
        ]
    if mirror is not None:
        held = sorted(str(path.relative_to(mirror)) for path in mirror.glob(f"{registry}/*/*") if path.is_dir())
        lines += [
            "provider_installation {",
            "  filesystem_mirror {",
            f"    path    = {json.dumps(str(mirror))}",
            f"    include = {json.dumps(held)}",
            "  }",
            "  direct {",
            f"    exclude = {json.dumps(held)}",
            "  }",
            "}",
        ]
    return "\n".join(lines) + "\n"


def _folders() -> Iterator[Path]:
    home = Path.home()
    yield home / ".terraform.d" / "plugins"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    shared = (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    for folder in [data, *(Path(name) for name in shared)]:
        yield folder / "terraform" / "plugins"
        yield folder / "opentofu" / "plugins"
    for library in (home / "Library", Path("/Library")):  # macOS
        yield library / "Application Support" / "io.terraform.plugins"
    addons = Path("/opt")
    if addons.is_dir():
        yield from sorted(addons.iterdir())


def _holds(folder: Path, registry: str) -> bool:
    try:
        return (folder / registry).is_dir()
    except OSError:  # a folder that may not be looked into is none of ours
        return False
