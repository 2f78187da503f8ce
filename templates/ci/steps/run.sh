#!/usr/bin/env bash
# On a schedule: forecast, propose, release; the whole loop once. A second run at the same time leaves at once.
#
#   HEADROOM_USAGE   where usage comes from, as `headroom run --usage` takes it
#   HEADROOM_MEMORY  where what was learnt waits for the next run: s3://bucket/prefix, gs://bucket/prefix, or a directory;
#                    without it each run learns anew, and none knows how the forecasts before it turned out
#   HEADROOM_TOKEN   token of the bot; on GitHub rather HEADROOM_GITHUB_APP_ID and HEADROOM_GITHUB_APP_KEY
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=setup.sh
. "$here/setup.sh"

: "${HEADROOM_USAGE:?say where usage comes from}"
[ -z "${HEADROOM_MEMORY:-}" ] || storable HEADROOM_MEMORY
cloud

remembered() { printf '%s/%s/%s.nc' "${HEADROOM_MEMORY%/}" "${HEADROOM_ENV//\//_}" "$1"; }

memory=()
if [ -n "${HEADROOM_MEMORY:-}" ]; then
  for name in hierarchy record state; do
    get "$(remembered "$name")" "$out/$name.nc" || say "no $name in HEADROOM_MEMORY yet: it is made anew"
    memory+=("--$name" "$out/$name.nc")
  done
fi

status=0
headroom run --env "$HEADROOM_ENV" --usage "$HEADROOM_USAGE" "${memory[@]}" || status=$?

# Kept even if the run failed after it had learnt: every one of these files is written whole.
if [ -n "${HEADROOM_MEMORY:-}" ]; then
  for name in hierarchy record state; do
    if [ -f "$out/$name.nc" ]; then put "$out/$name.nc" "$(remembered "$name")"; fi
  done
fi
exit "$status"
