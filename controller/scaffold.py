"""What ``headroom init`` writes into somebody's repository: ``{path from its root: file}``.

Place in the line: before everything, once. Settings that the parser accepts, the leases module, and a pipeline
whose steps are scripts beside it. Pure; the templates see nothing but the answers.

>>> checked_path("environments/prod"), checked_path("environments/../prod")
Traceback (most recent call last):
controller.errors.ConfigError: 'environments/../prod' is no harmless directory; use letters, digits, . _ - and /
"""

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from controller.config import Config
from controller.configtext import parse
from controller.errors import ConfigError
from controller.lease import Size

Forge = Literal["github", "gitlab", "gitea"]
TERRAFORM_VERSION = "1.11.4"
_EXAMPLE, _SHOWN = "web", 8  # name of a pool that nobody named; pools that are written out
_PARTS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,79}){0,7}")
_REGION = re.compile(r"[a-z]{2,10}(?:-[a-z0-9]{1,12}){1,4}")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+@:/=<>~,\[\]#&-]{0,299}")
_ADDRESS = re.compile(r'[A-Za-z0-9_.\[\]"-]{3,300}')
# Commits that the tags were at when they were looked up; a tag can be moved, a commit cannot.
_CHECKOUTS = {
    "github": {"sha": "de0fac2e4500dabe0009e67214ff5f5447ce83dd", "version": "v6.0.2"},
    "gitea": {"sha": "11bd71901bbe5b1630ceea73d27597364c9af683", "version": "v4.2.2"},  # runs on its older runners
    "gitlab": {},
}
_PIPELINES = {
    "github": ("github.yml.j2", ".github/workflows/headroom-{name}.yml", ".github/headroom"),
    "gitlab": ("gitlab.yml.j2", ".gitlab/headroom/{name}.yml", ".gitlab/headroom"),
    "gitea": ("gitea.yml.j2", ".gitea/workflows/headroom-{name}.yml", ".gitea/headroom"),
}
_PLACES = {  # kind: resource, path of the minimum, path of the warm minimum
    "vm": ("aws_autoscaling_group", "min_size", "warm_pool[0].min_size"),
    "node": ("aws_eks_node_group", "scaling_config[0].min_size", ""),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person says; ``path`` is the environment's directory from the root, ``pool`` None for an example."""

    path: str
    forge: Forge
    cloud: Literal["aws", "none"] = "aws"
    program: Literal["terraform", "tofu"] = "terraform"
    base_branch: str = "main"
    pool: str | None = None
    kind: Literal["vm", "node"] = "vm"
    address: str | None = None
    base: int = 2
    max: int = 10
    region: str = "eu-central-1"
    package: str = ""  # nothing: the name on PyPI is another project's
    modules: str = "modules/headroom-leases"
    atlantis: bool = False


@dataclass(frozen=True, slots=True)
class Planted:
    """A file to write."""

    text: str
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """Texts below ``templates/``: of ``ci``, ``ci/steps``, ``environment``, and of the leases module."""

    pipelines: Mapping[str, str]
    steps: Mapping[str, str]
    environment: Mapping[str, str]
    module: Mapping[str, str]


def scaffold(answers: Answers, sources: Sources) -> dict[str, Planted]:
    """Lay out every file, sorted by path.

    Raises
    ------
    ConfigError
        If a name or a path is not harmless, or the settings would not be accepted.
    """
    facts = _facts(answers)
    jinja = _environment({**sources.pipelines, **sources.environment})
    settings = jinja.get_template("headroom.yaml.j2").render(facts)
    parse(settings, f"{answers.path}/headroom.yaml")
    template, place, folder = _PIPELINES[answers.forge]
    found = {
        f"{answers.path}/headroom.yaml": Planted(settings),
        place.format(name=facts["name"]): Planted(jinja.get_template(template).render(facts)),
    }
    found |= {f"{folder}/{name}": Planted(text, executable=True) for name, text in sources.steps.items()}
    found |= {f"{answers.modules}/{name}": Planted(text) for name, text in sources.module.items()}
    if answers.atlantis:
        found["atlantis.yaml"] = Planted(jinja.get_template("atlantis.yaml.j2").render(facts))
    return dict(sorted(found.items()))


def next_steps(answers: Answers, sources: Sources, kept: Config | None = None) -> str:
    """Say what a person has to do then; ``kept`` are settings that were there already, and hold."""
    pools = {name: (pool.kind, pool.size) for name, pool in kept.pools.items()} if kept else {}
    asked = answers.pool or ("" if kept else _EXAMPLE)
    lacks = kept is not None and bool(asked) and asked not in pools
    if asked:
        pools = {asked: pools.get(asked, (answers.kind, Size(answers.base, 0, answers.max)))} | pools
    facts = _facts(answers) | {"kept": kept is not None, "lacks": lacks}
    facts["pools"] = [_lines(name, *pool) for name, pool in list(pools.items())[:_SHOWN]]
    facts["more"] = max(0, len(pools) - _SHOWN)
    return _environment(sources.environment).get_template("next.txt.j2").render(facts)


def _lines(name: str, kind: str, size: Size) -> dict[str, str]:
    """The HCL of one pool."""
    warm = f"base_warm = {size.base_warm}, " if size.base_warm else ""
    waits = f'warm_pool {{ min_size = module.leases.warm["{name}"] }}' if kind == "vm" else ""
    runs = f' + module.leases.warm["{name}"]' if kind == "node" else ""
    return {
        "name": name,
        "size": f"{name} = {{ base = {size.base}, {warm}max = {size.max} }}",
        "floor": f'min_size = module.leases.floor["{name}"]{runs}',
        "warm": waits,
    }


def checked_path(path: str) -> str:
    """Pass a path below the root whose every part is harmless in YAML, HCL, a ref and a shell."""
    if not _PARTS.fullmatch(path) or any(x.lower() == ".git" for x in path.split("/")):
        raise ConfigError(f"{path!r} is no harmless directory; use letters, digits, . _ - and /")
    return path


def _facts(answers: Answers) -> dict[str, Any]:
    for path in (answers.path, answers.modules):
        checked_path(path)
    for what, text, allowed in (
        ("--region", answers.region, _REGION),
        ("--package", answers.package or "x", _PACKAGE),
        ("--address", answers.address or "a.b", _ADDRESS),
    ):
        if not allowed.fullmatch(text):
            raise ConfigError(f"{what} is {text!r}, which would not be safe to write into a pipeline")
    name, pool = posixpath.basename(answers.path), answers.pool or _EXAMPLE
    resource, floor_path, warm_path = _PLACES[answers.kind]
    return {
        "path": answers.path,
        "name": name,
        "forge": answers.forge,
        "cloud": answers.cloud,
        "program": answers.program,
        "base_branch": answers.base_branch,
        "pool": pool,
        "example": answers.pool is None,
        "kind": answers.kind,
        "address": answers.address or f"{resource}.{pool}",
        "floor_path": floor_path,
        "warm_path": warm_path,
        "base": answers.base,
        "max": answers.max,
        "cpu": 8,
        "memory": 32,
        "region": answers.region,
        "package": answers.package,
        "terraform_version": TERRAFORM_VERSION,
        # Not all environments of the world at the same minute.
        "cron": f"{int(hashlib.sha256(answers.path.encode()).hexdigest(), 16) % 59 + 1} * * * *",
        "checkout": _CHECKOUTS[answers.forge],
        "module_source": posixpath.relpath(answers.modules, answers.path),
    }


def _environment(templates: Mapping[str, str]) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(dict(templates)),
        undefined=StrictUndefined,
        autoescape=False,  # YAML and plain text; what comes from answers is checked, or written as JSON
        # Pipelines have {{ }} of their own.
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["json"] = json.dumps
    return environment
