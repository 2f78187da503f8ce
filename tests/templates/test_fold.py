"""One ledger, three readers: the Terraform module, ``controller.lease.fold`` and the Pulumi program agree.

Terraform itself runs here. A start of it costs more than a fold, so one run folds many generated ledgers.
"""

import json
import runpy
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.edge.terraform import Root, find, init, plan, show
from controller.lease import Lease, Size, dump, fold, stamp

TEMPLATES = Path(__file__).parents[2] / "templates"
NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
SECOND = timedelta(seconds=1)
POOLS = ("web", "batch")
LEDGERS_PER_RUN = 64
MAIN = """
variable "ledgers" {
  type = map(object({
    directory = string
    now       = string
    pools     = map(object({ base = number, base_warm = number, max = number }))
  }))
}

module "leases" {
  source    = "%s"
  for_each  = var.ledgers
  directory = each.value.directory
  pools     = each.value.pools
  now       = each.value.now
}

output "folded" {
  value = { for name, it in module.leases : name => {
    floor = it.floor, warm = it.warm, expired = it.expired
  } }
}
"""


@pytest.fixture(scope="module")
def terraform(tmp_path_factory):
    """Folds ``{name: (folder, sizes, now)}``; without Terraform it fails, and does not skip."""
    folder = tmp_path_factory.mktemp("fold")
    (folder / "none.tfrc").touch()  # no provider is needed, so whatever this machine configures is not either
    root = Root(find(), folder, {"TF_CLI_CONFIG_FILE": str(folder / "none.tfrc")}, limit_seconds=120)
    (folder / "main.tf").write_text(MAIN % (TEMPLATES / "terraform" / "modules" / "leases").as_posix())
    init(root)

    def run(cases):
        ledgers = {
            name: {
                "directory": str(directory),
                "now": stamp(now),
                "pools": {pool: asdict(size) for pool, size in sizes.items()},
            }
            for name, (directory, sizes, now) in cases.items()
        }
        (folder / "terraform.tfvars.json").write_text(json.dumps({"ledgers": ledgers}))
        plan(root, folder / "fold.tfplan")
        return show(root, folder / "fold.tfplan")["planned_values"]["outputs"]["folded"]["value"]

    return run


@pytest.fixture(scope="module")
def count():
    """Counts ``{path: text}`` as the Pulumi program does."""
    return runpy.run_path(str(TEMPLATES / "pulumi" / "counts.py"), run_name="counts")["count"]


# Small, so that equal counts, clamping and gaps are common; and now and then as large as a lease may be.
counts = st.one_of(st.integers(0, 12), st.integers(0, 12), st.sampled_from([0, 99_999, 100_000]))
# Around now, where the readers could differ, and far from it.
to_expiry = st.one_of(
    st.sampled_from([-SECOND, 0 * SECOND, SECOND]),
    st.integers(-(10**8), 10**8).map(lambda seconds: timedelta(seconds=seconds)),
)
evidence = st.sampled_from([(), (("method", "${1 + 1} %{ if true }"), ("probability", 0.97), ("none", None))])


@st.composite
def leases(draw):
    expires = NOW + draw(to_expiry)
    ends = expires - timedelta(hours=draw(st.integers(0, 30)))
    return Lease(
        "demo",
        draw(st.sampled_from(POOLS)),
        draw(st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,3}", fullmatch=True)),
        ends - timedelta(seconds=draw(st.integers(1, 200_000))),
        ends,
        expires,
        draw(counts),
        draw(counts),
        draw(evidence),
    )


@st.composite
def sizes(draw):
    """Sizes that ``headroom.yaml`` accepts: base and base_warm fit into max."""
    most = draw(st.one_of(st.integers(1, 12), st.sampled_from([1, 100_000])))
    base = draw(st.integers(0, most))
    return Size(base, draw(st.integers(0, most - base)), most)


cases = st.tuples(
    st.lists(leases(), max_size=6, unique_by=lambda lease: lease.path),
    st.fixed_dictionaries({pool: sizes() for pool in POOLS}),
)


# Shrinking would start Terraform hundreds of times; a failure names its one ledger anyway.
@pytest.mark.slow
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(generated=st.lists(cases, min_size=LEDGERS_PER_RUN, max_size=LEDGERS_PER_RUN))
def test_terraform_python_and_pulumi_fold_alike(terraform, count, tmp_path_factory, generated):
    root = tmp_path_factory.mktemp("ledgers")
    by_terraform = terraform(
        {
            f"{index}": (write(root / f"{index}", ledger), sizes, NOW)
            for index, (ledger, sizes) in enumerate(generated)
        }
    )
    assert len(by_terraform) == LEDGERS_PER_RUN
    for index, (ledger, sizes) in enumerate(generated):
        held = fold(ledger, sizes, NOW)
        by_python = {
            "floor": {pool: item.floor for pool, item in held.items()},
            "warm": {pool: item.warm for pool, item in held.items()},
            "expired": sorted(lease.path for lease in ledger if not lease.live(NOW)),
        }
        counted = count(texts(ledger, sizes), NOW)
        by_pulumi = {
            "floor": {pool: item.floor for pool, item in counted.held.items()},
            "warm": {pool: item.warm for pool, item in counted.held.items()},
            "expired": sorted(counted.expired),
        }
        by_terraform[f"{index}"]["expired"].sort()
        assert by_terraform[f"{index}"] == by_python == by_pulumi, (ledger, sizes)


def test_a_fold_that_differs_would_be_seen(terraform, tmp_path):
    """The comparison above looks at what Terraform read, not at what it was told to expect."""
    lease = Lease("demo", "web", "a", NOW - 2 * SECOND, NOW - SECOND, NOW + SECOND, 8, 2)
    size = {"web": Size(3, 1, 14)}
    said = terraform(
        {
            "live": (write(tmp_path / "live", [lease]), size, NOW),
            "expired": (write(tmp_path / "expired", [lease]), size, lease.expires),
            "other": (write(tmp_path / "other", [replace(lease, floor=9)]), size, NOW),
        }
    )
    assert [said[name]["floor"]["web"] for name in ("live", "expired", "other")] == [8, 3, 9]
    assert [said[name]["expired"] for name in ("live", "expired")] == [[], [lease.path]]


def write(directory, ledger):
    """The ledger's files below ``directory``; gives the folder that the module reads."""
    for lease in ledger:
        path = directory / lease.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(lease))
    return directory / "leases"


def texts(ledger, sizes):
    """The same environment as the Pulumi program reads it."""
    pools = {
        pool: {"kind": "vm", "groups": [f"{pool}/*"], "node_capacity": {"cpu": 1}, **asdict(size)}
        for pool, size in sizes.items()
    }
    config = yaml.safe_dump({"environment": "demo", "engine": "pulumi", "pools": pools})
    return {"headroom.yaml": config, **{lease.path: dump(lease) for lease in ledger}}
