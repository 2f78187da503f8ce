#!/usr/bin/env bash
# On the base branch: apply the very plan that was reviewed if it still holds. Else plan again, and stop if that would
# do anything that no reviewed plan did, and that no expired lease explains.
#
#   HEADROOM_ACCEPT     digest of a plan that a person has looked at; it passes without a review
#   HEADROOM_REPLAN     always: never apply a stored plan, only compare with it (for a store that others can write to)
#   HEADROOM_PLAN_AGE   minutes for which a stored plan may be applied as it is (default 60): under an autoscaler,
#                       counts move on
#   HEADROOM_LOOK_BACK  how many changes of leases back a plan counts as reviewed (default 20): pull requests that
#                       are merged one soon after the other are applied together
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=setup.sh
. "$here/setup.sh"

check() {
  local status=0
  headroom check --env "$HEADROOM_ENV" "${moment[@]}" -o "${HEADROOM_FORM:-table}" --plan-json "$out/plan.json" \
    --comment "$out/comment.md" --only-reviewed "$@" || status=$?
  # Annotations tell what stops; the summary tells what held, too, such as which lease let go.
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat -- "$out/comment.md" >>"$GITHUB_STEP_SUMMARY"; fi
  return "$status"
}

apply() {
  say "$engine apply"
  "$engine" -chdir="$HEADROOM_ENV" apply -input=false -no-color -lock-timeout=10m "$1"
}

# Whether a stored plan was made of what is here now, and not long ago.
current() {
  local made now
  [ "${HEADROOM_REPLAN:-}" != always ] && [ -z "${HEADROOM_ACCEPT:-}" ] || return 1
  [ "$(cat -- "$1/tree")" = "$(git rev-parse 'HEAD^{tree}')" ] || return 1
  made=$(cat -- "$1/made") now=$(date_of_plan)
  [[ $made =~ ^[0-9]+$ ]] && ((now - made <= 60 * ${HEADROOM_PLAN_AGE:-60}))
}

cloud
reviewed=()
latest=
if [ -n "${HEADROOM_PLAN_STORE:-}" ]; then
  changes=$(git rev-list --first-parent -n "${HEADROOM_LOOK_BACK:-20}" HEAD -- "$HEADROOM_ENV/leases")
  for commit in $changes; do
    parent=$(git rev-parse --verify --quiet "$commit^1") || continue
    key=$(change_key "$parent" "$commit")
    if [ -n "$key" ] && recall "$key" "$out/reviewed/$key"; then
      reviewed+=(--reviewed "$out/reviewed/$key/plan.json")
      latest=${latest:-$out/reviewed/$key}
    fi
  done
fi
[ -z "${HEADROOM_ACCEPT:-}" ] || reviewed+=(--accept "$HEADROOM_ACCEPT")

if [ -n "$latest" ] && current "$latest"; then
  say "$engine init"
  "$engine" -chdir="$HEADROOM_ENV" init -input=false -no-color
  show_plan "$latest/tf.plan"
  check "${reviewed[@]}" || fail "the reviewed plan may not be applied any more; the reasons are above"
  status=0
  apply "$latest/tf.plan" 2>&1 | tee "$out/apply.log" || status=$?
  if [ "$status" -eq 0 ]; then
    say "applied the plan that was reviewed"
    exit 0
  fi
  # Both are said before anything is touched.
  grep -qE 'Saved plan is stale|Inconsistent dependency lock file' "$out/apply.log" || fail "$engine apply failed; what it said is above"
  say "the state or the providers have moved on since the review"
fi

say "planning again"
make_plan -lock-timeout=10m
check "${reviewed[@]}" ||
  fail "nothing was applied: see above. If you agree to this plan, run this step by hand and accept its digest (docs/ci.md)"
if [ "$planned" = changes ]; then apply "$out/tf.plan"; fi
say "applied what was reviewed"
