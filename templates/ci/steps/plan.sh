#!/usr/bin/env bash
# On a proposal's pull request: plan it, hold it against the leases, say so in a comment, keep the plan for the merge.
#
#   HEADROOM_BASE  branch it is to be merged into, as this clone knows it: origin/main
#   HEADROOM_PULL  number of the pull request, to comment on it; HEADROOM_TOKEN lets it
#   HEADROOM_FORM  how `headroom check` speaks: table (default), annotations, …
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=setup.sh
. "$here/setup.sh"

check() {
  headroom check --env "$HEADROOM_ENV" "${moment[@]}" "${against[@]}" -o "${HEADROOM_FORM:-table}" \
    --comment "$out/comment.md" "$@"
}

comment() {
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat -- "$out/comment.md" >>"$GITHUB_STEP_SUMMARY"; fi
  if [ -n "${HEADROOM_PULL:-}" ]; then
    headroom comment --env "$HEADROOM_ENV" --pull "$HEADROOM_PULL" --file "$out/comment.md" --key plan
  fi
}

against=()
if [ -n "${HEADROOM_BASE:-}" ]; then
  against=(--base "$HEADROOM_BASE")
  # `terraform plan` runs the code that it plans. So first: is this a change of leases and nothing else?
  if ! check; then
    comment
    fail "the proposal was not planned; the reasons are above"
  fi
  base=$(git rev-parse --verify --quiet --end-of-options "$HEADROOM_BASE^{commit}") || fail "$HEADROOM_BASE is not in this clone"
  if ! git merge-base --is-ancestor "$base" HEAD; then
    say "merging $HEADROOM_BASE, as the forge will"
    git -c core.hooksPath=/dev/null -c user.name=headroom -c user.email=headroom@localhost \
      merge --quiet --no-edit --no-verify "$base" || fail "the proposal conflicts with its base; the next run rebuilds it"
  fi
fi

cloud
make_plan -lock=false # a plan to look at: it must not hold up an apply, nor leave a lock when cancelled

status=0
check --plan-json "$out/plan.json" || status=$?
comment
[ "$status" -eq 0 ] || fail "the plan may not be applied; the reasons are above"

if [ -z "${HEADROOM_PLAN_STORE:-}" ]; then
  say "no HEADROOM_PLAN_STORE is set, so the merge cannot know that this plan was reviewed, and will stop"
elif [ -n "${HEADROOM_BASE:-}" ]; then
  key=$(change_key "$base" HEAD)
  if [ -n "$key" ]; then keep "$key"; fi
fi
