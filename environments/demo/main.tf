# The environment of the demo: one VM pool and one node pool, each as large as its baseline or its leases say.

locals {
  # The baseline: what each pool is while nobody asks for more.
  pools = {
    web   = { base = 4, base_warm = 0, max = 14 }
    batch = { base = 4, base_warm = 0, max = 14 }
  }
}

module "leases" {
  source    = "../../templates/terraform/modules/leases"
  directory = "${path.module}/leases"
  pools     = local.pools
  now       = var.now
}

module "web" {
  source        = "../../templates/terraform/modules/aws_vm_pool"
  name          = "headroom-demo-web"
  floor         = module.leases.floor["web"]
  warm          = module.leases.warm["web"]
  max           = local.pools.web.max
  image_id      = var.image_id
  instance_type = "m6i.8xlarge"
  subnet_ids    = aws_subnet.demo[*].id
  tags          = { headroom-pool = "web" }
}

module "batch" {
  source         = "../../templates/terraform/modules/aws_node_pool"
  name           = "headroom-demo-batch"
  cluster_name   = aws_eks_cluster.demo.name
  floor          = module.leases.floor["batch"]
  warm           = module.leases.warm["batch"]
  max            = local.pools.batch.max
  instance_types = ["m6i.8xlarge"]
  node_role_arn  = aws_iam_role.nodes.arn
  subnet_ids     = aws_subnet.demo[*].id
  tags           = { headroom-pool = "batch" }

  # moto gives every node group this key pair, whether asked or not, and the provider would replace the
  # group for the difference.
  ssh_key_name = var.endpoint == "" ? null : "eksKeypair"
}
