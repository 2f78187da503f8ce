#!/usr/bin/env bash
# On a schedule: forecast, propose, release; the whole loop once. A second run at the same time leaves at once.
#
#   HEADROOM_USAGE  where usage comes from, as `headroom run --usage` takes it
#   HEADROOM_TOKEN  token of the bot; on GitHub rather HEADROOM_GITHUB_APP_ID and HEADROOM_GITHUB_APP_KEY
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=setup.sh
. "$here/setup.sh"

: "${HEADROOM_USAGE:?say where usage comes from}"
cloud
headroom run --env "$HEADROOM_ENV" --usage "$HEADROOM_USAGE"

