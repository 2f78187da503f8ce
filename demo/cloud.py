"""AWS for the demo: start its stand-in on loopback, read the pools back, play the reactive autoscaler.

Place in the line: Terraform applies to ``cloud()``'s endpoint; ``counts`` then asks the cloud, not Terraform,
what is there. The stand-in is moto's server in a child process (``demo.emulator``), so that it can be ended.

    with cloud() as endpoint:
        ...
        print(counts(endpoint)["web"].minimum)
"""

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import boto3
from botocore.config import Config

from controller.errors import EngineError

REGION = "eu-central-1"
POOL_TAG = "headroom-pool"
# Not secrets: the stand-in takes any, and nothing but the stand-in is ever called with them.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_SESSION_TOKEN": "demo"}
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Count:
    """The size of a pool as the cloud's API tells it, in nodes.

    ``warm`` is the warm pool of a VM pool, in readiness beside the minimum. A node pool has none: its warm
    nodes run, so they are part of ``minimum``, and ``warm`` is 0.
    """

    kind: Literal["vm", "node"]
    minimum: int
    desired: int
    maximum: int
    warm: int


@contextmanager
def cloud(port: int = 0) -> Iterator[str]:
    """Run the stand-in for AWS and yield its address; 0 takes a free port.

    It ends with the block, and with this process however that ends: it holds the other end of a pipe.

    Raises
    ------
    EngineError
        If it does not start, with what it printed.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - our own file, no shell
            [sys.executable, "-I", str(Path(__file__).with_name("emulator.py")), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            yield f"http://127.0.0.1:{_port(process, log)}"
        finally:
            process.kill()
            process.communicate()


def client(endpoint: str, service: str) -> Any:
    """Give a boto3 client that talks to ``endpoint`` and to nothing else."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=CREDENTIALS["AWS_SESSION_TOKEN"],
        config=Config(proxies={}, retries={"max_attempts": 2}),
    )


def counts(endpoint: str) -> dict[str, Count]:
    """Read the size of every pool, found by its tag, back from the cloud."""
    found = {}
    for pool, group in _scaling_groups(endpoint):
        warm = group.get("WarmPoolConfiguration", {}).get("MinSize", 0)
        found[pool] = Count("vm", group["MinSize"], group["DesiredCapacity"], group["MaxSize"], warm)
    for pool, group in _node_groups(endpoint):
        sizes = group["scalingConfig"]
        found[pool] = Count("node", sizes["minSize"], sizes["desiredSize"], sizes["maxSize"], 0)
    return dict(sorted(found.items()))


def autoscale(endpoint: str, wanted: Mapping[str, int]) -> dict[str, int]:
    """Play the reactive autoscaler: set what runs to what is wanted, within minimum and maximum.

    Gives the nodes that run afterwards. A pool that ``wanted`` does not name wants nothing.
    """
    running = {
        pool: min(count.maximum, max(count.minimum, wanted.get(pool, 0)))
        for pool, count in counts(endpoint).items()
    }
    autoscaling, eks = client(endpoint, "autoscaling"), client(endpoint, "eks")
    for pool, group in _scaling_groups(endpoint):
        autoscaling.set_desired_capacity(
            AutoScalingGroupName=group["AutoScalingGroupName"], DesiredCapacity=running[pool]
        )
    for pool, group in _node_groups(endpoint):
        eks.update_nodegroup_config(
            clusterName=group["clusterName"],
            nodegroupName=group["nodegroupName"],
            scalingConfig={"desiredSize": running[pool]},
        )
    return running


def _scaling_groups(endpoint: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for group in client(endpoint, "autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]:
        for tag in group["Tags"]:
            if tag["Key"] == POOL_TAG:
                yield tag["Value"], group


def _node_groups(endpoint: str) -> Iterator[tuple[str, dict[str, Any]]]:
    eks = client(endpoint, "eks")
    for cluster in eks.list_clusters()["clusters"]:
        for name in eks.list_nodegroups(clusterName=cluster)["nodegroups"]:
            group = eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
            if POOL_TAG in group["tags"]:
                yield group["tags"][POOL_TAG], group


def _port(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> int:
    """Wait until the stand-in has printed its port and answers there."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    said = process.stdout.readline().strip()
    deadline = time.monotonic() + START_SECONDS
    while said and process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", int(said), timeout=START_SECONDS)
        try:
            connection.request("GET", "/moto-api/")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return int(said)
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    log.seek(0)
    tail = log.read().decode(errors="replace")[-2000:]
    raise EngineError(f"the stand-in for AWS did not start; it said:\n{tail}")
