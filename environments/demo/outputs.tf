output "floor" {
  description = "Nodes that each pool keeps at least."
  value       = module.leases.floor
}

output "warm" {
  description = "Nodes that each pool keeps in readiness beyond its floor."
  value       = module.leases.warm
}

output "autoscaling_group" {
  description = "Name of the VM pool's Auto Scaling group."
  value       = module.web.autoscaling_group_name
}

output "node_group" {
  description = "Name of the node pool's EKS node group."
  value       = module.batch.node_group_name
}
