# Reading the lease files: local.sound has those that are whole, local.problems says what is wrong with the
# others, each by its file's name. Nothing in a lease file is evaluated: jsondecode gives plain data.

locals {
  folder = basename(var.directory)

  # "**" finds files at a wrong depth too, so that a misplaced lease is refused and not passed over.
  records = { for path in fileset(var.directory, "**/*.json") : path => try(jsondecode(file("${var.directory}/${path}")), null) }

  keys = ["ends", "environment", "evidence", "expires", "floor", "id", "pool", "starts", "version", "warm"]

  # First the shape, for the fields can only be looked at where the shape holds.
  shapeless = {
    for path, record in local.records : path => !can(keys(record)) ? "not a JSON object" : join("", [
      "unknown keys [${join(", ", sort(setsubtract(keys(record), local.keys)))}], ",
      "missing keys [${join(", ", sort(setsubtract(local.keys, keys(record))))}]; a lease has ${join(", ", local.keys)}",
    ]) if try(toset(keys(record)) != toset(local.keys), true)
  }
  shaped = { for path, record in local.records : path => record if !contains(keys(local.shapeless), path) }

  # jsonencode keeps the type in sight ("5" is not 5), which HCL's own conversions would hide.
  written = { for path, record in local.shaped : path => { for key in local.keys : key => jsonencode(record[key]) } }

  name  = "^\"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?\"$"
  stamp = "^\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\"$"

  wrong = {
    for path, text in local.written : path => concat(
      [for key in ["environment", "id", "pool"] :
        "${key} is ${text[key]}; allowed are 1-40 of a-z, 0-9 and inner hyphens"
      if !can(regex(local.name, text[key]))],
      [for key in ["starts", "ends", "expires"] :
        "${key} is ${text[key]}; write UTC as 2026-11-27T06:00:00Z"
      if !can(regex(local.stamp, text[key])) || !can(timecmp(local.shaped[path][key], local.shaped[path][key]))],
      [for key in ["floor", "warm"] :
        "${key} is ${text[key]}; it must be a whole number from 0 to 100000"
      if !can(regex("^[0-9]+$", text[key])) || !try(tonumber(text[key]) <= 100000, false)],
      text["version"] == "1" ? [] : ["version is ${text["version"]}; this module reads version 1"],
      try(alltrue([for value in values(local.shaped[path].evidence) : !can(regex("^[\\[{]", jsonencode(value)))]), false)
      ? [] : ["evidence must be an object of plain values"],
      try(timecmp(local.shaped[path].starts, local.shaped[path].ends) < 0, true)
      && try(timecmp(local.shaped[path].ends, local.shaped[path].expires) <= 0, true)
      ? [] : ["starts < ends <= expires does not hold"],
      try("${local.shaped[path].pool}/${local.shaped[path].id}.json" == path, true)
      ? [] : ["pool and id say it belongs at ${local.folder}/${local.shaped[path].pool}/${local.shaped[path].id}.json"],
      try(contains(keys(var.pools), local.shaped[path].pool), true)
      ? [] : ["pool ${text["pool"]} is not declared; declared are ${join(", ", keys(var.pools))}"],
    )
  }

  problems = sort(concat(
    [for path, problem in local.shapeless : "${local.folder}/${path}: ${problem}"],
    flatten([for path, problems in local.wrong : [for problem in problems : "${local.folder}/${path}: ${problem}"]]),
  ))

  sound = { for path, record in local.shaped : path => {
    pool = record.pool, floor = tonumber(record.floor), warm = tonumber(record.warm), expires = record.expires
  } if length(local.wrong[path]) == 0 }
}
