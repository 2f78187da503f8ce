#!/usr/bin/env bash
# What the steps share: where things lie, cloud credentials, a plan, and the store of reviewed plans. Sourced, not run.
#
#   HEADROOM_ENV         directory of the environment, from the root of the repository
#   HEADROOM_ENGINE      terraform (default) or tofu; its own variables (TF_VAR_…, TF_CLI_ARGS_init) work as ever
#   HEADROOM_OUT         where plans and comments go; by default a directory that is deleted at the end
#   HEADROOM_NOW         the moment to judge at, for a replay; by default the clock
#   HEADROOM_PLAN_STORE  where reviewed plans wait for the merge: s3://bucket/prefix, gs://bucket/prefix, or a directory
#   HEADROOM_MEMORY      where the run job keeps what it has learnt, likewise
#   HEADROOM_CLOUD_ROLE  role to take on by the pipeline's own OIDC token (AWS); no key is kept anywhere
#   HEADROOM_HOME        where install.sh put Headroom
#
# Everything is handed over in the environment: no name of a branch or a file is ever part of a script's text.
set -euo pipefail
umask 077

say() { printf '%s\n' "headroom: $*"; }

fail() {
  printf '%s\n' "headroom: $*" >&2
  exit 1
}

: "${HEADROOM_ENV:?name the directory of the environment}"
case $HEADROOM_ENV in -* | /* | *..*) fail "HEADROOM_ENV is '$HEADROOM_ENV'; give a directory below the root of the repository" ;; esac
[ -d "$HEADROOM_ENV" ] || fail "$HEADROOM_ENV: no such directory in this repository"
[ -z "${HEADROOM_HOME:-}" ] || PATH="$HEADROOM_HOME/bin:$PATH"

engine=${HEADROOM_ENGINE:-terraform}
case $engine in terraform | tofu) ;; *) fail "HEADROOM_ENGINE is '$engine'; it can be terraform or tofu" ;; esac
moment=()
# shellcheck disable=SC2034 # the steps that source this use it
[ -z "${HEADROOM_NOW:-}" ] || moment=(--now "$HEADROOM_NOW")

# Plans hold secrets in plain text, so they go when the step ends, unless somebody asked for them.
if [ -n "${HEADROOM_OUT:-}" ]; then
  out=$HEADROOM_OUT
  mkdir -p -- "$out"
else
  out=$(mktemp -d)
  trap 'rm -rf -- "$out"' EXIT
fi

export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1

# Change the job's OIDC token for a role of the cloud: Terraform's AWS provider and the AWS command line do it by
# themselves where these three variables are set.
cloud() {
  [ -n "${HEADROOM_CLOUD_ROLE:-}" ] || return 0
  local token=$out/oidc.token
  if [ -n "${HEADROOM_ID_TOKEN:-}" ]; then # GitLab: id_tokens
    printf '%s' "$HEADROOM_ID_TOKEN" >"$token"
  elif [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then # GitHub: permissions: id-token: write
    # The bearer goes in by standard input: arguments can be read by every process of the machine.
    printf 'header = "Authorization: bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
      curl -sSf --retry 3 --max-time 60 -K - "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" |
      python3 -I -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)["value"])' >"$token"
  else
    fail "HEADROOM_CLOUD_ROLE is set, but this job has no OIDC token; see docs/ci.md"
  fi
  export AWS_ROLE_ARN=$HEADROOM_CLOUD_ROLE AWS_WEB_IDENTITY_TOKEN_FILE=$token AWS_ROLE_SESSION_NAME=headroom
}

# make_plan [option …]: plan into $out/tf.plan and $out/plan.json; $planned says whether it changes anything.
# shellcheck disable=SC2034
make_plan() {
  local status=0
  say "$engine init"
  "$engine" -chdir="$HEADROOM_ENV" init -input=false -no-color
  say "$engine plan"
  "$engine" -chdir="$HEADROOM_ENV" plan -input=false -no-color -detailed-exitcode "$@" -out="$out/tf.plan" || status=$?
  case $status in
    0) planned=nothing ;;
    2) planned=changes ;;
    *) fail "$engine plan failed; what it said is above" ;;
  esac
  show_plan "$out/tf.plan"
}

show_plan() {
  say "$engine show"
  "$engine" -chdir="$HEADROOM_ENV" show -json -no-color "$1" >"$out/plan.json"
}

# change_key FROM TO: a name for what a proposal does to the leases. It is the same on the pull request and after the
# merge, whether that merged, squashed or rebased.
change_key() {
  git diff-tree -p -U0 --no-renames --no-ext-diff --no-textconv --src-prefix=a/ --dst-prefix=b/ --full-index \
    "$1" "$2" -- "$HEADROOM_ENV/leases" | git patch-id --stable | cut -d ' ' -f 1
}

place() { printf '%s/%s/%s.tar' "${HEADROOM_PLAN_STORE%/}" "${HEADROOM_ENV//\//_}" "$1"; }

# keep KEY: put $out/tf.plan and what belongs to it into the store.
keep() {
  storable HEADROOM_PLAN_STORE
  git rev-parse 'HEAD^{tree}' >"$out/tree"
  date_of_plan >"$out/made"
  tar -cf "$out/reviewed.tar" -C "$out" tf.plan plan.json tree made
  put "$out/reviewed.tar" "$(place "$1")"
  rm -f -- "$out/reviewed.tar"
}

# recall KEY FOLDER: fetch a reviewed plan from the store; false if there is none.
recall() {
  storable HEADROOM_PLAN_STORE
  mkdir -p -- "$2"
  get "$(place "$1")" "$2/reviewed.tar" || return 1
  # Only these names are taken out, so nothing else can be written.
  tar -xf "$2/reviewed.tar" -C "$2" tf.plan plan.json tree made
  rm -f -- "$2/reviewed.tar"
}

# storable VARIABLE: stop unless files can be kept where it says.
storable() {
  case ${!1} in s3://* | gs://* | /*) ;; *) fail "$1 is no s3:// or gs:// address and no absolute path" ;; esac
}

# put FILE ADDRESS: keep a file, whole or not at all.
put() {
  case $2 in
    s3://*) aws s3 cp --only-show-errors "$1" "$2" ;;
    gs://*) gcloud storage cp --quiet "$1" "$2" ;;
    *) mkdir -p -- "$(dirname -- "$2")" && cp -- "$1" "$2.new" && mv -f -- "$2.new" "$2" ;;
  esac
}

# get ADDRESS FILE: fetch a file that was kept; 1 if it is not there, 2 if nobody can tell, with what was said.
get() {
  local said
  case $1 in
    s3://*) said=$(aws s3 cp --only-show-errors "$1" "$2" 2>&1) && return 0 ;;
    gs://*) said=$(gcloud storage cp --quiet "$1" "$2" 2>&1) && return 0 ;;
    *)
      [ -e "$1" ] || return 1
      said=$(cp -- "$1" "$2" 2>&1) && return 0
      ;;
  esac
  case $said in *"(404)"* | *"not found: 404"* | *"matched no objects"*) return 1 ;; esac
  printf '%s\n' "$said" >&2
  return 2
}

date_of_plan() { seconds "${HEADROOM_NOW:-now}"; }

seconds() {
  python3 -I -c 'import sys, datetime as d
text = sys.argv[1]
now = d.datetime.now(d.timezone.utc) if text == "now" else d.datetime.fromisoformat(text.replace("Z", "+00:00"))
print(int(now.replace(tzinfo=now.tzinfo or d.timezone.utc).timestamp()))' "$1"
}
