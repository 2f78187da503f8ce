output "node_group_name" {
  description = "Name of the managed node group."
  value       = aws_eks_node_group.pool.node_group_name
}
