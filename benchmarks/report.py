"""What the scripts print and keep: rows of Markdown, and JSON with where it was measured."""

import json
import math
import os
import platform
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("headroom", "numpy", "pymc", "statsforecast", "mlforecast", "lightgbm", "prophet")


def parser(description: str | None, data: bool = True) -> ArgumentParser:
    """Make the options that the scripts share."""
    made = ArgumentParser(description=(description or "").split("\n\n", maxsplit=1)[0])
    if data:
        made.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of NAME.parquet files")
        made.add_argument(
            "--series", type=int, metavar="N", help="most series of a set (whole groups, drawn by the seed)"
        )
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return made


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table; fractions with four figures."""
    print(f"\n| {' | '.join(headers)} |\n|{' --- |' * len(headers)}", flush=True)
    for row in rows:
        print(f"| {' | '.join(_cell(x) for x in row)} |", flush=True)


def per_cent(share: float, error: float = math.nan) -> str:
    """Write a share as per cent with a decimal, and its standard error where there is one."""
    if not math.isfinite(error):
        return f"{100 * share:.1f} %"
    return f"{100 * share:.1f} ± {100 * error:.1f} %"


def write(path: Path | None, arguments: Namespace, figures: Mapping[str, Any]) -> None:
    """Write figures with arguments, versions and the machine, if a path was given."""
    if path is None:
        return
    where = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }
    given = {key: value for key, value in vars(arguments).items() if key not in ("data", "json")}
    path.write_text(json.dumps(_plain({"arguments": given, "where": where, **figures}), indent=1) + "\n")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else ""
    return str(value)


def _plain(value: Any) -> Any:
    """Make it ready for JSON, which has no NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(x) for x in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
