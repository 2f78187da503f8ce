"""The Terraform modules, run by the real program; the modules of AWS need its provider, but no cloud."""

import json
import os
import shutil
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.edge.mirror import cli_config, mirror
from controller.edge.terraform import find
from controller.errors import LeaseError
from controller.lease import Lease, Size, dump, lease_id, parse, stamp

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "templates" / "terraform" / "modules"
START = datetime(2026, 11, 27, 6, tzinfo=UTC)
NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(scope="module")
def terraform(tmp_path_factory):
    """A function that runs one command in a folder. Without Terraform it fails, and does not skip."""
    binary = find()
    config = tmp_path_factory.mktemp("terraform") / "terraform.tfrc"
    config.write_text(cli_config(mirror(binary.registry), binary.registry))
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1"}

    def run(folder, *arguments):
        return subprocess.run(
            [binary.path, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def replay(terraform, tmp_path_factory):
    """A function that folds ``{name: (folder of leases, sizes, now)}`` and gives Terraform's messages."""
    folder = tmp_path_factory.mktemp("replay")
    (folder / "main.tf").write_text(f"""
        variable "cases" {{
          type = map(object({{
            directory = string
            now       = string
            pools     = map(object({{ base = number, base_warm = number, max = number }}))
          }}))
        }}
        module "leases" {{
          source    = "{MODULES / "leases"}"
          for_each  = var.cases
          directory = each.value.directory
          pools     = each.value.pools
          now       = each.value.now
        }}
        output "held" {{
          value = {{ for name, it in module.leases : name => {{ floor = it.floor, warm = it.warm }} }}
        }}
    """)
    assert terraform(folder, "init", "-input=false").returncode == 0

    def run(cases):
        given = {
            name: {
                "directory": str(directory),
                "now": stamp(now),
                "pools": {pool: asdict(size) for pool, size in sizes.items()},
            }
            for name, (directory, sizes, now) in cases.items()
        }
        (folder / "terraform.tfvars.json").write_text(json.dumps({"cases": given}))
        done = terraform(folder, "apply", "-json", "-auto-approve", "-input=false")
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def lease(pool="web", start=START, hours=30, floor=8, warm=2):
    expires = start + timedelta(hours=hours)
    return Lease(
        "demo", pool, lease_id("demo", pool, start), start, start + timedelta(hours=6), expires, floor, warm
    )


@pytest.mark.parametrize("folder", ["templates", "environments"])
def test_terraform_files_are_formatted(terraform, folder):
    done = terraform(ROOT, "fmt", "-check", "-recursive", folder)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "leases",
        pytest.param("aws_vm_pool", marks=pytest.mark.slow),
        pytest.param("aws_node_pool", marks=pytest.mark.slow),
    ],
)
def test_the_modules_own_tests_pass(terraform, tmp_path, module):
    shutil.copytree(MODULES / module, tmp_path / module)
    started = terraform(tmp_path / module, "init", "-no-color", "-input=false")
    assert started.returncode == 0, started.stderr
    done = terraform(tmp_path / module, "test", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 passed" not in done.stdout


GOOD = json.loads(dump(lease()))
BAD_FIELDS = {
    "floor-string": ({"floor": "8"}, "floor is"),
    "floor-true": ({"floor": True}, "floor is"),
    "floor-null": ({"floor": None}, "floor is"),
    "floor-fraction": ({"floor": 8.5}, "floor is"),
    "floor-huge": ({"floor": 100_001}, "floor is"),
    "warm-negative": ({"warm": -1}, "warm is"),
    "warm-list": ({"warm": [2]}, "warm is"),
    "no-such-day": ({"starts": "2026-02-30T06:00:00Z"}, "starts is"),
    "not-utc": ({"expires": "2026-11-28T12:00:00+01:00"}, "expires is"),
    "ends-number": ({"ends": 20261127}, "ends is"),
    "ends-first": ({"ends": "2026-11-27T05:00:00Z"}, "starts < ends <= expires"),
    "expires-first": ({"expires": "2026-11-27T11:00:00Z"}, "starts < ends <= expires"),
    "path-in-name": ({"environment": "../demo"}, "environment is"),
    "template-in-name": ({"id": "${1+1}"}, "id is"),
    "other-id": ({"id": "other"}, "belongs at leases/web/other.json"),
    "other-pool": ({"pool": "batch"}, "belongs at leases/batch/other-pool.json"),
    "evidence-nested": ({"evidence": {"a": [1]}}, "evidence must be"),
    "evidence-null": ({"evidence": None}, "evidence must be"),
    "newer": ({"version": 2}, "version is"),
    "version-string": ({"version": "1"}, "version is"),
    "extra-key": ({"weight": 1}, "unknown keys [weight], missing keys []"),
}
BAD_TEXTS = {
    "empty": ("", "not a JSON object"),
    "cut": (dump(lease())[:-3], "not a JSON object"),
    "list": ("[]\n", "not a JSON object"),
    "null": ("null\n", "not a JSON object"),
    "object": ("{}\n", "unknown keys [], missing keys [ends, environment"),
}
BAD = {
    **{f"web/{name}.json": text for name, text in BAD_TEXTS.items()},
    **{
        f"web/{name}.json": (json.dumps({**GOOD, "id": name, **fields}), why)
        for name, (fields, why) in BAD_FIELDS.items()
    },
    "web/old/a.json": (json.dumps({**GOOD, "id": "a"}), "belongs at leases/web/a.json"),
    "b.json": (json.dumps({**GOOD, "id": "b"}), "belongs at leases/web/b.json"),
}


@pytest.fixture(scope="module")
def refused(replay, tmp_path_factory):
    """What Terraform says of a ledger in which every malformed file lies beside a good one."""
    directory = tmp_path_factory.mktemp("malformed") / "leases"
    for path, text in {
        **{path: text for path, (text, _) in BAD.items()},
        lease().path[7:]: dump(lease()),
    }.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    said = replay({"malformed": (directory, {"web": Size(3, 1, 14), "batch": Size(2, 0, 12)}, NOW)})
    return [item["diagnostic"] for item in said if item["type"] == "diagnostic"]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path)
def test_a_malformed_lease_fails_the_plan_and_is_named(refused, path):
    errors = [item["detail"] for item in refused if item["severity"] == "error"]
    lines = [line.strip() for detail in errors for line in detail.splitlines()]
    assert any(line.startswith(f"leases/{path}: ") and BAD[path][1] in line for line in lines), errors
    with pytest.raises(LeaseError):  # the two readers refuse the same
        parse(BAD[path][0], f"leases/{path}")


def test_a_good_lease_beside_malformed_ones_is_not_blamed(refused):
    assert not any(lease().path in item["detail"] for item in refused)


def test_a_lease_of_an_undeclared_pool_fails_the_plan_and_is_named(replay, tmp_path):
    stray = lease(pool="cache")
    write(tmp_path / "leases", [stray])
    said = replay({"stray": (tmp_path / "leases", {"web": Size(3, 1, 14)}, NOW)})
    details = [x["diagnostic"]["detail"] for x in said if x["type"] == "diagnostic"]
    assert any(f'{stray.path}: pool "cache" is not declared; declared are web' in x for x in details), details


def write(directory, ledger):
    for item in ledger:
        path = directory.parent / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(item))
