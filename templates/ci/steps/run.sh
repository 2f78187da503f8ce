#!/usr/bin/env bash
# On a schedule: forecast, propose, release; the whole loop once. A second run at the same time leaves at once.
#
#   HEADROOM_USAGE  where usage comes from, as `headroom run --usage` takes it
#   HEADROOM_TOKEN  token of the bot: contents and pull requests, write
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=setup.sh
. "$here/setup.sh"

: "${HEADROOM_USAGE:?say where usage comes from}"
cloud
if [ -n "${HEADROOM_TOKEN:-}" ]; then
  GIT_ASKPASS=$(CDPATH='' cd -- "$here" && pwd)/askpass.sh
  export GIT_ASKPASS
fi
headroom run --env "$HEADROOM_ENV" --usage "$HEADROOM_USAGE"
