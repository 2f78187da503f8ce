"""Files that lie beside the code or in a user's directory → text.

Place in the line: the edge that only reads. An environment is read from a directory here, for commands that
write nothing; whatever writes reads it from the base branch instead (:mod:`controller.edge.checkout`).

    texts = environment_texts(Path("environments/demo"))
    config = parse(texts["headroom.yaml"], "headroom.yaml")
"""

from importlib.resources import files
from pathlib import Path

from controller.errors import ConfigError, LeaseError

CONFIG = "headroom.yaml"
_MOST_BYTES = 1_048_576


def environment_texts(directory: Path) -> dict[str, str]:
    """Configuration and lease files of an environment: ``{path below the directory: text}``.

    Raises
    ------
    ConfigError
        If the directory or its ``headroom.yaml`` is not there.
    LeaseError
        If a lease file is a link, too large, or not text.
    """
    if not (directory / CONFIG).is_file():
        raise ConfigError(f"{directory}: no {CONFIG} is in it; --env names the directory of an environment")
    texts = {CONFIG: _text(directory / CONFIG)}
    for path in sorted((directory / "leases").rglob("*")):
        if path.is_symlink():
            raise LeaseError(f"{path}: a link; links are not followed")
        if path.suffix != ".json":
            continue
        texts[path.relative_to(directory).as_posix()] = _text(path)
    return texts


def template_texts(folder: str) -> dict[str, str]:
    """Templates of one folder of ``templates/``: ``{file name: text}``."""
    return {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in templates().joinpath(folder).iterdir()
        if entry.name.endswith(".j2")
    }


def texts_below(folder: str, ending: str) -> dict[str, str]:
    """Files right in one folder of ``templates/`` whose names end so: ``{file name: text}``."""
    place = templates() / folder
    return {x.name: x.read_text(encoding="utf-8") for x in sorted(place.iterdir()) if x.name.endswith(ending)}


def templates() -> Path:
    """Where the templates are: inside the installed package, or beside it in a checkout."""
    package = Path(str(files("controller")))
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def _text(path: Path) -> str:
    if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
        raise LeaseError(f"{path}: a link, or over {_MOST_BYTES:,} bytes; neither is read")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LeaseError(f"{path}: not UTF-8 text") from error
