variable "name" {
  description = "Name of the managed node group."
  type        = string
}

variable "cluster_name" {
  description = "Name of the EKS cluster."
  type        = string
}

variable "floor" {
  description = "Nodes that the pool keeps at least."
  type        = number
}

variable "warm" {
  description = "Nodes kept in readiness beyond the floor. They run, so they count into the minimum size."
  type        = number
  default     = 0
}

variable "max" {
  description = "The most nodes that may run."
  type        = number
}

variable "autoscaled" {
  description = "Whether a cluster autoscaler moves the desired size. If not, the desired size is floor + warm."
  type        = bool
  default     = true
}

variable "node_role_arn" {
  description = "IAM role of the nodes."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets in which the nodes run."
  type        = list(string)
}

variable "instance_types" {
  description = "Machine types of the nodes."
  type        = list(string)
}

variable "ssh_key_name" {
  description = "EC2 key pair for access to the nodes; none for no access."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the node group."
  type        = map(string)
  default     = {}
}
