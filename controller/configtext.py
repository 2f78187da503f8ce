r"""``headroom.yaml`` text → the settings of an environment, or every error with its line.

Place in the line: before every decision; the file lies beside the Terraform code that it governs.

>>> parse("environment: prod\npools: {}", "headroom.yaml")
Traceback (most recent call last):
controller.errors.ConfigError: headroom.yaml:2: pools: must name at least one pool
"""

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from controller.config import Config, Decay, Decide, LeadTimes, PlanAddress, Pool, Repository
from controller.errors import ConfigError


def parse(text: str, path: str) -> Config:
    """Read ``headroom.yaml``; ``path`` is only named in errors.

    Raises
    ------
    ConfigError
        Naming file, line and key of everything that is wrong, and the allowed keys beside an unknown one.
    """
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, yaml.SafeLoader)):
            raise ConfigError(f"{path}: aliases (*name) are not read; write the value out")
        node = yaml.compose(text, yaml.SafeLoader)
        _refuse_repeats(node, path)
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: empty, or not a mapping; it starts with: environment: <name>")
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        lines = [_explain(dict(item), node, path) for item in error.errors()]
        raise ConfigError("\n".join(lines)) from error


def _refuse_repeats(node: yaml.Node | None, path: str) -> None:
    """YAML lets the last of two equal keys win, silently: that hides a pool."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key.value, str):
                raise ConfigError(f"{path}:{key.start_mark.line + 1}: a key is plain text")
            if key.value in seen:
                raise ConfigError(f"{path}:{key.start_mark.line + 1}: {key.value} stands here a second time")
            seen.add(key.value)
            _refuse_repeats(value, path)


def _explain(item: Mapping[str, Any], node: yaml.Node | None, path: str) -> str:
    location = [str(part) for part in item["loc"]]
    where = f"{path}:{_line(node, location)}: {'.'.join(location) or 'the whole'}"
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown key; allowed here: {', '.join(_allowed(location[:-1]))}"
    return f"{where}: {item['msg'].removeprefix('Value error, ')}"


def _line(node: yaml.Node | None, location: list[str]) -> int:
    line = node.start_mark.line if node else 0
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
    return line + 1


def _allowed(location: list[str]) -> list[str]:
    """Keys that the model at ``location`` has; mappings of free keys (pools) are stepped through."""
    models: dict[str, type[BaseModel]] = {
        "repository": Repository,
        "decide": Decide,
        "lead_times": LeadTimes,
        "decay": Decay,
        "pools": Pool,
    }
    model = PlanAddress if location[-1:] == ["plan"] else models.get(location[0], Config) if location else Config
    return sorted(model.model_fields)
