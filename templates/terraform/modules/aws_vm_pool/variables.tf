variable "name" {
  description = "Name of the Auto Scaling group and of its launch template."
  type        = string
}

variable "floor" {
  description = "Nodes that always run: the group's minimum size."
  type        = number
}

variable "warm" {
  description = "Nodes kept in readiness beyond the floor: the least size of the warm pool."
  type        = number
  default     = 0
}

variable "max" {
  description = "The most nodes that may run."
  type        = number
}

variable "warm_state" {
  description = "How warm nodes wait: Stopped (disk cost only), Hibernated or Running."
  type        = string
  default     = "Stopped"
}

variable "image_id" {
  description = "Machine image of the nodes."
  type        = string
}

variable "instance_type" {
  description = "Machine type of the nodes."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets in which the nodes run."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups of the nodes; none for the default of the network."
  type        = list(string)
  default     = null
}

variable "tags" {
  description = "Tags of the group and of its nodes."
  type        = map(string)
  default     = {}
}
