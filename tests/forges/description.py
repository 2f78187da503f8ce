"""A forge's published API description: what a request may be, and what an answer must be."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from openapi_schema_validator import OAS30Validator, OAS31Validator, oas30_format_checker, oas31_format_checker

_TEXTS = {"date-time": "2026-11-24T12:00:00Z", "uri": "https://example.org/", "email": "a@example.org"}
_CHECKED_ITEMS = 20


class WrongError(Exception):
    """A request or an answer is not what the description says."""


@dataclass(frozen=True)
class Operation:
    """One call that was asked for."""

    template: str
    method: str
    about: dict[str, Any]
    path: dict[str, str]
    query: dict[str, str]


@dataclass
class Description:
    """The extract of one forge's description."""

    forge: str
    _validators: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def whole(self) -> dict[str, Any]:
        """The document."""
        text = (Path(__file__).parent / f"{self.forge}.openapi.json").read_text()
        document: dict[str, Any] = json.loads(text)
        return document

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        paths = sorted(
            self.whole["paths"], key=lambda x: x.count("{")
        )  # "/issues/comments/7" is no issue "comments"
        return [(re.compile(re.sub(r"\{(\w+)\}", self._segment(x), x)), x) for x in paths]

    def _segment(self, template: str) -> Callable[[re.Match[str]], str]:
        """Give the pattern of a path's parameter: one segment, or more where the description says so."""
        told = [x for about in self.whole["paths"][template].values() for x in about.get("parameters", ())]
        more = {x["name"] for x in told if x.get("x-multi-segment")}
        return lambda found: f"(?P<{found[1]}>{'.+' if found[1] in more else '[^/]+'})"

    def operation(self, method: str, target: str) -> Operation:
        """Find the operation of a request line's target."""
        path, _, query = target.partition("?")
        for pattern, template in self._patterns:
            about = self.whole["paths"][template].get(method.lower())
            if about is not None and (found := pattern.fullmatch(path)):
                named = {k: unquote(v) for k, v in found.groupdict().items()}
                return Operation(template, method, about, named, dict(parse_qsl(query, keep_blank_values=True)))
        raise WrongError(f"{method} {path} is no operation of {self.forge}")

    def check_request(self, operation: Operation, body: Any) -> None:
        """Hold path, query and body against the description."""
        told = {(x["in"], x["name"]): x for x in operation.about.get("parameters", ())}
        for place, given in (("path", operation.path), ("query", operation.query)):
            for name, value in given.items():
                if (place, name) not in told:
                    raise WrongError(f"{operation.method} {operation.template}: no {place} parameter {name}")
                self._hold(
                    _typed(value, told[place, name]["schema"]), told[place, name]["schema"], f"{name}={value}"
                )
        wanted = operation.about.get("requestBody")
        if wanted is None:
            if body is not None:
                raise WrongError(f"{operation.method} {operation.template}: takes no body")
            return
        schema = wanted["content"]["application/json"]["schema"]
        if body is None:
            if wanted.get("required"):
                raise WrongError(f"{operation.method} {operation.template}: needs a body")
            return
        self._hold(body, schema, f"the body of {operation.method} {operation.template}")
        names = self._names(schema)
        if isinstance(body, dict) and (strange := [x for x in body if x not in names]):
            raise WrongError(f"{operation.method} {operation.template}: no {strange[0]!r} in the body")

    def answer(self, operation: Operation, status: int, content: Any) -> Any:
        """Give an answer all fields that the description demands, and hold it against it."""
        told = operation.about["responses"].get(str(status))
        if told is None:
            raise WrongError(f"{operation.method} {operation.template}: {status} is no answer")
        if not told.get("content"):
            return None
        schema = next(iter(told["content"].values()))["schema"]
        filled = self.fill(schema, content)
        resolved = self._resolved(schema)
        if isinstance(filled, list) and "items" in resolved:
            for item in filled[:_CHECKED_ITEMS]:
                self._hold(item, resolved["items"], f"an item of {operation.method} {operation.template}")
        else:
            self._hold(filled, schema, f"the answer to {operation.method} {operation.template}")
        return filled

    def fill(self, schema: dict[str, Any], given: Any) -> Any:
        """Put in what is demanded and not given."""
        schema = self._resolved(schema)
        if given is None:
            return None
        for key in ("anyOf", "oneOf", "allOf"):
            for part in schema.get(key, ()):
                known = self._resolved(part)
                fits = "properties" in known if isinstance(given, dict) else "items" in known
                if fits and isinstance(given, dict | list):
                    given = self.fill(known, given)
                    if key != "allOf":
                        break
        if isinstance(given, dict):
            properties = schema.get("properties", {})
            filled = {k: self.fill(properties.get(k, {}), v) for k, v in given.items()}
            for name in schema.get("required", ()):
                if name not in filled:
                    filled[name] = self._made(properties.get(name, {}))
            return filled
        if isinstance(given, list):
            return [self.fill(schema.get("items", {}), item) for item in given]
        return given

    def _made(self, schema: dict[str, Any]) -> Any:  # noqa: PLR0911 - a case each
        schema = self._resolved(schema)
        kind = schema.get("type")
        if schema.get("nullable") or kind == "null" or (isinstance(kind, list) and "null" in kind):
            return None
        if "enum" in schema:
            return schema["enum"][0]
        if "const" in schema:
            return schema["const"]
        for key in ("anyOf", "oneOf"):
            if options := schema.get(key):
                null = any(self._resolved(x).get("type") == "null" for x in options)
                return None if null else self._made(options[0])
        if schema.get("allOf"):
            return self.fill(schema, {})
        match kind:
            case "string":
                return _TEXTS.get(schema.get("format", ""), "text")
            case "integer" | "number":
                return max(1, int(schema.get("minimum", 1)))
            case "boolean":
                return False
            case "array":
                return []
            case _:
                return self.fill(schema, {})

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self.whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _names(self, schema: dict[str, Any]) -> set[str]:
        schema = self._resolved(schema)
        parts = [x for key in ("anyOf", "oneOf", "allOf") for x in schema.get(key, ())]
        return set(schema.get("properties", {})).union(*(self._names(x) for x in parts))

    def _hold(self, value: Any, schema: dict[str, Any], what: str) -> None:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            old = self.whole["openapi"].startswith("3.0")
            kind, formats = (
                (OAS30Validator, oas30_format_checker) if old else (OAS31Validator, oas31_format_checker)
            )
            whole = {**schema, "components": self.whole["components"]} if "$ref" not in schema else None
            held = whole or {"allOf": [schema], "components": self.whole["components"]}
            self._validators[key] = kind(held, format_checker=formats)
        for error in self._validators[key].iter_errors(value):
            where = ".".join(str(x) for x in error.absolute_path)
            raise WrongError(f"{what}: {where}: {error.message[:300]}")


def _typed(value: str, schema: dict[str, Any]) -> Any:
    kind = schema.get("type")
    if kind in ("integer", "number") and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value
