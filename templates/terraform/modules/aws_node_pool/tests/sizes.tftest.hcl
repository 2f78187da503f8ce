# terraform test with a mocked provider (Terraform 1.7, OpenTofu 1.8): nothing is called, but the provider must
# be there for its schema.

mock_provider "aws" {
  mock_data "aws_eks_clusters" {
    defaults = { names = ["main"] }
  }
  mock_data "aws_eks_node_groups" {
    defaults = { names = ["batch", "other"] }
  }
  mock_data "aws_eks_node_group" {
    defaults = { scaling_config = [{ desired_size = 5, min_size = 2, max_size = 12 }] }
  }
}

variables {
  name           = "batch"
  cluster_name   = "main"
  floor          = 2
  warm           = 0
  max            = 12
  node_role_arn  = "arn:aws:iam::123456789012:role/nodes"
  subnet_ids     = ["subnet-a"]
  instance_types = ["m6i.large"]
}

run "what_runs_is_kept" {
  command = plan

  assert {
    condition     = aws_eks_node_group.pool.scaling_config[0].min_size == 2 && aws_eks_node_group.pool.scaling_config[0].desired_size == 5
    error_message = "5 nodes run and the minimum is 2: the desired size must stay 5."
  }
}

run "desired_is_raised_with_the_minimum_and_warm_nodes_run" {
  command = plan

  variables {
    floor = 7
    warm  = 1
  }

  assert {
    condition     = aws_eks_node_group.pool.scaling_config[0].min_size == 8 && aws_eks_node_group.pool.scaling_config[0].desired_size == 8
    error_message = "floor 7 and warm 1 need a minimum of 8, which EKS refuses unless 8 are desired too."
  }
}

run "without_an_autoscaler_desired_follows_the_minimum" {
  command = plan

  variables {
    autoscaled = false
  }

  assert {
    condition     = aws_eks_node_group.pool.scaling_config[0].desired_size == 2
    error_message = "Nobody else lowers the desired size, so it must be the minimum."
  }
}

run "a_group_that_is_not_there_yet_starts_at_its_minimum" {
  command = plan

  variables {
    name = "fresh"
  }

  assert {
    condition     = aws_eks_node_group.pool.scaling_config[0].desired_size == 2 && length(data.aws_eks_node_group.live) == 0
    error_message = "A group that does not exist must not be asked for, and starts at its minimum."
  }
}

run "a_cluster_that_is_not_there_yet_is_not_asked" {
  command = plan

  variables {
    cluster_name = "fresh"
  }

  assert {
    condition     = aws_eks_node_group.pool.scaling_config[0].desired_size == 2 && length(data.aws_eks_node_groups.all) == 0
    error_message = "A cluster that does not exist must not be asked for its groups."
  }
}

run "a_lowered_max_bounds_what_runs" {
  command = plan

  variables {
    max = 4
  }

  assert {
    condition     = aws_eks_node_group.pool.scaling_config[0].desired_size == 4
    error_message = "EKS refuses a desired size above the maximum."
  }
}

run "more_than_max_is_refused" {
  command = plan

  variables {
    floor = 11
    warm  = 2
  }

  expect_failures = [aws_eks_node_group.pool]
}
