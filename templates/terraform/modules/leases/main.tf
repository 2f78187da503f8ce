# The fold: what each pool holds is the largest of its base and its live leases, within its max.
#
#   floor = min(max, max(base, floors of the live leases))
#   warm  = min(max - floor, max(base_warm, warms of the live leases))
#
# max over absolute values takes the leases in any order, and letting go of one never takes what another
# still holds. A lease is live until it expires, also before it starts: the plan of the pull request that
# opens it must show the change. controller/lease.py computes the same in Python.

terraform {
  required_version = ">= 1.6"
}

locals {
  now = var.now == null ? plantimestamp() : var.now

  live    = { for path, lease in local.sound : path => lease if timecmp(local.now, lease.expires) < 0 }
  expired = [for path in keys(local.sound) : "${local.folder}/${path}" if !contains(keys(local.live), path)]

  asked = { for name, size in var.pools : name => max(size.base, [for lease in local.live : lease.floor if lease.pool == name]...) }
  floor = { for name, size in var.pools : name => min(size.max, local.asked[name]) }
  warm = { for name, size in var.pools : name => min(
    size.max - local.floor[name],
    max(size.base_warm, [for lease in local.live : lease.warm if lease.pool == name]...),
  ) }
}

# Warnings: the plan goes on.

check "expired" {
  assert {
    condition     = length(local.expired) == 0
    error_message = "Expired, so no longer counted; release them: ${join(", ", local.expired)}"
  }
}

check "ceiling" {
  assert {
    condition     = alltrue([for name, size in var.pools : local.asked[name] <= size.max])
    error_message = "More is asked than the pool may have, so it gets its max: ${join(", ", [for name, size in var.pools : "${name} (asked ${local.asked[name]}, max ${size.max})" if local.asked[name] > size.max])}"
  }
}
