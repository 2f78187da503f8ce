#!/usr/bin/env bash
# Answers git when it asks for a name or a password: the token stays in the environment, out of URLs and arguments.
# HEADROOM_HOST is the one host that may have it.
set -euo pipefail
: "${HEADROOM_HOST:?name the host that the token is for}"
[[ $1 =~ \'https://([^/@\']*@)?([^/@\']+)(/[^\']*)?\' ]] && [ "${BASH_REMATCH[2]}" = "$HEADROOM_HOST" ] || exit 1
case $1 in
  Username*) printf '%s\n' "${HEADROOM_TOKEN_USER:-headroom}" ;;
  Password*) printf '%s\n' "$HEADROOM_TOKEN" ;;
  *) exit 1 ;;
esac
