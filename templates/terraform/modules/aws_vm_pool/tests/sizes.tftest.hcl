# terraform test with a mocked provider (Terraform 1.7, OpenTofu 1.8): nothing is called, but the provider must
# be there for its schema.

mock_provider "aws" {}

variables {
  name          = "web"
  floor         = 8
  warm          = 2
  max           = 14
  image_id      = "ami-1"
  instance_type = "m6i.large"
  subnet_ids    = ["subnet-a"]
}

run "floor_is_the_minimum_and_warm_waits_beside_it" {
  command = plan

  assert {
    condition     = aws_autoscaling_group.pool.min_size == 8 && aws_autoscaling_group.pool.max_size == 14
    error_message = "The minimum must be the floor."
  }

  assert {
    condition = (aws_autoscaling_group.pool.warm_pool[0].min_size == 2
    && aws_autoscaling_group.pool.warm_pool[0].max_group_prepared_capacity == 10)
    error_message = "The warm pool must hold 2 and no more than floor and warm may be prepared."
  }
}

run "without_warm_nodes_the_warm_pool_stays_and_is_empty" {
  command = plan

  variables {
    warm = 0
  }

  assert {
    condition = (aws_autoscaling_group.pool.warm_pool[0].min_size == 0
    && aws_autoscaling_group.pool.warm_pool[0].max_group_prepared_capacity == 8)
    error_message = "An empty warm pool must keep nothing beyond the floor."
  }
}

run "more_than_max_is_refused" {
  command = plan

  variables {
    floor = 13
  }

  expect_failures = [aws_autoscaling_group.pool]
}
