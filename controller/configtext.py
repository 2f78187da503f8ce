r"""``headroom.yaml`` text → the settings of an environment, or every error with its line.

Place in the line: before every decision; the file lies beside the Terraform code that it governs.

>>> parse("environment: prod\npools: {}", "headroom.yaml")
Traceback (most recent call last):
controller.errors.ConfigError: headroom.yaml:2: pools: must name at least one pool
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from controller.config import Config
from controller.config.contradictions import contradictions
from controller.config.fields import MisplacedError
from controller.errors import ConfigError

_SAID = {
    "missing": "is missing",
    "tuple_type": "must be a list, such as [one, another]",
    "mapping_type": "must be a mapping, such as {key: value}",
    "dict_type": "must be a mapping, such as {key: value}",
    "model_type": "must be a mapping, such as {key: value}",
    "model_attributes_type": "must be a mapping, such as {key: value}",
}
# The same loader in C, where PyYAML was built with it: ten times as fast, which a thousand pools notice.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str, path: str) -> Config:
    """Read ``headroom.yaml``; ``path`` is only named in errors.

    Raises
    ------
    ConfigError
        Naming file, line and key of everything that is wrong, and the allowed keys beside an unknown one.
    """
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, _LOADER)):
            raise ConfigError(f"{path}: aliases (*name) are not read; write the value out")
        node = yaml.compose(text, _LOADER)
        _refuse_repeats(node, path)
        document = yaml.load(text, _LOADER)  # noqa: S506 - both are safe loaders
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        # Of all sorts: a tag that does not fit, such as !!timestamp x, is no error of YAML's to the library.
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: empty, or not a mapping; it starts with: environment: <name>")
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        lines = [_explain(dict(item), node, path) for item in error.errors()]
        raise ConfigError("\n".join(lines)) from error
    if found := [f"{_where(node, list(at), path)}: {said}" for at, said in contradictions(config)]:
        raise ConfigError("\n".join(found))
    return config


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
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_repeats(value, path)


def _explain(item: Mapping[str, Any], node: yaml.Node | None, path: str) -> str:
    found = item.get("ctx", {}).get("error")
    location = [*(str(part) for part in item["loc"]), *(found.at if isinstance(found, MisplacedError) else ())]
    where = _where(node, location, path)
    if item["type"] == "extra_forbidden":
        allowed = _allowed(location[:-1])
        near = get_close_matches(location[-1], allowed, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        return f"{where}: unknown key; allowed here: {', '.join(allowed)}{meant}"
    if item["type"] == "value_error":
        return f"{where}: {item['msg'].removeprefix('Value error, ')}"
    meaning = _meaning(location)
    said = _SAID.get(item["type"], str(item["msg"]))
    return f"{where}: {said}" + (f"; it means: {meaning}" if meaning else "")


def _where(node: yaml.Node | None, location: list[str], path: str) -> str:
    """File, line and address, with places in lists as jq and Terraform write them: ``limits.quotas[0].nodes``."""
    line, address = node.start_mark.line if node else 0, ""
    for part in location:
        if isinstance(node, yaml.SequenceNode) and part.isdigit():
            address += f"[{part}]"
            node = node.value[int(part)] if int(part) < len(node.value) else None
            line = node.start_mark.line if node else line
            continue
        address += f".{part}"
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        key, node = next(((k, v) for k, v in pairs if k.value == part), (None, None))
        line = key.start_mark.line if key else line
    return f"{path}:{line + 1}: {address.removeprefix('.') or 'the whole'}"


def _meaning(location: list[str]) -> str:
    """What the schema says of the setting at ``location``; empty where it says nothing of it alone."""
    field = _model(location[:-1]).model_fields.get(location[-1]) if location else None
    return (field.description or "").removesuffix(".") if field else ""


def _allowed(location: list[str]) -> list[str]:
    """Keys that the model at ``location`` has."""
    return sorted(_model(location).model_fields)


def _model(location: list[str]) -> type[BaseModel]:
    """The model at ``location``; keys of mappings and places in lists are stepped through."""
    model: type[BaseModel] = Config
    for part in location:
        if (field := model.model_fields.get(part)) is not None:
            model = next(_models(field.annotation), model)
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models within an annotation such as ``Mapping[str, Pool]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
