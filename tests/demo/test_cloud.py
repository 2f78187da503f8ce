import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from controller.errors import EngineError
from demo.cloud import Count, autoscale, client, cloud, counts

ROOT = Path(__file__).parents[2]
TRUST = "{}"


@pytest.fixture(scope="module")
def endpoint():
    with cloud() as address:
        yield address


@pytest.fixture(scope="module")
def pools(endpoint):
    """One pool of each kind, and a group of each kind that is none of ours."""
    ec2, autoscaling = client(endpoint, "ec2"), client(endpoint, "autoscaling")
    eks, iam = client(endpoint, "eks"), client(endpoint, "iam")
    role = iam.create_role(RoleName="demo", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=network, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    ec2.create_launch_template(
        LaunchTemplateName="demo", LaunchTemplateData={"ImageId": "ami-1", "InstanceType": "t3.micro"}
    )
    eks.create_cluster(name="demo", roleArn=role, resourcesVpcConfig={"subnetIds": [subnet]})
    for name, tags in (("web", {"headroom-pool": "web"}), ("strange", {})):
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=2,
            MaxSize=9,
            VPCZoneIdentifier=subnet,
            LaunchTemplate={"LaunchTemplateName": "demo"},
            Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],
        )
    autoscaling.put_warm_pool(AutoScalingGroupName="web", MinSize=3)
    for name, tags in (("batch", {"headroom-pool": "batch"}), ("strange", {})):
        eks.create_nodegroup(
            clusterName="demo",
            nodegroupName=name,
            nodeRole=role,
            subnets=[subnet],
            tags=tags,
            scalingConfig={"minSize": 1, "desiredSize": 4, "maxSize": 6},
        )
    return endpoint


def test_counts_are_read_from_the_cloud_by_tag(pools):
    autoscale(pools, {"web": 2, "batch": 4})
    assert counts(pools) == {
        "batch": Count("node", minimum=1, desired=4, maximum=6, warm=0),
        "web": Count("vm", minimum=2, desired=2, maximum=9, warm=3),
    }


def test_the_autoscaler_stays_within_minimum_and_maximum(pools):
    assert autoscale(pools, {"web": 5, "batch": 50}) == {"web": 5, "batch": 6}
    assert {name: item.desired for name, item in counts(pools).items()} == {"web": 5, "batch": 6}
    assert autoscale(pools, {}) == {"web": 2, "batch": 1}
    assert {name: item.desired for name, item in counts(pools).items()} == {"web": 2, "batch": 1}


def test_the_autoscaler_leaves_strangers_alone(pools):
    autoscale(pools, {"web": 5, "batch": 5, "strange": 5})
    eks = client(pools, "eks")
    strange = eks.describe_nodegroup(clusterName="demo", nodegroupName="strange")["nodegroup"]
    assert strange["scalingConfig"]["desiredSize"] == 4


def test_an_update_of_a_node_group_can_be_followed_to_its_end(pools):
    eks = client(pools, "eks")
    update = eks.update_nodegroup_config(
        clusterName="demo", nodegroupName="batch", scalingConfig={"desiredSize": 3}
    )["update"]
    followed = eks.describe_update(name="demo", nodegroupName="batch", updateId=update["id"])["update"]
    assert (followed["id"], followed["status"], followed["errors"]) == (update["id"], "Successful", [])


def test_an_update_of_a_node_group_that_is_not_there_is_not_found(pools):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client(pools, "eks").describe_update(name="demo", nodegroupName="gone", updateId="1")


def answers(address: str) -> bool:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/moto-api/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_it_listens_on_loopback_only(endpoint):
    assert endpoint.startswith("http://127.0.0.1:")
    assert answers(endpoint)
    others = {item[4][0] for item in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    port = endpoint.rpartition(":")[2]
    assert not [other for other in others if not other.startswith("127.") and answers(f"http://{other}:{port}")]


def test_it_ends_with_the_block_also_on_failure():
    def fail(address):
        seen.append(address)
        assert answers(address)
        raise RuntimeError

    seen = []
    with pytest.raises(RuntimeError), cloud() as address:
        fail(address)
    assert not answers(*seen)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_parent_however_that_ends(end):
    program = "import time; from demo.cloud import cloud\nwith cloud() as c: print(c, flush=True); time.sleep(300)"
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    address = parent.stdout.readline().strip()
    assert answers(address)
    parent.send_signal(end)
    parent.communicate(timeout=30)
    deadline = time.monotonic() + 10
    while answers(address) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answers(address)


def test_a_port_that_is_taken_is_said_to_be_so(endpoint):
    with pytest.raises(EngineError, match=r"(?s)did not start; it said:.*in use"), cloud(int(endpoint[17:])):
        pass
