"""Lease files to capacity and back: the real Terraform and AWS provider, with moto in the place of AWS.

Where Terraform or the provider is missing this fails, and does not skip: it is what the product is about.
"""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from controller.configtext import parse
from controller.errors import EngineError
from controller.lease import Lease, dump, lease_id
from controller.planfile import destroys, problems, summary, value_at
from demo import ci
from demo.cloud import autoscale, cloud, counts

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "templates" / "terraform" / "modules"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
START = datetime(2026, 11, 27, 6, tzinfo=UTC)
WEB, BATCH = "module.web.aws_autoscaling_group.pool", "module.batch.aws_eks_node_group.pool"


def lease(pool: str, floor: int, warm: int) -> Lease:
    ends, expires = START + timedelta(hours=6), START + timedelta(hours=30)
    return Lease("demo", pool, lease_id("demo", pool, START), START, ends, expires, floor, warm)


def clone(folder: Path, leases: tuple[Lease, ...]) -> Path:
    """What CI would have cloned: the environment, the modules and the lease files, and no trace of a run."""
    for part in ("templates/terraform", "environments/demo"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("leases", ".terraform*"))
    shutil.copytree(MODULES / "leases", folder / MODULES.relative_to(ROOT) / "leases")
    for item in leases:
        path = folder / "environments" / "demo" / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(item))
    return folder


@pytest.mark.slow
def test_capacity_is_raised_held_and_given_back(tmp_path: Path) -> None:
    text = (ROOT / "environments" / "demo" / "headroom.yaml").read_text()
    web, batch = (parse(text, "headroom.yaml").pools[name] for name in ("web", "batch"))
    said: list[str] = []
    clones = (tmp_path / f"clone-{index}" for index in count())

    with cloud() as endpoint:
        pipeline = ci.pipeline(tmp_path / "ci", endpoint)

        def plan(*leases: Lease) -> ci.Planned:
            planned = ci.plan(pipeline, clone(next(clones), leases), NOW, said.append)
            assert problems(planned.json) == ()
            return planned

        def read() -> dict[str, tuple[int, int, int]]:
            """Minimum, desired, warm. EKS refuses a desired size below the minimum, moto takes anything."""
            found = counts(endpoint)
            assert all(size.minimum <= size.desired <= size.maximum for size in found.values())
            return {pool: (size.minimum, size.desired, size.warm) for pool, size in found.items()}

        # The baseline, from nothing: the node pool's module looks for a cluster that is not there yet.
        first = plan()
        assert summary(first.json).creates == 9
        outputs = ci.apply(first, said.append)
        assert outputs["floor"] == {"web": web.base, "batch": batch.base}
        baseline = {
            "batch": (batch.base + batch.base_warm, batch.base + batch.base_warm, 0),
            "web": (web.base, web.base, web.base_warm),
        }
        assert read() == baseline
        assert {pool: size.maximum for pool, size in counts(endpoint).items()} == {
            "batch": batch.max,
            "web": web.max,
        }

        # A lease for each pool: these two resources change, nothing else, and nothing is destroyed.
        leases = (lease("web", web.base + 4, 3), lease("batch", batch.base + 3, 2))
        raised = plan(*leases)
        assert [(item.address, item.action) for item in summary(raised.json).changes] == [
            (BATCH, "update"),
            (WEB, "update"),
        ]
        assert destroys(raised.json) == ()
        assert value_at(raised.json, WEB, "min_size", "before") == web.base
        assert value_at(raised.json, WEB, "min_size") == web.base + 4
        assert value_at(raised.json, WEB, "warm_pool[0].min_size") == 3
        assert value_at(raised.json, BATCH, "scaling_config[0].min_size") == batch.base + 5
        assert value_at(raised.json, BATCH, "scaling_config[0].desired_size") == batch.base + 5
        ci.apply(raised, said.append)
        assert read() == {
            "batch": (batch.base + 5, batch.base + 5, 0),
            "web": (web.base + 4, web.base + 4, 3),
        }

        # The autoscaler goes up: no drift that the next plan would undo.
        autoscale(endpoint, {"web": web.base + 6, "batch": batch.base + 7})
        assert not plan(*leases).changed

        # The leases go: minimum and warm are back at the baseline, what runs is left to the autoscaler.
        lowered = plan()
        assert destroys(lowered.json) == ()
        assert value_at(lowered.json, BATCH, "scaling_config[0].desired_size") == batch.base + 7
        ci.apply(lowered, said.append)
        assert read() == {
            "batch": (batch.base + batch.base_warm, batch.base + 7, 0),
            "web": (web.base, web.base + 6, web.base_warm),
        }

        autoscale(endpoint, {})
        assert read() == baseline
        assert not plan().changed
    words = [line.split()[-1] for line in said]
    assert words[:3] == ["init", "plan", "show"]
    assert words.count("apply") == 3


@pytest.mark.slow
def test_what_has_expired_goes_from_the_schedule_and_takes_nothing_along(tmp_path: Path, home: Path) -> None:
    text = (ROOT / "environments" / "demo" / "headroom.yaml").read_text()
    web, batch = (parse(text, "headroom.yaml").pools[name] for name in ("web", "batch"))
    leases = (lease("web", web.base + 4, 3), lease("batch", batch.base + 3, 2))
    late = leases[0].expires
    said: list[str] = []

    def committed(name: str, change: tuple[str, str] = ("", "")) -> Path:
        """The base branch as a runner has it, with a text of its code changed."""
        folder = clone(tmp_path / name, leases)
        code = folder / "environments" / "demo" / "main.tf"
        code.write_text(code.read_text().replace(*change))
        git = ("git", "-C", str(folder), "-c", "user.name=team", "-c", "user.email=team@localhost")
        for command in (("init", "-q"), ("add", "."), ("commit", "-qm", name)):
            subprocess.run([*git, *command], check=True)
        return folder

    with cloud() as endpoint:
        pipeline = ci.pipeline(tmp_path / "ci", endpoint)
        ci.apply(ci.plan(pipeline, clone(tmp_path / "first", leases), NOW, said.append), said.append)
        held = {pool: (size.minimum, size.warm) for pool, size in counts(endpoint).items()}
        assert held == {"batch": (batch.base + 5, 0), "web": (web.base + 4, 3)}

        # Headroom is dead, and nobody has reviewed a plan; but somebody has changed the code.
        changed = committed("changed", ('headroom-pool = "web"', 'headroom-pool = "web2"'))
        with pytest.raises(EngineError, match="update was not in any reviewed plan"):
            ci.merged(pipeline, changed, late, said.append)
        assert {pool: (size.minimum, size.warm) for pool, size in counts(endpoint).items()} == held

        done = ci.merged(pipeline, committed("expired"), late, said.append)
        assert [(x.address, x.action) for x in summary(done).changes] == [(BATCH, "update"), (WEB, "update")]
        assert {pool: (size.minimum, size.warm) for pool, size in counts(endpoint).items()} == {
            "batch": (batch.base + batch.base_warm, 0),
            "web": (web.base, web.base_warm),
        }
