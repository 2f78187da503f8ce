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
    found=0
    get "$(remembered "$name")" "$out/$name.nc" || found=$?
    case $found in
      0) cp -- "$out/$name.nc" "$out/$name.before" ;;
      1) say "no $name in HEADROOM_MEMORY yet: it is made anew" ;;
      *) fail "HEADROOM_MEMORY cannot be read; what was said is above" ;; # a new one would take the place of the good one
    esac
    memory+=("--$name" "$out/$name.nc")
  done
fi

status=0
headroom run --env "$HEADROOM_ENV" --usage "$HEADROOM_USAGE" "${memory[@]}" || status=$?

# Kept even if the run failed after it had learnt: every one of these files is written whole. What this run did not
# change is left, since another one may have.
if [ -n "${HEADROOM_MEMORY:-}" ]; then
  for name in hierarchy record state; do
    [ -f "$out/$name.nc" ] || continue
    ! cmp -s -- "$out/$name.nc" "$out/$name.before" || continue
    put "$out/$name.nc" "$(remembered "$name")" || {
      say "the $name could not be kept in HEADROOM_MEMORY"
      [ "$status" -ne 0 ] || status=1
    }
  done
fi
exit "$status"
