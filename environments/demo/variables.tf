variable "aws_region" {
  description = "AWS region of the pools."
  type        = string
  default     = "eu-central-1"
}

variable "endpoint" {
  description = "Address of a stand-in for AWS on this machine, as http://127.0.0.1:5000; empty for AWS itself."
  type        = string
  default     = ""

  validation {
    condition     = var.endpoint == "" || can(regex("^http://127\\.0\\.0\\.1:[0-9]+$", var.endpoint))
    error_message = "endpoint is empty or http://127.0.0.1:<port>."
  }
}

variable "image_id" {
  description = "Machine image of the VM pool's nodes."
  type        = string
  default     = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

variable "now" {
  description = "The moment at which leases are judged; null for the time of the plan."
  type        = string
  default     = null
}
