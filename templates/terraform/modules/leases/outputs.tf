# The preconditions stand on the outputs, so that nothing built on a malformed ledger can be planned.

output "floor" {
  description = "Nodes that each pool keeps at least: pool => number."
  value       = tomap(local.floor)

  precondition {
    condition     = length(local.problems) == 0
    error_message = "Malformed lease files:\n  ${join("\n  ", local.problems)}"
  }
}

output "warm" {
  description = "Nodes that each pool keeps in readiness beyond its floor: pool => number."
  value       = tomap(local.warm)

  precondition {
    condition     = length(local.problems) == 0
    error_message = "Malformed lease files: see the message of output floor."
  }
}

output "live" {
  description = "The lease files that are counted."
  value       = [for path in keys(local.live) : "${local.folder}/${path}"]
}

output "expired" {
  description = "The lease files that are no longer counted, because they have expired."
  value       = local.expired
}
