# A node pool on AWS: an EKS managed node group.
#
# Warm nodes run here: the minimum is floor + warm. (EKS's own warm pools are not used.)
#
# EKS refuses a minimum above the desired size, and the cluster autoscaler moves the desired size under
# Terraform's feet. So the desired size is planned from what runs: raised with the minimum where it must be,
# otherwise what it is. Lowering the floor therefore drains nothing; the autoscaler takes away what idles.
# The desired size is the one read when planning: apply the plan soon, for one that waits would put
# back the size of that moment (only if it changes the pool at all).
#
# Do not put depends_on on this module: Terraform would then read what runs only while applying.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

# Asked for step by step, since each question is an error before the thing exists (the very first apply).
data "aws_eks_clusters" "all" {}

data "aws_eks_node_groups" "all" {
  count        = contains(data.aws_eks_clusters.all.names, var.cluster_name) ? 1 : 0
  cluster_name = var.cluster_name
}

data "aws_eks_node_group" "live" {
  count           = anytrue([for groups in data.aws_eks_node_groups.all : contains(groups.names, var.name)]) ? 1 : 0
  cluster_name    = var.cluster_name
  node_group_name = var.name
}

locals {
  minimum = var.floor + var.warm
  running = var.autoscaled ? data.aws_eks_node_group.live[*].scaling_config[0].desired_size : []
  desired = min(var.max, max(local.minimum, local.running...))
}

resource "aws_eks_node_group" "pool" {
  cluster_name    = var.cluster_name
  node_group_name = var.name
  node_role_arn   = var.node_role_arn
  subnet_ids      = var.subnet_ids
  instance_types  = var.instance_types
  tags            = var.tags

  scaling_config {
    min_size     = local.minimum
    desired_size = local.desired
    max_size     = var.max
  }

  dynamic "remote_access" {
    for_each = var.ssh_key_name == null ? [] : [var.ssh_key_name]
    content {
      ec2_ssh_key = remote_access.value
    }
  }

  lifecycle {
    precondition {
      condition     = local.minimum <= var.max
      error_message = "floor ${var.floor} and warm ${var.warm} together are above max ${var.max}."
    }
  }
}
