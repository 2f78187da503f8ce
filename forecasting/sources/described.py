"""The YAML file that describes sources → frozen settings, or every error with its line.

Place in the line: before `gather`, which reads what the settings say.

>>> parse("sources: [{kind: files, path: usage.parquet}]", "sources.yaml").sources[0].path
'usage.parquet'
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from forecasting.errors import UsageError
from forecasting.yamlkeys import MISREAD, not_yaml, repeated

MOST_POINTS = 11_000
"""Points of a series that Prometheus gives in one answer."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: object) -> object:
    found = re.fullmatch(r"(\d{1,6})([smhd])", value) if isinstance(value, str) else None
    if not found:
        raise ValueError("must be a length of time, such as 30s, 5m, 1h or 1d")
    return int(found[1]) * _SECONDS[found[2]]


def _step(seconds: int) -> int:
    if not 15 <= seconds <= 3600 or 3600 % seconds:
        raise ValueError("must divide an hour, from 15s to 1h")
    return seconds


def _chunk(seconds: int) -> int:
    if not 3600 <= seconds <= 86400 or 86400 % seconds or seconds % 3600:
        raise ValueError("must be whole hours that divide a day, from 1h to 1d")
    return seconds


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable() or " " in text:
        raise ValueError("must be an address that begins with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user or password; put them into headers_file, as Authorization: ...")
    if parts.query or parts.fragment:
        raise ValueError("must end before any ? or #")
    return text.rstrip("/")


Step = Annotated[int, BeforeValidator(_seconds), AfterValidator(_step)]
Chunk = Annotated[int, BeforeValidator(_seconds), AfterValidator(_chunk)]
Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
PromQL = Annotated[str, Field(min_length=1, max_length=20_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Labels(_Settings):
    """Which labels of a series are its region and its group."""

    region: Name = "region"
    group: Name = "group"


class Query(_Settings):
    """What is asked for one resource, in PromQL.

    ``scale`` brings values, and a capacity that is asked for, to the resource's unit; a capacity that is a number
    is in that unit. ``censored`` is a query that is above 0 where more was wanted than could be used.
    """

    query: PromQL
    scale: Positive = 1.0
    capacity: Positive | PromQL | None = None
    censored: PromQL | None = None


class Prometheus(_Settings):
    """A Prometheus server, or what speaks as it does (Thanos, Mimir, VictoriaMetrics)."""

    kind: Literal["prometheus"]
    url: Address
    headers_file: Name | None = None
    step: Step = 300
    chunk: Chunk = 86400
    labels: Labels = Labels()
    region: Name | None = None
    regions: Mapping[str, Name] = {}
    replica: Name | None = None
    replicas: Literal["max", "mean"] = "max"
    queries: Annotated[Mapping[Name, Query], Field(min_length=1)]
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60
    patience_seconds: Annotated[float, Field(ge=0, le=3600)] = 120
    most_series: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    most_mib: Annotated[int, Field(ge=1, le=2048)] = 64

    @model_validator(mode="after")
    def _points(self) -> "Prometheus":
        if self.chunk // self.step > MOST_POINTS:
            raise ValueError(f"chunk / step is above {MOST_POINTS}, the most points that Prometheus gives at once")
        return self


class Metric(_Settings):
    """One CloudWatch metric, and whose use of which resource it is."""

    resource: Name
    region: Name
    group: Name
    namespace: Name
    metric: Name
    stat: Name = "Average"
    dimensions: Mapping[Name, Name] = {}
    scale: Positive = 1.0
    capacity: Positive | None = None


class Cloudwatch(_Settings):
    """CloudWatch in one AWS region; credentials are found as boto3 finds them."""

    kind: Literal["cloudwatch"]
    aws_region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    endpoint_url: Address | None = None
    step: Step = 300
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1, max_length=10_000)]
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60


class Files(_Settings):
    """A file, a folder or an address, as ``--usage`` takes them; relative paths begin at the YAML file."""

    kind: Literal["files"]
    path: Name


Source = Annotated[Prometheus | Cloudwatch | Files, Field(discriminator="kind")]


class Sources(_Settings):
    """All sources of usage, and how far back they are read."""

    cache: Name | None = None
    history_days: Annotated[int, Field(ge=2, le=3660)] = 56
    late_hours: Annotated[int, Field(ge=0, le=24 * 60)] = 6
    unreachable_hours: Annotated[int, Field(ge=0, le=48)] = 3
    sources: Annotated[tuple[Source, ...], Field(min_length=1, max_length=1000)]


def parse(text: str, path: str) -> Sources:
    """Read the text of a file that describes sources; ``path`` is only named in errors.

    Raises
    ------
    UsageError
        Naming file, line and key of everything that is wrong; values are not told, as they may be secret.
    """
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, yaml.SafeLoader)):
            raise UsageError(f"{path}: aliases (*name) are not read; write the value out")
        node = yaml.compose(text, yaml.SafeLoader)
        document = yaml.safe_load(text)
    except MISREAD as error:
        raise UsageError(not_yaml(path, error)) from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: empty, or not a mapping; it starts with: sources:")
    if twice := repeated(node):
        raise UsageError(f"{path}:{twice[0]}: {twice[1]!r} stands here a second time")
    try:
        return Sources.model_validate(document)
    except ValidationError as error:
        items = error.errors()
        # Where what a list holds is wrong, the list counts as empty, too.
        within = {item["loc"][:n] for item in items for n in range(len(item["loc"]))}
        found = [x for x in items if x["type"] != "too_short" or x["loc"] not in within]
        raise UsageError("\n".join(_explain(dict(item), node, path) for item in found)) from None


def _explain(item: Mapping[str, Any], node: yaml.Node | None, path: str) -> str:
    line, where = node.start_mark.line if node else 0, ""
    for part in item["loc"]:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            where += f"[{part}]"
            node = node.value[part] if part < len(node.value) else node
            line = node.start_mark.line
            continue
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair:
                line, node = pair[0].start_mark.line, pair[1]
            elif item["type"] not in {"missing", "extra_forbidden"}:
                continue  # the kind of a source, which pydantic puts into the way
        if part not in {"prometheus", "cloudwatch", "files"}:
            where += f".{part}"
    plain = {"missing": "is missing", "extra_forbidden": "unknown key", "too_short": "is empty; name at least one"}
    said = plain.get(item["type"], str(item["msg"]))
    return f"{path}:{line + 1}: {where.removeprefix('.') or 'the whole'}: {said.removeprefix('Value error, ')}"
