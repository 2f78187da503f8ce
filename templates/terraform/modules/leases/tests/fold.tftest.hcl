# terraform test, in the module's folder. No provider is needed.

variables {
  directory = "./tests/ledgers/sound"
  now       = "2026-11-26T00:00:00Z"
  pools = {
    web   = { base = 3, base_warm = 1, max = 14 }
    batch = { base = 2, max = 12 }
  }
}

run "overlapping_leases_take_the_largest" {
  command = plan

  assert {
    condition     = output.floor["web"] == 8 && output.warm["web"] == 3
    error_message = "web holds floors 8 and 6, warms 2 and 3: it must keep 8 and 3, never a sum."
  }

  assert {
    condition     = output.floor["batch"] == 5 && output.warm["batch"] == 1
    error_message = "batch holds floors 5 and 5, warms 0 and 1: it must keep 5 and 1."
  }
}

run "leases_count_before_they_start" {
  command = plan

  variables {
    now = "2020-01-01T00:00:00Z"
  }

  assert {
    condition     = output.floor["web"] == 8 && length(output.live) == 4 && length(output.expired) == 0
    error_message = "No lease has started, and all must count, or the pull request that opens one would change nothing."
  }
}

run "an_expired_lease_drops_and_warns" {
  command = plan

  variables {
    now = "2026-11-28T12:00:00Z" # to the second the expiry of the leases of the 27th
  }

  expect_failures = [check.expired]

  assert {
    condition     = output.floor["web"] == 6 && output.warm["web"] == 3
    error_message = "web must fall to what the lease of the 28th still holds."
  }

  assert {
    condition     = tolist(output.expired) == tolist(["sound/batch/20261127t0600-fd4fce.json", "sound/web/20261127t0600-de5619.json"])
    error_message = "The two leases of the 27th must be listed as expired."
  }
}

run "a_lease_holds_until_the_second_before_it_expires" {
  command = plan

  variables {
    now = "2026-11-28T11:59:59Z"
  }

  assert {
    condition     = output.floor["web"] == 8
    error_message = "A second before its expiry the lease must still count."
  }
}

run "nothing_live_leaves_the_base" {
  command = plan

  variables {
    now = "2030-01-01T00:00:00Z"
  }

  expect_failures = [check.expired]

  assert {
    condition     = output.floor == tomap({ web = 3, batch = 2 }) && output.warm == tomap({ web = 1, batch = 0 })
    error_message = "Without live leases every pool must be at its base."
  }
}

run "a_base_is_never_lowered" {
  command = plan

  variables {
    pools = {
      web   = { base = 9, base_warm = 5, max = 14 }
      batch = { base = 6, base_warm = 2, max = 12 }
    }
  }

  assert {
    condition     = output.floor == tomap({ web = 9, batch = 6 }) && output.warm == tomap({ web = 5, batch = 2 })
    error_message = "A lease below the base must not lower it."
  }
}

run "a_missing_directory_leaves_the_base" {
  command = plan

  variables {
    directory = "./tests/ledgers/none"
  }

  assert {
    condition     = output.floor == tomap({ web = 3, batch = 2 }) && output.warm == tomap({ web = 1, batch = 0 })
    error_message = "Without a folder of leases every pool must be at its base."
  }
}

run "a_floor_above_max_is_clamped_and_warns" {
  command = plan

  variables {
    directory = "./tests/ledgers/above_max"
  }

  expect_failures = [check.ceiling]

  assert {
    condition     = output.floor["web"] == 14 && output.warm["web"] == 0
    error_message = "A floor of 20 must be clamped to 14, which leaves nothing to keep warm."
  }
}

run "warm_is_clamped_to_what_the_floor_leaves" {
  command = plan

  variables {
    pools = {
      web   = { base = 3, base_warm = 1, max = 9 }
      batch = { base = 2, max = 12 }
    }
  }

  assert {
    condition     = output.floor["web"] == 8 && output.warm["web"] == 1
    error_message = "With max 9 and floor 8 only one node can be kept warm."
  }
}
