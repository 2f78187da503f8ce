"""What a pool holds → resources of AWS: an Auto Scaling group, or an EKS managed node group.

Place in the line: after ``counts``, in the program that Pulumi runs. The counterparts in Terraform are the
modules ``aws_vm_pool`` and ``aws_node_pool``; the counts land in the same fields.

    vm_pool("web", Held(floor=8, warm=2), 14, image_id="ami-1", instance_type="m6i.large", subnet_ids=["…"])
"""

from collections.abc import Mapping, Sequence

from pulumi_aws import autoscaling, ec2, eks

from controller.lease import Held


def vm_pool(
    name: str,
    held: Held,
    most: int,
    *,
    image_id: str,
    instance_type: str,
    subnet_ids: Sequence[str],
    warm_state: str = "Stopped",
    tags: Mapping[str, str] | None = None,
) -> autoscaling.Group:
    """Declare an Auto Scaling group with a launch template and a warm pool; ``most`` is its maximum of nodes.

    The desired capacity is not set: AWS lifts it to a raised minimum, and the rest is the autoscaler's.
    ``warm_state`` is Stopped (costs the disk only), Hibernated or Running.
    """
    template = ec2.LaunchTemplate(name, name=name, image_id=image_id, instance_type=instance_type)
    return autoscaling.Group(
        name,
        name=name,
        min_size=held.floor,
        max_size=most,
        vpc_zone_identifiers=list(subnet_ids),
        launch_template=autoscaling.GroupLaunchTemplateArgs(
            id=template.id, version=template.latest_version.apply(str)
        ),
        # Always there, even with nothing in it, so that a first warm node is a change in place. Without
        # max_group_prepared_capacity AWS would keep all of max - desired warm.
        warm_pool=autoscaling.GroupWarmPoolArgs(
            pool_state=warm_state,
            min_size=held.warm,
            max_group_prepared_capacity=held.floor + held.warm,
        ),
        tags=[
            autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=True)
            for key, value in {"Name": name, **(tags or {})}.items()
        ],
    )


def node_pool(
    name: str,
    held: Held,
    most: int,
    *,
    cluster_name: str,
    node_role_arn: str,
    instance_types: Sequence[str],
    subnet_ids: Sequence[str],
    autoscaled: bool = True,
    tags: Mapping[str, str] | None = None,
) -> eks.NodeGroup:
    """Declare an EKS managed node group; ``most`` is its maximum of nodes.

    Warm nodes of a node pool run, so the minimum is floor + warm, as Headroom prices and checks them.
    ``autoscaled`` says that a cluster autoscaler moves the desired size; if none does, it is the minimum.

    EKS refuses a minimum above the desired size. Leaving the desired size to the autoscaler by
    ``ignore_changes`` runs into that: Pulumi then sends the size it last saw, which blocks a raised minimum,
    and takes away nodes if the autoscaler has added some since. So the size that runs is asked for each
    time the program runs, and is raised with the minimum where it must be, else kept. Lowering the floor
    drains nothing; the autoscaler takes away what idles.
    """
    minimum = held.floor + held.warm
    running = _running(cluster_name, name) if autoscaled else 0
    return eks.NodeGroup(
        name,
        node_group_name=name,
        cluster_name=cluster_name,
        node_role_arn=node_role_arn,
        subnet_ids=list(subnet_ids),
        instance_types=list(instance_types),
        scaling_config=eks.NodeGroupScalingConfigArgs(
            min_size=minimum, desired_size=min(most, max(minimum, running)), max_size=most
        ),
        tags=tags,
    )


def _running(cluster_name: str, name: str) -> int:
    """Nodes desired of a node group right now; 0 before it exists.

    Asked for step by step, since each question is an error before the thing exists. The names are plain
    texts and no outputs of other resources, so that a preview can ask too.
    """
    if cluster_name not in eks.get_clusters().names:
        return 0
    if name not in eks.get_node_groups(cluster_name=cluster_name).names:
        return 0
    group = eks.get_node_group(cluster_name=cluster_name, node_group_name=name)
    return group.scaling_configs[0].desired_size
