"""The program that Pulumi runs, beside ``headroom.yaml`` and ``leases/``: it declares the pools.

Place in the line: files and clock → ``counts`` → ``pools``. Give every pool of ``headroom.yaml`` its resource
here; what a pool is without leases, and the most it may be, stands in ``headroom.yaml`` alone.
"""

from datetime import UTC, datetime
from pathlib import Path

import pulumi
from counts import count, moment
from pools import node_pool, vm_pool

from controller.edge.files import environment_texts
from controller.errors import HeadroomError

settings = pulumi.Config()
subnet_ids = settings.require_object("subnetIds")

try:
    # A replay sets the moment at which leases are judged; otherwise it is now.
    replayed = settings.get("now")
    now = moment(replayed) if replayed else datetime.now(UTC)
    counts = count(environment_texts(Path(__file__).parent), now)
except HeadroomError as error:  # the message alone, for a traceback would bury the name of the file
    raise pulumi.RunError(str(error)) from error

for warning in counts.warnings:
    pulumi.log.warn(warning)

web = vm_pool(
    "headroom-demo-web",
    counts.held["web"],
    counts.max["web"],
    image_id=settings.require("imageId"),
    instance_type="m6i.8xlarge",
    subnet_ids=subnet_ids,
    tags={"headroom-pool": "web"},
)

batch = node_pool(
    "headroom-demo-batch",
    counts.held["batch"],
    counts.max["batch"],
    cluster_name=settings.require("clusterName"),
    node_role_arn=settings.require("nodeRoleArn"),
    instance_types=["m6i.8xlarge"],
    subnet_ids=subnet_ids,
    tags={"headroom-pool": "batch"},
)

pulumi.export("floor", {name: held.floor for name, held in counts.held.items()})
pulumi.export("warm", {name: held.warm for name, held in counts.held.items()})
pulumi.export("autoscaling_group", web.name)
pulumi.export("node_group", batch.node_group_name)
