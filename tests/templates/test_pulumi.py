"""The Pulumi program, run the way Pulumi's engine runs it, with the mocks of its SDK in place of AWS."""

import logging
import runpy
import shutil
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pulumi
import pytest

from controller.errors import ConfigError, LeaseError
from controller.lease import Lease, dump

PROGRAM = Path(__file__).parents[2] / "templates" / "pulumi"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
START = datetime(2026, 11, 27, 6, tzinfo=UTC)
YAML = """
environment: demo
engine: pulumi
pools:
  web: {kind: vm, groups: ["eu-west/*"], base: 4, base_warm: 1, max: 14, node_capacity: {cpu: 32}}
  batch: {kind: node, groups: ["us-east/*"], base: 4, max: 14, node_capacity: {cpu: 32}}
"""
SETTINGS = {
    "demo:now": "2026-11-26T00:00:00Z",
    "demo:subnetIds": '["subnet-a", "subnet-b"]',
    "demo:imageId": "ami-1",
    "demo:clusterName": "main",
    "demo:nodeRoleArn": "arn:aws:iam::123456789012:role/nodes",
}


@dataclass
class Aws(pulumi.runtime.Mocks):
    """Keeps what is declared, and knows a cluster whose node group ``running`` says the size of."""

    running: int | None = None
    clusters: tuple[str, ...] = ("main",)
    declared: dict[str, dict] = field(default_factory=dict)

    def new_resource(self, args):
        self.declared[args.typ] = args.inputs
        computed = {"latestVersion": 3} if args.typ == "aws:ec2/launchTemplate:LaunchTemplate" else {}
        return f"{args.name}-id", {**args.inputs, **computed}

    def call(self, args):
        function = args.token.split(":")[-1]
        if function == "getClusters":
            return {"names": list(self.clusters)}
        assert args.args["clusterName"] in self.clusters, "AWS knows no such cluster"
        names = [] if self.running is None else ["headroom-demo-batch"]
        if function == "getNodeGroups":
            return {"names": ["other", *names]}
        assert function == "getNodeGroup"
        assert args.args["nodeGroupName"] in names, "AWS knows no such node group"
        return {"scalingConfigs": [{"desiredSize": self.running, "minSize": 1, "maxSize": 14}]}

    @property
    def group(self):
        return self.declared["aws:autoscaling/group:Group"]

    @property
    def nodes(self):
        sizes = self.declared["aws:eks/nodeGroup:NodeGroup"]["scalingConfig"]
        return sizes["minSize"], sizes["desiredSize"], sizes["maxSize"]


@pytest.fixture
def environment(tmp_path):
    """The program beside an environment's files, as a team has it."""
    for module in PROGRAM.glob("*.py"):
        shutil.copy(module, tmp_path)
    (tmp_path / "headroom.yaml").write_text(YAML)
    return tmp_path


@pytest.fixture
def run(environment):
    """A function that runs the program once against an AWS and gives that AWS back."""

    def once(aws=None, **settings):
        aws = aws or Aws(running=4)
        pulumi.runtime.set_mocks(aws, project="demo", stack="test", logger=logging.getLogger("engine"))
        pulumi.runtime.set_all_config({**SETTINGS, **{f"demo:{key}": value for key, value in settings.items()}})

        @pulumi.runtime.test
        def program():
            runpy.run_path(str(environment), run_name="__main__")

        program()
        return aws

    yield once
    for name in ("counts", "pools"):  # the next test runs a copy of its own
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def counts():
    """The pure part."""
    return runpy.run_path(str(PROGRAM / "counts.py"), run_name="counts")


def lease(pool="web", name="a", floor=8, warm=2, expires=START + timedelta(hours=30)):
    return Lease(
        "demo", pool, name, START - timedelta(days=9999), START - timedelta(days=9998), expires, floor, warm
    )


def write(environment, *leases):
    for item in leases:
        path = environment / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(item))


def held(aws):
    """Floor, warm and max of the VM pool; minimum, desired and max of the node pool."""
    return (aws.group["minSize"], aws.group["warmPool"]["minSize"], aws.group["maxSize"]), aws.nodes


def test_without_leases_both_pools_are_at_their_base(run):
    assert held(run()) == ((4, 1, 14), (4, 4, 14))


def test_overlapping_leases_take_the_largest(run, environment):
    write(environment, lease(floor=8, warm=2), lease(name="b", floor=6, warm=3))
    write(environment, lease("batch", floor=5, warm=1), lease("batch", "b", floor=7, warm=0))
    assert held(run()) == ((8, 3, 14), (8, 8, 14))


