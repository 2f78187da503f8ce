# A malformed lease file fails the plan. That the message names the file is tested where messages can be read,
# in tests/templates/test_modules.py.

variables {
  now = "2026-11-26T00:00:00Z"
  pools = {
    web   = { base = 3, base_warm = 1, max = 14 }
    batch = { base = 2, max = 12 }
  }
}

run "not_json" {
  command = plan

  variables {
    directory = "./tests/ledgers/not_json"
  }

  expect_failures = [output.floor, output.warm]
}

run "a_missing_key" {
  command = plan

  variables {
    directory = "./tests/ledgers/missing_key"
  }

  expect_failures = [output.floor, output.warm]
}

run "a_string_for_a_number" {
  command = plan

  variables {
    directory = "./tests/ledgers/string"
  }

  expect_failures = [output.floor, output.warm]
}

run "a_file_in_the_wrong_place" {
  command = plan

  variables {
    directory = "./tests/ledgers/misplaced"
  }

  expect_failures = [output.floor, output.warm]
}

run "a_pool_that_is_not_declared" {
  command = plan

  variables {
    directory = "./tests/ledgers/unknown_pool"
  }

  expect_failures = [output.floor, output.warm]
}

run "a_pool_with_a_name_that_is_no_path" {
  command = plan

  variables {
    directory = "./tests/ledgers/sound"
    pools     = { "../web" = { base = 1, max = 2 } }
  }

  expect_failures = [var.pools]
}

run "a_base_that_is_no_whole_number" {
  command = plan

  variables {
    directory = "./tests/ledgers/sound"
    pools     = { web = { base = 1.5, max = 2 }, batch = { base = 1, max = 2 } }
  }

  expect_failures = [var.pools]
}

run "a_now_that_is_no_time" {
  command = plan

  variables {
    directory = "./tests/ledgers/sound"
    now       = "tomorrow"
  }

  expect_failures = [var.now]
}
