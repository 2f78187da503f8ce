# What the pools stand on: a network of two zones, a Kubernetes cluster and its roles. It is as little as the
# stand-in for AWS asks for; at AWS itself the roles need their policies and the subnets a way out.

resource "aws_vpc" "demo" {
  cidr_block = "10.80.0.0/16"
  tags       = { Name = "headroom-demo" }
}

resource "aws_subnet" "demo" {
  count             = 2
  vpc_id            = aws_vpc.demo.id
  cidr_block        = cidrsubnet(aws_vpc.demo.cidr_block, 8, count.index)
  availability_zone = "${var.aws_region}${["a", "b"][count.index]}"
  tags              = { Name = "headroom-demo-${count.index}" }
}

resource "aws_iam_role" "cluster" {
  name               = "headroom-demo-cluster"
  assume_role_policy = jsonencode(local.trust["eks.amazonaws.com"])
}

resource "aws_iam_role" "nodes" {
  name               = "headroom-demo-nodes"
  assume_role_policy = jsonencode(local.trust["ec2.amazonaws.com"])
}

locals {
  trust = { for service in ["eks.amazonaws.com", "ec2.amazonaws.com"] : service => {
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = service } }]
  } }
}

resource "aws_eks_cluster" "demo" {
  name     = "headroom-demo"
  role_arn = aws_iam_role.cluster.arn

  vpc_config {
    subnet_ids = aws_subnet.demo[*].id
  }
}