def test_an_expired_lease_drops_and_is_warned_about(run, environment, caplog):
    write(environment, lease(expires=NOW, floor=20), lease(name="b", expires=NOW + timedelta(seconds=1)))
    assert held(run())[0] == (8, 2, 14)
    said = [(x.levelname, x.getMessage()) for x in caplog.records if x.name == "engine"]
    assert said == [
        ("WARNING", "leases/web/a.json: expired 2026-11-26T00:00:00Z, so no longer counted; release it")
    ]


def test_a_floor_above_max_is_clamped_and_warned_about(run, environment, caplog):
    write(environment, lease(floor=20, warm=5), lease("batch", floor=12, warm=5))
    assert held(run()) == ((14, 0, 14), (14, 14, 14))
    assert [x.getMessage() for x in caplog.records if x.levelname == "WARNING"] == [
        "leases/web/a.json: asks for 20 nodes, and web gets its max, 14"
    ]


def test_without_now_leases_are_judged_by_the_clock(run, environment):
    write(environment, lease(expires=datetime(2001, 1, 1, tzinfo=UTC), floor=9))
    write(environment, lease(name="b", expires=datetime(9999, 1, 1, tzinfo=UTC), floor=6))
    assert held(run(now=""))[0] == (6, 2, 14)


def test_the_vm_pool_leaves_its_desired_capacity_to_the_autoscaler(run, environment):
    write(environment, lease(floor=8, warm=2))
    group = run().group
    assert "desiredCapacity" not in group
    assert group["warmPool"] == {"poolState": "Stopped", "minSize": 2, "maxGroupPreparedCapacity": 10}
    assert group["launchTemplate"] == {"id": "headroom-demo-web-id", "version": "3"}
    assert group["vpcZoneIdentifiers"] == ["subnet-a", "subnet-b"]


@pytest.mark.parametrize(
    ("running", "floor", "expected"),
    [
        (4, 7, (8, 8, 14)),  # raised with the minimum, which EKS refuses above the desired size
        (9, 7, (8, 9, 14)),  # the autoscaler has more running: kept
        (9, 0, (5, 9, 14)),  # the floor is at its base again: nothing is drained
        (20, 7, (8, 14, 14)),  # a lowered max bounds what runs
    ],
)
def test_the_node_pools_desired_size_is_never_below_what_runs(run, environment, running, floor, expected):
    write(environment, lease("batch", floor=floor, warm=1))
    assert run(Aws(running=running)).nodes == expected


@pytest.mark.parametrize("aws", [Aws(), Aws(clusters=())], ids=["no group yet", "no cluster yet"])
def test_a_node_group_that_is_not_there_yet_starts_at_its_minimum(run, environment, aws):
    write(environment, lease("batch", floor=7, warm=1))
    assert run(aws).nodes == (8, 8, 14)


def test_without_an_autoscaler_the_desired_size_is_the_minimum(run, environment):
    program = environment / "__main__.py"
    line = '    instance_types=["m6i.8xlarge"],\n'
    assert program.read_text().count(line) == 1
    program.write_text(program.read_text().replace(line, f"{line}    autoscaled=False,\n"))
    assert run(Aws(running=9)).nodes == (4, 4, 14)


def test_a_malformed_lease_file_fails_the_preview_and_is_named(run, environment):
    write(environment, lease())
    (environment / "leases" / "web" / "bad.json").write_text("{")
    aws = Aws(running=4)
    with pytest.raises(pulumi.RunError, match=r"^leases/web/bad\.json: not JSON") as caught:
        run(aws)
    assert isinstance(caught.value.__cause__, LeaseError)
    assert aws.declared == {}


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("leases/web/a.json", "[]", r"leases/web/a\.json: a lease is a JSON object"),
        ("leases/a.json", dump(lease()), r"leases/a\.json: pool and id say it belongs at leases/web/a\.json"),
        ("leases/cache/a.json", dump(lease("cache")), r"leases/cache/a\.json: pool cache is not declared"),
    ],
)
def test_a_lease_file_that_cannot_be_counted_is_named(counts, path, text, message):
    with pytest.raises(LeaseError, match=message):
        counts["count"]({"headroom.yaml": YAML, path: text}, NOW)


def test_an_environment_of_another_engine_is_refused(counts):
    with pytest.raises(ConfigError, match="engine is terraform; for this program write engine: pulumi"):
        counts["count"]({"headroom.yaml": YAML.replace("engine: pulumi", "")}, NOW)


def test_now_may_have_any_offset(counts):
    assert counts["moment"]("2026-11-26T01:00:00+01:00") == NOW


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-26T00:00:00"])
def test_a_now_that_is_no_moment_fails_the_preview(run, text):
    with pytest.raises(pulumi.RunError, match=f"now is '{text}'"):
        run(now=text)
