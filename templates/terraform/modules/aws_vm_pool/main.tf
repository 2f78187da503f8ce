# A VM pool on AWS: an Auto Scaling group with a launch template and a warm pool.
#
# floor is the group's minimum. AWS itself raises the desired capacity to a raised minimum, and what runs
# above the minimum is the autoscaler's business, so desired_capacity is neither set nor looked at here.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_launch_template" "pool" {
  name          = var.name
  image_id      = var.image_id
  instance_type = var.instance_type

  vpc_security_group_ids = var.security_group_ids
}

resource "aws_autoscaling_group" "pool" {
  name                = var.name
  min_size            = var.floor
  max_size            = var.max
  vpc_zone_identifier = var.subnet_ids

  launch_template {
    id      = aws_launch_template.pool.id
    version = aws_launch_template.pool.latest_version
  }

  # Always there, even with nothing in it, so that a first warm node is a change in place.
  # Without max_group_prepared_capacity AWS would keep all of max - desired warm.
  warm_pool {
    pool_state                  = var.warm_state
    min_size                    = var.warm
    max_group_prepared_capacity = var.floor + var.warm
  }

  dynamic "tag" {
    for_each = merge({ Name = var.name }, var.tags)
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    ignore_changes = [desired_capacity]

    precondition {
      condition     = var.floor + var.warm <= var.max
      error_message = "floor ${var.floor} and warm ${var.warm} together are above max ${var.max}."
    }
  }
}
