variable "directory" {
  description = "Folder of the lease files: <directory>/<pool>/<lease-id>.json. It may be empty or missing."
  type        = string
}

variable "pools" {
  description = "What each pool is without leases, and the most it may be, in nodes."
  type = map(object({
    base      = number
    base_warm = optional(number, 0)
    max       = number
  }))

  validation {
    condition     = alltrue([for name in keys(var.pools) : can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", name))])
    error_message = "A pool's name has 1-40 of a-z, 0-9 and inner hyphens, for it is also a folder and part of a branch."
  }

  validation {
    condition = alltrue(flatten([
      for size in values(var.pools) : [for count in [size.base, size.base_warm, size.max] : count >= 0 && floor(count) == count]
    ]))
    error_message = "base, base_warm and max are whole numbers of nodes, 0 or more."
  }
}

variable "now" {
  description = "The moment at which leases are judged, as 2026-11-27T06:00:00Z. Leave it out for the time of the plan; a replay sets it."
  type        = string
  default     = null

  validation {
    condition     = var.now == null || can(timecmp(var.now, var.now))
    error_message = "now must be a time such as 2026-11-27T06:00:00Z."
  }
}
